//! Tiers: levels that members reach by what counts for them, and when they lose them. What counts is points that orders
//! earned, money spent, or the balance, within a window; a tier is good for a while and is then kept, or left.
//!
//! All days are local days of the program's zone. A tier that is good through a day ends at the next local midnight.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::expiry::{ExpiryPolicy, Period};

/// The most tiers that a program has.
pub const MAX_TIERS: usize = 10;

/// The tiers of a program and the terms on which they are reached and left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierPolicy {
    /// 1 to 10, the lowest first; who has reached none has no tier.
    pub tiers: Vec<Tier>,
    /// What counts.
    pub basis: Basis,
    /// Within what it counts.
    pub window: Window,
    /// How long a tier that was reached is good; `None` means for ever.
    pub validity: Option<Validity>,
    /// When a tier is reached.
    pub upgrade: Upgrade,
    /// What becomes of a tier whose threshold is no longer reached when its time ends.
    pub downgrade: Downgrade,
    /// How long it is kept after it fell, through the last day; `None` means not at all.
    pub grace: Option<Period>,
}

/// A level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// Its stable id within the program.
    pub id: String,
    /// What people call it.
    pub display_name: String,
    /// What must count at least, in points or minor units; 0 or more, above that of the tier below.
    pub threshold: i64,
    /// When points of its members expire, where that differs from the program's.
    pub expiry: Option<ExpiryPolicy>,
}

/// What counts for a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Points that orders earned, from when they are active, less what was due back for returned goods. Spending them
    /// does not lower it.
    PointsEarned,
    /// What goods cost in the end, in minor units, from the order's time, less what came back.
    Spend,
    /// The active points, held ones included, less what is owed.
    Balance,
}

/// Within what something counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The last months, today included; 1 to 120.
    RollingMonths(i32),
    /// The calendar year.
    CalendarYear,
    /// The year since the last anniversary of the enrolment.
    MemberYear,
    /// All time.
    Ever,
}

/// How long a tier is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validity {
    /// A period from the day on which it was reached, through its last day; again and again while it is kept.
    FromStart(Period),
    /// Through the eve of the next anniversary of the enrolment, and so many years more; 0 to 10.
    MemberYear(i32),
    /// Through 31 December, and so many years more; 0 to 10.
    CalendarYear(i32),
}

/// When a tier is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upgrade {
    /// As soon as its threshold is.
    AtOnce,
    /// When the time of the present standing ends.
    AtPeriodEnd,
}

/// What becomes of a tier that is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Downgrade {
    /// It stays.
    None,
    /// It falls by one, but not below what is reached.
    OneStep,
    /// It falls to what is reached.
    ToEarned,
}

/// Where a member's days begin: the program's zone, and when he joined.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// The program's zone.
    pub zone: TimeZone,
    /// When the member joined.
    pub joined: Timestamp,
}

impl Calendar {
    /// The local day of a moment.
    pub fn day(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone.clone()).date()
    }

    /// The first instant of a local day; `None` beyond the calendar.
    pub fn start(&self, day: Date) -> Option<Timestamp> {
        Some(day.to_zoned(self.zone.clone()).ok()?.timestamp())
    }

    /// The first instant after a local day.
    pub fn end(&self, day: Date) -> Option<Timestamp> {
        self.start(day.tomorrow().ok()?)
    }

    /// The anniversary of the enrolment at or before `day`: in common years that of 29 February is 28 February.
    fn member_year(&self, day: Date) -> Date {
        let joined = self.day(self.joined);
        let in_year = |year: i16| years_after(joined, i64::from(year) - i64::from(joined.year()));
        let this = in_year(day.year()).filter(|start| *start <= day);
        this.or_else(|| in_year(day.year().saturating_sub(1))).unwrap_or(joined)
    }

    /// The first anniversary after `day`.
    fn next_member_year(&self, day: Date) -> Option<Date> {
        let joined = self.day(self.joined);
        let passed = i64::from(self.member_year(day).year()) - i64::from(joined.year());
        years_after(joined, passed + 1)
    }
}

fn years_after(day: Date, years: i64) -> Option<Date> {
    day.checked_add(Span::new().try_years(years).ok()?).ok()
}

