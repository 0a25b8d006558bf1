//! Liability: what a program owes its members in points, by age and by expiry, and breakage: what of the points that were
//! issued is never spent. Both are counted from what the entries of each lot add up to, at one moment of the clock: what has
//! expired by then has, whether or not that was written, and what holds that are over had set aside is let go.
//!
//! Breakage is the share of matured points that expired. Matured are the points of lots whose last day is over: of others,
//! those who spend early would be counted and those who forget would not, which makes breakage look small while a program
//! is young. What is expected of lots that are open is their points times that rate, the method of the ultimate redemption
//! rate of actuaries (breakage is 1 less that rate). Nothing of a lot expires before its last day, so all of its breakage is
//! still in what is open of it; more than that cannot expire. International Financial Reporting Standard 15, B44 to B47, asks
//! for such an estimate where there is history enough.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::lot::LotId;
use super::points::Points;
use super::program::Program;
use super::redemption::Redemption;

/// What the entries about one lot add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LotSum {
    /// The lot.
    pub id: LotId,
    /// When it was earned, by the business.
    pub effective_time: Timestamp,
    /// From when it can be spent; `None` while it waits for delivery.
    pub active_from: Option<Timestamp>,
    /// The first instant at which it cannot any more; `None` where it never expires, or waits.
    pub expires_at: Option<Timestamp>,
    /// What was credited, but for what came from another member.
    pub issued: Points,
    /// What came from another member.
    pub received: Points,
    /// Left and not held. What holds that are over had set aside is in it.
    pub open: Points,
    /// Set aside by holds that are not over.
    pub held: Points,
    /// Spent, less what came back.
    pub redeemed: Points,
    /// Expired, as it is written.
    pub expired: Points,
    /// Taken back for returned goods.
    pub reversed: Points,
    /// Taken by hand.
    pub taken: Points,
    /// Given to other members.
    pub sent: Points,
    /// What paid a deficit.
    pub covered: Points,
}

impl LotSum {
    /// What must be zero: what it was credited, less all that became of it.
    pub fn imbalance(&self) -> Points {
        let gone = self.redeemed + self.expired + self.reversed + self.taken + self.sent + self.covered;
        self.issued + self.received - gone - self.open - self.held
    }

    fn has_expired(&self, at: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires| expires <= at)
    }

    fn has_begun(&self, at: Timestamp) -> bool {
        self.active_from.is_some_and(|from| from <= at)
    }

    /// What could come to be spent: what it was credited, less what went back or on.
    fn exposed(&self) -> Points {
        (self.issued + self.received - self.reversed - self.taken - self.sent).or_zero()
    }
}

/// What one member's entries add up to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemberSum {
    /// His lots.
    pub lots: Vec<LotSum>,
    /// What he owes, less what holds set aside of it.
    pub deficit: Points,
}

impl MemberSum {
    /// What time did by `at`, as the ledger would write it: active points pay what is owed, first credit first; then what is
    /// past its day expires.
    fn settle(&mut self, at: Timestamp) {
        if self.deficit.is_positive() {
            self.lots.sort_by_key(|lot| (lot.active_from.unwrap_or(Timestamp::MAX), lot.id));
            for lot in self.lots.iter_mut().filter(|lot| lot.has_begun(at) && !lot.has_expired(at)) {
                let paid = lot.open.or_zero().min(self.deficit.or_zero());
                lot.open -= paid;
                lot.covered += paid;
                self.deficit -= paid;
            }
        }
        for lot in self.lots.iter_mut().filter(|lot| lot.has_expired(at)) {
            lot.expired += lot.open;
            lot.open = Points::ZERO;
        }
    }
}

/// How long a cohort is, in the program's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CohortPeriod {
    /// A month.
    Month,
    /// A quarter.
    Quarter,
}

impl CohortPeriod {
    /// The first day of the period that a day is in.
    fn start(self, day: Date) -> Date {
        let month = match self {
            Self::Month => day.month(),
            Self::Quarter => (day.month() - 1) / 3 * 3 + 1,
        };
        Date::new(day.year(), month, 1).unwrap_or(day)
    }

    fn months(self) -> i64 {
        match self {
            Self::Month => 1,
            Self::Quarter => 3,
        }
    }
}

/// What became of the points that were credited in one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cohort {
    /// Earned, or credited by hand.
    pub issued: Points,
    /// Got from other members.
    pub received: Points,
    /// Spent, less what came back.
    pub redeemed: Points,
    /// Expired.
    pub expired: Points,
    /// Taken back for returned goods.
    pub reversed: Points,
    /// Taken by hand.
    pub taken: Points,
    /// Given to other members.
    pub sent: Points,
    /// What paid deficits.
    pub covered: Points,
    /// Still owed.
    pub open: Points,
    /// Points of lots whose last day is over.
    pub matured: Points,
    /// What of those expired.
    pub matured_expired: Points,
    /// Points of lots that are open and will expire, counted as `matured` counts them.
    pub exposed: Points,
    /// What is open of those.
    pub exposed_open: Points,
}

