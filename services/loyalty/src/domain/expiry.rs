//! Expiry: until when a lot of points is good. It is good through a whole local day, so it expires at the next local
//! midnight of the program's zone; validity is half-open.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// When active points expire.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiryPolicy {
    /// Never.
    #[default]
    Never,
    /// A period from activation, then to the end of a larger one where that is given.
    Period {
        /// The period.
        period: Period,
        /// To the end of what it is extended.
        extend_to: Option<PeriodEnd>,
    },
    /// The first of these days of the year after the day of activation; 1 to 20 of them.
    FixedDates(Vec<MonthDay>),
    /// A period from activation that starts anew with each earning and spend of the member.
    Sliding(Period),
}

/// A length of time by the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// How many units, 1 to 3,660.
    pub count: i32,
    /// Of what.
    pub unit: PeriodUnit,
}

/// A unit of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodUnit {
    /// Local days.
    Day,
    /// Months, clamped to the last day of a shorter one.
    Month,
    /// Years, clamped likewise.
    Year,
}

/// The end of a calendar period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodEnd {
    /// The month's last day.
    Month,
    /// The quarter's.
    Quarter,
    /// 30 June or 31 December.
    HalfYear,
    /// 31 December.
    Year,
}

/// A day of every year; 29 February is kept on 28 February in common years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthDay {
    /// 1 to 12.
    pub month: i8,
    /// 1 to 31.
    pub day: i8,
}

impl MonthDay {
    /// Whether some year has this day.
    pub fn exists(self) -> bool {
        Date::new(2024, self.month, self.day).is_ok()
    }

    /// That day of a year; `None` beyond the calendar.
    pub fn in_year(self, year: i16) -> Option<Date> {
        Date::new(year, self.month, self.day).or_else(|_| Date::new(year, self.month, 28)).ok()
    }
}

impl ExpiryPolicy {
    /// The first instant at which points active from `active_from` can no longer be spent; `None` where they never
    /// expire (or beyond the calendar's last year).
    pub fn expires_at(&self, active_from: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let day = active_from.to_zoned(zone.clone()).date();
        let last = match self {
            Self::Never => return None,
            Self::Period { period, extend_to } => {
                let last = period.after(day)?;
                extend_to.map_or(Some(last), |end| end.of(last))?
            }
            Self::FixedDates(dates) => first_after(dates, day)?,
            Self::Sliding(period) => period.after(day)?,
        };
        Some(last.tomorrow().ok()?.to_zoned(zone.clone()).ok()?.timestamp())
    }

    /// Whether each earning and spend moves it.
    pub fn is_sliding(&self) -> bool {
        matches!(self, Self::Sliding(_))
    }

    /// What is wrong with it, under `field`: the part, the rule that it breaks, and why.
    pub(super) fn faults(&self, field: &str) -> Vec<(String, &'static str, String)> {
        match self {
            Self::FixedDates(dates) => never(dates, field),
            _ => Vec::new(),
        }
    }
}

/// The first of these days of the year that comes after `day`; `None` beyond the calendar, and where there are none.
pub(super) fn first_after(dates: &[MonthDay], day: Date) -> Option<Date> {
    let years = day.year()..=day.year().checked_add(1)?;
    let days = years.flat_map(|year| dates.iter().filter_map(move |date| date.in_year(year)));
    days.filter(|date| *date > day).min()
}

/// Notes the dates under `field` that no year has.
pub(super) fn never(dates: &[MonthDay], field: &str) -> Vec<(String, &'static str, String)> {
    let never = dates.iter().enumerate().filter(|(_, date)| !date.exists());
    let said = |(i, date): (usize, &MonthDay)| {
        let said = format!("no year has month {} day {}", date.month, date.day);
        (format!("{field}.fixed_dates.dates[{i}]"), "DATE_NEVER", said)
    };
    never.map(said).collect()
}

impl Period {
    /// The last local day of the period that begins on `day`; `None` beyond the calendar.
    pub fn after(self, day: Date) -> Option<Date> {
        let count = i64::from(self.count);
        let span = match self.unit {
            PeriodUnit::Day => Span::new().try_days(count),
            PeriodUnit::Month => Span::new().try_months(count),
            PeriodUnit::Year => Span::new().try_years(count),
        };
        day.checked_add(span.ok()?).ok()
    }
}

