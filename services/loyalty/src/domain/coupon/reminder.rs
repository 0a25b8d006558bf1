//! Reminders: a member hears of a coupon 7 days before it expires, and 1 day before.

use jiff::{SignedDuration, Timestamp};

/// How many days before the expiry a reminder is due, the earlier first.
pub const DAYS_BEFORE: [i32; 2] = [7, 1];

fn due(expire_time: Timestamp, days: i32) -> Timestamp {
    expire_time.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MIN)
}

/// When the next reminder after `after` is due; `None` where there is none. A coupon that is made when a reminder would
/// have been due already is not reminded of for it: its making said when it expires.
pub fn next(expire_time: Timestamp, after: Timestamp) -> Option<Timestamp> {
    DAYS_BEFORE.into_iter().map(|days| due(expire_time, days)).find(|due| *due > after)
}

/// Which reminder is due at `now`: the nearest to the expiry of those whose time has come.
pub fn mark(expire_time: Timestamp, now: Timestamp) -> Option<i32> {
    DAYS_BEFORE.into_iter().rev().find(|days| due(expire_time, *days) <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn seven_days_and_one_day_before() {
        let expiry = at("2026-12-01T00:00:00Z");
        assert_eq!(next(expiry, at("2026-11-01T00:00:00Z")), Some(at("2026-11-24T00:00:00Z")));
        assert_eq!(next(expiry, at("2026-11-24T00:00:00Z")), Some(at("2026-11-30T00:00:00Z")));
        assert_eq!(next(expiry, at("2026-11-30T00:00:00Z")), None);
        assert_eq!(mark(expiry, at("2026-11-23T23:59:59Z")), None);
        assert_eq!(mark(expiry, at("2026-11-25T00:00:00Z")), Some(7));
        assert_eq!(mark(expiry, at("2026-11-30T12:00:00Z")), Some(1));
        assert_eq!(mark(expiry, at("2027-01-01T00:00:00Z")), Some(1), "late, and once");
    }
}
