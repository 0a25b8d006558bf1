//! Programs as messages.

use guanxi_contracts::loyalty::v1 as proto;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::{Refused, Violation};

use super::{occasion, referral, rule, tier};
use crate::domain::expiry::{ExpiryPolicy, MonthDay, Period, PeriodEnd, PeriodUnit};
use crate::domain::points::Points;
use crate::domain::program::{OverdraftPolicy, PendingPolicy, Program, Rounding, Terms};
use crate::domain::redemption::Redemption;

/// The terms that a message gives. What the terms themselves contradict is said by their own check.
///
/// # Errors
/// INVALID_ARGUMENT where a choice has none or several of its parts; all of them at once.
pub fn terms(program: &proto::Program) -> Result<Terms, Refused> {
    let mut wrong = Wrong::default();
    let terms = Terms {
        display_name: program.display_name.clone(),
        points_name: program.point_currency.as_ref().map(|c| c.display_name.clone()).unwrap_or_default(),
        time_zone: program.time_zone.clone(),
        auto_enroll: program.auto_enroll,
        delivery_earns: program.delivery_earns,
        rounding: match program.rounding() {
            proto::Rounding::HalfUp => Rounding::HalfUp,
            proto::Rounding::Ceiling => Rounding::Ceiling,
            proto::Rounding::Floor | proto::Rounding::Unspecified => Rounding::Floor,
        },
        rules: rule::rules(&program.earning_rules, "program.earning_rules", &mut wrong.0),
        pending: program.pending.as_ref().map(|pending| wrong.pending(pending)).unwrap_or_default(),
        expiry: program.expiry.as_ref().map(|expiry| wrong.expiry("expiry", expiry)).unwrap_or_default(),
        overdraft: program.negative_balance.as_ref().map(|policy| wrong.overdraft(policy)).unwrap_or_default(),
        redemption: program.redemption.as_ref().map(redemption),
        tiers: program.tiers.as_ref().map(|tiers| tier::policy(tiers, &mut wrong)),
        tiers_version: 0,
        occasions: program.occasions.iter().map(occasion::rule).collect(),
        occasions_version: 0,
        referral: program.referral.as_ref().map(|given| referral::terms(given, &mut wrong.0)),
        referral_version: 0,
    };
    if wrong.0.is_empty() { Ok(terms) } else { Err(Refused::violations(wrong.0)) }
}

/// The choices that were not made, or made twice.
#[derive(Default)]
pub(super) struct Wrong(Vec<Violation>);

impl Wrong {
    pub(super) fn choose<T>(&mut self, field: &str, of: &str, given: [Option<T>; 3], otherwise: T) -> T {
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(one), None) => one,
            _ => {
                self.0.push(Violation {
                    field: format!("program.{field}"),
                    rule: "EXACTLY_ONE".into(),
                    description: format!("exactly one of {of} must be given"),
                });
                otherwise
            }
        }
    }

    fn pending(&mut self, pending: &proto::PendingPolicy) -> PendingPolicy {
        let delay = pending.delay.as_ref().map(|delay| PendingPolicy::Delay { days: delay.days });
        let delivered = pending.delivered.as_ref().map(|_| PendingPolicy::UntilDelivered);
        self.choose("pending", "delay, delivered", [delay, delivered, None], PendingPolicy::Immediate)
    }

    /// The expiry that `field` holds.
    pub(super) fn expiry(&mut self, field: &str, expiry: &proto::ExpiryPolicy) -> ExpiryPolicy {
        let after = expiry.period.as_ref().map(|given| ExpiryPolicy::Period {
            period: period(given.period.as_ref()),
            extend_to: match given.extend_to() {
                proto::PeriodEnd::Unspecified => None,
                proto::PeriodEnd::Month => Some(PeriodEnd::Month),
                proto::PeriodEnd::Quarter => Some(PeriodEnd::Quarter),
                proto::PeriodEnd::HalfYear => Some(PeriodEnd::HalfYear),
                proto::PeriodEnd::Year => Some(PeriodEnd::Year),
            },
        });
        let day = |date: &proto::MonthDay| MonthDay { month: small(date.month), day: small(date.day) };
        let fixed =
            expiry.fixed_dates.as_ref().map(|given| ExpiryPolicy::FixedDates(given.dates.iter().map(day).collect()));
        let sliding = expiry.sliding.as_ref().map(|given| ExpiryPolicy::Sliding(period(given.period.as_ref())));
        self.choose(field, "period, fixed_dates, sliding", [after, fixed, sliding], ExpiryPolicy::Never)
    }

    fn overdraft(&mut self, policy: &proto::NegativeBalancePolicy) -> OverdraftPolicy {
        let refuse = policy.refuse.as_ref().map(|_| OverdraftPolicy::Refuse);
        let clamp = policy.clamp.as_ref().map(|_| OverdraftPolicy::Clamp);
        let allow = policy.allow.as_ref().map(|allow| OverdraftPolicy::Allow { floor: Points::new(allow.floor) });
        self.choose("negative_balance", "refuse, clamp, allow", [refuse, clamp, allow], OverdraftPolicy::Refuse)
    }
}

/// What points are worth; the step is what the value is given for and the share the whole order where they are absent.
fn redemption(given: &proto::Redemption) -> Redemption {
    Redemption {
        points: Points::new(given.points),
        minor_units: given.minor_units,
        step: Points::new(if given.step_points == 0 { given.points } else { given.step_points }),
        minimum: Points::new(given.minimum_points),
        maximum_permille: if given.maximum_permille == 0 { 1_000 } else { given.maximum_permille.into() },
    }
}

