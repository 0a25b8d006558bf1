//! Retention: who of a campaign's members came back, beside those who were held out, what orders cost in points before and
//! while it ran, and what it brought in. What counts is what members did who would not have done it: how many points or
//! coupons were used says nothing of that.

use jiff::Timestamp;

use super::lift::{Arm, Lift, lift};
use super::points::Points;
use super::redemption::Redemption;

/// The time that a campaign has run, and a time as long before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// From when the time before counts.
    pub before: Timestamp,
    /// When the campaign began, and the time before ended.
    pub start: Timestamp,
    /// When it ended; now where it runs. Not before `start`.
    pub end: Timestamp,
}

impl Windows {
    /// Of a campaign between these moments, at `now`.
    pub fn new(start: Timestamp, end: Timestamp, now: Timestamp) -> Self {
        let end = end.min(now).max(start);
        let before = start.checked_sub(end.duration_since(start)).unwrap_or(Timestamp::MIN);
        Self { before, start, end }
    }
}

/// What one member bought in one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bought {
    /// Orders that were recorded to earn.
    pub orders: i64,
    /// Points that they earned, less what was due back.
    pub points: Points,
}

/// What members bought in one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trade {
    /// Those who bought.
    pub buyers: i64,
    /// Those who bought more than once.
    pub repeat_buyers: i64,
    /// Their orders.
    pub orders: i64,
    /// Points that those earned.
    pub points: Points,
}

impl Trade {
    /// Adds a member.
    pub fn add(&mut self, bought: Bought) {
        self.buyers += i64::from(bought.orders > 0);
        self.repeat_buyers += i64::from(bought.orders > 1);
        self.orders += bought.orders;
        self.points += bought.points;
    }

    /// What the points of an order are worth on average, in thousandths of a minor unit, down. `None` without orders.
    pub fn cost_per_order_milli(&self, worth: &Redemption) -> Option<i64> {
        let points = i128::from(self.points.get()) * i128::from(worth.minor_units) * 1_000;
        let cost = points.checked_div(i128::from(worth.points.get()) * i128::from(self.orders))?;
        Some(i64::try_from(cost).unwrap_or(i64::MAX))
    }
}

/// Who of some members came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// All of them.
    pub members: i64,
    /// Those who bought in the time before.
    pub bought_before: i64,
    /// Those of them who bought while the campaign ran.
    pub retained: i64,
    /// Those who bought while it ran.
    pub buyers: i64,
    /// Those of them who bought more than once.
    pub repeat_buyers: i64,
}

impl Retention {
    /// Adds a member.
    pub fn add(&mut self, before: Bought, during: Bought) {
        let (bought, comes) = (before.orders > 0, during.orders > 0);
        self.members += 1;
        self.bought_before += i64::from(bought);
        self.retained += i64::from(bought && comes);
        self.buyers += i64::from(comes);
        self.repeat_buyers += i64::from(during.orders > 1);
    }

    /// How much more of the reached who had bought before came back than of the held out.
    pub fn retention_lift(reached: &Self, held_out: &Self) -> Option<Lift> {
        let arm = |arm: &Self| share(arm.retained, arm.bought_before);
        lift(&arm(reached), &arm(held_out))
    }

    /// How much more of the reached who bought did so more than once.
    pub fn repeat_lift(reached: &Self, held_out: &Self) -> Option<Lift> {
        let arm = |arm: &Self| share(arm.repeat_buyers, arm.buyers);
        lift(&arm(reached), &arm(held_out))
    }
}

/// Members of whom so many did something: each is 1 or 0, and so is its square.
fn share(of: i64, members: i64) -> Arm {
    Arm { members, sum: of, squares: of as f64 }
}

/// What a campaign brought in, in minor units, each with the ends of its interval of 95 %, lower and upper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Increment {
    /// What goods cost in the end, more than without it.
    pub value: [i64; 3],
    /// The margin of that, less what its points are worth; `None` where either is not known.
    pub margin: Option<[i64; 3]>,
}

impl Increment {
    /// Of this lift of value, of so many members who were reached. `margin_permille` of value is margin, and the points that
    /// were given are worth `cost`.
    pub fn new(lift: &Lift, reached: i64, cost: Option<i64>, margin_permille: Option<i32>) -> Self {
        let value = [lift.difference_milli, lift.lower_milli, lift.upper_milli].map(|milli| times(milli, reached));
        let margin = cost.zip(margin_permille);
        Self { value, margin: margin.map(|(cost, permille)| value.map(|value| times(value, permille.into()) - cost)) }
    }
}

