//! A program: one loyalty scheme with one point currency, and the terms under which its points are earned, wait, expire
//! and are owed.

use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{Currency, OrganizationId, Refusal, Refused, Violation, natural_id};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::campaign::Campaign;
use super::challenge::Challenge;
use super::condition::Condition;
use super::expiry::ExpiryPolicy;
use super::occasion::OccasionRule;
use super::pending::{PendingPolicy, Start};
use super::points::Points;
use super::redemption::Redemption;
use super::referral::ReferralTerms;
use super::rule::{EarningRule, check_all};
use super::slug::slug_id;
use super::source::Trigger;
use super::tier::TierPolicy;

slug_id! {
    /// `programs/{slug}`, chosen by whoever made it.
    ProgramId, "programs", "program"
}

impl ProgramId {
    /// The member that `customer` is in this program: a customer is a member of a program once, so the name says it.
    pub fn member(&self, customer: CustomerId) -> MemberId {
        MemberId(natural_id("member", [self.slug(), &customer.to_string()]))
    }
}

/// One loyalty scheme of the retailer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its name.
    pub id: ProgramId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// The money in which its orders are counted.
    pub currency: Currency,
    /// What an update can change.
    pub terms: Terms,
    /// The zone of the terms.
    pub zone: TimeZone,
    /// Its campaigns, by name: all of them, whatever their dates.
    pub campaigns: Vec<Campaign>,
    /// Its challenges, by name: all of them, whatever their dates.
    pub challenges: Vec<Challenge>,
    /// 1, and one more with every update.
    pub version: i64,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
}

/// The terms of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What people call the program.
    pub display_name: String,
    /// What people call its points.
    pub points_name: String,
    /// The IANA zone in which its days end.
    pub time_zone: String,
    /// Whether a customer's first recorded order makes him a member.
    pub auto_enroll: bool,
    /// Whether what delivery costs earns too.
    pub delivery_earns: bool,
    /// Whether the tax that prices contain earns too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tax_earns: bool,
    /// How an order's points are made whole.
    pub rounding: Rounding,
    /// What earns.
    pub rules: Vec<EarningRule>,
    /// When earned points can be spent.
    pub pending: PendingPolicy,
    /// When active points expire.
    pub expiry: ExpiryPolicy,
    /// Whether a balance may fall below zero.
    pub overdraft: OverdraftPolicy,
    /// What points are worth where they pay for an order; `None` where they cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redemption: Option<Redemption>,
    /// The levels that members reach; `None` where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiers: Option<TierPolicy>,
    /// The version of the program with which the tiers became what they are; 0 where there never were any.
    #[serde(default)]
    pub tiers_version: i64,
    /// What members are given on their days.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub occasions: Vec<OccasionRule>,
    /// The version of the program with which the occasions became what they are; 0 where there never were any.
    #[serde(default)]
    pub occasions_version: i64,
    /// What bringing others pays; `None` where it pays nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referral: Option<ReferralTerms>,
    /// The version of the program with which referrals became what they are; 0 where there never were any.
    #[serde(default)]
    pub referral_version: i64,
}

/// How a sum of points is made whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Down.
    Floor,
    /// To the nearest, halves up.
    HalfUp,
    /// Up.
    Ceiling,
}

/// Whether a balance may fall below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverdraftPolicy {
    /// What would do so is refused.
    #[default]
    Refuse,
    /// A spend takes what there is.
    Clamp,
    /// A spend or hold may go down to the floor, zero or below.
    Allow {
        /// The lowest balance that a spend or hold may leave.
        floor: Points,
    },
}

impl OverdraftPolicy {
    /// How far below zero a spend or hold may go.
    pub fn allowance(self) -> Points {
        match self {
            Self::Refuse | Self::Clamp => Points::ZERO,
            Self::Allow { floor } => -floor,
        }
    }
}

