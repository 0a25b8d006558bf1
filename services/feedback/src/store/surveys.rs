//! Surveys and their versions. A version is written once and never changed.

use std::collections::{BTreeMap, HashMap};

use guanxi_kernel::{OrganizationId, Refused, Uuid, natural_id};
use guanxi_store::{Column, Result, Rows, Session, StoreError, Table, Tx, time};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};

use super::entities::{delivery_surveys, survey_versions, surveys};
use super::{Lock, by_roots, narrow, organization, word};
use crate::domain::name::SurveyId;
use crate::domain::survey::{Content, Question, QuestionId, QuestionKind, Survey, SurveyError, Trigger};

const SURVEYS: Table = Table::new(
    "surveys",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::text("slug"),
        Column::text("trigger_kind"),
        Column::int("version"),
        Column::time("create_time"),
    ],
);

const VERSIONS: Table = Table::new(
    "survey_versions",
    &[
        Column::uuid("root_id"),
        Column::int("version"),
        Column::text("display_name"),
        Column::text("questions"),
        Column::text("time_zone"),
        Column::time("create_time"),
    ],
);

const DELIVERY: Table =
    Table::new("delivery_surveys", &[Column::uuid("root_id"), Column::text("organization"), Column::uuid("survey_id")]);

/// A question as the column holds it.
#[derive(Serialize, Deserialize)]
struct StoredQuestion {
    id: QuestionId,
    kind: String,
    prompt: String,
    required: bool,
}

/// The root of the row that says which survey an organisation sends on delivery.
fn delivery_root(organization: &str) -> Uuid {
    natural_id("delivery-survey", [organization])
}

/// Stores version 1 of a new survey.
///
/// # Errors
/// [`SurveyError::Exists`], [`SurveyError::TriggerTaken`]; the database's.
pub async fn create(tx: &Tx, survey: &Survey) -> Result<()> {
    let mut rows = Rows::new(&SURVEYS);
    rows.push([
        survey.id.uuid().into(),
        survey.organization.slug().into(),
        survey.id.slug().into(),
        survey.trigger.word().into(),
        survey.version.into(),
        survey.create_time.into(),
    ]);
    if rows.insert_new(tx).await? == 0 {
        return Err(refused(SurveyError::Exists(survey.id.clone())));
    }
    add_version(tx, survey).await?;
    if survey.trigger == Trigger::Delivered {
        let root = delivery_root(survey.organization.slug());
        let mut rows = Rows::new(&DELIVERY);
        rows.push([root.into(), survey.organization.slug().into(), survey.id.uuid().into()]);
        if rows.insert_new(tx).await? == 0 {
            let organization = survey.organization.clone();
            let other = on_delivery(tx, std::slice::from_ref(&organization)).await?.remove(&organization);
            let other = other.ok_or_else(|| StoreError::Row(format!("{organization} sends a survey that is gone")))?;
            return Err(refused(SurveyError::TriggerTaken { organization, survey: other.id }));
        }
    }
    Ok(())
}

/// Stores the next version of a survey, which is locked.
///
/// # Errors
/// The database's.
pub async fn revise(tx: &Tx, survey: &Survey) -> Result<()> {
    const LATEST: Table = Table::new("surveys", &[Column::uuid("root_id"), Column::int("version")]);
    let mut rows = Rows::new(&LATEST);
    rows.push([survey.id.uuid().into(), survey.version.into()]);
    rows.update(tx, &["root_id"]).await?;
    add_version(tx, survey).await
}

async fn add_version(tx: &Tx, survey: &Survey) -> Result<()> {
    let stored = |question: &Question| StoredQuestion {
        id: question.id.clone(),
        kind: question.kind.word().to_owned(),
        prompt: question.prompt.clone(),
        required: question.required,
    };
    let questions: Vec<_> = survey.content.questions.iter().map(stored).collect();
    let mut rows = Rows::new(&VERSIONS);
    rows.push([
        survey.id.uuid().into(),
        survey.version.into(),
        survey.content.display_name.as_str().into(),
        serde_json::to_string(&questions).map_err(StoreError::row)?.into(),
        survey.content.time_zone.as_str().into(),
        survey.update_time.into(),
    ]);
    rows.insert(tx).await
}

/// The survey in its latest version, locked, for a caller who may write it.
///
/// # Errors
/// NOT_FOUND, PERMISSION_DENIED; the database's.
pub async fn writable(tx: &Tx, id: &SurveyId) -> Result<Survey> {
    // The lock first: the version that is read after it is the latest.
    let _locked: Vec<surveys::Model> = by_roots(tx, "surveys", &[id.uuid()], Lock::Rows).await?;
    let survey = read(tx, id, None).await?;
    tx.may_write(survey.organization.slug())?;
    Ok(survey)
}

