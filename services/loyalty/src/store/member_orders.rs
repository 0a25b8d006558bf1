//! What is recorded of the orders of members: that they earned, what paid for them, what came back.

use guanxi_kernel::Uuid;
use guanxi_store::{Cell, Change, Column, Result, Rows, StoreError, Table, time};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{of_keys, of_roots};
use crate::domain::account::EarnedOrder;
use crate::domain::entry::OrderId;
use crate::domain::order::OrderRecord;
use crate::domain::points::Points;

const KEPT: [Column; 9] = [
    Column::uuid("root_id"),
    Column::uuid("order_id"),
    Column::text("name"),
    Column::int("earned").nullable(),
    Column::int("spent"),
    Column::int("refunded"),
    Column::int("due"),
    Column::bool("returned_whole"),
    Column::text("detail"),
];

const ORDERS: Table = Table::new("member_orders", &KEPT);

const KEPT_AND_BOUGHT: [Column; 13] = {
    let [root, order, name, earned, spent, refunded, due, returned_whole, detail] = KEPT;
    let (earn_time, source) = (Column::time("earn_time").nullable(), Column::text("source").nullable());
    let (purchase, buyer) = (Column::text("purchase").nullable(), Column::text("buyer").nullable());
    [root, order, name, earned, spent, refunded, due, returned_whole, detail, earn_time, source, purchase, buyer]
};

/// With what was bought.
const EARNED: Table = Table::new("member_orders", &KEPT_AND_BOUGHT);

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

/// A record to be kept, with what was bought where the order has earned since it was loaded.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a> {
    /// Whose.
    pub member: Uuid,
    /// The order.
    pub order: OrderId,
    /// What is recorded of it.
    pub record: &'a OrderRecord,
    /// What was bought.
    pub earned: Option<&'a EarnedOrder>,
}

/// New records, to be kept.
///
/// # Errors
/// Where a record does not encode.
pub fn new(records: &[Kept<'_>]) -> Result<Change> {
    let mut rows = Rows::new(&EARNED);
    for kept in records {
        with_purchase(&mut rows, kept)?;
    }
    Ok(rows.inserting())
}

/// Changed records, to be kept.
///
/// # Errors
/// Where a record does not encode.
pub fn changed(records: &[Kept<'_>]) -> Result<[Change; 2]> {
    let (mut earned, mut others) = (Rows::new(&EARNED), Rows::new(&ORDERS));
    for kept in records {
        match kept.earned {
            Some(_) => with_purchase(&mut earned, kept)?,
            None => others.push(cells(kept)?),
        }
    }
    let key = ["root_id", "order_id"];
    Ok([earned.updating(&key), others.updating(&key)])
}

fn cells(kept: &Kept<'_>) -> Result<[Cell; 9]> {
    let record = kept.record;
    Ok([
        kept.member.into(),
        kept.order.0.into(),
        record.order.as_str().into(),
        record.earned.map(Points::get).into(),
        record.spent.get().into(),
        record.refunded.get().into(),
        record.due.get().into(),
        record.returned_whole.into(),
        json(&record.detail)?.into(),
    ])
}

fn with_purchase(rows: &mut Rows, kept: &Kept<'_>) -> Result<()> {
    let [root, order, name, points, spent, refunded, due, returned_whole, detail] = cells(kept)?;
    let bought = kept.earned;
    rows.push([
        root,
        order,
        name,
        points,
        spent,
        refunded,
        due,
        returned_whole,
        detail,
        bought.map(|bought| bought.effective_time).into(),
        bought.map(|bought| bought.source.as_str()).into(),
        bought.map(|bought| json(&bought.purchase)).transpose()?.into(),
        bought.map(|bought| json(&bought.member)).transpose()?.into(),
    ]);
    Ok(())
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(StoreError::row)
}

/// Returned lines, to be kept.
pub fn new_returns(returns: &[(Uuid, &(OrderId, String, i32))]) -> Change {
    let mut rows = Rows::new(&RETURNS);
    for (root, (order, return_id, line)) in returns {
        rows.push([(*root).into(), order.0.into(), return_id.as_str().into(), (*line).into()]);
    }
    rows.inserting()
}

#[derive(FromQueryResult)]
struct Bought {
    root_id: Uuid,
    order_id: Uuid,
    earn_time: DateTimeUtc,
    source: String,
    purchase: String,
    buyer: String,
}

/// What these members bought and earned by, each with its member. What earned before there were campaigns is not known.
///
/// # Errors
/// The database's.
pub async fn bought(connection: &impl ConnectionTrait, members: &[Uuid]) -> Result<Vec<(Uuid, EarnedOrder)>> {
    let and = " AND purchase IS NOT NULL ORDER BY root_id, order_id";
    let found = of_roots::<Bought>(connection, "member_orders", members, and).await?;
    let read = found.into_iter().map(|row| {
        let order = EarnedOrder {
            order: OrderId(row.order_id),
            source: row.source,
            purchase: serde_json::from_str(&row.purchase).map_err(StoreError::row)?,
            effective_time: time::from_column(row.earn_time),
            member: serde_json::from_str(&row.buyer).map_err(StoreError::row)?,
            grants: Vec::new(),
            shares: Vec::new(),
        };
        Ok((row.root_id, order))
    });
    read.collect()
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
