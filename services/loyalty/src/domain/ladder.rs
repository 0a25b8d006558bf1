//! Where a member stands on the ladder of tiers. Dated amounts go in, a standing comes out: a pure function of what counts,
//! the terms and the clock, so that whoever looks at it late, twice or after a return sees what he would have seen.
//!
//! Within one moment what becomes active or expires counts first; then tiers are reached, kept or left.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::tier::{Calendar, TierPolicy, Upgrade, Window};

/// Something that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Amount {
    /// From when.
    pub at: Timestamp,
    /// How much, in points or minor units; negative where it lowers what counts.
    pub amount: i64,
}

/// What was reached by what counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The tier's id; `None` below the lowest.
    pub tier: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// When its time ends, or ended where a grace runs; `None` where it does not.
    pub until: Option<Timestamp>,
    /// When the grace ends that runs since it fell.
    pub grace_until: Option<Timestamp>,
}

/// A tier that somebody gave: a floor while it lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// The tier's id.
    pub tier: String,
    /// From when.
    pub from: Timestamp,
    /// The first instant at which it is over.
    pub until: Timestamp,
}

/// What a member has in the end: the higher of what he reached and what he was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The tier's id; `None` below the lowest.
    pub tier: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// Until when it is certain, whatever counts: the end of its time, of its grace, or of what was granted.
    pub until: Option<Timestamp>,
    /// Whether somebody gave it.
    pub granted: bool,
}

/// What becomes of a standing if nothing more counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outlook {
    /// What counts now.
    pub counted: i64,
    /// What must count besides until the fall, so that there is none; 0 where there is none.
    pub to_stay: i64,
    /// The next tier's id, and what must count besides to reach it; `None` on the highest.
    pub to_rise: Option<(String, i64)>,
    /// To what it falls, and when; `None` where it does not.
    pub falls: Option<(Option<String>, Timestamp)>,
}

/// Where a member stands, with what is needed to go on from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    /// When the member joined.
    pub joined: Timestamp,
    /// What he had when the present terms of tiers began for him; `None` where they are his first.
    pub base: Option<Base>,
    /// Up to when everything is counted: an amount from before needs all to be counted anew.
    pub at: Timestamp,
    /// What he reached.
    pub place: Place,
    /// What counts, by local day; days that no window can reach any more are gone.
    days: BTreeMap<Date, i64>,
    /// What will count, soonest first.
    upcoming: Vec<Amount>,
    /// What he was given and is not over, the first to begin first.
    pub grants: Vec<Granted>,
}

/// What a member had at some moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// When.
    pub at: Timestamp,
    /// What.
    pub place: Place,
}

/// How many ends of periods an outlook goes through before it says that there is no fall.
const OUTLOOK_STEPS: usize = 64;

impl Ladder {
    /// Counts everything anew, up to `now`: from the day he joined, or from `base`, whose tier is kept while its time lasts.
    pub fn count(
        policy: &TierPolicy,
        calendar: &Calendar,
        base: Option<Base>,
        mut amounts: Vec<Amount>,
        now: Timestamp,
    ) -> Self {
        amounts.retain(|amount| amount.amount != 0);
        amounts.sort_unstable();
        let floor = base.as_ref().map_or(calendar.joined, |base| base.at.max(calendar.joined));
        let first = || policy.tier(policy.reached(0)).map(|tier| tier.id.clone());
        let end = || policy.validity.and_then(|validity| validity.end(calendar.day(floor), calendar));
        let kept = base.as_ref().filter(|base| base.place.tier.as_deref().is_none_or(|id| policy.named(id).is_some()));
        let place = match kept {
            Some(Base { place, .. }) => Place {
                until: place.until.filter(|_| policy.validity.is_some()).or_else(end),
                tier: place.tier.clone().or_else(first),
                ..place.clone()
            },
            None => Place { tier: first(), since: floor, until: end(), grace_until: None },
        };
        let mut ladder = Self {
            joined: calendar.joined,
            base,
            at: floor,
            place,
            days: BTreeMap::new(),
            upcoming: amounts,
            grants: Vec::new(),
        };
        if floor <= now {
            ladder.step(policy, calendar, floor);
            ladder.advance(policy, calendar, now);
        }
        ladder
    }