impl Terms {
    /// Refuses terms that contradict themselves; everything that is wrong at once.
    ///
    /// # Errors
    /// [`TermsError`] with one violation for each thing that is wrong.
    pub fn check(&self) -> Result<TimeZone, TermsError> {
        let mut wrong = Vec::new();
        let mut violate = |field: String, rule: &str, description: String| {
            wrong.push(Violation { field, rule: rule.to_owned(), description });
        };
        let zone = TimeZone::get(&self.time_zone);
        if zone.is_err() {
            violate(
                "time_zone".into(),
                "ZONE_UNKNOWN",
                format!("{:?} is not an IANA zone, such as Asia/Shanghai", self.time_zone),
            );
        }
        for (field, rule, description) in self.expiry.faults("expiry").into_iter().chain(self.pending.faults("pending"))
        {
            violate(field, rule, description);
        }
        let slides = self.expiry.is_sliding();
        for (field, rule, description) in self.tiers.iter().flat_map(|tiers| tiers.faults(slides)) {
            violate(format!("tiers.{field}"), rule, description);
        }
        check_all(&self.rules, "earning_rules", &mut wrong);
        if let Some(redemption) = &self.redemption {
            redemption.check("redemption", &mut wrong);
        }
        wrong.extend(super::occasion::faults(&self.occasions));
        self.referral.iter().for_each(|referral| referral.check(&mut wrong));
        match zone {
            Ok(zone) if wrong.is_empty() => Ok(zone),
            _ => Err(TermsError(wrong)),
        }
    }
}

/// Terms that contradict themselves.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("terms of a program that contradict themselves")]
pub struct TermsError(pub Vec<Violation>);

impl Refusal for TermsError {
    fn refusal(&self) -> Refused {
        let violations = self.0.iter().cloned();
        Refused::violations(violations.map(|v| Violation { field: format!("program.{}", v.field), ..v }).collect())
    }
}

impl Program {
    /// A new program.
    ///
    /// # Errors
    /// [`TermsError`] where the terms contradict themselves.
    pub fn create(
        id: ProgramId,
        organization: OrganizationId,
        currency: Currency,
        mut terms: Terms,
        now: Timestamp,
    ) -> Result<Self, TermsError> {
        let zone = terms.check()?;
        terms.tiers_version = i64::from(terms.tiers.is_some());
        terms.occasions_version = i64::from(!terms.occasions.is_empty());
        terms.referral_version = i64::from(terms.referral.is_some());
        terms.occasions.iter_mut().for_each(|rule| rule.since = now);
        let (campaigns, challenges, version) = (Vec::new(), Vec::new(), 1);
        let (create_time, update_time) = (now, now);
        Ok(Self { id, organization, currency, terms, zone, campaigns, challenges, version, create_time, update_time })
    }

    /// The program under other terms, from now on.
    ///
    /// # Errors
    /// [`TermsError`] where the terms contradict themselves.
    pub fn update(&self, mut terms: Terms, now: Timestamp) -> Result<Self, TermsError> {
        let zone = terms.check()?;
        let same = terms.tiers == self.terms.tiers && terms.time_zone == self.terms.time_zone;
        terms.tiers_version = if same { self.terms.tiers_version } else { self.version + 1 };
        for rule in &mut terms.occasions {
            let before = self.terms.occasions.iter().find(|other| (&other.id, other.kind) == (&rule.id, rule.kind));
            rule.since = before.map_or(now, |before| before.since);
        }
        let same = terms.occasions == self.terms.occasions && terms.time_zone == self.terms.time_zone;
        terms.occasions_version = if same { self.terms.occasions_version } else { self.version + 1 };
        let same = terms.referral == self.terms.referral;
        terms.referral_version = if same { self.terms.referral_version } else { self.version + 1 };
        Ok(Self { terms, zone, version: self.version + 1, update_time: now, ..self.clone() })
    }

    /// Whether something is kept of its members for a rule of it, or of a campaign.
    pub fn remembers(&self) -> bool {
        self.rules().any(EarningRule::remembers)
    }

    /// Whether a rule of it, or of a campaign, asks for its members' tenure or orders.
    pub fn asks_tenure(&self) -> bool {
        self.rules().any(EarningRule::asks_tenure)
    }

    /// Whether a rule of it, or of a campaign, asks what was told of its members' customers.
    pub fn asks_of_customers(&self) -> bool {
        self.rules().filter_map(|rule| rule.condition.as_ref()).any(Condition::is_of_customers)
    }

    /// Whether this sets off a rule of it, or of a campaign.
    pub fn listens(&self, trigger: Trigger) -> bool {
        self.rules().any(|rule| rule.trigger == trigger)
    }

    fn rules(&self) -> impl Iterator<Item = &EarningRule> {
        self.terms.rules.iter().chain(self.campaigns.iter().flat_map(|campaign| &campaign.terms.rules))
    }

