//! What is recorded of the orders of members: that they earned, what paid for them, what came back.

use guanxi_kernel::Uuid;
use guanxi_store::{Change, Column, Result, Rows, StoreError, Table};
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::of_keys;
use crate::domain::entry::OrderId;
use crate::domain::order::OrderRecord;
use crate::domain::points::Points;

const ORDERS: Table = Table::new(
    "member_orders",
    &[
        Column::uuid("root_id"),
        Column::uuid("order_id"),
        Column::text("name"),
        Column::int("earned").nullable(),
        Column::int("spent"),
        Column::int("refunded"),
        Column::int("due"),
        Column::bool("returned_whole"),
        Column::text("detail"),
    ],
);

const RETURNS: Table = Table::new(
    "order_returns",
    &[Column::uuid("root_id"), Column::uuid("order_id"), Column::text("return_id"), Column::int("line")],
);

#[derive(FromQueryResult)]
struct Row {
    root_id: Uuid,
    order_id: Uuid,
    name: String,
    earned: Option<i64>,
    spent: i64,
    refunded: i64,
    due: i64,
    returned_whole: bool,
    detail: String,
}

#[derive(FromQueryResult)]
struct Return {
    root_id: Uuid,
    order_id: Uuid,
    return_id: String,
    line: i64,
}

/// What is recorded of these orders of these members.
///
/// # Errors
/// The database's.
pub async fn load(
    connection: &impl ConnectionTrait,
    orders: &[(Uuid, Uuid)],
) -> Result<Vec<(Uuid, OrderId, OrderRecord)>> {
    let rows = of_keys::<Row>(connection, "member_orders", "order_id", orders).await?;
    rows.into_iter().map(|row| Ok((row.root_id, OrderId(row.order_id), record(row)?))).collect()
}

/// The lines of these orders that came back before, with the returns that named them.
///
/// # Errors
/// The database's.
pub async fn returned(
    connection: &impl ConnectionTrait,
    orders: &[(Uuid, Uuid)],
) -> Result<Vec<(Uuid, OrderId, String, i32)>> {
    let rows = of_keys::<Return>(connection, "order_returns", "order_id", orders).await?;
    let line = |line: i64| i32::try_from(line).map_err(StoreError::row);
    rows.into_iter().map(|row| Ok((row.root_id, OrderId(row.order_id), row.return_id, line(row.line)?))).collect()
}

/// New records, to be kept.
///
/// # Errors
/// Where a record does not encode.
pub fn new(records: &[(Uuid, OrderId, &OrderRecord)]) -> Result<Change> {
    Ok(kept(records)?.inserting())
}

/// Changed records, to be kept.
///
/// # Errors
/// Where a record does not encode.
pub fn changed(records: &[(Uuid, OrderId, &OrderRecord)]) -> Result<Change> {
    Ok(kept(records)?.updating(&["root_id", "order_id"]))
}

fn kept(records: &[(Uuid, OrderId, &OrderRecord)]) -> Result<Rows> {
    let mut rows = Rows::new(&ORDERS);
    for (root, order, record) in records {
        rows.push([
            (*root).into(),
            order.0.into(),
            record.order.as_str().into(),
            record.earned.map(Points::get).into(),
            record.spent.get().into(),
            record.refunded.get().into(),
            record.due.get().into(),
            record.returned_whole.into(),
            serde_json::to_string(&record.detail).map_err(StoreError::row)?.into(),
        ]);
    }
    Ok(rows)
}

/// Returned lines, to be kept.
pub fn new_returns(returns: &[(Uuid, &(OrderId, String, i32))]) -> Change {
    let mut rows = Rows::new(&RETURNS);
    for (root, (order, return_id, line)) in returns {
        rows.push([(*root).into(), order.0.into(), return_id.as_str().into(), (*line).into()]);
    }
    rows.inserting()
}

fn record(row: Row) -> Result<OrderRecord> {
    Ok(OrderRecord {
        order: row.name.parse().map_err(StoreError::row)?,
        earned: row.earned.map(Points::new),
        spent: Points::new(row.spent),
        refunded: Points::new(row.refunded),
        due: Points::new(row.due),
        returned_whole: row.returned_whole,
        detail: serde_json::from_str(&row.detail).map_err(StoreError::row)?,
    })
}
