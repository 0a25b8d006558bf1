//! What the customer service keeps, one file of functions for each aggregate. Everything hot is read and written in
//! sets.

pub mod customers;
pub mod entities;
pub mod figures;
pub mod identity;
pub mod invariants;
mod migrations;
pub mod order_sets;
pub mod orders;
pub mod organizations;
pub mod pages;

use guanxi_kernel::{OrganizationId, Uuid};
use guanxi_store::migrate::Migrations;
use guanxi_store::{Result, StoreError, dialect};
use sea_orm::{ConnectionTrait, FromQueryResult, Statement};

/// The schema's steps, oldest first.
pub fn migrations() -> Migrations {
    migrations::all()
}

/// The rows of a table with these roots, in the order of the roots: one statement, whatever their number. `lock` is empty,
/// or what locking them came to.
async fn by_roots<M: FromQueryResult>(
    connection: &impl ConnectionTrait,
    table: &str,
    roots: &[Uuid],
    lock: &str,
) -> Result<Vec<M>> {
    if roots.is_empty() {
        return Ok(Vec::new());
    }
    let backend = connection.get_database_backend();
    let (condition, roots) = dialect::any_uuid(backend, "root_id", 1, roots);
    let sql = format!("SELECT * FROM {table} WHERE {condition} ORDER BY root_id{lock}");
    let rows = connection.query_all_raw(Statement::from_sql_and_values(backend, sql, [roots])).await?;
    rows.iter().map(|row| Ok(M::from_query_result(row, "")?)).collect()
}

fn organization(slug: &str) -> Result<OrganizationId> {
    OrganizationId::from_slug(slug).map_err(StoreError::row)
}

/// A value that a column's text names.
fn parsed<T: std::str::FromStr>(text: &str, column: &str) -> Result<T> {
    text.parse().map_err(|_| StoreError::Row(format!("{column} holds {text:?}")))
}

/// A whole number that a column holds as a wider one.
fn narrow<N: TryFrom<i64, Error: std::fmt::Display>>(number: i64) -> Result<N> {
    N::try_from(number).map_err(StoreError::row)
}
