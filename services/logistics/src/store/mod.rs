//! The logistics database: shipments as aggregates, tracks as they were reported, and what both need to be found.

pub mod entities;
pub mod intake;
pub mod invariants;
pub mod listing;
pub mod migrations;
pub mod numbers;
pub mod opening;
pub mod packages;
pub mod promises;
pub mod quarantine;
pub mod shipments;
pub mod summary;
pub mod tracks;
pub mod under_way;
pub mod watch;

use guanxi_kernel::{PageRequest, Refused, Timestamp, Uuid};
use guanxi_store::dialect::any_uuid;
use guanxi_store::{Result, StoreError};
use sea_orm::{ConnectionTrait, FromQueryResult, Statement};

/// Rows of a query that names its rows by identifiers: `select` ends before its `WHERE`, `suffix` comes after it.
pub(crate) async fn rows_of<R: FromQueryResult>(
    connection: &impl ConnectionTrait,
    select: &str,
    column: &str,
    ids: &[Uuid],
    suffix: &str,
) -> Result<Vec<R>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let backend = connection.get_database_backend();
    let (condition, value) = any_uuid(backend, column, 1, ids);
    let sql = format!("{select} WHERE {condition}{suffix}");
    let statement = Statement::from_sql_and_values(backend, sql, [value]);
    Ok(R::find_by_statement(statement).all(connection).await?)
}

/// A value that a row holds as text, read back.
pub(crate) fn read<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T> {
    text.parse().map_err(StoreError::row)
}

/// The key of a page that is ordered by time and identifier.
pub(crate) fn key_of(time: Timestamp, id: Uuid) -> Vec<String> {
    vec![time.as_microsecond().to_string(), id.to_string()]
}

/// Where such a page begins: after this time and identifier.
///
/// # Errors
/// INVALID_ARGUMENT for a page token with another key.
pub(crate) fn after(page: &PageRequest) -> Result<Option<(Timestamp, Uuid)>> {
    let Some(key) = &page.after else { return Ok(None) };
    let parts = match key.as_slice() {
        [time, id] => {
            time.parse().ok().and_then(|micros| Timestamp::from_microsecond(micros).ok()).zip(id.parse().ok())
        }
        _ => None,
    };
    let malformed = || Refused::invalid("page_token", "PAGE_TOKEN_MALFORMED", "is not a token that a page returned");
    Ok(Some(parts.ok_or_else(malformed)?))
}
