//! Campaigns: dated sets of earning rules with a budget, and members who are held out so that the effect can be measured.

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{OrganizationId, Refusal, Refused, Violation};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::points::Points;
use super::program::ProgramId;
use super::rule::{EarningRule, Effect, check_all};
use super::slug::slug_id;

slug_id! {
    /// `campaigns/{slug}`, chosen by whoever made it.
    CampaignId, "campaigns", "campaign"
}

/// A dated set of earning rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// Its name.
    pub id: CampaignId,
    /// Whose it is: the program's.
    pub organization: OrganizationId,
    /// Whose members earn by it.
    pub program: ProgramId,
    /// What an update can change.
    pub terms: CampaignTerms,
    /// 1, and one more with every update.
    pub version: i64,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
}

/// The terms of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignTerms {
    /// What people call it.
    pub display_name: String,
    /// From when orders earn by it, this instant included.
    pub start_time: Timestamp,
    /// Until when, this instant excluded.
    pub end_time: Timestamp,
    /// What earns.
    pub rules: Vec<EarningRule>,
    /// How many of a thousand members are held out.
    pub holdout_permille: i64,
    /// The most points that it gives in all.
    pub points_limit: Option<Points>,
    /// The most orders that it gives points to.
    pub orders_limit: Option<i64>,
}

/// What a campaign may give in all, and gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// The most points.
    pub points_limit: Option<Points>,
    /// The most orders.
    pub orders_limit: Option<i64>,
    /// Points given, less those of returned goods.
    pub points: Points,
    /// Orders that were given points.
    pub orders: i64,
}

impl Budget {
    /// The points that it can still give; `None` where there is no limit. None at all once its orders are used up.
    pub fn room(&self) -> Option<Points> {
        if self.orders_limit.is_some_and(|limit| self.orders >= limit) {
            return Some(Points::ZERO);
        }
        self.points_limit.map(|limit| (limit - self.points).or_zero())
    }

    /// Counts what one order was given.
    pub fn spend(&mut self, points: Points) {
        self.points += points;
        self.orders += i64::from(points.is_positive());
    }

    /// The same under other limits.
    ///
    /// # Errors
    /// [`BudgetBelowSpent`] where more is spent already.
    pub fn limited(self, points_limit: Option<Points>, orders_limit: Option<i64>) -> Result<Self, BudgetBelowSpent> {
        let below = points_limit.is_some_and(|limit| limit < self.points)
            || orders_limit.is_some_and(|limit| limit < self.orders);
        if below {
            return Err(BudgetBelowSpent { points: self.points, orders: self.orders });
        }
        Ok(Self { points_limit, orders_limit, ..self })
    }
}

/// A budget that would be below what is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the campaign has given {points} points to {orders} orders already")]
pub struct BudgetBelowSpent {
    /// Points given.
    pub points: Points,
    /// To so many orders.
    pub orders: i64,
}

impl Refusal for BudgetBelowSpent {
    fn refusal(&self) -> Refused {
        Refused::precondition("BUDGET_BELOW_SPENT", self.to_string())
            .with("points", self.points)
            .with("orders", self.orders)
    }
}

/// What an order came to in one campaign of its time: what it was given, or that its member is held out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignShare {
    /// The campaign's slug.
    pub campaign: String,
    /// Whether the member is held out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held_out: bool,
    /// Whether any of its rules fitted the order.
    pub qualified: bool,
    /// Points given.
    pub points: Points,
}

/// Terms of a campaign that contradict themselves.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("terms of a campaign that contradict themselves")]
pub struct CampaignTermsError(pub Vec<Violation>);

impl Refusal for CampaignTermsError {
    fn refusal(&self) -> Refused {
        let violations = self.0.iter().cloned();
        Refused::violations(violations.map(|v| Violation { field: format!("campaign.{}", v.field), ..v }).collect())
    }
}

