//! Surveys: questions with versions. A change makes a new version and leaves the old ones as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;

use guanxi_kernel::tz::TimeZone;
use guanxi_kernel::{OrganizationId, Refusal, Refused, Timestamp, Violation};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::name::SurveyId;
use crate::domain::words::words;

words! {
    /// What sort of question it is.
    pub enum QuestionKind {
        /// Would you recommend us: 0 to 10.
        Nps = "nps",
        /// Are you content: 1 to 5.
        Csat = "csat",
        /// Was it easy: 1 to 7.
        Ces = "ces",
        /// Words.
        Text = "text",
    }
}

impl QuestionKind {
    /// The numbers that answer it; `None` where words do.
    pub fn scale(self) -> Option<RangeInclusive<i32>> {
        match self {
            Self::Nps => Some(0..=10),
            Self::Csat => Some(1..=5),
            Self::Ces => Some(1..=7),
            Self::Text => None,
        }
    }
}

words! {
    /// When a survey is sent.
    pub enum Trigger {
        /// Only where somebody invites.
        Manual = "manual",
        /// Once for each order, after its last shipment, if no promise was broken.
        Delivered = "delivered",
    }
}

/// The id of a question within its survey, kept over versions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QuestionId(String);

impl QuestionId {
    /// 1 to 32 of a–z, 0–9 and _, beginning with a letter.
    pub fn new(id: &str) -> Option<Self> {
        let good = (1..=32).contains(&id.len())
            && id.starts_with(|c: char| c.is_ascii_lowercase())
            && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        good.then(|| Self(id.to_owned()))
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QuestionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Its id.
    pub id: QuestionId,
    /// Its sort.
    pub kind: QuestionKind,
    /// What is asked.
    pub prompt: String,
    /// Whether a response without an answer to it is refused.
    pub required: bool,
}

impl Question {
    /// A question; `None` where the id is none.
    pub fn new(id: &str, kind: QuestionKind, prompt: &str, required: bool) -> Option<Self> {
        Some(Self { id: QuestionId::new(id)?, kind, prompt: prompt.to_owned(), required })
    }
}

/// What a version of a survey says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// What people call it.
    pub display_name: String,
    /// What it asks, in order.
    pub questions: Vec<Question>,
    /// The IANA zone in which the windows of its scores are read.
    pub time_zone: String,
}

/// Why a survey cannot be so.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SurveyError {
    /// Fields contradict each other.
    #[error("the survey contradicts itself in {} places", .0.len())]
    Contradictory(Vec<Violation>),
    /// The name is taken.
    #[error("{0} exists")]
    Exists(SurveyId),
    /// The organisation has another one that is sent on delivery.
    #[error("{organization} already sends {survey} on delivery")]
    TriggerTaken {
        /// The organisation.
        organization: OrganizationId,
        /// Its other survey.
        survey: SurveyId,
    },
    /// It was changed since it was read.
    #[error("{0} was changed since it was read")]
    Stale(SurveyId),
}

impl Refusal for SurveyError {
    fn refusal(&self) -> Refused {
        match self {
            Self::Contradictory(violations) => Refused::violations(violations.clone()),
            Self::Exists(survey) => Refused::exists("survey", survey),
            Self::TriggerTaken { organization, survey } => {
                Refused::precondition("SURVEY_TRIGGER_TAKEN", self.to_string())
                    .with("organization", organization)
                    .with("survey", survey)
            }
            Self::Stale(survey) => Refused::stale_etag(survey),
        }
    }
}

impl Content {
    /// The zone; UTC where the database of zones has lost it since it was checked.
    pub fn zone(&self) -> TimeZone {
        TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }

