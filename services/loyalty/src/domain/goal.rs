//! Goals: what of orders counts for something, and when it is enough. Each order that counts leaves an amount, dated by the
//! order's own time; what comes back of the order lowers it. Whether and when a goal was reached is a pure function of those
//! amounts, so orders that come late, in disorder or back lead to what they would have led to.
//!
//! Days are local days of the program's zone.

use std::collections::BTreeMap;

use guanxi_kernel::{Uuid, Violation};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::cap::CapPeriod;
use super::entry::OrderId;
use super::facts::Facts;
use super::firing::hits;
use super::order::OrderRecord;
use super::points::{Points, share};
use super::rule::{EarningRule, Effect, Filters};
use super::source::Trigger;

/// What of orders is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Orders, each as 1.
    Purchases,
    /// What the lines cost in the end, in minor units.
    Spend,
    /// The pieces of the lines.
    Pieces,
    /// The points that the lines earned.
    Points,
}

/// Which lines of which orders count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Its filters and condition let lines in; it gives nothing itself.
    pub lets_in: EarningRule,
    /// What those lines must come to at least, in minor units; 0 where anything will do.
    pub minimum_minor: i64,
}

impl Selection {
    /// Lets in what costs something.
    pub fn any() -> Self {
        let lets_in = EarningRule {
            id: "counts".to_owned(),
            display_name: String::new(),
            categories: Default::default(),
            excluded_categories: Default::default(),
            filters: Filters::default(),
            condition: None,
            priority: 0,
            exclusive: false,
            stop: false,
            start_time: None,
            end_time: None,
            caps: Vec::new(),
            expiry: None,
            effect: Effect::Fixed { points: 0 },
            trigger: Trigger::Order,
        };
        Self { lets_in, minimum_minor: 0 }
    }

    /// Notes everything in which it contradicts itself, under `field`.
    pub fn check(&self, field: &str, wrong: &mut Vec<Violation>) {
        self.lets_in.check(field, wrong);
    }

    /// The numbers of the lines that it lets in. A condition that comes to nothing lets nothing in.
    fn lines(&self, facts: &Facts<'_>) -> Vec<i32> {
        let parts = facts.purchase.parts(false, true);
        let hits = hits(&self.lets_in, facts, &parts).unwrap_or_default();
        hits.into_iter().map(|at| facts.purchase.lines()[parts[at].index].line).collect()
    }
}

/// How an order counts for a goal; kept with it, so that what comes back is counted as the order was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct How {
    /// What of it.
    pub measure: Measure,
    /// What the lines must come to at least, in minor units.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub minimum_minor: i64,
    /// The numbers of the lines.
    pub lines: Vec<i32>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl How {
    /// What of the order counts as it is now: less what came back. Nothing where nothing of its lines is left, or less than
    /// they must come to.
    pub fn amount(&self, record: &OrderRecord) -> i64 {
        let prices: Vec<i64> = record.detail.lines.iter().map(|line| line.price_minor).collect();
        let discounts = share(record.detail.discount_minor, &prices);
        let (mut value, mut pieces, mut points) = (0, 0, 0);
        for (line, discount) in record.detail.lines.iter().zip(discounts) {
            if self.lines.contains(&line.line) {
                let whole = line.price_minor - discount;
                value += whole - line.returned_share(Points::new(whole)).get();
                pieces += line.quantity - line.returned_quantity;
                points += (line.earned - line.returned_share(line.earned)).get();
            }
        }
        if value <= 0 || value < self.minimum_minor {
            return 0;
        }
        match self.measure {
            Measure::Purchases => 1,
            Measure::Spend => value,
            Measure::Pieces => pieces,
            Measure::Points => points,
        }
    }
}

/// What an order counts for a goal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The goal's key.
    pub goal: Uuid,
    /// The order.
    pub order: OrderId,
    /// When it was, by the business.
    pub at: Timestamp,
    /// How it counts.
    pub how: How,
    /// How much, as it is now; never below 0.
    pub amount: i64,
}

impl Counted {
    /// What an order that has just earned counts; `None` where it does not.
    pub fn of(
        goal: Uuid,
        selection: &Selection,
        measure: Measure,
        facts: &Facts<'_>,
        order: OrderId,
        record: &OrderRecord,
    ) -> Option<Self> {
        let how = How { measure, minimum_minor: selection.minimum_minor, lines: selection.lines(facts) };
        let amount = how.amount(record);
        (amount > 0).then_some(Self { goal, order, at: facts.effective_time, how, amount })
    }
}

