//! Occasions as messages.

use guanxi_contracts::loyalty::v1 as proto;
use guanxi_kernel::{Refused, Timestamp};

use super::program::{period, to_period};
use crate::domain::expiry::MonthDay;
use crate::domain::lunar::LunarDay;
use crate::domain::occasion::{Birthday, Day, Due, OccasionKind, OccasionRule};
use crate::domain::points::Points;

/// The occasion that a message gives. Since when the program has it, the program says.
pub(super) fn rule(given: &proto::OccasionRule) -> OccasionRule {
    OccasionRule {
        id: given.id.clone(),
        display_name: given.display_name.clone(),
        kind: match given.kind() {
            proto::OccasionKind::Anniversary => OccasionKind::Anniversary,
            proto::OccasionKind::SignUp => OccasionKind::SignUp,
            proto::OccasionKind::Birthday | proto::OccasionKind::Unspecified => OccasionKind::Birthday,
        },
        points: Points::new(given.points),
        valid_for: given.valid_for.as_ref().map(|given| period(Some(given))),
        since: Timestamp::UNIX_EPOCH,
    }
}

fn to_kind(kind: OccasionKind) -> proto::OccasionKind {
    match kind {
        OccasionKind::Birthday => proto::OccasionKind::Birthday,
        OccasionKind::Anniversary => proto::OccasionKind::Anniversary,
        OccasionKind::SignUp => proto::OccasionKind::SignUp,
    }
}

/// An occasion as a message.
pub(super) fn to_rule(rule: &OccasionRule) -> proto::OccasionRule {
    proto::OccasionRule {
        id: rule.id.clone(),
        display_name: rule.display_name.clone(),
        kind: to_kind(rule.kind).into(),
        points: rule.points.get(),
        valid_for: rule.valid_for.as_ref().map(to_period),
    }
}

/// The birthday that a message gives, told at `now`.
///
/// # Errors
/// INVALID_ARGUMENT where no year has the day, or a month that cannot leap does.
pub fn birthday(given: &proto::Birthday, now: Timestamp) -> Result<Birthday, Refused> {
    let small = |number: i32| i8::try_from(number).unwrap_or(i8::MAX);
    let (month, day, leap) = (small(given.month), small(given.day), given.leap_month);
    let day = match given.calendar() {
        proto::Calendar::Chinese => Day::Chinese(LunarDay { month, leap, day }),
        proto::Calendar::Gregorian | proto::Calendar::Unspecified => Day::Gregorian(MonthDay { month, day }),
    };
    if leap && matches!(day, Day::Gregorian(_)) {
        let description = "the Gregorian calendar has no leap months".to_owned();
        return Err(Refused::invalid("birthday.leap_month", "CALENDAR_CONTRADICTS", description));
    }
    if !day.exists() {
        // Which day it was is personal.
        return Err(Refused::invalid("birthday.day", "DATE_NEVER", "no year has that day".to_owned()));
    }
    Ok(Birthday { day, told: now, proven: given.source() == proto::BirthdaySource::Document })
}

/// A birthday as a message.
pub fn to_birthday(birthday: &Birthday) -> proto::Birthday {
    let source = if birthday.proven { proto::BirthdaySource::Document } else { proto::BirthdaySource::Member };
    let (month, day, calendar, leap_month) = match birthday.day {
        Day::Gregorian(day) => (day.month, day.day, proto::Calendar::Gregorian, false),
        Day::Chinese(day) => (day.month, day.day, proto::Calendar::Chinese, day.leap),
    };
    let (month, day) = (month.into(), day.into());
    proto::Birthday { month, day, source: source.into(), calendar: calendar.into(), leap_month }
}

/// What a rule gave for a day.
pub fn celebration(rule: &OccasionRule, due: &Due, given_now: bool) -> proto::Celebration {
    proto::Celebration {
        rule: rule.id.clone(),
        display_name: rule.display_name.clone(),
        kind: to_kind(rule.kind).into(),
        day: due.day.to_string(),
        points: rule.points.get(),
        given_now,
    }
}
