//! Occasions: a member's birthday, the anniversary of the enrolment, the enrolment itself; each gives points once a year,
//! whatever becomes of the date meanwhile.
//!
//! A day is the member's local day. 29 February is kept on 28 February in common years; a Chinese birthday is converted year
//! by year, and counts for its Chinese year, since of those each has one. A birthday that somebody tells fewer than 30 days
//! before it, or after it, pays next year; one that a document proves counts at once.

use std::collections::BTreeSet;

use guanxi_kernel::Violation;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::account::{Account, movement};
use super::entry::{EntryKind, LedgerAccount};
use super::expiry::{ExpiryPolicy, MonthDay, Period};
use super::lot::LotId;
use super::lunar::LunarDay;
use super::points::Points;
use super::program::Program;
use super::tier::Calendar;

/// So many days before the day a birthday must be told, unless it is proven.
const NOTICE_DAYS: i64 = 30;

/// What a program gives on an occasion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OccasionRule {
    /// Its stable id within the program.
    pub id: String,
    /// What people call it.
    pub display_name: String,
    /// Which day it is.
    pub kind: OccasionKind,
    /// What it gives; at least 1.
    pub points: Points,
    /// How long those are good; `None` as long as the program says.
    pub valid_for: Option<Period>,
    /// Since when the program has it: what was before is not made up for.
    pub since: Timestamp,
}

/// Which day an occasion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OccasionKind {
    /// The birthday.
    Birthday,
    /// The day of the enrolment, from the next year on.
    Anniversary,
    /// The enrolment.
    SignUp,
}

/// A day of every year, by the calendar in which somebody keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// The Gregorian calendar.
    Gregorian(MonthDay),
    /// The Chinese calendar.
    Chinese(LunarDay),
}

impl Day {
    /// The day of a date, by the Gregorian calendar.
    pub fn of(date: Date) -> Self {
        Self::Gregorian(MonthDay { month: date.month(), day: date.day() })
    }

    /// Whether some year has it.
    pub fn exists(self) -> bool {
        match self {
            Self::Gregorian(day) => day.exists(),
            Self::Chinese(day) => day.exists(),
        }
    }

    /// The date on which it is kept in a year of its calendar; a Chinese year ends in the next Gregorian one.
    fn in_year(self, year: i16) -> Option<Date> {
        match self {
            Self::Gregorian(day) => day.in_year(year),
            Self::Chinese(day) => day.in_year(year),
        }
    }

    /// Whether somebody born on `date` keeps his birthday then.
    fn is_of(self, date: Date) -> bool {
        match self {
            Self::Gregorian(_) => self == Self::of(date),
            Self::Chinese(day) => LunarDay::of(date).is_some_and(|(_, of)| of == day),
        }
    }
}

/// A birthday, without its year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Birthday {
    /// The day.
    pub day: Day,
    /// When it was told.
    pub told: Timestamp,
    /// Whether a document proved it.
    pub proven: bool,
}

impl Birthday {
    /// What holds where `self` was known before: one that is proven gives way to none that is not, and the same day told
    /// again was told when it was told first.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        let same = self.day == next.day && self.proven == next.proven;
        if same || (self.proven && !next.proven) { self } else { next }
    }

    /// What holds of two that were told by different people: the proven one, else the later one.
    pub fn of_both(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        let (Some(one), Some(other)) = (one, other) else { return one.or(other) };
        let (first, then) = if one.told <= other.told { (one, other) } else { (other, one) };
        Some(first.then(then))
    }

    /// What a document with a date of birth makes of one that was known: where he keeps it on that date by another
    /// calendar, he goes on to.
    pub fn proven(known: Option<Self>, born: Date, now: Timestamp) -> Self {
        let day = known.map(|known| known.day).filter(|day| day.is_of(born)).unwrap_or_else(|| Day::of(born));
        let proven = Self { day, told: now, proven: true };
        known.map_or(proven, |known| known.then(proven))
    }
}

/// A member with his days.
#[derive(Debug, Clone)]
pub struct Celebrant {
    /// His zone, or the program's, and when he joined.
    pub calendar: Calendar,
    /// His birthday, where it is known.
    pub birthday: Option<Birthday>,
    /// What he was given: the rule's id and the year.
    pub given: BTreeSet<(String, i16)>,
}

/// A day on which a rule gives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// When the day begins, for him; of an enrolment, when it was.
    pub at: Timestamp,
    /// The day.
    pub day: Date,
    /// The rule's id.
    pub rule: String,
    /// The year that the gift counts for: of a Chinese birthday, the Chinese one.
    pub year: i16,
}

