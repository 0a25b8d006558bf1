//! Instants between the domain (`jiff`) and the entities (`chrono`, whose text sorts right on SQLite), in microseconds.

use chrono::{DateTime, Utc};
use guanxi_kernel::Timestamp;

/// For an entity's column.
pub fn to_column(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.as_microsecond()).expect("a jiff timestamp is within chrono's range")
}

/// From an entity's column.
pub fn from_column(at: DateTime<Utc>) -> Timestamp {
    Timestamp::from_microsecond(at.timestamp_micros()).unwrap_or(Timestamp::MAX)
}
