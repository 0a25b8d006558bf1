//! Pending: from when earned points can be spent, and what ends a wait for a delivery that does not come.
//!
//! A wait is judged by when things happened. A delivery before the time-out counts, even where it is told after the
//! time-out was written; one after it changes nothing. So a time-out that activates is written into the lot when it is
//! opened, as the moment from which it is active unless the delivery comes first; one that cancels, as the moment at
//! which the lot expires while it still waits.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::expiry::{MonthDay, first_after, never};

/// When earned points can be spent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PendingPolicy {
    /// At once.
    #[default]
    Immediate,
    /// So many days of 24 hours after the order.
    Delay {
        /// 1 to 366.
        days: i32,
    },
    /// When the order's last shipment is delivered.
    UntilDelivered,
    /// The same, with an end to the wait.
    DeliveredWithin {
        /// So many days of 24 hours after the order, 1 to 366.
        days: i32,
        /// What becomes of the points then.
        otherwise: TimedOut,
    },
    /// When the first of these days of the year after the order's begins; 1 to 20 of them.
    FixedDates(Vec<MonthDay>),
}

/// What becomes of points that waited in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimedOut {
    /// They are gone.
    Cancel,
    /// They become active.
    Activate,
}

/// How the points of an order begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// From when they can be spent; `None` while they wait for delivery.
    pub active_from: Option<Timestamp>,
    /// When they are cancelled unless they are delivered before.
    pub cancelled_at: Option<Timestamp>,
    /// Until when a delivery makes them active earlier than that.
    pub waits_until: Option<Timestamp>,
}

impl Start {
    fn at(active_from: Timestamp) -> Self {
        Self { active_from: Some(active_from), cancelled_at: None, waits_until: None }
    }
}

impl PendingPolicy {
    /// How the points of an order of `order_time` begin; `delivered` is when its last shipment was, where that is known.
    pub fn start(&self, order_time: Timestamp, delivered: Option<Timestamp>, zone: &TimeZone) -> Start {
        let waits = Start { active_from: None, cancelled_at: None, waits_until: None };
        match self {
            Self::Immediate => Start::at(order_time),
            Self::Delay { days } => Start::at(after(order_time, *days)),
            Self::FixedDates(dates) => {
                let begins = |day: Date| day.to_zoned(zone.clone()).ok();
                let day = first_after(dates, order_time.to_zoned(zone.clone()).date()).and_then(begins);
                Start::at(day.map_or(Timestamp::MAX, |day| day.timestamp()))
            }
            Self::UntilDelivered => delivered.map_or(waits, |at| Start::at(at.max(order_time))),
            Self::DeliveredWithin { days, otherwise } => {
                let end = after(order_time, *days);
                match (delivered.filter(|at| *at < end), otherwise) {
                    (Some(at), _) => Start::at(at.max(order_time)),
                    (None, TimedOut::Cancel) => Start { cancelled_at: Some(end), ..waits },
                    (None, TimedOut::Activate) => Start { waits_until: Some(end), ..Start::at(end) },
                }
            }
        }
    }

    /// What is wrong with it, under `field`: the part, the rule that it breaks, and why.
    pub(super) fn faults(&self, field: &str) -> Vec<(String, &'static str, String)> {
        match self {
            Self::FixedDates(dates) => never(dates, field),
            _ => Vec::new(),
        }
    }

    /// Whether a delivery changes something.
    pub fn awaits_delivery(&self) -> bool {
        matches!(self, Self::UntilDelivered | Self::DeliveredWithin { .. })
    }

    /// Whether the wait for a delivery has an end.
    pub fn times_out(&self) -> bool {
        matches!(self, Self::DeliveredWithin { .. })
    }
}

/// So many days of 24 hours later; the end of time where that is beyond it.
fn after(at: Timestamp, days: i32) -> Timestamp {
    at.checked_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn shanghai() -> TimeZone {
        TimeZone::get("Asia/Shanghai").expect("the zone is known")
    }

    #[test]
    fn fixed_dates_begin_with_the_local_day_that_comes_after_the_order() {
        let dates = PendingPolicy::FixedDates(vec![MonthDay { month: 7, day: 1 }, MonthDay { month: 1, day: 15 }]);
        let begins = |order: &str| dates.start(at(order), None, &shanghai()).active_from.expect("a day").to_string();
        assert_eq!(begins("2026-02-01T00:00:00Z"), "2026-06-30T16:00:00Z");
        assert_eq!(begins("2026-06-30T15:59:59Z"), "2026-06-30T16:00:00Z", "the eve, just before midnight");
        assert_eq!(begins("2026-06-30T16:00:00Z"), "2027-01-14T16:00:00Z", "the day itself is not after");
    }

    #[test]
    fn a_delivery_counts_before_the_time_out_and_not_from_it_on() {
        let order = at("2026-02-01T12:00:00Z");
        let end = at("2026-02-11T12:00:00Z");
        for otherwise in [TimedOut::Cancel, TimedOut::Activate] {
            let within = PendingPolicy::DeliveredWithin { days: 10, otherwise };
            let start = |delivered| within.start(order, delivered, &shanghai());
            assert_eq!(start(Some(at("2026-02-11T11:59:59Z"))).active_from, Some(at("2026-02-11T11:59:59Z")));
            assert_eq!(start(Some(at("2026-01-01T00:00:00Z"))).active_from, Some(order), "not before the order");
            assert_eq!(start(Some(end)), start(None));
            let (cancelled, activated) = (otherwise == TimedOut::Cancel, otherwise == TimedOut::Activate);
            assert_eq!(start(None).cancelled_at, cancelled.then_some(end));
            assert_eq!(
                (start(None).active_from, start(None).waits_until),
                (activated.then_some(end), activated.then_some(end))
            );
        }
    }

    #[test]
    fn terms_that_were_kept_before_there_were_time_outs_are_read() {
        let kept: PendingPolicy = serde_json::from_str(r#""until_delivered""#).expect("it is read");
        assert_eq!(kept, PendingPolicy::UntilDelivered);
        let kept: PendingPolicy = serde_json::from_str(r#"{"delay":{"days":3}}"#).expect("it is read");
        assert_eq!(kept, PendingPolicy::Delay { days: 3 });
    }
}
