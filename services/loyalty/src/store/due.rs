//! What is due by the clock and not written yet.

use std::collections::BTreeSet;

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Timestamp, Uuid};
use guanxi_store::{Result, Tx, time};
use sea_orm::FromQueryResult;

use super::{rows, tiers};

#[derive(FromQueryResult)]
struct Due {
    root_id: Uuid,
}

/// Members with lots that are past their expiry, holds that timed out or a tier that may be another by now, `limit` at the
/// most.
///
/// # Errors
/// The database's.
pub async fn members(tx: &Tx, now: Timestamp, limit: i64) -> Result<Vec<MemberId>> {
    let sql = "SELECT root_id FROM lots WHERE open_points > 0 AND expires_at IS NOT NULL AND expires_at <= $1 \
               UNION SELECT root_id FROM holds WHERE state = 'PLACED' AND expire_time <= $1 \
               UNION SELECT root_id FROM member_tiers WHERE due_time IS NOT NULL AND due_time <= $1 LIMIT $2";
    let values = vec![time::to_column(now).into(), limit.into()];
    let found = rows::<Due>(tx.conn(), sql.to_owned(), values).await?;
    let mut members: BTreeSet<MemberId> = found.into_iter().map(|row| MemberId(row.root_id)).collect();
    let left = limit - i64::try_from(members.len()).unwrap_or(limit);
    if left > 0 {
        members.extend(tiers::outdated(tx, left).await?);
    }
    Ok(members.into_iter().collect())
}
