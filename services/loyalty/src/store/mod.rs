//! What loyalty keeps, one file of functions for each aggregate. Everything hot is read and written in sets.

pub mod accounts;
pub mod adjustments;
pub mod batches;
pub mod book;
pub mod budgets;
pub mod campaign_report;
pub mod campaigns;
pub mod cards;
pub mod challenges;
pub mod coupons;
pub mod customers;
pub mod due;
pub mod earned;
pub mod entities;
pub mod entries;
pub mod erasing;
pub mod figures;
pub mod gift_cards;
pub mod goals;
pub mod holds;
pub mod invariants;
mod invariants_earning;
mod invariants_identity;
mod invariants_ledger;
mod invariants_tiers;
pub mod kin;
pub mod ledger;
pub mod liability;
pub mod lots;
pub mod member_orders;
pub mod members;
pub mod merges;
mod migrations;
pub mod occasions;
pub mod orders;
pub mod outgoing;
pub mod programs;
pub mod reading;
pub mod referrals;
pub mod rewards;
pub mod sources;
pub mod tenure;
pub mod tiers;
pub mod transfers;

use guanxi_kernel::{OrganizationId, Uuid};
use guanxi_store::migrate::Migrations;
use guanxi_store::{Result, StoreError, dialect};
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use crate::domain::chain::ChainHash;

/// The schema's steps, oldest first.
pub fn migrations() -> Migrations {
    migrations::all()
}

/// The rows of a query.
async fn rows<M: FromQueryResult>(
    connection: &impl ConnectionTrait,
    sql: String,
    values: Vec<Value>,
) -> Result<Vec<M>> {
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let found = connection.query_all_raw(statement).await?;
    found.iter().map(|row| Ok(M::from_query_result(row, "")?)).collect()
}

/// The rows of a table with these roots, and what `and` adds to the condition; one statement, whatever their number.
async fn of_roots<M: FromQueryResult>(
    connection: &impl ConnectionTrait,
    table: &str,
    roots: &[Uuid],
    and: &str,
) -> Result<Vec<M>> {
    if roots.is_empty() {
        return Ok(Vec::new());
    }
    let (condition, roots) = dialect::any_uuid(connection.get_database_backend(), "root_id", 1, roots);
    rows(connection, format!("SELECT * FROM {table} WHERE {condition}{and}"), vec![roots]).await
}

/// The rows of a table with these keys: a root and a second column.
async fn of_keys<M: FromQueryResult>(
    connection: &impl ConnectionTrait,
    table: &str,
    column: &str,
    keys: &[(Uuid, Uuid)],
) -> Result<Vec<M>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let (condition, values) = dialect::any_pair(connection.get_database_backend(), ("root_id", column), keys);
    rows(connection, format!("SELECT * FROM {table} WHERE {condition}"), values).await
}

fn hash(bytes: &[u8]) -> Result<ChainHash> {
    ChainHash::from_bytes(bytes).ok_or_else(|| StoreError::Row("a hash has 32 bytes".to_owned()))
}

fn organization(slug: &str) -> Result<OrganizationId> {
    OrganizationId::from_slug(slug).map_err(StoreError::row)
}