impl Celebrant {
    /// The zone that decides: the member's own, or the program's.
    pub fn calendar(program: &Program, own: Option<&str>, joined: Timestamp) -> Calendar {
        let zone = own.and_then(|zone| TimeZone::get(zone).ok()).unwrap_or_else(|| program.zone.clone());
        Calendar { zone, joined }
    }

    /// The day of a rule in a year, if it gives in it.
    fn in_year(&self, rule: &OccasionRule, year: i16) -> Option<Due> {
        let joined = self.calendar.day(self.calendar.joined);
        let day = match rule.kind {
            OccasionKind::Birthday => {
                let birthday = self.birthday?;
                let day = birthday.day.in_year(year)?;
                let told = self.calendar.day(birthday.told);
                let notice = day.duration_since(told);
                let needed = if birthday.proven { 0 } else { NOTICE_DAYS };
                (notice >= SignedDuration::from_hours(24 * needed)).then_some(day)?
            }
            OccasionKind::Anniversary => {
                let day = MonthDay { month: joined.month(), day: joined.day() }.in_year(year)?;
                (year > joined.year()).then_some(day)?
            }
            OccasionKind::SignUp => (year == joined.year()).then_some(joined)?,
        };
        let at = match rule.kind {
            OccasionKind::SignUp => self.calendar.joined,
            OccasionKind::Birthday | OccasionKind::Anniversary => self.calendar.start(day)?,
        };
        let ended = match rule.kind {
            OccasionKind::SignUp => at,
            OccasionKind::Birthday | OccasionKind::Anniversary => self.calendar.end(day)?,
        };
        (day >= joined && ended >= rule.since).then(|| Due { at, day, rule: rule.id.clone(), year })
    }

    /// The days that have begun by `now`, whether he was given something or not, oldest first.
    fn begun(&self, rules: &[OccasionRule], now: Timestamp) -> Vec<Due> {
        let this = self.calendar.day(now).year();
        let mut days = Vec::new();
        for rule in rules {
            // A Chinese year ends in the next one.
            let first = self.calendar.day(rule.since.max(self.calendar.joined)).year().min(this) - 1;
            days.extend((first..=this).filter_map(|year| self.in_year(rule, year)).filter(|due| due.at <= now));
        }
        days.sort();
        days
    }

    /// What is due at `now` and was not given: days that nobody looked at included.
    pub fn due(&self, rules: &[OccasionRule], now: Timestamp) -> Vec<Due> {
        let mut due = self.begun(rules, now);
        due.retain(|due| !self.given.contains(&(due.rule.clone(), due.year)));
        due
    }

    /// The occasions of the local day of `now`.
    pub fn today(&self, rules: &[OccasionRule], now: Timestamp) -> Vec<Due> {
        let today = self.calendar.day(now);
        let mut days = self.begun(rules, now);
        days.retain(|due| due.day == today);
        days
    }

    /// When somebody must look again: when the next day begins that gives.
    pub fn next(&self, rules: &[OccasionRule], now: Timestamp) -> Option<Timestamp> {
        let this = self.calendar.day(now).year();
        let years = || this.saturating_sub(1)..=this.saturating_add(2);
        let days = rules.iter().flat_map(|rule| years().filter_map(|year| self.in_year(rule, year)));
        let open = days.filter(|due| due.at > now && !self.given.contains(&(due.rule.clone(), due.year)));
        open.map(|due| due.at).min()
    }
}

impl Account {
    /// Credits what an occasion gives, effective when its day began.
    pub fn celebrate(&mut self, program: &Program, rule: &OccasionRule, due: &Due, now: Timestamp) -> LotId {
        let lot = self.give(program, rule.points, rule.valid_for, due.at.min(now), now);
        self.rank(program, now);
        lot
    }

    /// Credits points that no purchase earned, effective and active at `at`, good for `valid_for` or as long as the tier or
    /// the program says.
    pub(crate) fn give(
        &mut self,
        program: &Program,
        points: Points,
        valid_for: Option<Period>,
        at: Timestamp,
        now: Timestamp,
    ) -> LotId {
        let posting = self.posting(at, now);
        let own = valid_for.map(|period| ExpiryPolicy::Period { period, extend_to: None });
        let tier = self.tier_at(program, at, now);
        let expires_at = match &own {
            Some(own) => own.expires_at(at, &program.zone),
            None => program.expires_at_in(tier.as_deref(), at),
        };
        let sliding = own.is_none() && program.terms.expiry.is_sliding();
        let what = movement(EntryKind::Earn, LedgerAccount::Issued, LedgerAccount::Open);
        let lot = self.credit(posting, what, points, Some(at), expires_at, sliding);
        self.cover(posting);
        lot
    }
}