    /// Whether something that counts from `at` can be added without counting anew.
    pub fn takes(&self, at: Timestamp) -> bool {
        at >= self.at
    }

    /// Adds something that counts from no earlier than what is counted already.
    pub fn add(&mut self, amount: Amount) {
        let at = self.upcoming.partition_point(|other| other.at <= amount.at);
        self.upcoming.insert(at, amount);
    }

    /// Goes on to `now`.
    pub fn advance(&mut self, policy: &TierPolicy, calendar: &Calendar, now: Timestamp) {
        while let Some(at) = self.next().filter(|at| *at <= now) {
            self.step(policy, calendar, at.max(self.at));
        }
    }

    /// When something happens next by itself: an end, or something that begins to count.
    fn next(&self) -> Option<Timestamp> {
        let end = self.place.grace_until.or(self.place.until);
        self.upcoming.first().map(|amount| amount.at).into_iter().chain(end).min()
    }

    /// When somebody must look again.
    pub fn due(&self) -> Option<Timestamp> {
        self.next().into_iter().chain(self.grants.iter().map(|granted| granted.until)).min()
    }

    /// What counts on `day`.
    fn counted(&self, policy: &TierPolicy, calendar: &Calendar, day: Date) -> i64 {
        match (policy.window, policy.window.first_day(day, calendar)) {
            (Window::Ever, _) => self.days.values().sum(),
            (_, Some(first)) => self.days.range(first..=day).map(|(_, amount)| amount).sum(),
            (_, None) => self.days.range(..=day).map(|(_, amount)| amount).sum(),
        }
    }

    fn step(&mut self, policy: &TierPolicy, calendar: &Calendar, at: Timestamp) {
        let begun = self.upcoming.partition_point(|amount| amount.at <= at);
        for amount in self.upcoming.drain(..begun) {
            *self.days.entry(calendar.day(amount.at)).or_default() += amount.amount;
        }
        self.at = at;
        let today = calendar.day(at);
        let rank = policy.rank(self.place.tier.as_deref());
        let now = policy.reached(self.counted(policy, calendar, today));
        let at_once = policy.upgrade == Upgrade::AtOnce;
        let end = self.place.grace_until.or(self.place.until).filter(|end| *end <= at);
        if at_once && now > rank {
            let until = policy.validity.and_then(|validity| validity.end(today, calendar));
            self.enter(policy, now, at, until);
        } else if at_once && now == rank && self.place.grace_until.is_some() {
            self.place.grace_until = None;
            self.place.until = policy.validity.and_then(|validity| validity.end(today, calendar));
        } else if let Some(end) = end {
            self.end(policy, calendar, rank, if at_once { now } else { 0 }, end);
        }
        self.forget(policy, calendar, today);
    }

    /// The time of a tier, or its grace, ends; `now` is what is reached at this very moment, where that matters.
    fn end(&mut self, policy: &TierPolicy, calendar: &Calendar, rank: usize, now: usize, end: Timestamp) {
        let first = calendar.day(end);
        let last = first.yesterday().unwrap_or(first);
        let reached = policy.reached(self.counted(policy, calendar, last)).max(now);
        let validity = |day| policy.validity.and_then(|validity| validity.end(day, calendar));
        let until = validity(last).filter(|until| *until > end).or_else(|| validity(first));
        let left = if reached >= rank { reached } else { policy.fallen(rank, reached) };
        let grace = policy.grace.filter(|_| left < rank && self.place.grace_until.is_none());
        match grace.and_then(|grace| calendar.end(grace.after(first)?)) {
            Some(grace_until) => self.place.grace_until = Some(grace_until),
            None if left == rank => (self.place.until, self.place.grace_until) = (until, None),
            None => self.enter(policy, left, end, until),
        }
    }

    fn enter(&mut self, policy: &TierPolicy, rank: usize, since: Timestamp, until: Option<Timestamp>) {
        let tier = policy.tier(rank).map(|tier| tier.id.clone());
        self.place = Place { tier, since, until, grace_until: None };
    }

