//! Windows of days: from the first, before the second, by the retailer's own zone.

use guanxi_kernel::civil::Date;
use guanxi_kernel::tz::TimeZone;
use guanxi_kernel::{Refusal, Refused, Timestamp};
use thiserror::Error;

/// Days `[from, to)`; an absent end is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    from: Option<Date>,
    to: Option<Date>,
}

/// A window that holds no day.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("from {from} to {to} is no day: the end is the first day that no longer counts")]
pub struct EmptyWindow {
    from: Date,
    to: Date,
}

impl Refusal for EmptyWindow {
    fn refusal(&self) -> Refused {
        Refused::invalid("window.to_date", "WINDOW_EMPTY", self.to_string())
    }
}

impl Window {
    /// The days from `from`, before `to`.
    ///
    /// # Errors
    /// [`EmptyWindow`] where there is no such day.
    pub fn new(from: Option<Date>, to: Option<Date>) -> Result<Self, EmptyWindow> {
        match (from, to) {
            (Some(from), Some(to)) if from >= to => Err(EmptyWindow { from, to }),
            _ => Ok(Self { from, to }),
        }
    }

    /// The first day.
    pub fn from(&self) -> Option<Date> {
        self.from
    }

    /// The first day that no longer counts.
    pub fn to(&self) -> Option<Date> {
        self.to
    }

    /// The instants at which the days begin in `zone`; a day that begins in a gap begins after it.
    pub fn instants(&self, zone: &TimeZone) -> (Option<Timestamp>, Option<Timestamp>) {
        let start = |day: Date| day.to_zoned(zone.clone()).ok().map(|at| at.timestamp());
        (self.from.and_then(start), self.to.and_then(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: &str, to: &str) -> Result<Window, EmptyWindow> {
        let date = |text: &str| (!text.is_empty()).then(|| text.parse().expect("a date"));
        Window::new(date(from), date(to))
    }

    #[test]
    fn a_window_is_half_open_in_the_retailers_zone() {
        let zone = TimeZone::get("Asia/Shanghai").expect("a zone");
        let (from, to) = window("2024-01-01", "2024-02-01").expect("a window").instants(&zone);
        assert_eq!(from, Some("2023-12-31T16:00:00Z".parse().expect("an instant")));
        assert_eq!(to, Some("2024-01-31T16:00:00Z".parse().expect("an instant")));
    }

    #[test]
    fn a_day_without_midnight_begins_after_the_gap() {
        let zone = TimeZone::get("America/Sao_Paulo").expect("a zone");
        let (from, to) = window("2017-10-15", "").expect("a window").instants(&zone);
        assert_eq!((from, to), (Some("2017-10-15T03:00:00Z".parse().expect("an instant")), None));
    }

    #[test]
    fn a_window_without_a_day_is_refused() {
        assert!(window("2024-02-01", "2024-02-01").is_err());
        assert!(window("2024-02-02", "2024-02-01").is_err());
    }
}
