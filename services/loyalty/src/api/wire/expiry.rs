//! Waiting, expiry and lengths of time as messages.

use guanxi_contracts::loyalty::v1 as proto;
use guanxi_kernel::Violation;

use crate::domain::expiry::{ExpiryPolicy, MonthDay, Period, PeriodEnd, PeriodUnit};
use crate::domain::pending::{PendingPolicy, TimedOut};

/// The one part that a choice under `field` was given; that it has none or several is added to `wrong`.
pub(super) fn choose<T, const N: usize>(
    wrong: &mut Vec<Violation>,
    field: &str,
    of: &str,
    given: [Option<T>; N],
    otherwise: T,
) -> T {
    let mut given = given.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(one), None) => one,
        _ => {
            wrong.push(Violation {
                field: field.to_owned(),
                rule: "EXACTLY_ONE".into(),
                description: format!("exactly one of {of} must be given"),
            });
            otherwise
        }
    }
}

/// The wait that `field` holds.
pub(super) fn pending(wrong: &mut Vec<Violation>, field: &str, given: &proto::PendingPolicy) -> PendingPolicy {
    let delay = given.delay.as_ref().map(|delay| PendingPolicy::Delay { days: delay.days });
    let delivered = given.delivered.as_ref().map(|delivered| match &delivered.timeout {
        None => PendingPolicy::UntilDelivered,
        Some(timeout) => PendingPolicy::DeliveredWithin {
            days: timeout.days,
            otherwise: match timeout.action() {
                proto::TimeoutAction::Activate => TimedOut::Activate,
                proto::TimeoutAction::Cancel | proto::TimeoutAction::Unspecified => TimedOut::Cancel,
            },
        },
    });
    let dates = given.fixed_dates.as_ref().map(|given| PendingPolicy::FixedDates(days(&given.dates)));
    let of = "delay, delivered, fixed_dates";
    choose(wrong, field, of, [delay, delivered, dates], PendingPolicy::Immediate)
}

/// A wait as a message; none where there is no wait.
pub(super) fn to_pending(pending: &PendingPolicy) -> Option<proto::PendingPolicy> {
    let mut message = proto::PendingPolicy::default();
    match pending {
        PendingPolicy::Immediate => return None,
        PendingPolicy::Delay { days } => message.delay = Some(proto::DelayDays { days: *days }),
        PendingPolicy::UntilDelivered => message.delivered = Some(proto::UntilDelivered { timeout: None }),
        PendingPolicy::DeliveredWithin { days, otherwise } => {
            let action = match otherwise {
                TimedOut::Cancel => proto::TimeoutAction::Cancel,
                TimedOut::Activate => proto::TimeoutAction::Activate,
            };
            let timeout = Some(proto::DeliveryTimeout { days: *days, action: action.into() });
            message.delivered = Some(proto::UntilDelivered { timeout });
        }
        PendingPolicy::FixedDates(dates) => {
            message.fixed_dates = Some(proto::FixedDatesPending { dates: to_days(dates) });
        }
    }
    Some(message)
}

/// The expiry that `field` holds.
pub(super) fn expiry(wrong: &mut Vec<Violation>, field: &str, given: &proto::ExpiryPolicy) -> ExpiryPolicy {
    let after = given.period.as_ref().map(|given| ExpiryPolicy::Period {
        period: period(given.period.as_ref()),
        extend_to: match given.extend_to() {
            proto::PeriodEnd::Unspecified => None,
            proto::PeriodEnd::Month => Some(PeriodEnd::Month),
            proto::PeriodEnd::Quarter => Some(PeriodEnd::Quarter),
            proto::PeriodEnd::HalfYear => Some(PeriodEnd::HalfYear),
            proto::PeriodEnd::Year => Some(PeriodEnd::Year),
        },
    });
    let fixed = given.fixed_dates.as_ref().map(|given| ExpiryPolicy::FixedDates(days(&given.dates)));
    let sliding = given.sliding.as_ref().map(|given| ExpiryPolicy::Sliding(period(given.period.as_ref())));
    let never = given.never.as_ref().map(|_| ExpiryPolicy::Never);
    let of = "period, fixed_dates, sliding, never";
    choose(wrong, field, of, [after, fixed, sliding, never], ExpiryPolicy::Never)
}

/// A program's expiry as a message; none where it is never.
pub(super) fn to_expiry(expiry: &ExpiryPolicy) -> Option<proto::ExpiryPolicy> {
    (*expiry != ExpiryPolicy::Never).then(|| to_own_expiry(expiry))
}

/// The expiry of a tier or rule as a message.
pub(super) fn to_own_expiry(expiry: &ExpiryPolicy) -> proto::ExpiryPolicy {
    let to_period = |period: &Period| Some(to_period(period));
    let mut policy = proto::ExpiryPolicy::default();
    match expiry {
        ExpiryPolicy::Never => policy.never = Some(proto::NeverExpiry {}),
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
            policy.fixed_dates = Some(proto::FixedDatesExpiry { dates: to_days(dates) });
        }
        ExpiryPolicy::Sliding(period) => policy.sliding = Some(proto::SlidingExpiry { period: to_period(period) }),
    }
    policy
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

/// A length of time as a message.
pub(super) fn to_period(period: &Period) -> proto::Period {
    let unit = match period.unit {
        PeriodUnit::Day => proto::PeriodUnit::Day,
        PeriodUnit::Month => proto::PeriodUnit::Month,
        PeriodUnit::Year => proto::PeriodUnit::Year,
    };
    proto::Period { count: period.count, unit: unit.into() }
}

/// Days of every year; the contract's rules keep the numbers small.
fn days(given: &[proto::MonthDay]) -> Vec<MonthDay> {
    let small = |number: i32| i8::try_from(number).unwrap_or(i8::MAX);
    given.iter().map(|date| MonthDay { month: small(date.month), day: small(date.day) }).collect()
}

fn to_days(dates: &[MonthDay]) -> Vec<proto::MonthDay> {
    dates.iter().map(|date| proto::MonthDay { month: date.month.into(), day: date.day.into() }).collect()
}
