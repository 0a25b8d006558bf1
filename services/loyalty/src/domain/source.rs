//! Sources: what gives points besides orders and days. Something happened to a customer (a survey answered, a review
//! submitted), and rules say what that gives; or somebody promised points to make good for something. Each has a natural
//! name, under which it gives a member once. None is a purchase.

use std::fmt;

use guanxi_kernel::{Uuid, natural_id};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::account::Account;
use super::adjusting::Adjust;
use super::campaign::CampaignShare;
use super::cap::Grant;
use super::earning::{Budgets, Heard, hearing};
use super::explanation::Explanation;
use super::facts::Fact;
use super::ledger::LedgerError;
use super::lot::LotId;
use super::points::Points;
use super::program::Program;
use super::spending::EarnError;

/// What sets a rule off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// An order.
    #[default]
    Order,
    /// A survey was answered.
    SurveyAnswered,
    /// A review was submitted.
    ReviewSubmitted,
    /// The customer's profile is complete.
    ProfileCompleted,
    /// The customer entered a segment.
    SegmentEntered,
    /// The risk that the customer does not come back was assessed anew.
    ChurnRiskRaised,
}

impl Trigger {
    /// As conditions know it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::SurveyAnswered => "survey_answered",
            Self::ReviewSubmitted => "review_submitted",
            Self::ProfileCompleted => "profile_completed",
            Self::SegmentEntered => "segment_entered",
            Self::ChurnRiskRaised => "churn_risk_raised",
        }
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) fn is_order(&self) -> bool {
        *self == Self::Order
    }
}

/// What happened to a customer, as far as conditions may ask about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A survey was answered.
    SurveyAnswered {
        /// `surveys/{slug}`.
        survey: String,
        /// Its version.
        version: i64,
    },
    /// A review was submitted.
    ReviewSubmitted {
        /// What it is about, such as an order's name.
        subject: String,
        /// 1 to 5.
        rating: i64,
    },
    /// His profile is complete.
    ProfileCompleted,
    /// He entered a segment.
    SegmentEntered {
        /// Its slug.
        segment: String,
    },
    /// The risk that he does not come back was assessed.
    ChurnRiskRaised {
        /// In thousandths.
        risk_permille: i64,
    },
}

impl Happening {
    /// The rules that it sets off.
    pub fn trigger(&self) -> Trigger {
        match self {
            Self::SurveyAnswered { .. } => Trigger::SurveyAnswered,
            Self::ReviewSubmitted { .. } => Trigger::ReviewSubmitted,
            Self::ProfileCompleted => Trigger::ProfileCompleted,
            Self::SegmentEntered { .. } => Trigger::SegmentEntered,
            Self::ChurnRiskRaised { .. } => Trigger::ChurnRiskRaised,
        }
    }

    /// The value of a field of `event`; `None` where it has none of that name.
    pub(super) fn read(&self, name: &str) -> Option<Fact<'_>> {
        match (self, name) {
            (Self::SurveyAnswered { survey, .. }, "survey") => Some(Fact::Text(survey)),
            (Self::SurveyAnswered { version, .. }, "survey_version") => Some(Fact::Int(*version)),
            (Self::ReviewSubmitted { subject, .. }, "subject") => Some(Fact::Text(subject)),
            (Self::ReviewSubmitted { rating, .. }, "rating") => Some(Fact::Int(*rating)),
            (Self::SegmentEntered { segment }, "segment") => Some(Fact::Text(segment)),
            (Self::ChurnRiskRaised { risk_permille }, "risk_permille") => Some(Fact::Int(*risk_permille)),
            _ => None,
        }
    }
}

/// The natural name of a source, such as `reviews/{uuid}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceName(String);

/// A name that is too long.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the name has {0} bytes; it has at most {max}", max = SourceName::MAX)]
pub struct SourceNameTooLong(usize);

impl SourceName {
    /// The longest name, in bytes.
    pub const MAX: usize = 255;

    /// A name.
    ///
    /// # Errors
    /// [`SourceNameTooLong`].
    pub fn new(name: impl Into<String>) -> Result<Self, SourceNameTooLong> {
        let name = name.into();
        if name.len() > Self::MAX { Err(SourceNameTooLong(name.len())) } else { Ok(Self(name)) }
    }

    /// Its key.
    pub fn key(&self) -> Uuid {
        natural_id("source", [self.0.as_str()])
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something that gives points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name: it gives a member once.
    pub name: SourceName,
    /// When it was, by the business.
    pub at: Timestamp,
    /// What it gives.
    pub gives: Gives,
}

/// What a source gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gives {
    /// What the rules say.
    ByRules(Happening),
    /// What somebody said, by hand.
    ByHand(Adjust),
}

/// A source that was heard of, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced {
    /// Its name.
    pub name: SourceName,
    /// When it was.
    pub at: Timestamp,
    /// What it gave.
    pub points: Points,
    /// The lot; `None` where it gave nothing.
    pub lot: Option<LotId>,
    /// How that was found; `None` where somebody said it.
    pub explanation: Option<Explanation>,
    /// What its capped rules gave.
    pub grants: Vec<Grant>,
    /// What campaigns gave of it.
    pub shares: Vec<CampaignShare>,
    /// When it was heard of.
    pub create_time: Timestamp,
}

impl Account {
    /// Credits what a source gives. That it gives once, the book says. Needs the standing of the rules; what is given by
    /// hand needs the open lots.
    ///
    /// # Errors
    /// [`LedgerError`]; the account is as before then.
    pub fn hear(
        &mut self,
        program: &Program,
        source: &Source,
        budgets: &mut Budgets,
        now: Timestamp,
    ) -> Result<Points, LedgerError> {
        let mut sourced = Sourced {
            name: source.name.clone(),
            at: source.at,
            points: Points::ZERO,
            lot: None,
            explanation: None,
            grants: Vec::new(),
            shares: Vec::new(),
            create_time: now,
        };
        match &source.gives {
            Gives::ByHand(adjust) => (sourced.points, sourced.lot) = self.adjust(program, adjust, now)?,
            Gives::ByRules(happening) => {
                if !program.listens(happening.trigger()) {
                    return Ok(Points::ZERO);
                }
                let at = source.at.min(now);
                let heard = Heard { happening, effective_time: at, member: self.facts_at(program, at, now) };
                let earning = hearing(program, &heard, &self.standing, budgets).map_err(EarnError::from)?;
                if self.totals.credited() + earning.points > Points::MAX_CREDITED {
                    return Err(EarnError::AccountFull.into());
                }
                self.count(&earning, budgets);
                let given = earning.points.is_positive();
                sourced.lot = given.then(|| self.give(program, earning.points, None, at, now));
                (sourced.points, sourced.explanation) = (earning.points, Some(earning.explanation));
                (sourced.grants, sourced.shares) = (earning.grants, earning.shares);
            }
        }
        let points = sourced.points;
        self.changes.sourced.push(sourced);
        Ok(points)
    }
}
