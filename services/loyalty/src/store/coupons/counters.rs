//! Counters of limits: their rows. They can be counted again from the redemptions.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_kernel::{OrganizationId, Uuid};
use guanxi_store::{Change, Column, Result, Rows, Table};
use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::domain::coupon::limit::CounterKey;
use crate::store::{of_roots, rows};

const COUNTERS: Table = Table::new(
    "coupon_counters",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::uuid("batch"),
        Column::text("scope"),
        Column::text("period"),
        Column::text("begins").nullable(),
        Column::text("subject"),
        Column::int("used"),
    ],
);

#[derive(FromQueryResult)]
struct Row {
    root_id: Uuid,
    used: i64,
}

/// What these counters stand at; those that have no row are left out.
///
/// # Errors
/// The database's.
pub async fn load(connection: &impl ConnectionTrait, keys: BTreeSet<CounterKey>) -> Result<BTreeMap<CounterKey, i64>> {
    let mut by_root: BTreeMap<Uuid, CounterKey> = keys.into_iter().map(|key| (key.uuid(), key)).collect();
    let roots: Vec<Uuid> = by_root.keys().copied().collect();
    let found = of_roots::<Row>(connection, "coupon_counters", &roots, "").await?;
    Ok(found.into_iter().filter_map(|row| Some((by_root.remove(&row.root_id)?, row.used))).collect())
}

/// The counters of a batch, by their keys.
///
/// # Errors
/// The database's.
pub async fn of_batch(connection: &impl ConnectionTrait, batch: Uuid) -> Result<BTreeMap<Uuid, i64>> {
    let sql = "SELECT root_id, used FROM coupon_counters WHERE batch = $1".to_owned();
    let found = rows::<Row>(connection, sql, vec![batch.into()]).await?;
    Ok(found.into_iter().map(|row| (row.root_id, row.used)).collect())
}

/// Counters, new and changed, to be kept.
pub fn kept<'a>(counters: impl Iterator<Item = (&'a CounterKey, &'a OrganizationId, i64)>) -> Change {
    let mut rows = Rows::new(&COUNTERS);
    for (key, organization, used) in counters {
        rows.push([
            key.uuid().into(),
            organization.slug().into(),
            key.batch.into(),
            key.scope.as_str().into(),
            key.period.as_str().into(),
            key.begins.map(|day| day.to_string()).into(),
            key.subject.as_str().into(),
            used.into(),
        ]);
    }
    rows.upserting("root_id", "used = excluded.used")
}