/// When something counts, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dated {
    /// The order's time.
    pub at: Timestamp,
    /// The order: of several at one moment the one with the lower key is the first.
    pub order: OrderId,
    /// How much; never below 0.
    pub amount: i64,
}

/// What must be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// At least so much within a period; once in each.
    Count {
        /// What of.
        measure: Measure,
        /// At least 1.
        target: i64,
        /// Within what.
        period: CapPeriod,
    },
    /// An order in each of so many periods, one after the other.
    Streak {
        /// The period; not all time.
        period: CapPeriod,
        /// How many, at least 2.
        length: usize,
        /// Whether it can be reached again by the periods that follow.
        repeats: bool,
    },
    /// More than a mark within a period; once in each.
    Milestone {
        /// What of.
        basis: Measure,
        /// The mark; by itself it is not enough.
        mark: i64,
        /// Within what.
        period: CapPeriod,
    },
}

/// How far somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What counts in the present period; of a streak, the periods in a row that were not used yet.
    pub done: i64,
    /// What is needed.
    pub needed: i64,
    /// When the period ends, or the streak breaks; `None` where nothing ends.
    pub until: Option<Timestamp>,
    /// How often it was reached.
    pub reached: usize,
}

/// The key of the one period that is all time.
const EVER: &str = "ever";

impl Goal {
    /// What is counted.
    pub fn measure(&self) -> Measure {
        match self {
            Self::Count { measure, .. } | Self::Milestone { basis: measure, .. } => *measure,
            Self::Streak { .. } => Measure::Purchases,
        }
    }

    /// How much is enough.
    pub fn needed(&self) -> i64 {
        match self {
            Self::Count { target, .. } => *target,
            Self::Streak { length, .. } => i64::try_from(*length).unwrap_or(i64::MAX),
            Self::Milestone { mark, .. } => mark.saturating_add(1),
        }
    }

    fn period(&self) -> CapPeriod {
        match self {
            Self::Count { period, .. } | Self::Streak { period, .. } | Self::Milestone { period, .. } => *period,
        }
    }

    /// What was reached, each under a key of its own, and when: by the order that made it enough.
    pub fn reached(&self, counted: &[Dated], zone: &TimeZone) -> BTreeMap<String, Timestamp> {
        let periods = self.periods(counted, zone);
        if let Self::Streak { length, repeats, .. } = self {
            let mut times = Vec::new();
            for run in self.runs(&periods) {
                times.extend(run.chunks_exact(*length).filter_map(|used| used.last()).map(|(_, at)| *at));
            }
            times.sort_unstable();
            times.truncate(if *repeats { times.len() } else { 1 });
            return (1..).zip(times).map(|(number, at): (usize, _)| (number.to_string(), at)).collect();
        }
        let reached = periods.into_iter().filter_map(|(first, mut counted)| {
            counted.sort_unstable();
            let mut sum = 0_i64;
            let enough = |dated: &&Dated| {
                sum = sum.saturating_add(dated.amount);
                sum >= self.needed()
            };
            Some((key(self.period(), first), counted.iter().find(enough)?.at))
        });
        reached.collect()
    }

    /// How far somebody is at `now`, where nothing counts from `end` on.
    pub fn progress(&self, counted: &[Dated], zone: &TimeZone, end: Option<Timestamp>, now: Timestamp) -> Progress {
        let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
        let after = |last: Date| Some(last.tomorrow().ok()?.to_zoned(zone.clone()).ok()?.timestamp());
        let (first, last) = self.period().around(day(now));
        let (needed, reached) = (self.needed(), self.reached(counted, zone).len());
        let periods = self.periods(counted, zone);
        let Self::Streak { length, repeats, .. } = self else {
            let done = periods.get(&first).map_or(0, |counted| counted.iter().map(|dated| dated.amount).sum());
            let closes = if self.period() == CapPeriod::Ever { None } else { after(last) };
            return Progress { done, needed, until: closes.into_iter().chain(end).min(), reached };
        };
        if !repeats && reached > 0 {
            return Progress { done: needed, needed, until: None, reached };
        }
        let before = first.yesterday().map(|day| self.period().around(day).0);
        let runs = self.runs(&periods);
        let live = runs.last().filter(|run| {
            run.last().is_some_and(|(latest, _)| *latest == first || before.as_ref().is_ok_and(|day| latest == day))
        });
        let Some(run) = live else { return Progress { done: 0, needed, until: None, reached } };
        let done = i64::try_from(run.len() % length).unwrap_or(0);
        let bought = run.last().is_some_and(|(latest, _)| *latest == first);
        let closing =
            if bought { last.tomorrow().map(|day| self.period().around(day).1).unwrap_or(last) } else { last };
        let until = (done > 0).then(|| after(closing).into_iter().chain(end).min()).flatten();
        Progress { done, needed, until, reached }
    }

