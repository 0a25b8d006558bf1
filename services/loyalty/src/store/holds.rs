//! Holds: their rows, and where their points came from.

use std::collections::HashMap;

use guanxi_kernel::Uuid;
use guanxi_store::{Change, Column, Result, Rows, StoreError, Table, time};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{of_keys, of_roots};
use crate::domain::account::Draw;
use crate::domain::entry::HoldId;
use crate::domain::hold::{Hold, HoldState};
use crate::domain::lot::LotId;
use crate::domain::points::Points;

const HOLDS: Table = Table::new(
    "holds",
    &[
        Column::uuid("root_id"),
        Column::uuid("hold_id"),
        Column::text("state"),
        Column::int("points"),
        Column::int("captured"),
        Column::text("order_name").nullable(),
        Column::time("create_time"),
        Column::time("expire_time"),
        Column::time("resolve_time").nullable(),
    ],
);

const PARTS: Table = Table::new(
    "hold_parts",
    &[
        Column::uuid("root_id"),
        Column::uuid("hold_id"),
        Column::int("part"),
        Column::int("lot_id").nullable(),
        Column::int("points"),
    ],
);

#[derive(FromQueryResult)]
struct Row {
    root_id: Uuid,
    hold_id: Uuid,
    state: String,
    points: i64,
    captured: i64,
    order_name: Option<String>,
    create_time: DateTimeUtc,
    expire_time: DateTimeUtc,
    resolve_time: Option<DateTimeUtc>,
}

#[derive(FromQueryResult)]
struct Part {
    root_id: Uuid,
    hold_id: Uuid,
    part: i64,
    lot_id: Option<i64>,
    points: i64,
}

/// The holds of these members that are placed, and those of these ids whatever became of them.
///
/// # Errors
/// The database's.
pub async fn load(
    connection: &impl ConnectionTrait,
    holding: &[Uuid],
    named: &[(Uuid, Uuid)],
) -> Result<Vec<(Uuid, Hold)>> {
    let mut rows = of_roots::<Row>(connection, "holds", holding, " AND state = 'PLACED'").await?;
    rows.extend(of_keys::<Row>(connection, "holds", "hold_id", named).await?);
    let placed = rows.iter().filter(|row| row.state == HoldState::Placed.as_str());
    let placed: Vec<_> = placed.map(|row| (row.root_id, row.hold_id)).collect();
    let mut found = of_keys::<Part>(connection, "hold_parts", "hold_id", &placed).await?;
    found.sort_by_key(|part| part.part);
    let mut parts = HashMap::<(Uuid, Uuid), Vec<Draw>>::new();
    for part in found {
        let draw = Draw { lot: part.lot_id.map(LotId), points: Points::new(part.points) };
        parts.entry((part.root_id, part.hold_id)).or_default().push(draw);
    }
    let hold = |row: Row| {
        // A hold may have been found twice: as placed, and as named.
        let parts = parts.get(&(row.root_id, row.hold_id)).cloned().unwrap_or_default();
        Ok((row.root_id, hold(row, parts)?))
    };
    rows.into_iter().map(hold).collect()
}

/// New and changed holds, and the parts of those that are placed, to be kept.
pub fn kept(holds: &[(Uuid, &Hold)]) -> [Change; 2] {
    let (mut rows, mut parts) = (Rows::new(&HOLDS), Rows::new(&PARTS));
    for (root, hold) in holds {
        rows.push([
            (*root).into(),
            hold.id.0.into(),
            hold.state.as_str().into(),
            hold.points.get().into(),
            hold.captured.get().into(),
            hold.order.as_ref().map(|order| order.as_str()).into(),
            hold.create_time.into(),
            hold.expire_time.into(),
            hold.resolve_time.into(),
        ]);
        for (draw, part) in hold.parts.iter().zip(0_i64..) {
            let lot = draw.lot.map(|lot| lot.0);
            parts.push([(*root).into(), hold.id.0.into(), part.into(), lot.into(), draw.points.get().into()]);
        }
    }
    let set = "state = excluded.state, captured = excluded.captured, resolve_time = excluded.resolve_time";
    [rows.upserting("root_id, hold_id", set), parts.inserting()]
}

fn hold(row: Row, parts: Vec<Draw>) -> Result<Hold> {
    Ok(Hold {
        id: HoldId(row.hold_id),
        state: row.state.parse().map_err(StoreError::row)?,
        points: Points::new(row.points),
        captured: Points::new(row.captured),
        order: row.order_name.map(|name| name.parse().map_err(StoreError::row)).transpose()?,
        create_time: time::from_column(row.create_time),
        expire_time: time::from_column(row.expire_time),
        resolve_time: row.resolve_time.map(time::from_column),
        parts,
    })
}
