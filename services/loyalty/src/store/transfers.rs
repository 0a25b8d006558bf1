//! Both halves of transfers, each beside the entries of its posting and naming the other. They are only ever added.

use std::collections::BTreeMap;

use guanxi_kernel::Uuid;
use guanxi_kernel::name::MemberId;
use guanxi_store::{Change, Column, Result, Rows, Table};
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::rows;
use crate::domain::account::Changes;
use crate::domain::entry::{Entry, LedgerAccount};
use crate::domain::transfer::Way;

const TRANSFERS: Table = Table::new(
    "transfers",
    &[
        Column::uuid("root_id"),
        Column::int("posting"),
        Column::text("way"),
        Column::uuid("other"),
        Column::int("other_posting"),
        Column::int("points"),
        Column::time("create_time"),
    ],
);

#[derive(FromQueryResult)]
struct Row {
    posting: i64,
    other: Uuid,
}

/// New halves, to be kept.
pub fn new(taken: &[(MemberId, Changes)]) -> Change {
    let mut rows = Rows::new(&TRANSFERS);
    for (member, changes) in taken {
        for side in &changes.transfers {
            let way = match side.way {
                Way::Sent => "SENT",
                Way::Received => "RECEIVED",
            };
            rows.push([
                member.uuid().into(),
                side.posting.into(),
                way.into(),
                side.other.uuid().into(),
                side.other_posting.into(),
                side.points.get().into(),
                side.create_time.into(),
            ]);
        }
    }
    rows.inserting()
}

/// From whom or to whom those of these entries of a member went that are of transfers, by posting.
///
/// # Errors
/// The database's.
pub async fn others(
    connection: &impl ConnectionTrait,
    member: Uuid,
    entries: &[Entry],
) -> Result<BTreeMap<i64, MemberId>> {
    let moved = entries.iter().filter(|entry| [entry.from, entry.to].contains(&LedgerAccount::Transit));
    let postings: Vec<i64> = moved.map(|entry| entry.posting).collect();
    let (Some(first), Some(last)) = (postings.iter().min(), postings.iter().max()) else { return Ok(BTreeMap::new()) };
    let sql = "SELECT posting, other FROM transfers WHERE root_id = $1 AND posting BETWEEN $2 AND $3";
    let values = vec![member.into(), (*first).into(), (*last).into()];
    let found = rows::<Row>(connection, sql.to_owned(), values).await?;
    Ok(found.into_iter().map(|row| (row.posting, MemberId(row.other))).collect())
}
