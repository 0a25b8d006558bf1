//! Limits: how often at the most, counted by code, customer, batch or store, over a time of the calendar.

use guanxi_kernel::{Uuid, natural_id};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// How often at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Limit {
    /// Whose redemptions count.
    pub scope: Scope,
    /// Over what time.
    pub period: Period,
    /// How many, at least 1.
    pub maximum: i64,
}

/// Whose redemptions a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Those of one code.
    Code,
    /// Those by one customer.
    Customer,
    /// Those of the batch.
    Batch,
    /// Those in one store.
    Store,
}

impl Scope {
    /// Every one, as columns and metadata call it.
    pub const ALL: &[&str] = &["CODE", "CUSTOMER", "BATCH", "STORE"];

    /// As columns and metadata call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "CODE",
            Self::Customer => "CUSTOMER",
            Self::Batch => "BATCH",
            Self::Store => "STORE",
        }
    }
}

/// Over what time a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Since ever.
    Ever,
    /// A day.
    Day,
    /// A week, from Monday.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl Period {
    /// Every one, as columns and metadata call it.
    pub const ALL: &[&str] = &["EVER", "DAY", "WEEK", "MONTH", "YEAR"];

    /// As columns and metadata call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ever => "EVER",
            Self::Day => "DAY",
            Self::Week => "WEEK",
            Self::Month => "MONTH",
            Self::Year => "YEAR",
        }
    }

    /// The first day of the period that holds `at`, in this zone; `None` for ever.
    pub fn begins(self, at: Timestamp, zone: &TimeZone) -> Option<Date> {
        let day = zone.to_datetime(at).date();
        match self {
            Self::Ever => None,
            Self::Day => Some(day),
            Self::Week => {
                let since_monday = i64::from(day.weekday().to_monday_zero_offset());
                Some(day.checked_sub(since_monday.days()).unwrap_or(day))
            }
            Self::Month => Some(day.first_of_month()),
            Self::Year => Some(day.first_of_year()),
        }
    }
}

/// What one counter counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterKey {
    /// The batch's key.
    pub batch: Uuid,
    /// Whose redemptions.
    pub scope: Scope,
    /// Over what time.
    pub period: Period,
    /// The first day of it.
    pub begins: Option<Date>,
    /// The code, customer or store; empty for the batch.
    pub subject: String,
}

impl CounterKey {
    /// The key of its row.
    pub fn uuid(&self) -> Uuid {
        let begins = self.begins.map(|day| day.to_string()).unwrap_or_default();
        let batch = self.batch.to_string();
        natural_id(
            "coupon-counter",
            [batch.as_str(), self.scope.as_str(), self.period.as_str(), &begins, &self.subject],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_begins_by_the_calendar_of_the_zone() {
        let zone = TimeZone::get("Asia/Shanghai").expect("a zone");
        let begins =
            |period: Period, at: &str| period.begins(at.parse().expect("an instant"), &zone).map(|day| day.to_string());
        // Sunday evening in UTC is Monday morning in Shanghai.
        let monday = "2026-11-22T16:00:00Z";
        assert_eq!(begins(Period::Day, monday).as_deref(), Some("2026-11-23"));
        assert_eq!(begins(Period::Week, monday).as_deref(), Some("2026-11-23"));
        assert_eq!(begins(Period::Week, "2026-11-22T15:59:59Z").as_deref(), Some("2026-11-16"));
        assert_eq!(begins(Period::Month, monday).as_deref(), Some("2026-11-01"));
        assert_eq!(begins(Period::Year, "2026-12-31T16:00:00Z").as_deref(), Some("2027-01-01"));
        assert_eq!(begins(Period::Ever, monday), None);
    }
}
