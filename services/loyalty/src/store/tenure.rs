//! Since when members are members, and how often they bought.

use std::collections::BTreeMap;

use guanxi_kernel::Uuid;
use guanxi_store::{Result, dialect, time};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::rows;
use crate::domain::tenure::Tenure;

#[derive(FromQueryResult)]
struct Row {
    root_id: Uuid,
    enroll_time: DateTimeUtc,
    orders: i64,
}

/// Of these members, as far as they exist; one statement, which counts their orders.
///
/// # Errors
/// The database's.
pub async fn load(connection: &impl ConnectionTrait, members: &[Uuid]) -> Result<BTreeMap<Uuid, Tenure>> {
    if members.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (condition, roots) = dialect::any_uuid(connection.get_database_backend(), "m.root_id", 1, members);
    let sql = format!(
        "SELECT m.root_id, m.enroll_time, COUNT(o.order_id) AS orders FROM members m LEFT JOIN member_orders o \
         ON o.root_id = m.root_id AND o.earned IS NOT NULL WHERE {condition} GROUP BY m.root_id, m.enroll_time"
    );
    let found = rows::<Row>(connection, sql, vec![roots]).await?.into_iter();
    let tenure = |row: Row| Tenure { joined: Some(time::from_column(row.enroll_time)), orders: row.orders };
    Ok(found.map(|row| (row.root_id, tenure(row))).collect())
}
