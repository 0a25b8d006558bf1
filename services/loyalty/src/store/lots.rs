//! Lots: their rows.

use guanxi_kernel::Uuid;
use guanxi_store::{Change, Column, Result, Rows, Table, time};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::of_roots;
use crate::domain::entry::OrderId;
use crate::domain::lot::{Lot, LotId};
use crate::domain::points::Points;

const LOTS: Table = Table::new(
    "lots",
    &[
        Column::uuid("root_id"),
        Column::int("lot_id"),
        Column::uuid("order_id").nullable(),
        Column::int("points"),
        Column::int("open_points"),
        Column::int("held_points"),
        Column::int("expired"),
        Column::int("covered"),
        Column::int("borrowed"),
        Column::int("owed"),
        Column::time("effective_time"),
        Column::time("active_from").nullable(),
        Column::time("expires_at").nullable(),
        Column::bool("sliding"),
        Column::bool("live"),
    ],
);

const CHANGES: Table = Table::new(
    "lots",
    &[
        Column::uuid("root_id"),
        Column::int("lot_id"),
        Column::int("open_points"),
        Column::int("held_points"),
        Column::int("expired"),
        Column::int("covered"),
        Column::int("borrowed"),
        Column::int("owed"),
        Column::time("active_from").nullable(),
        Column::time("expires_at").nullable(),
        Column::bool("live"),
    ],
);

/// Which lots of a member are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those with open or held points.
    Live,
    /// All.
    All,
}

#[derive(FromQueryResult)]
struct Row {
    root_id: Uuid,
    lot_id: i64,
    order_id: Option<Uuid>,
    points: i64,
    open_points: i64,
    held_points: i64,
    expired: i64,
    covered: i64,
    borrowed: i64,
    owed: i64,
    effective_time: DateTimeUtc,
    active_from: Option<DateTimeUtc>,
    expires_at: Option<DateTimeUtc>,
    sliding: bool,
}

/// The lots of these members.
///
/// # Errors
/// The database's.
pub async fn load(connection: &impl ConnectionTrait, members: &[Uuid], which: Which) -> Result<Vec<(Uuid, Lot)>> {
    let and = match which {
        Which::Live => " AND live",
        Which::All => "",
    };
    let rows = of_roots::<Row>(connection, "lots", members, and).await?;
    Ok(rows.into_iter().map(|row| (row.root_id, lot(row))).collect())
}

/// New lots, to be kept.
pub fn new(lots: &[(Uuid, &Lot)]) -> Change {
    let mut rows = Rows::new(&LOTS);
    for (root, lot) in lots {
        rows.push([
            (*root).into(),
            lot.id.0.into(),
            lot.order.map(|order| order.0).into(),
            lot.points.get().into(),
            lot.open.get().into(),
            lot.held.get().into(),
            lot.expired.get().into(),
            lot.covered.get().into(),
            lot.borrowed.get().into(),
            lot.owed.get().into(),
            lot.effective_time.into(),
            lot.active_from.into(),
            lot.expires_at.into(),
            lot.sliding.into(),
            is_live(lot).into(),
        ]);
    }
    rows.inserting()
}

/// Changed lots, to be kept.
pub fn changed(lots: &[(Uuid, &Lot)]) -> Change {
    let mut rows = Rows::new(&CHANGES);
    for (root, lot) in lots {
        rows.push([
            (*root).into(),
            lot.id.0.into(),
            lot.open.get().into(),
            lot.held.get().into(),
            lot.expired.get().into(),
            lot.covered.get().into(),
            lot.borrowed.get().into(),
            lot.owed.get().into(),
            lot.active_from.into(),
            lot.expires_at.into(),
            is_live(lot).into(),
        ]);
    }
    rows.updating(&["root_id", "lot_id"])
}

fn is_live(lot: &Lot) -> bool {
    (lot.open + lot.held).is_positive()
}

fn lot(row: Row) -> Lot {
    Lot {
        id: LotId(row.lot_id),
        order: row.order_id.map(OrderId),
        points: Points::new(row.points),
        open: Points::new(row.open_points),
        held: Points::new(row.held_points),
        expired: Points::new(row.expired),
        covered: Points::new(row.covered),
        borrowed: Points::new(row.borrowed),
        owed: Points::new(row.owed),
        effective_time: time::from_column(row.effective_time),
        active_from: row.active_from.map(time::from_column),
        expires_at: row.expires_at.map(time::from_column),
        sliding: row.sliding,
    }
}
