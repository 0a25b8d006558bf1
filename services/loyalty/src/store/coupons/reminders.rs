//! Whom to remind, and who was.

use guanxi_kernel::{Timestamp, Uuid};
use guanxi_store::{Change, Column, Result, Rows, Table, Tx, time};
use sea_orm::FromQueryResult;

use super::codes;
use crate::domain::coupon::Coupon;
use crate::store::rows;

const NOTICES: Table = Table::new(
    "coupon_notices",
    &[Column::uuid("root_id"), Column::int("generation"), Column::int("days_before"), Column::time("create_time")],
);

#[derive(FromQueryResult)]
struct Due {
    root_id: Uuid,
    batch: Uuid,
}

/// Coupons whose reminder is due, `limit` at the most, with the keys of their batches.
///
/// # Errors
/// The database's.
pub async fn due(tx: &Tx, now: Timestamp, limit: i64) -> Result<Vec<(Uuid, Uuid)>> {
    let sql = "SELECT root_id, batch FROM coupons WHERE remind_time IS NOT NULL AND remind_time <= $1 \
               ORDER BY remind_time LIMIT $2";
    let values = vec![time::to_column(now).into(), limit.into()];
    let found = rows::<Due>(tx.conn(), sql.to_owned(), values).await?;
    Ok(found.into_iter().map(|row| (row.root_id, row.batch)).collect())
}

/// Those of these codes' lives whose reminder is due, as they are now. Lock their batches before.
///
/// # Errors
/// The database's.
pub async fn load(tx: &Tx, roots: &[Uuid], now: Timestamp) -> Result<Vec<Coupon>> {
    let found = codes::load(tx.conn(), roots).await?;
    Ok(found.into_values().filter(|coupon| coupon.remind_time.is_some_and(|due| due <= now)).collect())
}

/// Keeps that somebody was reminded. Once for each coupon and mark.
pub fn noticed(notices: &[(Uuid, i64, i32)], now: Timestamp) -> Change {
    let mut rows = Rows::new(&NOTICES);
    for (root, generation, days_before) in notices {
        rows.push([(*root).into(), (*generation).into(), (*days_before).into(), now.into()]);
    }
    rows.inserting()
}

/// The reminders that were given of these codes.
///
/// # Errors
/// The database's.
pub async fn given(tx: &Tx, roots: &[Uuid]) -> Result<Vec<(Uuid, i64, i32)>> {
    #[derive(FromQueryResult)]
    struct Given {
        root_id: Uuid,
        generation: i64,
        days_before: i64,
    }
    let found = crate::store::of_roots::<Given>(tx.conn(), "coupon_notices", roots, "").await?;
    let days = |days: i64| i32::try_from(days).unwrap_or(i32::MAX);
    Ok(found.into_iter().map(|row| (row.root_id, row.generation, days(row.days_before))).collect())
}