impl Cohort {
    fn add(&mut self, lot: &LotSum, at: Timestamp, will_expire: bool) {
        self.issued += lot.issued;
        self.received += lot.received;
        self.redeemed += lot.redeemed;
        self.expired += lot.expired;
        self.reversed += lot.reversed;
        self.taken += lot.taken;
        self.sent += lot.sent;
        self.covered += lot.covered;
        self.open += lot.open + lot.held;
        if lot.has_expired(at) {
            self.matured += lot.exposed();
            self.matured_expired += lot.expired;
        } else if will_expire {
            self.exposed += lot.exposed();
            self.exposed_open += lot.open + lot.held;
        }
    }

    fn join(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.issued, other.issued),
            (&mut self.received, other.received),
            (&mut self.redeemed, other.redeemed),
            (&mut self.expired, other.expired),
            (&mut self.reversed, other.reversed),
            (&mut self.taken, other.taken),
            (&mut self.sent, other.sent),
            (&mut self.covered, other.covered),
            (&mut self.open, other.open),
            (&mut self.matured, other.matured),
            (&mut self.matured_expired, other.matured_expired),
            (&mut self.exposed, other.exposed),
            (&mut self.exposed_open, other.exposed_open),
        ] {
            *mine += theirs;
        }
    }

    /// What of its matured points expired, in thousandths, half up; `None` where none are.
    pub fn breakage_permille(&self) -> Option<i64> {
        self.matured.is_positive().then(|| part(1_000, self.matured_expired, self.matured))
    }

    /// What of its open points is expected to expire where `all` is what became of all points: at the rate of that, and no
    /// more than there is. `None` where no points are matured.
    pub fn expected_breakage(&self, all: &Self) -> Option<Points> {
        let expected = || Points::new(part(self.exposed.get(), all.matured_expired, all.matured));
        all.matured.is_positive().then(|| expected().min(self.exposed_open.or_zero()))
    }
}

/// `whole` times `share` by `of`, half up. None is negative, and `of` is not zero.
fn part(whole: i64, share: Points, of: Points) -> i64 {
    let (whole, share, of) = (i128::from(whole), i128::from(share.get()), i128::from(of.get()));
    i64::try_from((2 * whole * share + of) / (2 * of)).unwrap_or(i64::MAX)
}

/// Months between which ages and times to expiry are told apart.
const MONTHS: [i64; 5] = [1, 3, 6, 12, 24];

/// When the lots of a bucket expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// It is one by age.
    Aged,
    /// Between the bucket's bounds.
    Dated,
    /// Never.
    Never,
    /// Not known before delivery.
    Waiting,
}

/// What is owed of lots between two moments, in points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// By age: earned at or after it; by expiry: expiring after it. `None` is without bound.
    pub start: Option<Timestamp>,
    /// By age: earned before it; by expiry: expiring at or before it. `None` is without bound.
    pub end: Option<Timestamp>,
    /// When they expire.
    pub term: Term,
    /// How many.
    pub owed: Points,
}

/// What a program owes, and what became of what it issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Liability {
    /// The moment of the clock.
    pub at: Timestamp,
    /// What waits for activation.
    pub pending: Points,
    /// What can be spent.
    pub active: Points,
    /// What is set aside.
    pub held: Points,
    /// What members owe, less what holds set aside of it.
    pub deficit: Points,
    /// Members to whom something is owed.
    pub members: i64,
    /// Lots of which something is.
    pub lots: i64,
    /// By age, the youngest first.
    pub by_age: Vec<Bucket>,
    /// By expiry, the soonest first.
    pub by_expiry: Vec<Bucket>,
    /// By the first instant of their period, with the first instant after it.
    cohorts: BTreeMap<Timestamp, (Timestamp, Date, Cohort)>,
    zone: TimeZone,
    period: CohortPeriod,
    /// Whether what waits for delivery will expire.
    waits_to_expire: bool,
}