    /// How what an order of `order_time` earns begins; `delivered` is when its last shipment was, where that is known.
    pub fn start(&self, order_time: Timestamp, delivered: Option<Timestamp>) -> Start {
        self.terms.pending.start(order_time, delivered, &self.zone)
    }

    /// Until when points active from `active_from` are good; `None` where they never expire.
    pub fn expires_at(&self, active_from: Timestamp) -> Option<Timestamp> {
        self.terms.expiry.expires_at(active_from, &self.zone)
    }

    /// The same by the expiry of their rule, where it has one, else by that of a tier, where that has one.
    pub fn expires_at_in(
        &self,
        own: Option<&ExpiryPolicy>,
        tier: Option<&str>,
        active_from: Timestamp,
    ) -> Option<Timestamp> {
        let tier = self.terms.tiers.as_ref().and_then(|tiers| tiers.named(tier?));
        let policy = own.or_else(|| tier?.expiry.as_ref()).unwrap_or(&self.terms.expiry);
        policy.expires_at(active_from, &self.zone)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use super::super::rule::{Effect, Filters, MAX_MULTIPLIERS};
    use super::*;

    /// Terms under which every whole 1.00 earns one point at once and for ever.
    pub(crate) fn terms() -> Terms {
        Terms {
            display_name: "Test".into(),
            points_name: "points".into(),
            time_zone: "Asia/Shanghai".into(),
            auto_enroll: true,
            delivery_earns: false,
            tax_earns: false,
            rounding: Rounding::Floor,
            rules: vec![rule("base", Effect::PerAmount { points: 1, step_minor: 100, carry: false })],
            pending: PendingPolicy::Immediate,
            expiry: ExpiryPolicy::Never,
            overdraft: OverdraftPolicy::Refuse,
            redemption: None,
            tiers: None,
            tiers_version: 0,
            occasions: Vec::new(),
            occasions_version: 0,
            referral: None,
            referral_version: 0,
        }
    }

    pub(crate) fn rule(id: &str, effect: Effect) -> EarningRule {
        EarningRule {
            id: id.into(),
            display_name: String::new(),
            trigger: Trigger::Order,
            categories: BTreeSet::new(),
            excluded_categories: BTreeSet::new(),
            filters: Filters::default(),
            condition: None,
            priority: 0,
            exclusive: false,
            stop: false,
            start_time: None,
            end_time: None,
            caps: Vec::new(),
            expiry: None,
            effect,
        }
    }

    pub(crate) fn program(terms: Terms) -> Program {
        Program::create(
            ProgramId::from_slug("test").expect("a slug"),
            OrganizationId::default_organization(),
            "CNY".parse().expect("a currency"),
            terms,
            Timestamp::UNIX_EPOCH,
        )
        .expect("good terms")
    }

    #[test]
    fn everything_wrong_with_terms_is_said_at_once() {
        let mut wrong = terms();
        wrong.time_zone = "Mars/Olympus".into();
        wrong.rules.push(wrong.rules[0].clone());
        wrong.rules[1].categories.insert("tv".into());
        wrong.rules[1].excluded_categories.insert("tv".into());
        wrong.expiry = ExpiryPolicy::FixedDates(vec![super::super::expiry::MonthDay { month: 4, day: 31 }]);
        for i in 0..=MAX_MULTIPLIERS {
            wrong.rules.push(rule(&format!("times-{i}"), Effect::Multiplier { factor_milli: 2_000 }));
        }
        let rules: Vec<_> = wrong.check().expect_err("wrong").0.into_iter().map(|v| v.rule).collect();
        assert_eq!(
            rules,
            ["ZONE_UNKNOWN", "DATE_NEVER", "RULE_ID_REPEATED", "CATEGORY_CONTRADICTS", "MULTIPLIERS_TOO_MANY"]
        );
    }

    #[test]
    fn terms_survive_the_way_to_the_store_and_back() {
        let terms = terms();
        let json = serde_json::to_string(&terms).expect("terms are written");
        assert_eq!(serde_json::from_str::<Terms>(&json).expect("terms are read"), terms);
    }

    #[test]
    fn a_customer_is_a_member_of_a_program_once() {
        let (one, other) = (ProgramId::from_slug("a").expect("a slug"), ProgramId::from_slug("b").expect("a slug"));
        let customer = CustomerId::new();
        assert_eq!(one.member(customer), one.member(customer));
        assert_ne!(one.member(customer), other.member(customer));
        assert_ne!(one.member(customer), one.member(CustomerId::new()));
    }
}