    /// What counts, by the first day of its period.
    fn periods(&self, counted: &[Dated], zone: &TimeZone) -> BTreeMap<Date, Vec<Dated>> {
        let mut periods = BTreeMap::<Date, Vec<Dated>>::new();
        for dated in counted.iter().filter(|dated| dated.amount > 0) {
            let (first, _) = self.period().around(dated.at.to_zoned(zone.clone()).date());
            periods.entry(first).or_default().push(*dated);
        }
        periods
    }

    /// Periods that follow each other without a gap, each with the moment of its first order.
    fn runs(&self, periods: &BTreeMap<Date, Vec<Dated>>) -> Vec<Vec<(Date, Timestamp)>> {
        let mut runs = Vec::<Vec<(Date, Timestamp)>>::new();
        let mut next = None;
        for (first, counted) in periods {
            let Some(at) = counted.iter().map(|dated| dated.at).min() else { continue };
            match runs.last_mut().filter(|_| next == Some(*first)) {
                Some(run) => run.push((*first, at)),
                None => runs.push(vec![(*first, at)]),
            }
            next = self.period().around(*first).1.tomorrow().ok();
        }
        runs
    }
}

fn key(period: CapPeriod, first: Date) -> String {
    if period == CapPeriod::Ever { EVER.to_owned() } else { first.to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("Asia/Shanghai").expect("a zone")
    }

    /// Noon of a day in Shanghai.
    fn noon(day: &str) -> Timestamp {
        format!("{day}T04:00:00Z").parse().expect("an instant")
    }

    fn dated(days: &[(&str, i64)]) -> Vec<Dated> {
        let one = |(number, (day, amount)): (u128, &(&str, i64))| Dated {
            at: noon(day),
            order: OrderId(Uuid::from_u128(number)),
            amount: *amount,
        };
        (1..).zip(days).map(one).collect()
    }

    fn said(reached: &BTreeMap<String, Timestamp>) -> Vec<(String, String)> {
        let day = |at: &Timestamp| at.to_zoned(zone()).date().to_string();
        reached.iter().map(|(key, at)| (key.clone(), day(at))).collect()
    }

    fn reached(goal: Goal, days: &[(&str, i64)]) -> Vec<(String, String)> {
        said(&goal.reached(&dated(days), &zone()))
    }

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(key, day)| ((*key).to_owned(), (*day).to_owned())).collect()
    }

    const MONTHLY: Goal = Goal::Count { measure: Measure::Purchases, target: 3, period: CapPeriod::Month };
    const WEEKS: Goal = Goal::Streak { period: CapPeriod::Week, length: 3, repeats: true };

    #[test]
    fn a42_the_mark_itself_is_not_enough_and_one_more_is() {
        let trip = |period| Goal::Milestone { basis: Measure::Points, mark: 100_000, period };
        assert_eq!(reached(trip(CapPeriod::Year), &[("2026-03-01", 100_000)]), []);
        let over = [("2026-03-01", 100_000), ("2026-12-31", 1)];
        assert_eq!(reached(trip(CapPeriod::Year), &over), pairs(&[("2026-01-01", "2026-12-31")]));
        let two_years = [("2026-03-01", 100_000), ("2027-01-01", 1)];
        assert_eq!(reached(trip(CapPeriod::Year), &two_years), [], "each year for itself");
        assert_eq!(reached(trip(CapPeriod::Ever), &two_years), pairs(&[("ever", "2027-01-01")]));
    }

    #[test]
    fn a_count_is_reached_at_equality_once_in_each_period() {
        let days = [
            ("2026-11-01", 1),
            ("2026-11-02", 1),
            ("2026-11-30", 1),
            ("2026-12-01", 1),
            ("2026-12-02", 1),
            ("2026-12-03", 1),
            ("2026-12-04", 1),
            ("2026-12-05", 1),
            ("2026-12-06", 1),
        ];
        let both = pairs(&[("2026-11-01", "2026-11-30"), ("2026-12-01", "2026-12-03")]);
        assert_eq!(reached(MONTHLY, &days), both);
        assert_eq!(reached(MONTHLY, &days[..2]), []);
    }

    #[test]
    fn a_streak_needs_every_period_and_uses_each_once() {
        // Weeks from Monday: 2 November, 9, 16, 23, 30; 7 December.
        let days = ["2026-11-08", "2026-11-09", "2026-11-20", "2026-11-23", "2026-11-30", "2026-12-13"];
        let with = |skip: &[usize]| -> Vec<(&str, i64)> {
            days.iter().enumerate().filter(|(at, _)| !skip.contains(at)).map(|(_, day)| (*day, 1)).collect()
        };
        assert_eq!(reached(WEEKS, &with(&[])), pairs(&[("1", "2026-11-20"), ("2", "2026-12-13")]));
        assert_eq!(reached(WEEKS, &with(&[2])), pairs(&[("1", "2026-12-13")]), "after a gap it begins again");
        assert_eq!(reached(WEEKS, &with(&[1, 4])), []);
        let once = Goal::Streak { period: CapPeriod::Week, length: 3, repeats: false };
        assert_eq!(reached(once, &with(&[])), pairs(&[("1", "2026-11-20")]));
    }

    #[test]
    fn progress_says_what_is_done_and_when_it_ends() {
        let progress = |goal: Goal, days: &[(&str, i64)], now: &str| {
            let progress = goal.progress(&dated(days), &zone(), None, noon(now));
            let until = progress.until.map(|until| until.to_string());
            (progress.done, progress.needed, until.unwrap_or_default(), progress.reached)
        };
        let days = [("2026-11-01", 1), ("2026-11-02", 1)];
        let december = "2026-11-30T16:00:00Z".to_owned();
        assert_eq!(progress(MONTHLY, &days, "2026-11-30"), (2, 3, december, 0));
        assert_eq!(progress(MONTHLY, &days, "2026-12-01").0, 0);
        let week = [("2026-11-02", 1), ("2026-11-09", 1)];
        let end_of_next = "2026-11-22T16:00:00Z".to_owned();
        assert_eq!(progress(WEEKS, &week, "2026-11-10"), (2, 3, end_of_next.clone(), 0));
        assert_eq!(progress(WEEKS, &week, "2026-11-22"), (2, 3, end_of_next, 0));
        assert_eq!(progress(WEEKS, &week, "2026-11-23"), (0, 3, String::new(), 0), "it broke");
        let three = [("2026-11-02", 1), ("2026-11-09", 1), ("2026-11-16", 1)];
        assert_eq!(progress(WEEKS, &three, "2026-11-17"), (0, 3, String::new(), 1), "used up");
        let trip = Goal::Milestone { basis: Measure::Spend, mark: 10, period: CapPeriod::Ever };
        assert_eq!(progress(trip, &[("2026-11-02", 10)], "2026-11-17"), (10, 11, String::new(), 0));
    }

    proptest! {
        #[test]
        fn disorder_changes_nothing_and_more_never_takes_away(
            days in prop::collection::vec((0..60_i64, 0..3_i64), 0..40),
            shuffle in any::<u64>(),
        ) {
            let start = noon("2026-11-01");
            let one = |(number, (day, amount)): (u128, &(i64, i64))| Dated {
                at: start + jiff::SignedDuration::from_hours(24 * day),
                order: OrderId(Uuid::from_u128(number)),
                amount: *amount,
            };
            let counted: Vec<Dated> = (1..).zip(&days).map(one).collect();
            let mut other = counted.clone();
            other.sort_by_key(|dated| dated.order.0.as_u128().wrapping_mul(u128::from(shuffle) | 1));
            for goal in [MONTHLY, WEEKS, Goal::Milestone { basis: Measure::Spend, mark: 9, period: CapPeriod::Ever }] {
                let reached = goal.reached(&counted, &zone());
                prop_assert_eq!(&reached, &goal.reached(&other, &zone()));
                let fewer = goal.reached(&counted[counted.len().min(1)..], &zone());
                prop_assert!(fewer.keys().all(|key| reached.contains_key(key)));
                prop_assert_eq!(goal.progress(&counted, &zone(), None, start).reached, reached.len());
            }
        }
    }
}
