//! Tenure: for how long somebody has been a member, and how often he bought: what a rule may favour steady customers by.
//! It is known only where a rule of the program asks for it.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The fields that ask for it.
pub const FIELDS: [&str; 2] = ["member.tenure_days", "member.order_count"];

/// Since when, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tenure {
    /// When he joined, by the business; `None` where that is not known yet, as with the order that makes him a member.
    pub joined: Option<Timestamp>,
    /// His orders that were recorded to earn before.
    pub orders: i64,
}

impl Tenure {
    /// That of one person by two names: since the first of them joined, with the orders of both; `None` where neither is known.
    pub(crate) fn joint(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        let (Some(one), Some(other)) = (one, other) else { return one.or(other) };
        let joined = [one.joined, other.joined].into_iter().flatten().min();
        Some(Self { joined, orders: one.orders + other.orders })
    }

    /// Days from the one on which he joined to that of `at`, in this zone; 0 on that day and before.
    pub fn days(&self, at: Timestamp, zone: &TimeZone) -> i64 {
        let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
        let days = self.joined.and_then(|joined| day(joined).until(day(at)).ok()).map_or(0, |span| span.get_days());
        i64::from(days.max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a29_days_are_those_of_the_program() {
        let shanghai = TimeZone::get("Asia/Shanghai").expect("a zone");
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let tenure = Tenure { joined: Some(at("2025-12-31T15:59:59Z")), orders: 3 };
        let days = |when: &str| tenure.days(at(when), &shanghai);
        assert_eq!(days("2025-12-31T16:00:00Z"), 1, "a second later it is the next day there");
        assert_eq!(days("2026-12-31T15:59:59Z"), 365);
        assert_eq!((days("2025-12-31T00:00:00Z"), days("2020-01-01T00:00:00Z")), (0, 0));
        assert_eq!(Tenure::default().days(at("2026-01-01T00:00:00Z"), &shanghai), 0);
    }
}
