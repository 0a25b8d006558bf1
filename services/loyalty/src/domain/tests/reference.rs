//! A slow, simple second implementation: every point is an object with a history of its own. It knows credits and debits, by
//! orders, by hand and by gifts, deliveries and time, and no returns at all: what a return must lead to is this model run again without the order.

use jiff::Timestamp;

use super::super::expiry::ExpiryPolicy;
use super::super::pending::Start;
use super::super::program::Program;

/// What happened, in order, each at its own time.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    /// An order earned points.
    Earn { order: usize, points: i64 },
    /// An order's points became active.
    Deliver { order: usize },
    /// Points were spent, on an order or on nothing that can be returned.
    Spend { order: Option<usize>, points: i64 },
    /// Points were credited by hand, with an expiry of their own, in days, where one is given.
    Credit { points: i64, days: Option<i64> },
    /// Points were taken by hand.
    Debit { points: i64 },
    /// Points were given to another member.
    Give { points: i64 },
    /// Nothing but time.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Lot,
    Spent,
    PaidDeficit,
}

#[derive(Debug, Clone)]
struct Point {
    /// `None` where no order earned it.
    order: Option<usize>,
    earned: Timestamp,
    active_from: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    /// Of what never was active: when that is over.
    cancelled_at: Option<Timestamp>,
    /// Until when a delivery makes it active earlier.
    waits_until: Option<Timestamp>,
    /// The expiry of its rule.
    own: Option<ExpiryPolicy>,
    place: Place,
}

/// The model.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    points: Vec<Point>,
    deficit: i64,
}

impl Model {
    /// What a history comes to, leaving out what `without` says.
    pub(super) fn run(program: &Program, history: &[(Timestamp, Happening)], without: impl Fn(usize) -> bool) -> Self {
        let mut model = Self::default();
        for (now, happening) in history {
            model.pay(*now);
            match *happening {
                Happening::Earn { order, points } if !without(order) => model.earn(program, order, points, *now),
                Happening::Deliver { order } => model.deliver(program, order, *now),
                Happening::Spend { order, points } if !order.is_some_and(&without) => {
                    model.spend(program, points, *now);
                }
                Happening::Credit { points, days } => model.credit(program, points, days, *now),
                Happening::Debit { points } => model.spend(program, points, *now),
                Happening::Give { points } => model.give(points, *now),
                _ => {}
            }
        }
        model
    }

    fn earn(&mut self, program: &Program, order: usize, points: i64, now: Timestamp) {
        let Start { active_from, cancelled_at, waits_until } = program.start(now, None);
        // A third of it is of the rule that has an expiry of its own, where there is one.
        let own = program.terms.rules.iter().find_map(|rule| rule.expiry.clone());
        let of_own = own.as_ref().map_or(0, |_| points / 3);
        for at in 0..points {
            let own = own.clone().filter(|_| at >= points - of_own);
            let expires_at = active_from.and_then(|from| program.expires_at_in(own.as_ref(), None, from));
            let order = Some(order);
            self.points.push(Point {
                order,
                earned: now,
                active_from,
                expires_at,
                cancelled_at,
                waits_until,
                own,
                place: Place::Lot,
            });
        }
        self.pay(now);
    }

    fn credit(&mut self, program: &Program, points: i64, days: Option<i64>, now: Timestamp) {
        let own = days.map(|days| now.checked_add(jiff::SignedDuration::from_hours(24 * days)).expect("in range"));
        let expires_at = own.or_else(|| program.expires_at(now));
        for _ in 0..points {
            self.points.push(Point {
                order: None,
                earned: now,
                active_from: Some(now),
                expires_at,
                cancelled_at: None,
                waits_until: None,
                own: None,
                place: Place::Lot,
            });
        }
        self.pay(now);
    }

    fn deliver(&mut self, program: &Program, order: usize, now: Timestamp) {
        let waits = |point: &&mut Point| match point.active_from {
            None => point.cancelled_at.is_none_or(|end| now < end),
            Some(from) => point.waits_until == Some(from) && now < from,
        };
        for point in self.points.iter_mut().filter(|point| point.order == Some(order)).filter(waits) {
            point.active_from = Some(now);
            point.expires_at = program.expires_at_in(point.own.as_ref(), None, now);
        }
        self.pay(now);
    }

    fn spend(&mut self, program: &Program, points: i64, now: Timestamp) {
        if points > self.available(now) + program.terms.overdraft.allowance().get() {
            return;
        }
        self.take(points, now);
    }

    /// A gift is never owed.
    fn give(&mut self, points: i64, now: Timestamp) {
        if points <= self.available(now) {
            self.take(points, now);
        }
    }

    fn take(&mut self, points: i64, now: Timestamp) {
        for _ in 0..points {
            let next = self.points.iter_mut().filter(|point| point.is_good(now));
            match next.min_by_key(|point| (point.expires_at.unwrap_or(Timestamp::MAX), point.earned)) {
                Some(point) => point.place = Place::Spent,
                None => self.deficit += 1,
            }
        }
    }

    /// Good points pay what is owed, the first credit first.
    fn pay(&mut self, now: Timestamp) {
        while self.deficit > 0 {
            let good = self.points.iter_mut().filter(|point| point.is_good(now));
            let Some(point) = good.min_by_key(|point| point.active_from) else { return };
            point.place = Place::PaidDeficit;
            self.deficit -= 1;
        }
    }

    fn available(&self, now: Timestamp) -> i64 {
        let good = self.points.iter().filter(|point| point.is_good(now)).count();
        i64::try_from(good).expect("a few points") - self.deficit
    }

    /// What is good or waits at `now` of each of `orders` orders, then of what no order earned; and what is owed.
    pub(super) fn state(&self, orders: usize, now: Timestamp) -> (Vec<i64>, i64) {
        let mut left = vec![0; orders + 1];
        for point in self.points.iter().filter(|point| point.is_good(now) || point.waits(now)) {
            left[point.order.unwrap_or(orders)] += 1;
        }
        (left, self.deficit)
    }
}

impl Point {
    fn waits(&self, now: Timestamp) -> bool {
        let is_cancelled = self.active_from.is_none() && self.cancelled_at.is_some_and(|end| end <= now);
        self.place == Place::Lot && !is_cancelled && self.active_from.is_none_or(|from| from > now)
    }

    fn is_good(&self, now: Timestamp) -> bool {
        let has_begun = self.active_from.is_some_and(|from| from <= now);
        self.place == Place::Lot && has_begun && self.expires_at.is_none_or(|expires| expires > now)
    }
}