/// Everything in the occasions of a program that contradicts itself.
pub fn faults(rules: &[OccasionRule]) -> Vec<Violation> {
    let repeated = rules.iter().enumerate().filter(|(at, rule)| rules[..*at].iter().any(|other| other.id == rule.id));
    let violation = |(at, rule): (usize, &OccasionRule)| Violation {
        field: format!("occasions[{at}].id"),
        rule: "OCCASION_REPEATED".to_owned(),
        description: format!("{:?} occurs twice", rule.id),
    };
    repeated.map(violation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    /// Noon of a day in Shanghai.
    fn noon(day: &str) -> Timestamp {
        at(&format!("{day}T04:00:00Z"))
    }

    fn rule(kind: OccasionKind) -> OccasionRule {
        OccasionRule {
            id: "gift".into(),
            display_name: "Gift".into(),
            kind,
            points: Points::new(100),
            valid_for: None,
            since: noon("2020-01-01"),
        }
    }

    fn celebrant(month: i8, day: i8, told: &str, proven: bool) -> Celebrant {
        let zone = TimeZone::get("Asia/Shanghai").expect("a zone");
        Celebrant {
            calendar: Calendar { zone, joined: noon("2020-06-15") },
            birthday: Some(Birthday { day: Day::Gregorian(MonthDay { month, day }), told: noon(told), proven }),
            given: BTreeSet::new(),
        }
    }

    /// The days that are due, and counted as given.
    fn give(who: &mut Celebrant, kind: OccasionKind, now: Timestamp) -> Vec<String> {
        let due = who.due(&[rule(kind)], now);
        who.given.extend(due.iter().map(|due| (due.rule.clone(), due.year)));
        due.iter().map(|due| due.day.to_string()).collect()
    }

    #[test]
    fn l24_born_on_29_february_is_28_february_in_common_years_once() {
        let mut who = celebrant(2, 29, "2026-12-01", false);
        let kind = OccasionKind::Birthday;
        assert_eq!(give(&mut who, kind, noon("2027-02-27")), [""; 0]);
        assert_eq!(give(&mut who, kind, noon("2027-02-28")), ["2027-02-28"]);
        assert_eq!(give(&mut who, kind, noon("2027-03-01")), [""; 0], "once");
        assert_eq!(give(&mut who, kind, noon("2028-02-28")), [""; 0]);
        assert_eq!(give(&mut who, kind, noon("2028-02-29")), ["2028-02-29"]);
    }

    #[test]
    fn a_birthday_that_is_told_late_pays_next_year_and_a_proven_one_at_once() {
        let kind = OccasionKind::Birthday;
        for (told, first) in [
            ("2026-05-11", "2026-06-10"),
            ("2026-05-12", "2027-06-10"),
            ("2026-06-10", "2027-06-10"),
            ("2026-06-11", "2027-06-10"),
        ] {
            let mut who = celebrant(6, 10, told, false);
            assert_eq!(give(&mut who, kind, noon("2027-06-10"))[0], first, "told on {told}");
        }
        let mut proven = celebrant(6, 10, "2026-06-10", true);
        assert_eq!(give(&mut proven, kind, noon("2026-06-10")), ["2026-06-10"]);
        let mut after = celebrant(6, 10, "2026-06-11", true);
        assert_eq!(give(&mut after, kind, noon("2026-12-31")), [""; 0]);
    }

    #[test]
    fn once_a_year_even_if_the_date_is_edited() {
        let mut who = celebrant(3, 1, "2026-01-01", false);
        assert_eq!(give(&mut who, OccasionKind::Birthday, noon("2026-03-01")), ["2026-03-01"]);
        who.birthday = celebrant(9, 1, "2026-03-02", true).birthday;
        assert_eq!(give(&mut who, OccasionKind::Birthday, noon("2026-12-31")), [""; 0]);
        assert_eq!(give(&mut who, OccasionKind::Birthday, noon("2027-09-01")), ["2027-09-01"]);
    }

    #[test]
    fn the_day_is_the_members_local_day() {
        let mut who = celebrant(6, 10, "2026-01-01", false);
        who.calendar.zone = TimeZone::get("America/New_York").expect("a zone");
        let kind = OccasionKind::Birthday;
        assert_eq!(who.next(&[rule(kind)], noon("2026-06-01")), Some(at("2026-06-10T04:00:00Z")));
        assert_eq!(give(&mut who, kind, at("2026-06-10T03:59:59Z")), [""; 0]);
        assert_eq!(who.today(&[rule(kind)], at("2026-06-11T03:59:59Z")).len(), 1);
        assert_eq!(give(&mut who, kind, at("2026-06-10T04:00:00Z")), ["2026-06-10"]);
        assert_eq!(who.next(&[rule(kind)], at("2026-06-10T04:00:00Z")), Some(at("2027-06-10T04:00:00Z")));
    }

    #[test]
    fn anniversaries_begin_with_the_second_year_and_an_enrolment_is_once() {
        let mut who = celebrant(1, 1, "2026-01-01", false);
        assert_eq!(give(&mut who, OccasionKind::SignUp, noon("2020-06-16")), ["2020-06-15"]);
        assert_eq!(give(&mut who, OccasionKind::SignUp, noon("2026-06-16")), [""; 0]);
        let mut who = celebrant(1, 1, "2026-01-01", false);
        let given = give(&mut who, OccasionKind::Anniversary, noon("2023-06-14"));
        assert_eq!(given, ["2021-06-15", "2022-06-15"], "who looks late makes up for it");
    }

    #[test]
    fn what_was_before_the_rule_is_not_made_up_for() {
        let who = celebrant(6, 10, "2020-07-01", false);
        let late = OccasionRule { since: noon("2026-06-11"), ..rule(OccasionKind::Birthday) };
        assert_eq!(who.due(std::slice::from_ref(&late), noon("2026-12-31")), []);
        let on_the_day = OccasionRule { since: noon("2026-06-10"), ..late };
        assert_eq!(who.due(&[on_the_day], noon("2026-12-31")).len(), 1);
        let joined_before = OccasionRule { since: noon("2026-01-01"), ..rule(OccasionKind::SignUp) };
        assert_eq!(who.due(&[joined_before], noon("2026-12-31")), []);
    }

    fn chinese(month: i8, leap: bool, day: i8) -> Day {
        Day::Chinese(LunarDay { month, leap, day })
    }

    #[test]
    fn a_chinese_birthday_is_converted_year_by_year_and_each_chinese_year_gives_once() {
        let kind = OccasionKind::Birthday;
        let mut who = celebrant(1, 1, "2022-01-01", false);
        who.birthday = who.birthday.map(|birthday| Birthday { day: chinese(12, false, 1), ..birthday });
        // The first of the twelfth month: 2022-01-03 (told two days before), 2022-12-23, 2024-01-11, 2024-12-31. There is
        // no such day in 2023, and two in 2024.
        assert_eq!(who.next(&[rule(kind)], noon("2022-12-24")), Some(at("2024-01-10T16:00:00Z")));
        assert_eq!(give(&mut who, kind, noon("2022-12-23")), ["2022-12-23"]);
        assert_eq!(give(&mut who, kind, noon("2023-12-31")), [""; 0]);
        assert_eq!(give(&mut who, kind, noon("2024-01-11")), ["2024-01-11"]);
        assert_eq!(give(&mut who, kind, noon("2024-12-30")), [""; 0]);
        assert_eq!(give(&mut who, kind, noon("2024-12-31")), ["2024-12-31"]);
        assert_eq!(give(&mut who, kind, noon("2025-12-31")), [""; 0], "once");
        assert_eq!(who.given.iter().map(|(_, year)| *year).collect::<Vec<_>>(), [2022, 2023, 2024]);
    }

    #[test]
    fn what_is_proven_gives_way_to_nothing_that_is_not() {
        let told = |month, when: &str, proven| Birthday {
            day: Day::Gregorian(MonthDay { month, day: 1 }),
            told: noon(when),
            proven,
        };
        let (first, later, proven) =
            (told(1, "2026-01-01", false), told(2, "2026-02-01", false), told(3, "2026-01-15", true));
        assert_eq!(first.then(later), later);
        assert_eq!(first.then(told(1, "2026-05-01", false)), first, "the same again");
        assert_eq!(first.then(told(1, "2026-05-01", true)).told, noon("2026-05-01"), "it is news that it is proven");
        assert_eq!(proven.then(later), proven);
        assert_eq!(Birthday::of_both(Some(later), Some(first)), Some(later));
        assert_eq!(Birthday::of_both(Some(later), Some(proven)), Some(proven));
        assert_eq!(Birthday::of_both(None, Some(first)), Some(first));
    }

    #[test]
    fn a41_a_document_proves_the_birthday_and_leaves_the_calendar_in_which_it_is_kept() {
        let (born, now) = (jiff::civil::date(1949, 12, 31), noon("2026-12-01"));
        let fresh = Birthday::proven(None, born, now);
        assert_eq!((fresh.day, fresh.proven), (Day::Gregorian(MonthDay { month: 12, day: 31 }), true));
        let told = |day| Some(Birthday { day, told: noon("2026-01-01"), proven: false });
        let kept = Birthday::proven(told(chinese(11, false, 12)), born, now);
        assert_eq!((kept.day, kept.proven, kept.told), (chinese(11, false, 12), true, now));
        assert_eq!(Birthday::proven(told(chinese(11, false, 13)), born, now).day, Day::of(born), "that was wrong");
        assert_eq!(Birthday::proven(Some(fresh), born, noon("2026-12-24")), fresh, "shown again");
    }
}
