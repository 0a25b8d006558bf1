//! What is due by the clock and not written yet.

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Timestamp, Uuid};
use guanxi_store::{Result, Tx, time};
use sea_orm::FromQueryResult;

use super::rows;

#[derive(FromQueryResult)]
struct Due {
    root_id: Uuid,
}

/// Members with lots that are past their expiry or holds that timed out, `limit` at the most.
///
/// # Errors
/// The database's.
pub async fn members(tx: &Tx, now: Timestamp, limit: i64) -> Result<Vec<MemberId>> {
    let sql = "SELECT root_id FROM lots WHERE open_points > 0 AND expires_at IS NOT NULL AND expires_at <= $1 \
               UNION SELECT root_id FROM holds WHERE state = 'PLACED' AND expire_time <= $1 LIMIT $2";
    let values = vec![time::to_column(now).into(), limit.into()];
    Ok(rows::<Due>(tx.conn(), sql.to_owned(), values).await?.into_iter().map(|row| MemberId(row.root_id)).collect())
}