/// A thousandth of a product, to the nearest, halves away from zero.
fn times(milli: i64, by: i64) -> i64 {
    let product = i128::from(milli) * i128::from(by);
    i64::try_from((product + 500 * product.signum()) / 1_000).unwrap_or(if product < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bought(orders: i64, points: i64) -> Bought {
        Bought { orders, points: Points::new(points) }
    }

    #[test]
    fn a36_who_came_back_is_counted_of_those_who_had_bought_before() {
        let (mut reached, mut held_out) = (Retention::default(), Retention::default());
        for (before, during) in [(1, 2), (1, 1), (1, 1), (1, 0), (0, 3), (0, 0)] {
            reached.add(bought(before, 0), bought(during, 0));
        }
        for (before, during) in [(1, 1), (1, 0), (1, 0), (1, 0), (0, 1), (0, 1)] {
            held_out.add(bought(before, 0), bought(during, 0));
        }
        let all = Retention { members: 6, bought_before: 4, retained: 3, buyers: 4, repeat_buyers: 2 };
        assert_eq!(reached, all);
        // Shares of 3/4 and 1/4 with sample variances of 1/4 each: a standard error of sqrt(1/16 + 1/16) = 0.353553; 1.96 of
        // those are 0.692965.
        let lift = Retention::retention_lift(&reached, &held_out).expect("there are enough");
        assert_eq!((lift.reached_milli, lift.held_out_milli, lift.difference_milli), (750, 250, 500));
        assert_eq!((lift.lower_milli, lift.upper_milli), (-193, 1_193));
        let repeat = Retention::repeat_lift(&reached, &held_out).expect("there are enough");
        assert_eq!((repeat.reached_milli, repeat.held_out_milli), (500, 0), "of four buyers two, of three none");
        assert_eq!(Retention::repeat_lift(&reached, &Retention::default()), None);
    }

    #[test]
    fn a77_an_order_costs_what_its_points_are_worth() {
        let mut trade = Trade::default();
        [bought(2, 250), bought(1, 51), bought(0, 0)].into_iter().for_each(|bought| trade.add(bought));
        assert_eq!(trade, Trade { buyers: 2, repeat_buyers: 1, orders: 3, points: Points::new(301) });
        let worth = Redemption {
            points: Points::new(100),
            minor_units: 50,
            step: Points::new(100),
            minimum: Points::ZERO,
            maximum_permille: 1_000,
        };
        assert_eq!(
            trade.cost_per_order_milli(&worth),
            Some(50_166),
            "301 points are 150.5 minor units, of three orders"
        );
        assert_eq!(Trade::default().cost_per_order_milli(&worth), None);
    }

    #[test]
    fn a77_what_it_brought_in_is_the_lift_of_all_who_were_reached_less_its_cost() {
        let lift = Lift {
            reached_milli: 9_000,
            held_out_milli: 6_000,
            difference_milli: 3_000,
            lower_milli: -500,
            upper_milli: 6_500,
        };
        let known = Increment::new(&lift, 40, Some(35), Some(250));
        assert_eq!(known, Increment { value: [120, -20, 260], margin: Some([-5, -40, 30]) });
        assert_eq!(Increment::new(&lift, 40, None, Some(250)).margin, None);
        assert_eq!(Increment::new(&lift, 40, Some(35), None).margin, None);
    }

    #[test]
    fn the_time_before_is_as_long_as_the_campaign_has_run() {
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let (start, end) = (at("2026-11-11T00:00:00Z"), at("2026-11-21T00:00:00Z"));
        let windows = |now: &str| Windows::new(start, end, at(now));
        let running = Windows { before: at("2026-11-08T00:00:00Z"), start, end: at("2026-11-14T00:00:00Z") };
        assert_eq!(windows("2026-11-14T00:00:00Z"), running);
        assert_eq!(windows("2027-01-01T00:00:00Z"), Windows { before: at("2026-11-01T00:00:00Z"), start, end });
        assert_eq!(windows("2026-01-01T00:00:00Z"), Windows { before: start, start, end: start });
    }
}
