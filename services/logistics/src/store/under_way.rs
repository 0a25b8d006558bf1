//! What is under way now, for those who watch the service: by whether the day that was promised has passed.

use guanxi_kernel::signals::{self, KeyValue, Measured, attribute};
use guanxi_kernel::tz::TimeZone;
use guanxi_store::{Database, Result};
use sea_orm::{ConnectionTrait, Statement};

/// What is counted of shipments that are open. `$1` is today.
const COUNTED: &str = "SELECT CAST(COUNT(*) AS bigint) AS all_of_them, \
     CAST(COALESCE(SUM(CASE WHEN s.promised_date < $1 THEN 1 ELSE 0 END), 0) AS bigint) AS overdue FROM ";
const OPEN: &str = "s.status IN ('CREATED', 'INFO_RECEIVED', 'PICKED_UP', 'IN_TRANSIT', 'OUT_FOR_DELIVERY', \
     'AVAILABLE_FOR_PICKUP', 'ATTEMPT_FAILED', 'ON_HOLD', 'RETURNING', 'PARTIALLY_DELIVERED')";
/// Organisation by organisation, so that the index by status finds what is open without reading what is over.
const ORGANIZATIONS: &str = "WITH RECURSIVE known(organization) AS (SELECT MIN(organization) FROM shipments UNION ALL \
     SELECT (SELECT MIN(s.organization) FROM shipments s WHERE s.organization > known.organization) FROM known \
     WHERE known.organization IS NOT NULL) ";

/// Shipments under way, of all organisations. A day has passed where it has in UTC.
///
/// # Errors
/// The database's.
pub async fn measured(db: Database) -> Result<Vec<Measured>> {
    let today = db.clock().now().to_zoned(TimeZone::UTC).date().to_string();
    // Citus takes no recursion over tables that are spread; there each server reads its own part.
    let sql = if db.is_spread() {
        format!("{COUNTED}shipments s WHERE {OPEN}")
    } else {
        format!("{ORGANIZATIONS}{COUNTED}known JOIN shipments s ON s.organization = known.organization AND {OPEN}")
    };
    let statement = Statement::from_sql_and_values(db.backend(), sql, [today.into()]);
    let row = db.unfiltered().query_one_raw(statement).await?;
    let (all, overdue): (i64, i64) = match row {
        Some(row) => (row.try_get("", "all_of_them")?, row.try_get("", "overdue")?),
        None => (0, 0),
    };
    let of =
        |promise, number| signals::UNDELIVERED.is(signals::count(number), [KeyValue::new(attribute::PROMISE, promise)]);
    Ok(vec![of("due", all - overdue), of("overdue", overdue)])
}