    /// Checks what no single field shows: the zone exists, no id is twice, and none had another sort in `past`.
    ///
    /// # Errors
    /// [`SurveyError::Contradictory`] with all of it.
    pub fn check(&self, past: &BTreeMap<QuestionId, QuestionKind>) -> Result<(), SurveyError> {
        let mut violations = Vec::new();
        let mut broken = |field: String, rule: &str, description: String| {
            violations.push(Violation { field, rule: rule.to_owned(), description });
        };
        if TimeZone::get(&self.time_zone).is_err() {
            broken(
                "survey.time_zone".into(),
                "ZONE_UNKNOWN",
                format!("{:?} is no time zone of the IANA database", self.time_zone),
            );
        }
        let mut seen = BTreeSet::new();
        for (index, question) in self.questions.iter().enumerate() {
            let (id, kind) = (&question.id, question.kind);
            if !seen.insert(id) {
                broken(format!("survey.questions[{index}].id"), "QUESTION_REPEATED", format!("{id} is asked twice"));
            } else if let Some(was) = past.get(id).filter(|was| **was != kind) {
                let description =
                    format!("{id} was of the sort {was} in an earlier version: take another id for {kind}");
                broken(format!("survey.questions[{index}].kind"), "QUESTION_KIND_CHANGED", description);
            }
        }
        if violations.is_empty() { Ok(()) } else { Err(SurveyError::Contradictory(violations)) }
    }
}

/// A survey in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Its name.
    pub id: SurveyId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// When it is sent.
    pub trigger: Trigger,
    /// 1, 2, 3 …
    pub version: u32,
    /// What it says.
    pub content: Content,
    /// When it was made.
    pub create_time: Timestamp,
    /// When this version was made.
    pub update_time: Timestamp,
}

impl Survey {
    /// Version 1 of a new survey.
    ///
    /// # Errors
    /// [`SurveyError::Contradictory`].
    pub fn create(
        id: SurveyId,
        organization: OrganizationId,
        trigger: Trigger,
        content: Content,
        now: Timestamp,
    ) -> Result<Self, SurveyError> {
        content.check(&BTreeMap::new())?;
        Ok(Self { id, organization, trigger, version: 1, content, create_time: now, update_time: now })
    }

    /// The next version, or `None` where `content` changes nothing. `past` are the sorts that questions ever had.
    ///
    /// # Errors
    /// [`SurveyError::Contradictory`].
    pub fn revise(
        &self,
        past: &BTreeMap<QuestionId, QuestionKind>,
        content: Content,
        now: Timestamp,
    ) -> Result<Option<Self>, SurveyError> {
        content.check(past)?;
        if content == self.content {
            return Ok(None);
        }
        Ok(Some(Self { version: self.version + 1, content, update_time: now, ..self.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{at, content, question, survey};

    #[test]
    fn a_change_makes_a_version_and_no_change_makes_none() {
        let first = survey(&[question("nps", QuestionKind::Nps)]);
        let past = BTreeMap::from([(QuestionId::new("nps").expect("an id"), QuestionKind::Nps)]);
        assert_eq!(first.revise(&past, first.content.clone(), at(1)), Ok(None));
        let more = content(&[question("nps", QuestionKind::Nps), question("why", QuestionKind::Text)]);
        let second = first.revise(&past, more.clone(), at(1)).expect("a good change").expect("a version");
        assert_eq!((second.version, second.create_time, second.update_time), (2, first.create_time, at(1)));
        assert_eq!(second.content, more);
    }

    #[test]
    fn a_question_keeps_its_sort_over_versions() {
        let first = survey(&[question("q", QuestionKind::Nps)]);
        let past = BTreeMap::from([(QuestionId::new("q").expect("an id"), QuestionKind::Nps)]);
        let error =
            first.revise(&past, content(&[question("q", QuestionKind::Csat)]), at(1)).expect_err("another sort");
        assert_eq!(error.refusal().field_violations()[0].field, "survey.questions[0].kind");
    }

    #[test]
    fn everything_that_contradicts_is_said_at_once() {
        let mut wrong = content(&[question("q", QuestionKind::Nps), question("q", QuestionKind::Nps)]);
        wrong.time_zone = "Mars/Olympus".to_owned();
        let first = survey(&[question("x", QuestionKind::Nps)]);
        let refused = first.revise(&BTreeMap::new(), wrong, at(1)).expect_err("two faults").refusal();
        let fields: Vec<_> = refused.field_violations().iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["survey.time_zone", "survey.questions[1].id"]);
    }
}