fn to_redemption(terms: Redemption) -> proto::Redemption {
    proto::Redemption {
        points: terms.points.get(),
        minor_units: terms.minor_units,
        step_points: terms.step.get(),
        minimum_points: terms.minimum.get(),
        maximum_permille: i32::try_from(terms.maximum_permille).unwrap_or(1_000),
    }
}

/// A month or day; the contract's rules keep it small.
fn small(number: i32) -> i8 {
    i8::try_from(number).unwrap_or(i8::MAX)
}

/// A length of time; a day where it is absent, which the contract refuses.
pub(super) fn period(given: Option<&proto::Period>) -> Period {
    let unit = match given.map(proto::Period::unit) {
        Some(proto::PeriodUnit::Month) => PeriodUnit::Month,
        Some(proto::PeriodUnit::Year) => PeriodUnit::Year,
        Some(proto::PeriodUnit::Day | proto::PeriodUnit::Unspecified) | None => PeriodUnit::Day,
    };
    Period { count: given.map_or(1, |period| period.count), unit }
}

/// A program as a message.
pub fn program(program: &Program) -> proto::Program {
    let Terms { rounding, rules, pending, expiry, overdraft, .. } = &program.terms;
    proto::Program {
        name: program.id.to_string(),
        organization: program.organization.to_string(),
        display_name: program.terms.display_name.clone(),
        point_currency: Some(proto::PointCurrency { display_name: program.terms.points_name.clone() }),
        currency_code: program.currency.code().to_owned(),
        time_zone: program.terms.time_zone.clone(),
        auto_enroll: program.terms.auto_enroll,
        delivery_earns: program.terms.delivery_earns,
        rounding: match rounding {
            Rounding::Floor => proto::Rounding::Floor,
            Rounding::HalfUp => proto::Rounding::HalfUp,
            Rounding::Ceiling => proto::Rounding::Ceiling,
        }
        .into(),
        earning_rules: rules.iter().map(rule::to_rule).collect(),
        pending: to_pending(*pending),
        expiry: to_expiry(expiry),
        negative_balance: Some(to_overdraft(*overdraft)),
        redemption: program.terms.redemption.map(to_redemption),
        tiers: program.terms.tiers.as_ref().map(tier::to_policy),
        occasions: program.terms.occasions.iter().map(occasion::to_rule).collect(),
        referral: program.terms.referral.as_ref().map(referral::to_terms),
        create_time: Some(to_proto(program.create_time)),
        update_time: Some(to_proto(program.update_time)),
        etag: etag(program),
    }
}

/// What changes with every change of a program.
pub fn etag(program: &Program) -> String {
    program.version.to_string()
}

fn to_pending(pending: PendingPolicy) -> Option<proto::PendingPolicy> {
    match pending {
        PendingPolicy::Immediate => None,
        PendingPolicy::Delay { days } => {
            Some(proto::PendingPolicy { delay: Some(proto::DelayDays { days }), delivered: None })
        }
        PendingPolicy::UntilDelivered => {
            Some(proto::PendingPolicy { delay: None, delivered: Some(proto::UntilDelivered {}) })
        }
    }
}

/// A length of time as a message.
pub(super) fn to_period(period: &Period) -> proto::Period {
    let unit = match period.unit {
        PeriodUnit::Day => proto::PeriodUnit::Day,
        PeriodUnit::Month => proto::PeriodUnit::Month,
        PeriodUnit::Year => proto::PeriodUnit::Year,
    };
    proto::Period { count: period.count, unit: unit.into() }
}

/// An expiry as a message.
pub(super) fn to_expiry(expiry: &ExpiryPolicy) -> Option<proto::ExpiryPolicy> {
    let to_period = |period: &Period| Some(to_period(period));
    let mut policy = proto::ExpiryPolicy::default();
    match expiry {
        ExpiryPolicy::Never => return None,
        ExpiryPolicy::Period { period, extend_to } => {
            let extend_to = match extend_to {
                None => proto::PeriodEnd::Unspecified,
                Some(PeriodEnd::Month) => proto::PeriodEnd::Month,
                Some(PeriodEnd::Quarter) => proto::PeriodEnd::Quarter,
                Some(PeriodEnd::HalfYear) => proto::PeriodEnd::HalfYear,
                Some(PeriodEnd::Year) => proto::PeriodEnd::Year,
            };
            policy.period = Some(proto::PeriodExpiry { period: to_period(period), extend_to: extend_to.into() });
        }
        ExpiryPolicy::FixedDates(dates) => {
            let day = |date: &MonthDay| proto::MonthDay { month: date.month.into(), day: date.day.into() };
            policy.fixed_dates = Some(proto::FixedDatesExpiry { dates: dates.iter().map(day).collect() });
        }
        ExpiryPolicy::Sliding(period) => policy.sliding = Some(proto::SlidingExpiry { period: to_period(period) }),
    }
    Some(policy)
}

fn to_overdraft(overdraft: OverdraftPolicy) -> proto::NegativeBalancePolicy {
    let mut policy = proto::NegativeBalancePolicy::default();
    match overdraft {
        OverdraftPolicy::Refuse => policy.refuse = Some(proto::RefuseOverdraft {}),
        OverdraftPolicy::Clamp => policy.clamp = Some(proto::ClampOverdraft {}),
        OverdraftPolicy::Allow { floor } => policy.allow = Some(proto::AllowOverdraft { floor: floor.get() }),
    }
    policy
}
