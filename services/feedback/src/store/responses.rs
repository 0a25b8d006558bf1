//! Responses and their answers.

use guanxi_contracts::feedback::events::v1 as told;
use guanxi_messaging::event;
use guanxi_store::{Column, NewEvent, Result, Rows, StoreError, Table, Tx, time};

use super::entities::{answers, responses};
use super::{Lock, by_roots, narrow};
use crate::domain::invitation::Invitation;
use crate::domain::name::InvitationId;
use crate::domain::response::{Answer, Response, Value};
use crate::domain::survey::{Question, QuestionId, QuestionKind};

const RESPONSES: Table = Table::new(
    "responses",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::uuid("survey_id"),
        Column::int("version"),
        Column::time("answer_time"),
        Column::time("create_time"),
    ],
);

const ANSWERS: Table = Table::new(
    "answers",
    &[
        Column::uuid("root_id"),
        Column::text("question"),
        Column::int("place"),
        Column::text("organization"),
        Column::uuid("survey_id"),
        Column::text("kind"),
        Column::int("number").nullable(),
        Column::text("body").nullable(),
        Column::time("answer_time"),
    ],
);

/// Stores the response to an invitation, with the sorts of the questions that it answers.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &Tx, invitation: &Invitation, response: &Response, questions: &[Question]) -> Result<()> {
    let (root, slug, survey) = (invitation.id.uuid(), invitation.organization.slug(), invitation.survey.uuid());
    let mut rows = Rows::new(&RESPONSES);
    rows.push([
        root.into(),
        slug.into(),
        survey.into(),
        response.version.into(),
        response.answer_time.into(),
        tx.now().into(),
    ]);
    rows.insert(tx).await?;
    let mut rows = Rows::new(&ANSWERS);
    for (place, answer) in (0_u32..).zip(&response.answers) {
        let kind = questions.iter().find(|question| question.id == answer.question).map(|question| question.kind);
        let (number, text) = match &answer.value {
            Value::Number(number) => (Some(*number), None),
            Value::Text(text) => (None, Some(text.as_str())),
        };
        rows.push([
            root.into(),
            answer.question.as_str().into(),
            place.into(),
            slug.into(),
            survey.into(),
            kind.unwrap_or(QuestionKind::Text).word().into(),
            number.into(),
            text.into(),
            response.answer_time.into(),
        ]);
    }
    rows.insert(tx).await
}

/// The response to an invitation, if it has one.
///
/// # Errors
/// The database's.
pub async fn stored(tx: &Tx, invitation: InvitationId) -> Result<Option<Response>> {
    let rows: Vec<responses::Model> = by_roots(tx, "responses", &[invitation.uuid()], Lock::None).await?;
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    let mut found: Vec<answers::Model> = by_roots(tx, "answers", &[invitation.uuid()], Lock::None).await?;
    found.sort_by_key(|answer| answer.place);
    let answers = found.into_iter().map(answer).collect::<Result<_>>()?;
    let answer_time = time::from_column(row.answer_time);
    Ok(Some(Response { invitation, version: narrow(row.version)?, answers, answer_time }))
}

/// Tells that a survey was answered.
pub fn answered(invitation: &Invitation, response: &Response) -> NewEvent {
    let message = told::SurveyAnswered {
        invitation: invitation.id.to_string(),
        survey: invitation.survey.to_string(),
        version: i32::try_from(response.version).unwrap_or(i32::MAX),
        customer: invitation.customer.to_string(),
        order: invitation.order.as_ref().map(ToString::to_string).unwrap_or_default(),
    };
    let (organization, at) = (&invitation.organization, response.answer_time);
    event(invitation.id, invitation.revision, organization, at, invitation.historical, &message)
}

fn answer(row: answers::Model) -> Result<Answer> {
    let question = QuestionId::new(&row.question).ok_or_else(|| StoreError::Row("answers.question".to_owned()))?;
    let value = match (row.number, row.body) {
        (Some(number), None) => Value::Number(narrow(number)?),
        (None, Some(text)) => Value::Text(text),
        _ => return Err(StoreError::Row(format!("the answer to {question} is neither number nor words"))),
    };
    Ok(Answer { question, value })
}