impl CampaignTerms {
    /// Refuses terms that contradict themselves; everything that is wrong at once.
    ///
    /// # Errors
    /// [`CampaignTermsError`] with one violation for each thing that is wrong.
    pub fn check(&self) -> Result<(), CampaignTermsError> {
        let mut wrong = Vec::new();
        if self.end_time <= self.start_time {
            wrong.push(Violation {
                field: "end_time".into(),
                rule: "WINDOW_EMPTY".into(),
                description: format!("{} is not after the start, {}", self.end_time, self.start_time),
            });
        }
        check_all(&self.rules, "earning_rules", &mut wrong);
        for (i, rule) in self.rules.iter().enumerate() {
            if matches!(rule.effect, Effect::Multiplier { factor_milli: ..1_000 }) {
                wrong.push(Violation {
                    field: format!("earning_rules[{i}].multiplier.factor_milli"),
                    rule: "CAMPAIGN_TAKES_AWAY".into(),
                    description: "a campaign gives points: its multipliers are 1000 or more".into(),
                });
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(CampaignTermsError(wrong)) }
    }
}

impl Campaign {
    /// Whether orders of this moment earn by it.
    pub fn covers(&self, at: Timestamp) -> bool {
        self.terms.start_time <= at && at < self.terms.end_time
    }

    /// Whether a member is held out: by a hash of both, so it is the same on every server and in every year, and those
    /// held out of one campaign are not those held out of the next.
    pub fn holds_out(&self, member: MemberId) -> bool {
        if self.terms.holdout_permille == 0 {
            return false;
        }
        let hash = Sha256::new_with_prefix(self.id.slug()).chain_update([0]).chain_update(member.uuid().as_bytes());
        let hash = hash.finalize();
        let number = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        number % 1_000 < u64::try_from(self.terms.holdout_permille).unwrap_or(0)
    }

    /// What is kept of a member under this name for one of its rules.
    pub fn rule_key(&self, rule: &EarningRule) -> String {
        format!("{}/{}", self.id.slug(), rule.id)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn campaign(slug: &str, rules: Vec<EarningRule>) -> Campaign {
        Campaign {
            id: CampaignId::from_slug(slug).expect("a slug"),
            organization: OrganizationId::default_organization(),
            program: ProgramId::from_slug("test").expect("a slug"),
            terms: CampaignTerms {
                display_name: String::new(),
                start_time: Timestamp::UNIX_EPOCH,
                end_time: Timestamp::MAX,
                rules,
                holdout_permille: 0,
                points_limit: None,
                orders_limit: None,
            },
            version: 1,
            create_time: Timestamp::UNIX_EPOCH,
            update_time: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn about_the_share_that_was_asked_for_is_held_out_and_another_campaign_holds_out_others() {
        let (mut one, mut other) = (campaign("one", vec![]), campaign("other", vec![]));
        (one.terms.holdout_permille, other.terms.holdout_permille) = (100, 100);
        let members: Vec<_> = (0..10_000).map(|n| MemberId(guanxi_kernel::Uuid::from_u128(n))).collect();
        let held = |campaign: &Campaign| members.iter().filter(|member| campaign.holds_out(**member)).count();
        assert!((900..1_100).contains(&held(&one)), "{}", held(&one));
        let both = members.iter().filter(|member| one.holds_out(**member) && other.holds_out(**member)).count();
        assert!((60..140).contains(&both), "{both} of both, about a hundred by chance");
        one.terms.holdout_permille = 0;
        assert_eq!(held(&one), 0);
    }

    #[test]
    fn a_budget_gives_what_is_left_and_cannot_be_cut_below_what_is_spent() {
        let mut budget = Budget { points_limit: Some(Points::new(10)), orders_limit: Some(2), ..Budget::default() };
        budget.spend(Points::new(4));
        assert_eq!(budget.room(), Some(Points::new(6)));
        assert_eq!(
            budget.limited(Some(Points::new(3)), None),
            Err(BudgetBelowSpent { points: Points::new(4), orders: 1 })
        );
        assert!(budget.limited(None, Some(0)).is_err());
        budget.spend(Points::new(1));
        assert_eq!(budget.room(), Some(Points::ZERO), "its orders are used up");
        assert_eq!(budget.limited(None, None).expect("no limits").room(), None);
    }
}