    /// Drops days that no window of a later day reaches.
    fn forget(&mut self, policy: &TierPolicy, calendar: &Calendar, today: Date) {
        match policy.window.first_day(today, calendar) {
            Some(first) => self.days = self.days.split_off(&first),
            None if self.days.len() > 1 => self.days = BTreeMap::from([(today, self.days.values().sum())]),
            None => {}
        }
    }

    /// Gives a tier.
    pub fn grant(&mut self, granted: Granted) {
        let at = self.grants.partition_point(|other| other.from <= granted.from);
        self.grants.insert(at, granted);
    }

    /// What he has at `now`, to which everything is counted. Grants that are over are dropped.
    pub fn standing(&mut self, policy: &TierPolicy, now: Timestamp) -> Standing {
        self.grants.retain(|granted| granted.until > now);
        self.stands(policy, now)
    }

    fn stands(&self, policy: &TierPolicy, now: Timestamp) -> Standing {
        let Place { tier, since, until, grace_until } = &self.place;
        let live = self.grants.iter().filter(|granted| granted.from <= now && granted.until > now);
        let best = live.clone().map(|granted| policy.rank(Some(&granted.tier))).max().unwrap_or(0);
        let of_best = || live.clone().filter(|granted| policy.rank(Some(&granted.tier)) == best);
        let granted_until = of_best().map(|granted| granted.until).max();
        if best > policy.rank(tier.as_deref()) {
            let since = of_best().map(|granted| granted.from).min().unwrap_or(*since);
            let tier = policy.tier(best).map(|tier| tier.id.clone());
            return Standing { tier, since, until: granted_until, granted: true };
        }
        let until = grace_until.or(*until);
        let longer = granted_until.filter(|_| best > 0 && best == policy.rank(tier.as_deref()));
        let until = until.map(|until| longer.map_or(until, |longer| until.max(longer)));
        Standing { tier: tier.clone(), since: *since, until, granted: false }
    }

    /// What becomes of the standing at `now` if nothing more counts than is known already.
    pub fn outlook(&self, policy: &TierPolicy, calendar: &Calendar, now: Timestamp) -> Outlook {
        let has = policy.rank(self.stands(policy, now).tier.as_deref());
        let counted = self.counted(policy, calendar, calendar.day(now));
        let mut then = self.clone();
        let mut falls = None;
        let mut before = now;
        for _ in 0..OUTLOOK_STEPS {
            let ends = then.grants.iter().map(|granted| granted.until).filter(|until| *until > before);
            let Some(at) = then.next().into_iter().chain(ends).min() else { break };
            before = at;
            then.advance(policy, calendar, at);
            let tier = then.stands(policy, at).tier;
            if policy.rank(tier.as_deref()) < has {
                falls = Some((tier, at));
                break;
            }
        }
        let short = |rank: usize, counted: i64| policy.tier(rank).map_or(0, |tier| (tier.threshold - counted).max(0));
        let last = |at: Timestamp| calendar.day(at).yesterday().unwrap_or_else(|_| calendar.day(at));
        let by = |day: Date| self.by(policy, calendar, day);
        let to_stay = falls.as_ref().map_or(0, |(_, at)| short(has, by(last(*at))));
        let risen = match (policy.upgrade, self.place.grace_until.or(self.place.until)) {
            (Upgrade::AtPeriodEnd, Some(end)) => by(last(end)),
            _ => counted,
        };
        let to_rise = policy.tier(has + 1).map(|next| (next.id.clone(), short(has + 1, risen)));
        Outlook { counted, to_stay, to_rise, falls }
    }

    /// What will count on `day` of what is known now.
    fn by(&self, policy: &TierPolicy, calendar: &Calendar, day: Date) -> i64 {
        let mut then = self.clone();
        for amount in then.upcoming.drain(..) {
            if calendar.day(amount.at) <= day {
                *then.days.entry(calendar.day(amount.at)).or_default() += amount.amount;
            }
        }
        then.counted(policy, calendar, day)
    }

    /// What matters of it at `now`, to compare what is kept with what is counted anew.
    pub fn essence(&self, policy: &TierPolicy, calendar: &Calendar, now: Timestamp) -> (Place, i64, i64) {
        let counted = self.counted(policy, calendar, calendar.day(now));
        (self.place.clone(), counted, self.upcoming.iter().map(|amount| amount.amount).sum())
    }
}
