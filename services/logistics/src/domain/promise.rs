//! Promises: a local date or window at the destination. A delivery is judged by the promise given first; every change
//! has a cause and an actor, and after two postponements a person has to see to it.

use std::fmt;

use guanxi_kernel::{Refusal, Refused};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use thiserror::Error;

use super::instant;

/// After so many postponements a person is put on it.
pub const POSTPONEMENTS_OF_A_PERSON: u32 = 2;

/// A zone, by its IANA name or as a fixed offset such as `-05:00`.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// The zone of this name.
    ///
    /// # Errors
    /// [`PromiseError::Zone`] where there is none.
    pub fn new(name: &str) -> Result<Self, PromiseError> {
        let zone = instant::zone(name).ok_or_else(|| PromiseError::Zone(name.to_owned()))?;
        Ok(Self { name: name.to_owned(), zone })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The local date there at an instant.
    pub fn date(&self, at: Timestamp) -> Date {
        self.zone.to_datetime(at).date()
    }

    fn instant(&self, local: DateTime) -> Result<Timestamp, PromiseError> {
        self.zone.to_ambiguous_timestamp(local).compatible().map_err(|_| PromiseError::Date(local.date().to_string()))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Why a promise cannot be made or changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PromiseError {
    /// No such zone.
    #[error("{0:?} is no IANA zone and no offset such as -05:00")]
    Zone(String),
    /// No such date.
    #[error("{0:?} is no date that a promise can have")]
    Date(String),
    /// A window needs both ends, as HH:MM.
    #[error("{0:?} to {1:?} is no window: both ends as HH:MM, or neither")]
    Window(String, String),
    /// The window ends before it begins.
    #[error("the window ends at {end}, before it begins at {start}")]
    Backwards {
        /// When it begins.
        start: Time,
        /// When it ends.
        end: Time,
    },
    /// There is no promise to change.
    #[error("no promise was given")]
    Missing,
    /// The new promise is the one that stands.
    #[error("the promise is {0} already")]
    Unchanged(Date),
}

impl Refusal for PromiseError {
    fn refusal(&self) -> Refused {
        let message = self.to_string();
        match self {
            Self::Zone(_) => Refused::invalid("promise.time_zone", "ZONE_UNKNOWN", message),
            Self::Date(_) => Refused::invalid("promise.promised_date", "DATE_MALFORMED", message),
            Self::Window(..) => Refused::invalid("promise.window_end", "WINDOW_MALFORMED", message),
            Self::Backwards { .. } => Refused::invalid("promise.window_end", "WINDOW_BACKWARDS", message),
            Self::Missing => Refused::precondition("PROMISE_MISSING", message),
            Self::Unchanged(date) => Refused::precondition("PROMISE_UNCHANGED", message).with("promised_date", date),
        }
    }
}

/// What the customer was promised: a day at the destination, or a window of that day.
#[derive(Debug, Clone, PartialEq)]
pub struct Promise {
    /// The last day.
    pub date: Date,
    /// When the window of that day begins and ends; `None` for the whole day.
    pub window: Option<(Time, Time)>,
    /// The zone of the destination.
    pub zone: Zone,
    end: Timestamp,
}

impl Promise {
    /// A promise of a whole day.
    ///
    /// # Errors
    /// [`PromiseError::Date`] at the end of time.
    pub fn on(date: Date, zone: Zone) -> Result<Self, PromiseError> {
        let next = date.checked_add(1.day()).map_err(|_| PromiseError::Date(date.to_string()))?;
        let end = zone.instant(next.to_datetime(Time::midnight()))?;
        Ok(Self { date, window: None, zone, end })
    }

    /// A promise of a window of a day.
    ///
    /// # Errors
    /// [`PromiseError::Backwards`] where it ends before it begins.
    pub fn within(date: Date, start: Time, end: Time, zone: Zone) -> Result<Self, PromiseError> {
        if end < start {
            return Err(PromiseError::Backwards { start, end });
        }
        let ends = zone.instant(date.to_datetime(end))?;
        Ok(Self { date, window: Some((start, end)), zone, end: ends })
    }

    /// A promise from its written parts: `YYYY-MM-DD`, both ends of the window as `HH:MM` or neither, a zone's name.
    ///
    /// # Errors
    /// [`PromiseError`] for the first part that is wrong.
    pub fn read(date: &str, start: &str, end: &str, zone: &str) -> Result<Self, PromiseError> {
        let zone = Zone::new(zone)?;
        Self::of(Self::day(date)?, Self::window(start, end)?, zone)
    }

    /// A promise from its parts.
    ///
    /// # Errors
    /// [`PromiseError`] where they are none together.
    pub fn of(date: Date, window: Option<(Time, Time)>, zone: Zone) -> Result<Self, PromiseError> {
        match window {
            None => Self::on(date, zone),
            Some((start, end)) => Self::within(date, start, end, zone),
        }
    }

    /// A day as it is written.
    ///
    /// # Errors
    /// [`PromiseError::Date`].
    pub fn day(date: &str) -> Result<Date, PromiseError> {
        date.parse().map_err(|_| PromiseError::Date(date.to_owned()))
    }

    /// A window as it is written; both ends empty for the whole day.
    ///
    /// # Errors
    /// [`PromiseError::Window`], [`PromiseError::Backwards`].
    pub fn window(start: &str, end: &str) -> Result<Option<(Time, Time)>, PromiseError> {
        let time = |text: &str| Time::strptime("%H:%M", text).ok();
        match (start, end, time(start), time(end)) {
            ("", "", ..) => Ok(None),
            (_, _, Some(start), Some(end)) if end < start => Err(PromiseError::Backwards { start, end }),
            (_, _, Some(start), Some(end)) => Ok(Some((start, end))),
            _ => Err(PromiseError::Window(start.to_owned(), end.to_owned())),
        }
    }

    /// The instant at which it is broken if the goods are not there: the end of the window, or of the day.
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// Whether goods delivered at `at` came in time: on the local date promised, or before.
    pub fn kept_at(&self, at: Timestamp) -> bool {
        self.zone.date(at) <= self.date
    }
}

/// One change of a promise.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// 1 for the first change, 2 for the second …
    pub number: u32,
    /// The promise before.
    pub previous: Promise,
    /// The promise after.
    pub promise: Promise,
    /// Why.
    pub cause: String,
    /// Who changed it.
    pub actor: String,
    /// Whether the date differs from the one that the customer was told last.
    pub tells_customer: bool,
    /// When it was changed.
    pub create_time: Timestamp,
}

/// The promises of a shipment: the first and the one that stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Promised {
    /// The one given first. It stays what the shipment is judged by.
    pub original: Promise,
    /// The one that stands.
    pub current: Promise,
    /// The date that the customer was told last.
    pub told: Date,
    /// How many changes there were.
    pub revisions: u32,
    /// How many of them moved the date to a later one.
    pub postponements: u32,
}