impl PeriodEnd {
    fn of(self, day: Date) -> Option<Date> {
        let months = match self {
            Self::Month => 1,
            Self::Quarter => 3,
            Self::HalfYear => 6,
            Self::Year => 12,
        };
        let month = (day.month() - 1) / months * months + months;
        Some(Date::new(day.year(), month, 1).ok()?.last_of_month())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shanghai() -> TimeZone {
        TimeZone::get("Asia/Shanghai").expect("the zone is known")
    }

    /// The last local day on which points that became active at local noon of `day` are good.
    fn through(policy: &ExpiryPolicy, day: &str) -> String {
        let noon = day.parse::<Date>().expect("a date").at(12, 0, 0, 0).to_zoned(shanghai()).expect("in range");
        let expires = policy.expires_at(noon.timestamp(), &shanghai()).expect("it expires").to_zoned(shanghai());
        assert_eq!(expires.time(), jiff::civil::Time::midnight(), "it expires at a local midnight");
        expires.date().yesterday().expect("in range").to_string()
    }

    fn period(count: i32, unit: PeriodUnit) -> ExpiryPolicy {
        ExpiryPolicy::Period { period: Period { count, unit }, extend_to: None }
    }

    #[test]
    fn l07_a_month_from_31_january_is_through_28_february_local() {
        let month = period(1, PeriodUnit::Month);
        assert_eq!(through(&month, "2026-01-31"), "2026-02-28");
        assert_eq!(through(&month, "2028-01-31"), "2028-02-29");
        assert_eq!(through(&month, "2026-01-25"), "2026-02-25");
    }

    #[test]
    fn days_and_years_run_from_activation_too() {
        assert_eq!(through(&period(90, PeriodUnit::Day), "2026-01-01"), "2026-04-01");
        assert_eq!(through(&period(1, PeriodUnit::Year), "2024-02-29"), "2025-02-28");
    }

    #[test]
    fn a_period_may_run_to_the_end_of_a_larger_one() {
        let to =
            |end| ExpiryPolicy::Period { period: Period { count: 1, unit: PeriodUnit::Month }, extend_to: Some(end) };
        assert_eq!(through(&to(PeriodEnd::Month), "2026-01-31"), "2026-02-28");
        assert_eq!(through(&to(PeriodEnd::Quarter), "2026-01-05"), "2026-03-31");
        assert_eq!(through(&to(PeriodEnd::HalfYear), "2026-06-15"), "2026-12-31");
        assert_eq!(through(&to(PeriodEnd::Year), "2026-12-05"), "2027-12-31");
    }

    #[test]
    fn fixed_dates_take_the_first_after_activation() {
        let dates = ExpiryPolicy::FixedDates(vec![MonthDay { month: 6, day: 30 }, MonthDay { month: 2, day: 29 }]);
        assert_eq!(through(&dates, "2026-01-01"), "2026-02-28");
        assert_eq!(through(&dates, "2028-01-01"), "2028-02-29");
        assert_eq!(through(&dates, "2026-02-28"), "2026-06-30");
        assert_eq!(through(&dates, "2026-06-30"), "2027-02-28");
    }

    #[test]
    fn a_midnight_that_summer_time_skips_is_the_first_instant_of_the_day() {
        let zone = TimeZone::get("America/Sao_Paulo").expect("the zone is known");
        let noon: Timestamp = "2017-10-13T15:00:00Z".parse().expect("an instant");
        let expires = period(1, PeriodUnit::Day).expires_at(noon, &zone).expect("it expires");
        assert_eq!(expires.to_string(), "2017-10-15T03:00:00Z", "14 October ended at 03:00 UTC, 01:00 local");
    }

    #[test]
    fn beyond_the_calendar_is_never() {
        let far: Timestamp = "9990-01-01T00:00:00Z".parse().expect("an instant");
        assert_eq!(period(100, PeriodUnit::Year).expires_at(far, &shanghai()), None);
        assert_eq!(ExpiryPolicy::Never.expires_at(far, &shanghai()), None);
    }
}