impl Liability {
    /// Nothing yet, of a program at a moment.
    pub fn new(program: &Program, at: Timestamp, period: CohortPeriod) -> Self {
        let months = |count: i64| {
            let local = at.to_zoned(program.zone.clone());
            let moved = local.checked_add(Span::new().months(count));
            moved.map_or(if count < 0 { Timestamp::MIN } else { Timestamp::MAX }, |moved| moved.timestamp())
        };
        let bucket = |start, end, term| Bucket { start, end, term, owed: Points::ZERO };
        let (ago, ahead) = (MONTHS.map(|count| months(-count)), MONTHS.map(months));
        let starts = ago.map(Some).into_iter().chain([None]);
        let ends = std::iter::once(None).chain(ago.map(Some));
        let by_age = starts.zip(ends).map(|(start, end)| bucket(start, end, Term::Aged)).collect();
        let starts = std::iter::once(Some(at)).chain(ahead.map(Some));
        let ends = ahead.map(Some).into_iter().chain([None]);
        let dated = starts.zip(ends).map(|(start, end)| bucket(start, end, Term::Dated));
        let undated = [Term::Never, Term::Waiting].map(|term| bucket(None, None, term));
        Self {
            at,
            pending: Points::ZERO,
            active: Points::ZERO,
            held: Points::ZERO,
            deficit: Points::ZERO,
            members: 0,
            lots: 0,
            by_age,
            by_expiry: dated.chain(undated).collect(),
            cohorts: BTreeMap::new(),
            zone: program.zone.clone(),
            period,
            waits_to_expire: program.terms.expiry != super::expiry::ExpiryPolicy::Never,
        }
    }

    /// Adds a member.
    pub fn add(&mut self, mut member: MemberSum) {
        member.settle(self.at);
        self.deficit += member.deficit;
        let mut owes = false;
        for lot in &member.lots {
            let waits = lot.active_from.is_none();
            let will_expire = if waits { self.waits_to_expire } else { lot.expires_at.is_some() };
            let at = self.at;
            self.cohort(lot.effective_time).add(lot, at, will_expire);
            let owed = lot.open + lot.held;
            if owed.is_zero() {
                continue;
            }
            owes = true;
            self.lots += 1;
            self.held += lot.held;
            *(if lot.has_begun(at) { &mut self.active } else { &mut self.pending }) += lot.open;
            let aged =
                self.by_age.iter_mut().find(|bucket| bucket.start.is_none_or(|start| lot.effective_time >= start));
            aged.into_iter().for_each(|bucket| bucket.owed += owed);
            // What is held past its day is good until its hold ends: it goes first.
            let expiring = self.by_expiry.iter_mut().find(|bucket| match bucket.term {
                Term::Dated => lot.expires_at.is_some_and(|expires| bucket.end.is_none_or(|end| expires <= end)),
                Term::Never => lot.expires_at.is_none() && !waits,
                Term::Aged | Term::Waiting => true,
            });
            expiring.into_iter().for_each(|bucket| bucket.owed += owed);
        }
        self.members += i64::from(owes);
    }

    fn cohort(&mut self, time: Timestamp) -> &mut Cohort {
        let known =
            self.cohorts.range(..=time).next_back().filter(|(_, (end, ..))| time < *end).map(|(start, _)| *start);
        let start = known.unwrap_or_else(|| self.open_cohort(time));
        &mut self.cohorts.entry(start).or_insert((Timestamp::MAX, Date::MIN, Cohort::default())).2
    }

    fn open_cohort(&mut self, time: Timestamp) -> Timestamp {
        let first = self.period.start(time.to_zoned(self.zone.clone()).date());
        let instant = |day: Date| day.to_zoned(self.zone.clone()).map(|local| local.timestamp());
        let start = instant(first).unwrap_or(Timestamp::MIN);
        let next = first.checked_add(Span::new().months(self.period.months())).and_then(instant);
        self.cohorts.insert(start, (next.unwrap_or(Timestamp::MAX), first, Cohort::default()));
        start
    }

    /// What is owed in all.
    pub fn owed(&self) -> Points {
        self.pending + self.active + self.held
    }

    /// What became of what was credited in each period, by its first day, the oldest first.
    pub fn cohorts(&self) -> impl Iterator<Item = (Date, &Cohort)> {
        self.cohorts.values().map(|(_, first, cohort)| (*first, cohort))
    }

    /// What became of all that was credited.
    pub fn all(&self) -> Cohort {
        let mut all = Cohort::default();
        self.cohorts().for_each(|(_, cohort)| all.join(cohort));
        all
    }
}

impl Redemption {
    /// What any number of points is worth, in minor units, half up.
    pub fn value(&self, points: Points) -> i64 {
        let whole = i128::from(points.get().abs()) * i128::from(self.minor_units);
        let worth = (2 * whole + i128::from(self.points.get())) / (2 * i128::from(self.points.get()));
        i64::try_from(worth).map_or(i64::MAX, |worth| worth * points.get().signum())
    }
}