impl Window {
    /// The first day that counts on `day`; `None` where all days do.
    pub fn first_day(self, day: Date, calendar: &Calendar) -> Option<Date> {
        match self {
            Self::RollingMonths(months) => {
                let span = Span::new().try_months(months).ok()?;
                day.checked_sub(span).ok()?.tomorrow().ok()
            }
            Self::CalendarYear => Some(day.first_of_year()),
            Self::MemberYear => Some(calendar.member_year(day)),
            Self::Ever => None,
        }
    }
}

impl Validity {
    /// Until when a tier that counts from `day` is good: the first instant at which it is not. `None` beyond the calendar.
    pub fn end(self, day: Date, calendar: &Calendar) -> Option<Timestamp> {
        match self {
            Self::FromStart(period) => calendar.end(period.after(day)?),
            Self::MemberYear(more) => calendar.start(years_after(calendar.next_member_year(day)?, i64::from(more))?),
            Self::CalendarYear(more) => calendar.start(years_after(day.first_of_year(), i64::from(more) + 1)?),
        }
    }
}

impl TierPolicy {
    /// How high a tier is: 0 for none and for one that there is not, 1 for the lowest.
    pub fn rank(&self, tier: Option<&str>) -> usize {
        tier.and_then(|id| self.tiers.iter().position(|tier| tier.id == id)).map_or(0, |at| at + 1)
    }

    /// The tier of a rank; `None` for 0.
    pub fn tier(&self, rank: usize) -> Option<&Tier> {
        self.tiers.get(rank.checked_sub(1)?)
    }

    /// The tier with this id.
    pub fn named(&self, id: &str) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.id == id)
    }

    /// The rank that is reached where so much counts. Thresholds are reached at equality.
    pub fn reached(&self, counted: i64) -> usize {
        self.tiers.iter().take_while(|tier| tier.threshold <= counted).count()
    }

    /// The rank that remains of `rank` where only `reached`, a lower one, is reached.
    pub fn fallen(&self, rank: usize, reached: usize) -> usize {
        match self.downgrade {
            Downgrade::None => rank,
            Downgrade::OneStep => reached.max(rank.saturating_sub(1)),
            Downgrade::ToEarned => reached,
        }
    }

    /// Everything that contradicts itself: field below `tiers`, rule, description. `slides` says whether the program's
    /// points expire anew with each earning and spend.
    pub fn faults(&self, slides: bool) -> Vec<(String, &'static str, String)> {
        let mut faults = Vec::new();
        for (at, tier) in self.tiers.iter().enumerate() {
            let before = &self.tiers[..at];
            if before.iter().any(|other| other.id == tier.id) {
                faults.push((format!("tiers[{at}].id"), "TIER_REPEATED", format!("{:?} occurs twice", tier.id)));
            }
            if let Some(below) = before.last().filter(|below| below.threshold >= tier.threshold) {
                let said = format!("{} is not above {}, that of the tier below", tier.threshold, below.threshold);
                faults.push((format!("tiers[{at}].threshold"), "THRESHOLDS_NOT_RISING", said));
            }
            if let Some(expiry) = tier.expiry.as_ref().filter(|expiry| slides || expiry.is_sliding()) {
                let said =
                    if expiry.is_sliding() { "a tier's expiry cannot slide" } else { "the program's expiry slides" };
                faults.push((format!("tiers[{at}].expiry"), "TIER_EXPIRY_SLIDES", said.to_owned()));
            }
            faults.extend(tier.expiry.iter().flat_map(|expiry| expiry.faults(&format!("tiers[{at}].expiry"))));
        }
        if self.basis == Basis::Balance && self.window != Window::Ever {
            faults.push(("window".to_owned(), "WINDOW_OF_BALANCE", "a balance has no window but EVER".to_owned()));
        }
        let falls = self.validity.is_some() && self.downgrade != Downgrade::None;
        if self.grace.is_some() && !falls {
            faults.push(("grace".to_owned(), "TIERS_NEVER_FALL", "a tier that never falls needs no grace".to_owned()));
        }
        if self.upgrade == Upgrade::AtPeriodEnd && self.validity.is_none() {
            let said = "without a validity no period ends".to_owned();
            faults.push(("upgrade".to_owned(), "PERIOD_NEVER_ENDS", said));
        }
        faults
    }
}
