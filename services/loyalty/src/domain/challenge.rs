//! Challenges: goals that members of a program reach by what they buy, and what they are given for it. What counts and what is
//! needed stays as it was made: whoever has counted on it finds it so.

use guanxi_kernel::{OrganizationId, Refusal, Refused, Uuid, Violation};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::condition::Condition;
use super::expiry::Period;
use super::goal::{Goal, Selection};
use super::points::Points;
use super::program::ProgramId;
use super::reward::RewardId;
use super::rule::MAX_LINE_NODES;
use super::slug::slug_id;

slug_id! {
    /// `challenges/{slug}`, chosen by whoever made it.
    ChallengeId, "challenges", "challenge"
}

/// The most challenges of a program that have not ended.
pub const MAX_CHALLENGES: usize = 50;

/// A goal with what it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Its name.
    pub id: ChallengeId,
    /// The key under which orders are counted for it: its row's.
    pub goal_id: Uuid,
    /// Whose it is: the program's.
    pub organization: OrganizationId,
    /// Whose members can reach it.
    pub program: ProgramId,
    /// What it is.
    pub terms: ChallengeTerms,
    /// 1, and one more with every update.
    pub version: i64,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
}

/// The terms of a challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeTerms {
    /// What people call it.
    pub display_name: String,
    /// Which orders count. Never changes.
    pub selection: Selection,
    /// What must be reached. Never changes.
    pub goal: Goal,
    /// From when orders count, this instant included. Never changes.
    pub start_time: Timestamp,
    /// Until when, this instant excluded; `None` for ever.
    pub end_time: Option<Timestamp>,
    /// What it gives; 0 where it gives a reward alone.
    pub points: Points,
    /// How long those are good; `None` as long as the program says.
    pub valid_for: Option<Period>,
    /// The reward that it gives, its slug.
    pub reward: Option<String>,
}

/// Terms of a challenge that contradict themselves.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("terms of a challenge that contradict themselves")]
pub struct ChallengeTermsError(pub Vec<Violation>);

impl Refusal for ChallengeTermsError {
    fn refusal(&self) -> Refused {
        let violations = self.0.iter().cloned();
        Refused::violations(violations.map(|v| Violation { field: format!("challenge.{}", v.field), ..v }).collect())
    }
}

/// Why a program has no room for one more.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RoomError {
    /// It has too many.
    #[error("{program} has {MAX_CHALLENGES} challenges that have not ended")]
    TooMany {
        /// The program.
        program: ProgramId,
    },
    /// Orders would take too long.
    #[error(
        "the conditions of the program's challenges that ask about lines have more than {MAX_LINE_NODES} parts together"
    )]
    TooCostly,
}

impl Refusal for RoomError {
    fn refusal(&self) -> Refused {
        match self {
            Self::TooMany { .. } => {
                Refused::precondition("CHALLENGES_TOO_MANY", self.to_string()).with("maximum", MAX_CHALLENGES)
            }
            Self::TooCostly => Refused::invalid("challenge.filter.condition", "RULE_TOO_COSTLY", self.to_string()),
        }
    }
}

impl ChallengeTerms {
    /// Refuses terms that contradict themselves; everything that is wrong at once.
    ///
    /// # Errors
    /// [`ChallengeTermsError`] with one violation for each thing that is wrong.
    pub fn check(&self) -> Result<(), ChallengeTermsError> {
        let mut wrong = Vec::new();
        self.selection.check("filter", &mut wrong);
        let mut violate = |field: &str, rule: &str, description: String| {
            wrong.push(Violation { field: field.to_owned(), rule: rule.to_owned(), description });
        };
        if let Some(end) = self.end_time.filter(|end| *end <= self.start_time) {
            violate("end_time", "WINDOW_EMPTY", format!("{end} is not after the start, {}", self.start_time));
        }
        if self.points.is_zero() && self.reward.is_none() {
            violate("points", "CHALLENGE_GIVES_NOTHING", "it gives neither points nor a reward".to_owned());
        }
        if wrong.is_empty() { Ok(()) } else { Err(ChallengeTermsError(wrong)) }
    }

    /// The slug of the reward as its name.
    pub fn reward_id(&self) -> Option<RewardId> {
        self.reward.as_deref().and_then(|slug| RewardId::from_slug(slug).ok())
    }
}

impl Challenge {
    /// Whether an order of this moment counts.
    pub fn covers(&self, at: Timestamp) -> bool {
        self.terms.start_time <= at && self.terms.end_time.is_none_or(|end| at < end)
    }
}

/// Whether a program that has `others` has room for `one` at `now`.
///
/// # Errors
/// [`RoomError`].
pub fn room(one: &Challenge, others: &[Challenge], now: Timestamp) -> Result<(), RoomError> {
    let open = |challenge: &&Challenge| challenge.terms.end_time.is_none_or(|end| end > now);
    if !open(&one) {
        return Ok(());
    }
    let others: Vec<_> = others.iter().filter(|other| other.id != one.id).filter(open).collect();
    if others.len() >= MAX_CHALLENGES {
        return Err(RoomError::TooMany { program: one.program.clone() });
    }
    let nodes = |challenge: &Challenge| {
        let condition = challenge.terms.selection.lets_in.condition.as_ref();
        condition.filter(|condition| condition.is_of_lines()).map_or(0, Condition::nodes)
    };
    if others.iter().copied().map(nodes).sum::<usize>() + nodes(one) > MAX_LINE_NODES {
        return Err(RoomError::TooCostly);
    }
    Ok(())
}
