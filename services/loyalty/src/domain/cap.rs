//! Caps: the most points that a rule gives one member within a day, week, month or year of the program's zone, or ever; and
//! what is known of what a member's rules have given before.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::points::Points;

/// The most that a rule gives one member within a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// At least 1.
    pub points: Points,
    /// Within what.
    pub period: CapPeriod,
}

/// A period of the calendar, in the program's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapPeriod {
    /// A local day.
    Day,
    /// A week from Monday.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
    /// All time.
    Ever,
}

impl CapPeriod {
    /// Its first and last day, where it holds `day`.
    pub(super) fn around(self, day: Date) -> (Date, Date) {
        let monday = || {
            let back = i64::from(day.weekday().to_monday_zero_offset());
            day.checked_sub(back.days()).unwrap_or(Date::MIN)
        };
        match self {
            Self::Day => (day, day),
            Self::Week => (monday(), monday().checked_add(6.days()).unwrap_or(Date::MAX)),
            Self::Month => (day.first_of_month(), day.last_of_month()),
            Self::Year => (day.first_of_year(), day.last_of_year()),
            Self::Ever => (Date::MIN, Date::MAX),
        }
    }
}

/// What one rule gave a member for one order, kept of rules that are capped or carry what is left of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The rule's key: its id, behind its campaign's slug and a slash where it is of one.
    pub rule: String,
    /// The local day of the order.
    pub day: Date,
    /// What it gave.
    pub points: Points,
    /// By how much the money that waits for the next order grew, in minor units; below zero where it was used up.
    pub carried_minor: i64,
}

/// What a member's rules gave before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    rules: BTreeMap<String, Given>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Given {
    by_day: BTreeMap<Date, Points>,
    carried_minor: i64,
}

impl Standing {
    /// Counts what a rule gave.
    pub fn add(&mut self, grant: &Grant) {
        let given = self.rules.entry(grant.rule.clone()).or_default();
        *given.by_day.entry(grant.day).or_default() += grant.points;
        given.carried_minor += grant.carried_minor;
    }

    /// Counts what the rules of another gave, who is the same person.
    pub fn join(&mut self, other: &Self) {
        for (rule, theirs) in &other.rules {
            let given = self.rules.entry(rule.clone()).or_default();
            for (day, points) in &theirs.by_day {
                *given.by_day.entry(*day).or_default() += *points;
            }
            given.carried_minor += theirs.carried_minor;
        }
    }

    /// How many points a rule with these caps may still give for an order of `day`; `None` where it has no cap.
    pub fn room(&self, rule: &str, caps: &[Cap], day: Date) -> Option<Points> {
        let given = self.rules.get(rule);
        let room = |cap: &Cap| {
            let (first, last) = cap.period.around(day);
            let used = given.map(|given| given.by_day.range(first..=last).map(|(_, points)| *points).sum());
            (cap.points - used.unwrap_or_default()).or_zero()
        };
        caps.iter().map(room).min()
    }

    /// The money of earlier orders that was too little for a step of this rule, in minor units.
    pub fn carried_minor(&self, rule: &str) -> i64 {
        self.rules.get(rule).map_or(0, |given| given.carried_minor.max(0))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn given(days: &[(Date, i64)]) -> Standing {
        let mut standing = Standing::default();
        for (day, points) in days {
            let points = Points::new(*points);
            standing.add(&Grant { rule: "r".into(), day: *day, points, carried_minor: 0 });
        }
        standing
    }

    #[test]
    fn periods_are_those_of_the_calendar() {
        // 2026-11-22 is a Sunday.
        let sunday = date(2026, 11, 22);
        assert_eq!(CapPeriod::Week.around(sunday), (date(2026, 11, 16), sunday));
        assert_eq!(CapPeriod::Month.around(sunday), (date(2026, 11, 1), date(2026, 11, 30)));
        assert_eq!(CapPeriod::Year.around(sunday), (date(2026, 1, 1), date(2026, 12, 31)));
        assert_eq!(CapPeriod::Day.around(sunday), (sunday, sunday));
    }

    #[test]
    fn the_tightest_of_several_caps_decides_and_other_periods_do_not_count() {
        let caps = [
            Cap { points: Points::new(10), period: CapPeriod::Day },
            Cap { points: Points::new(25), period: CapPeriod::Week },
        ];
        let standing = given(&[(date(2026, 11, 15), 10), (date(2026, 11, 16), 9), (date(2026, 11, 21), 10)]);
        assert_eq!(standing.room("r", &caps, date(2026, 11, 22)), Some(Points::new(6)));
        assert_eq!(standing.room("r", &caps, date(2026, 11, 23)), Some(Points::new(10)));
        assert_eq!(standing.room("r", &caps, date(2026, 11, 21)), Some(Points::ZERO));
        assert_eq!(standing.room("other", &caps, date(2026, 11, 21)), Some(Points::new(10)));
        assert_eq!(standing.room("r", &[], date(2026, 11, 21)), None);
    }
}
