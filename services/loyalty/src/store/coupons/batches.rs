//! Batches of coupons: their rows.

use std::collections::BTreeMap;

use guanxi_kernel::tz::TimeZone;
use guanxi_kernel::{Refused, Uuid};
use guanxi_store::{Change, Column, Result, Rows, Session, StoreError, Table, Tx, time};
use sea_orm::{ColumnTrait, ConnectionTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::domain::coupon::batch::{Batch, BatchId, Terms};
use crate::store::entities::coupon_batches::{Column as Field, Entity, Model};
use crate::store::{of_roots, organization};

const BATCHES: Table = Table::new(
    "coupon_batches",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::text("slug"),
        Column::text("terms"),
        Column::int("issued"),
        Column::int("redeemed"),
        Column::int("redeemed_minor"),
        Column::time("create_time"),
    ],
);

const COUNTED: Table = Table::new(
    "coupon_batches",
    &[Column::uuid("root_id"), Column::int("issued"), Column::int("redeemed"), Column::int("redeemed_minor")],
);

/// Keeps a new batch.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &Tx, batch: &Batch) -> Result<()> {
    let mut rows = Rows::new(&BATCHES);
    rows.push([
        batch.id.uuid().into(),
        batch.organization.slug().into(),
        batch.id.slug().into(),
        serde_json::to_string(&batch.terms).map_err(StoreError::row)?.into(),
        batch.issued.into(),
        batch.redeemed.into(),
        batch.redeemed_minor.into(),
        batch.create_time.into(),
    ]);
    rows.insert(tx).await
}

/// What changed batches count, to be kept.
pub fn counted<'a>(batches: impl Iterator<Item = &'a Batch>) -> Change {
    let mut rows = Rows::new(&COUNTED);
    for batch in batches {
        rows.push([batch.id.uuid().into(), batch.issued.into(), batch.redeemed.into(), batch.redeemed_minor.into()]);
    }
    rows.updating(&["root_id"])
}

/// Whether the id is taken, by anyone's batch.
///
/// # Errors
/// The database's.
pub async fn exists(tx: &Tx, id: &BatchId) -> Result<bool> {
    Ok(!of_roots::<Model>(tx.conn(), "coupon_batches", &[id.uuid()], "").await?.is_empty())
}

/// The batches with these keys, locked in the order of their keys.
///
/// # Errors
/// The database's.
pub async fn lock(tx: &Tx, keys: &[Uuid]) -> Result<BTreeMap<Uuid, Batch>> {
    let and = format!(" ORDER BY root_id{}", tx.lock("coupon_batches", keys).await?);
    by_key(of_roots(tx.conn(), "coupon_batches", keys, &and).await?)
}

/// The same, without a lock.
///
/// # Errors
/// The database's.
pub async fn load(connection: &impl ConnectionTrait, keys: &[Uuid]) -> Result<BTreeMap<Uuid, Batch>> {
    by_key(of_roots(connection, "coupon_batches", keys, "").await?)
}

fn by_key(rows: Vec<Model>) -> Result<BTreeMap<Uuid, Batch>> {
    rows.into_iter().map(|row| Ok((row.root_id, batch(row)?))).collect()
}

/// The batch that the caller may read.
///
/// # Errors
/// NOT_FOUND; the database's.
pub async fn read<S: Session>(session: &S, id: &BatchId) -> Result<Batch> {
    let row = session.find::<Entity>().filter(Field::RootId.eq(id.uuid())).one(session.connection()).await?;
    batch(row.ok_or_else(|| Refused::not_found("coupon_batch", id))?)
}

/// A page of batches that the caller may read, by slug.
///
/// # Errors
/// The database's.
pub async fn page<S: Session>(session: &S, after: Option<&str>, size: u64) -> Result<Vec<Batch>> {
    let mut query = session.find::<Entity>().order_by_asc(Field::Slug).limit(size);
    if let Some(after) = after {
        query = query.filter(Field::Slug.gt(after));
    }
    query.all(session.connection()).await?.into_iter().map(batch).collect()
}

fn batch(row: Model) -> Result<Batch> {
    let terms: Terms = serde_json::from_str(&row.terms).map_err(StoreError::row)?;
    Ok(Batch {
        id: BatchId::from_slug(&row.slug).map_err(StoreError::row)?,
        organization: organization(&row.organization)?,
        zone: TimeZone::get(&terms.time_zone).map_err(StoreError::row)?,
        terms,
        issued: row.issued,
        redeemed: row.redeemed,
        redeemed_minor: row.redeemed_minor,
        create_time: time::from_column(row.create_time),
    })
}