impl Promised {
    /// A promise that is given, and told, for the first time.
    pub fn first(promise: Promise) -> Self {
        Self { told: promise.date, original: promise.clone(), current: promise, revisions: 0, postponements: 0 }
    }

    /// Changes the promise that stands.
    ///
    /// # Errors
    /// [`PromiseError::Unchanged`] where it is the one that stands.
    pub fn revise(
        &mut self,
        promise: Promise,
        cause: String,
        actor: String,
        now: Timestamp,
    ) -> Result<Revision, PromiseError> {
        if promise == self.current {
            return Err(PromiseError::Unchanged(promise.date));
        }
        let tells_customer = promise.date != self.told;
        self.revisions += 1;
        self.postponements += u32::from(promise.date > self.current.date);
        self.told = promise.date;
        let previous = std::mem::replace(&mut self.current, promise.clone());
        Ok(Revision { number: self.revisions, previous, promise, cause, actor, tells_customer, create_time: now })
    }

    /// Whether a person has to see to it.
    pub fn needs_person(&self) -> bool {
        self.postponements >= POSTPONEMENTS_OF_A_PERSON
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn day(date: &str) -> Promise {
        Promise::read(date, "", "", "America/Sao_Paulo").expect("a promise")
    }

    #[test]
    fn t05_an_eta_of_a_window_is_local_and_ends_at_its_end() {
        let promise = Promise::read("2016-12-30", "14:15", "18:15", "-05:00").expect("a promise");
        assert_eq!(promise.end(), at("2016-12-30T23:15:00Z"));
        assert!(promise.kept_at(at("2016-12-31T04:59:59Z")), "judged by its date");
    }

    #[test]
    fn t06_delivered_on_the_promised_day_in_the_evening_is_on_time() {
        let promise = day("2018-03-21");
        assert!(promise.kept_at(at("2018-03-21T18:16:52-03:00")));
        assert!(promise.kept_at(at("2018-03-22T02:59:59Z")) && !promise.kept_at(at("2018-03-22T03:00:00Z")));
        assert_eq!(promise.end(), at("2018-03-22T03:00:00Z"));
    }

    #[test]
    fn a_window_needs_both_ends_in_their_order() {
        let read = |start, end| Promise::read("2018-03-21", start, end, "UTC");
        assert!(matches!(read("14:00", ""), Err(PromiseError::Window(..))));
        assert!(matches!(read("14:00", "25:00"), Err(PromiseError::Window(..))));
        assert!(matches!(read("14:00", "13:59"), Err(PromiseError::Backwards { .. })));
        assert!(read("14:00", "14:00").is_ok());
        assert!(matches!(Promise::read("2018-02-30", "", "", "UTC"), Err(PromiseError::Date(_))));
        assert!(matches!(Promise::read("2018-02-01", "", "", "Nowhere"), Err(PromiseError::Zone(_))));
        assert!(matches!(Promise::read("9999-12-31", "", "", "UTC"), Err(PromiseError::Date(_))));
    }

    #[test]
    fn the_customer_is_told_when_the_date_differs_and_a_person_comes_after_two_postponements() {
        let mut promised = Promised::first(day("2018-03-21"));
        let mut revise = |promise: Promise| {
            let revision = promised.revise(promise, "weather".into(), "dispatch".into(), at("2018-03-20T00:00:00Z"));
            revision.map(|r| (r.number, r.tells_customer, promised.postponements, promised.needs_person()))
        };
        assert_eq!(revise(day("2018-03-23")), Ok((1, true, 1, false)));
        assert_eq!(revise(day("2018-03-23")).map_err(|e| e.refusal().reason()), Err("PROMISE_UNCHANGED"));
        let window = Promise::read("2018-03-23", "08:00", "12:00", "America/Sao_Paulo").expect("a promise");
        assert_eq!(revise(window), Ok((2, false, 1, false)));
        assert_eq!(revise(day("2018-03-22")), Ok((3, true, 1, false)));
        assert_eq!(revise(day("2018-03-25")), Ok((4, true, 2, true)));
        assert_eq!(promised.original, day("2018-03-21"));
    }
}
