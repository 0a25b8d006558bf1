//! Entries: their rows. They are only ever added.

use guanxi_kernel::{Timestamp, Uuid};
use guanxi_store::{Change, Column, Result, Rows, StoreError, Table, time};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use super::{of_roots, rows};
use crate::domain::entry::{Entry, EntryKind, HoldId, LedgerAccount, OrderId};
use crate::domain::lot::LotId;
use crate::domain::points::Points;

const ENTRIES: Table = Table::new(
    "entries",
    &[
        Column::uuid("root_id"),
        Column::int("number"),
        Column::int("posting"),
        Column::text("kind"),
        Column::text("from_account"),
        Column::text("to_account"),
        Column::int("points"),
        Column::int("lot_id").nullable(),
        Column::uuid("order_id").nullable(),
        Column::uuid("hold_id").nullable(),
        Column::time("effective_time"),
        Column::time("create_time"),
        Column::time("active_from").nullable(),
        Column::time("expires_at").nullable(),
        Column::bytes("hash").nullable(),
    ],
);

#[derive(FromQueryResult)]
struct Row {
    root_id: Uuid,
    number: i64,
    posting: i64,
    kind: String,
    from_account: String,
    to_account: String,
    points: i64,
    lot_id: Option<i64>,
    order_id: Option<Uuid>,
    hold_id: Option<Uuid>,
    effective_time: DateTimeUtc,
    create_time: DateTimeUtc,
    active_from: Option<DateTimeUtc>,
    expires_at: Option<DateTimeUtc>,
    hash: Option<Vec<u8>>,
}

/// New entries, to be kept.
pub fn new(entries: &[(Uuid, &Entry)]) -> Change {
    let mut rows = Rows::new(&ENTRIES);
    for (root, entry) in entries {
        rows.push([
            (*root).into(),
            entry.number.into(),
            entry.posting.into(),
            entry.kind.as_str().into(),
            entry.from.as_str().into(),
            entry.to.as_str().into(),
            entry.points.get().into(),
            entry.lot.map(|lot| lot.0).into(),
            entry.order.map(|order| order.0).into(),
            entry.hold.map(|hold| hold.0).into(),
            entry.effective_time.into(),
            entry.create_time.into(),
            entry.active_from.into(),
            entry.expires_at.into(),
            entry.hash.map(|hash| hash.as_bytes().to_vec()).into(),
        ]);
    }
    rows.inserting()
}

/// The entries of these members, each with its member, by member and number. One of a kind that this release does not
/// know is left out: whoever verifies finds that it is missing, and need not stop there.
///
/// # Errors
/// The database's.
pub async fn of_members(connection: &impl ConnectionTrait, members: &[Uuid]) -> Result<Vec<(Uuid, Entry)>> {
    let mut found = of_roots::<Row>(connection, "entries", members, " ORDER BY root_id, number").await?;
    found.retain(|row| {
        let known = [&row.from_account, &row.to_account].into_iter().all(|word| word.parse::<LedgerAccount>().is_ok());
        known && row.kind.parse::<EntryKind>().is_ok()
    });
    found.into_iter().map(|row| Ok((row.root_id, entry(row)?))).collect()
}

/// The entries of a member that were effective by `as_of` and recorded by `known_at`, oldest first.
///
/// # Errors
/// The database's.
pub async fn known(
    connection: &impl ConnectionTrait,
    member: Uuid,
    as_of: Timestamp,
    known_at: Timestamp,
) -> Result<Vec<Entry>> {
    let sql = "SELECT * FROM entries WHERE root_id = $1 AND effective_time <= $2 AND create_time <= $3 ORDER BY number";
    let values = vec![member.into(), time::to_column(as_of).into(), time::to_column(known_at).into()];
    rows::<Row>(connection, sql.to_owned(), values).await?.into_iter().map(entry).collect()
}

/// A page of a member's entries, newest first: those before `before`, about one order where it is given.
///
/// # Errors
/// The database's.
pub async fn page(
    connection: &impl ConnectionTrait,
    member: Uuid,
    order: Option<OrderId>,
    before: Option<i64>,
    size: u32,
) -> Result<Vec<Entry>> {
    let mut values: Vec<Value> = vec![member.into(), before.unwrap_or(i64::MAX).into(), i64::from(size).into()];
    let and = match order {
        Some(order) => {
            values.push(order.0.into());
            " AND order_id = $4"
        }
        None => "",
    };
    let sql = format!("SELECT * FROM entries WHERE root_id = $1 AND number < $2{and} ORDER BY number DESC LIMIT $3");
    rows::<Row>(connection, sql, values).await?.into_iter().map(entry).collect()
}

/// Where a page of the entries of several members begins: behind this one, by the time of its record, its member and number.
pub type Behind = (Timestamp, Uuid, i64);

/// A page of the entries of several members, each with its member, the newest first.
///
/// # Errors
/// The database's.
pub async fn page_of(
    connection: &impl ConnectionTrait,
    members: &[Uuid],
    order: Option<OrderId>,
    behind: Option<Behind>,
    size: u32,
) -> Result<Vec<(Uuid, Entry)>> {
    let mut values: Vec<Value> = vec![i64::from(size).into()];
    let mut and = String::new();
    if let Some((at, member, number)) = behind {
        values.extend([time::to_column(at).into(), member.into(), number.into()]);
        and.push_str(" AND (create_time, root_id, number) < ($2, $3, $4)");
    }
    if let Some(order) = order {
        values.push(order.0.into());
        let place = values.len();
        and.push_str(&format!(" AND order_id = ${place}"));
    }
    let backend = connection.get_database_backend();
    let (condition, members) = guanxi_store::dialect::any_uuid(backend, "root_id", values.len() + 1, members);
    values.push(members);
    let sql = format!(
        "SELECT * FROM entries WHERE {condition}{and} ORDER BY create_time DESC, root_id DESC, number DESC LIMIT $1"
    );
    rows::<Row>(connection, sql, values).await?.into_iter().map(|row| Ok((row.root_id, entry(row)?))).collect()
}

fn entry(row: Row) -> Result<Entry> {
    Ok(Entry {
        number: row.number,
        posting: row.posting,
        kind: row.kind.parse().map_err(StoreError::row)?,
        from: row.from_account.parse().map_err(StoreError::row)?,
        to: row.to_account.parse().map_err(StoreError::row)?,
        points: Points::new(row.points),
        lot: row.lot_id.map(LotId),
        order: row.order_id.map(OrderId),
        hold: row.hold_id.map(HoldId),
        effective_time: time::from_column(row.effective_time),
        create_time: time::from_column(row.create_time),
        active_from: row.active_from.map(time::from_column),
        expires_at: row.expires_at.map(time::from_column),
        hash: row.hash.map(|bytes| super::hash(&bytes)).transpose()?,
    })
}
