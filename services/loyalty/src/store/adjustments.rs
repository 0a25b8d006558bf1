//! Postings that were made by hand: why, and by whom. They are only ever added, beside the entries of the posting.

use std::collections::BTreeMap;

use guanxi_kernel::Uuid;
use guanxi_kernel::name::MemberId;
use guanxi_store::{Change, Column, Result, Rows, Table};
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::rows;
use crate::domain::account::Changes;
use crate::domain::entry::{Entry, LedgerAccount};

const ADJUSTMENTS: Table = Table::new(
    "adjustments",
    &[
        Column::uuid("root_id"),
        Column::int("posting"),
        Column::int("points"),
        Column::text("reason"),
        Column::text("subject"),
        Column::time("create_time"),
    ],
);

/// Why a posting was made by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Why, in the words of whoever did it.
    pub reason: String,
    /// Who did it: the subject of a caller's token.
    pub subject: String,
}

#[derive(FromQueryResult)]
struct Row {
    posting: i64,
    reason: String,
    subject: String,
}

/// New adjustments, to be kept.
pub fn new(taken: &[(MemberId, Changes)]) -> Change {
    let mut rows = Rows::new(&ADJUSTMENTS);
    for (member, changes) in taken {
        for adjusted in &changes.adjusted {
            rows.push([
                member.uuid().into(),
                adjusted.posting.into(),
                adjusted.points.get().into(),
                adjusted.reason.as_str().into(),
                adjusted.subject.as_str().into(),
                adjusted.create_time.into(),
            ]);
        }
    }
    rows.inserting()
}

/// Why those of these entries of a member that were made by hand were made, by posting.
///
/// # Errors
/// The database's.
pub async fn notes(connection: &impl ConnectionTrait, member: Uuid, entries: &[Entry]) -> Result<BTreeMap<i64, Note>> {
    let by_hand = entries.iter().filter(|entry| [entry.from, entry.to].contains(&LedgerAccount::Adjusted));
    let postings: Vec<i64> = by_hand.map(|entry| entry.posting).collect();
    let (Some(first), Some(last)) = (postings.iter().min(), postings.iter().max()) else { return Ok(BTreeMap::new()) };
    let sql = "SELECT posting, reason, subject FROM adjustments WHERE root_id = $1 AND posting BETWEEN $2 AND $3";
    let values = vec![member.into(), (*first).into(), (*last).into()];
    let found = rows::<Row>(connection, sql.to_owned(), values).await?;
    Ok(found.into_iter().map(|row| (row.posting, Note { reason: row.reason, subject: row.subject })).collect())
}
