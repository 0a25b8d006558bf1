//! What scores are made of: how many gave which answer, and what became of invitations.

use guanxi_kernel::Timestamp;
use guanxi_store::{Result, Session, time};
use sea_orm::{ColumnTrait, QueryFilter, QuerySelect};

use super::entities::{answers, invitations};
use super::{narrow, word};
use crate::domain::invitation::InvitationState;
use crate::domain::name::SurveyId;
use crate::domain::reach::Reach;
use crate::domain::score::Tally;
use crate::domain::survey::{QuestionId, QuestionKind};

/// Instants `[from, to)`; an absent end is open.
pub type Span = (Option<Timestamp>, Option<Timestamp>);

/// How many gave which answer to a question of a survey within a span, by answer time, over all versions.
///
/// # Errors
/// The database's.
pub async fn tally<S: Session>(session: &S, survey: &SurveyId, question: &QuestionId, span: Span) -> Result<Tally> {
    let mut query = session
        .find::<answers::Entity>()
        .filter(answers::Column::SurveyId.eq(survey.uuid()))
        .filter(answers::Column::Question.eq(question.as_str()));
    if let Some(from) = span.0 {
        query = query.filter(answers::Column::AnswerTime.gte(time::to_column(from)));
    }
    if let Some(to) = span.1 {
        query = query.filter(answers::Column::AnswerTime.lt(time::to_column(to)));
    }
    counted(session, query).await
}

/// How many gave which answer to any question of a sort.
///
/// # Errors
/// The database's.
pub async fn tally_of_kind<S: Session>(session: &S, kind: QuestionKind) -> Result<Tally> {
    counted(session, session.find::<answers::Entity>().filter(answers::Column::Kind.eq(kind.word()))).await
}

async fn counted<S: Session>(session: &S, answers: sea_orm::Select<answers::Entity>) -> Result<Tally> {
    let counts: Vec<(i64, i64)> = answers
        .filter(answers::Column::Number.is_not_null())
        .select_only()
        .column(answers::Column::Number)
        .column_as(answers::Column::RootId.count(), "answers")
        .group_by(answers::Column::Number)
        .into_tuple()
        .all(session.connection())
        .await?;
    counts.into_iter().map(|(number, count)| Ok((narrow::<i32>(number)?, narrow::<u64>(count)?))).collect()
}

/// What became of the invitations to a survey that were made within a span.
///
/// # Errors
/// The database's.
pub async fn reach<S: Session>(session: &S, survey: &SurveyId, span: Span) -> Result<Reach> {
    use invitations::Column as C;
    let mut query = session.find::<invitations::Entity>().filter(C::SurveyId.eq(survey.uuid()));
    if let Some(from) = span.0 {
        query = query.filter(C::CreateTime.gte(time::to_column(from)));
    }
    if let Some(to) = span.1 {
        query = query.filter(C::CreateTime.lt(time::to_column(to)));
    }
    let counts: Vec<(String, bool, i64)> = query
        .select_only()
        .column(C::State)
        .column(C::Historical)
        .column_as(C::RootId.count(), "invitations")
        .group_by(C::State)
        .group_by(C::Historical)
        .into_tuple()
        .all(session.connection())
        .await?;
    let mut reach = Reach::default();
    for (state, historical, count) in counts {
        let state = word(InvitationState::from_word(&state), "invitations.state", &state)?;
        reach.add(state, historical, narrow(count)?);
    }
    Ok(reach)
}
