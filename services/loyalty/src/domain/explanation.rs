//! Explanations: how the points of a purchase were found, rule by rule and line by line.

use serde::{Deserialize, Serialize};

use super::condition::Fault;
use super::points::Points;

/// How the points of a purchase were found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Explanation {
    /// What each rule gave, the first to act first; rules that fitted no line are left out.
    pub rules: Vec<RuleExplanation>,
    /// What each line earned in the end; adds up to the whole.
    pub lines: Vec<LinePoints>,
    /// What each campaign gave; those that nothing of it fitted are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub campaigns: Vec<CampaignExplanation>,
    /// The rule after which no other was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<String>,
}

/// What one rule gave.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RuleExplanation {
    /// The rule's id.
    pub rule: String,
    /// The slug of the campaign that it is of; `None` for the program's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// What became of it.
    #[serde(default, skip_serializing_if = "RuleOutcome::is_fired")]
    pub outcome: RuleOutcome,
    /// Line by line.
    pub lines: Vec<RuleLine>,
    /// The factor in thousandths, of a multiplier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor_milli: Option<i64>,
    /// What it would have given without its cap, where that cut it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Points>,
    /// What it gave then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<Points>,
    /// Money of the member's earlier orders that counted, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried_minor: Option<i64>,
    /// What went wrong with its condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// What became of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleOutcome {
    /// It acted in full.
    #[default]
    Fired,
    /// Its cap let it give less than asked, or nothing: then it did not fire.
    Capped,
    /// An exclusive rule of its kind stood alone, or there were multipliers enough.
    Silenced,
    /// Its condition came to nothing, so it did not fire.
    Faulted,
}

impl RuleOutcome {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    fn is_fired(&self) -> bool {
        *self == Self::Fired
    }
}

/// What one rule gave for one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleLine {
    /// The line's number.
    pub line: i32,
    /// Whether it is its delivery.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub delivery: bool,
    /// What counted, in minor units.
    pub base_minor: i64,
    /// Points before multipliers; none for a multiplier.
    pub points: Points,
}

/// What one line earned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinePoints {
    /// The line's number.
    pub line: i32,
    /// Points.
    pub points: Points,
}

/// What one campaign gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignExplanation {
    /// The campaign's slug.
    pub campaign: String,
    /// What became of it.
    pub outcome: CampaignOutcome,
    /// What its rules would have given.
    pub asked: Points,
    /// What they gave.
    pub granted: Points,
}

/// What became of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignOutcome {
    /// It gave what it asked.
    Granted,
    /// Its budget was used up, and cut it or left nothing.
    BudgetUsedUp,
    /// The member is held out: it gives him nothing, so that its effect can be measured.
    HeldOut,
}