/// The survey in a version, or in its latest, that the caller may read.
///
/// # Errors
/// NOT_FOUND where there is no such survey or version; the database's.
pub async fn read<S: Session>(session: &S, id: &SurveyId, version: Option<u32>) -> Result<Survey> {
    let row = session.find::<surveys::Entity>().filter(surveys::Column::RootId.eq(id.uuid()));
    let row = row.one(session.connection()).await?.ok_or_else(|| Refused::not_found("survey", id))?;
    let version = version.map_or(row.version, i64::from);
    #[allow(clippy::disallowed_methods, reason = "named by the root of a row that was found by the filter")]
    let said = survey_versions::Entity::find_by_id((row.root_id, version)).one(session.connection()).await?;
    let said = said.ok_or_else(|| Refused::not_found("survey", id).with("version", version))?;
    survey(row, said)
}

/// Every question that any version of the survey asked, the latest wording of each, in the order of the versions.
///
/// # Errors
/// The database's.
pub async fn questions_ever<S: Session>(session: &S, id: &SurveyId) -> Result<Vec<Question>> {
    #[allow(clippy::disallowed_methods, reason = "named by the root of a row that was found by the filter")]
    let versions = survey_versions::Entity::find()
        .filter(survey_versions::Column::RootId.eq(id.uuid()))
        .order_by_asc(survey_versions::Column::Version)
        .all(session.connection())
        .await?;
    let mut ever: Vec<Question> = Vec::new();
    for version in versions {
        for question in questions(&version.questions)? {
            match ever.iter_mut().find(|earlier| earlier.id == question.id) {
                Some(earlier) => *earlier = question,
                None => ever.push(question),
            }
        }
    }
    Ok(ever)
}

/// The sorts that the survey's questions ever had.
///
/// # Errors
/// The database's.
pub async fn kinds_ever<S: Session>(session: &S, id: &SurveyId) -> Result<BTreeMap<QuestionId, QuestionKind>> {
    Ok(questions_ever(session, id).await?.into_iter().map(|question| (question.id, question.kind)).collect())
}

/// The surveys that these organisations send on delivery; none where an organisation has none. For what the service
/// does by itself: no caller asks.
///
/// # Errors
/// The database's.
pub async fn on_delivery(tx: &Tx, organizations: &[OrganizationId]) -> Result<HashMap<OrganizationId, Survey>> {
    let roots: Vec<Uuid> = organizations.iter().map(|organization| delivery_root(organization.slug())).collect();
    let sent: Vec<delivery_surveys::Model> = by_roots(tx, "delivery_surveys", &roots, Lock::None).await?;
    let ids: Vec<Uuid> = sent.iter().map(|row| row.survey_id).collect();
    let rows: Vec<surveys::Model> = by_roots(tx, "surveys", &ids, Lock::None).await?;
    let mut versions: HashMap<(Uuid, i64), survey_versions::Model> = HashMap::new();
    for version in by_roots::<survey_versions::Model>(tx, "survey_versions", &ids, Lock::None).await? {
        versions.insert((version.root_id, version.version), version);
    }
    rows.into_iter()
        .map(|row| {
            let said = versions.remove(&(row.root_id, row.version));
            let said = said.ok_or_else(|| StoreError::Row(format!("survey {} has no latest version", row.slug)))?;
            let survey = survey(row, said)?;
            Ok((survey.organization.clone(), survey))
        })
        .collect()
}

fn survey(row: surveys::Model, said: survey_versions::Model) -> Result<Survey> {
    Ok(Survey {
        id: SurveyId::from_slug(&row.slug).map_err(StoreError::row)?,
        organization: organization(&row.organization)?,
        trigger: word(Trigger::from_word(&row.trigger_kind), "surveys.trigger_kind", &row.trigger_kind)?,
        version: narrow(said.version)?,
        content: Content {
            display_name: said.display_name,
            questions: questions(&said.questions)?,
            time_zone: said.time_zone,
        },
        create_time: time::from_column(row.create_time),
        update_time: time::from_column(said.create_time),
    })
}

fn questions(json: &str) -> Result<Vec<Question>> {
    let stored: Vec<StoredQuestion> = serde_json::from_str(json).map_err(StoreError::row)?;
    stored
        .into_iter()
        .map(|question| {
            let kind = word(QuestionKind::from_word(&question.kind), "question kind", &question.kind)?;
            Ok(Question { id: question.id, kind, prompt: question.prompt, required: question.required })
        })
        .collect()
}

fn refused(error: SurveyError) -> StoreError {
    StoreError::Refused(error.into())
}
