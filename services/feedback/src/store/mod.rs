//! What feedback keeps, one file of functions for each aggregate. Everything hot is read and written in sets.

pub mod cases;
pub mod entities;
pub mod figures;
pub mod invariants;
pub mod invitations;
mod migrations;
pub mod orders;
mod pages;
pub mod responses;
pub mod reviews;
pub mod scores;
pub mod surveys;

use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{OrderName, OrganizationId, Uuid};
use guanxi_store::migrate::Migrations;
use guanxi_store::{Result, StoreError, Tx, dialect};
use sea_orm::{ConnectionTrait, FromQueryResult, Statement};

/// The schema's steps, oldest first.
pub fn migrations() -> Migrations {
    migrations::all()
}

/// The rows of a table with these roots, in the order of the roots: one statement, whatever their number.
async fn by_roots<M: FromQueryResult>(tx: &Tx, table: &str, roots: &[Uuid], lock: Lock) -> Result<Vec<M>> {
    if roots.is_empty() {
        return Ok(Vec::new());
    }
    let suffix = match lock {
        Lock::None => "",
        Lock::Rows => tx.lock(table, roots).await?,
    };
    let (condition, roots) = dialect::any_uuid(tx.backend(), "root_id", 1, roots);
    let sql = format!("SELECT * FROM {table} WHERE {condition} ORDER BY root_id{suffix}");
    let rows = tx.conn().query_all_raw(Statement::from_sql_and_values(tx.backend(), sql, [roots])).await?;
    rows.iter().map(|row| Ok(M::from_query_result(row, "")?)).collect()
}

/// Whether rows that are read stay as they are until the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lock {
    None,
    Rows,
}

/// A variant that a column's word names.
fn word<T>(found: Option<T>, column: &str, word: &str) -> Result<T> {
    found.ok_or_else(|| StoreError::Row(format!("{column} holds {word:?}")))
}

fn organization(slug: &str) -> Result<OrganizationId> {
    OrganizationId::from_slug(slug).map_err(StoreError::row)
}

fn order_name(name: Option<&str>) -> Result<Option<OrderName>> {
    name.map(|name| name.parse().map_err(StoreError::row)).transpose()
}

fn customer(id: Option<Uuid>) -> Option<CustomerId> {
    id.map(CustomerId)
}

/// A whole number that a column holds as a wider one.
fn narrow<N: TryFrom<i64, Error: std::fmt::Display>>(number: i64) -> Result<N> {
    N::try_from(number).map_err(StoreError::row)
}
