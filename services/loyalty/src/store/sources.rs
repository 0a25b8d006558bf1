//! What gave members points besides orders and days: a row for each source and member, so that none gives twice. They are
//! only ever added, under the lock of the member's account.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_kernel::Uuid;
use guanxi_kernel::name::MemberId;
use guanxi_store::verify::Invariant;
use guanxi_store::{Change, Column, Result, Rows, StoreError, Table, Tx};
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{of_keys, rows};
use crate::domain::account::Changes;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::explanation::Explanation;
use crate::domain::ledger::{Book, Command};

const SOURCES: Table = Table::new(
    "member_sources",
    &[
        Column::uuid("root_id"),
        Column::uuid("source_id"),
        Column::text("name"),
        Column::int("points"),
        Column::int("posting").nullable(),
        Column::text("explanation").nullable(),
        Column::time("effective_time"),
        Column::time("create_time"),
    ],
);

#[derive(FromQueryResult)]
struct Key {
    root_id: Uuid,
    source_id: Uuid,
}

#[derive(FromQueryResult)]
struct Given {
    posting: i64,
    name: String,
    explanation: Option<String>,
}

/// Loads which of the sources that these commands hear of gave before.
///
/// # Errors
/// The database's.
pub async fn complete(tx: &Tx, book: &mut Book, wanted: &[(MemberId, &Command)]) -> Result<()> {
    let heard = wanted.iter().filter_map(|(member, command)| Some((member.uuid(), command.source()?.name.key())));
    let heard: BTreeSet<(Uuid, Uuid)> = heard.collect();
    let known = known(tx.conn(), heard).await?;
    book.heard.extend(known);
    Ok(())
}

/// Which of these members were given by which of these sources before, or heard of them.
///
/// # Errors
/// The database's.
pub async fn known(
    connection: &impl ConnectionTrait,
    heard: BTreeSet<(Uuid, Uuid)>,
) -> Result<BTreeSet<(MemberId, Uuid)>> {
    let heard: Vec<(Uuid, Uuid)> = heard.into_iter().collect();
    let known = of_keys::<Key>(connection, "member_sources", "source_id", &heard).await?;
    Ok(known.into_iter().map(|key| (MemberId(key.root_id), key.source_id)).collect())
}

/// New sources, to be kept.
///
/// # Errors
/// Where an explanation does not encode.
pub fn new(taken: &[(MemberId, Changes)]) -> Result<Change> {
    let mut rows = Rows::new(&SOURCES);
    for (member, changes) in taken {
        for sourced in &changes.sourced {
            let explanation = sourced.explanation.as_ref().map(serde_json::to_string).transpose();
            rows.push([
                member.uuid().into(),
                sourced.name.key().into(),
                sourced.name.as_str().into(),
                sourced.points.get().into(),
                sourced.lot.map(|lot| lot.0).into(),
                explanation.map_err(StoreError::row)?.into(),
                sourced.at.into(),
                sourced.create_time.into(),
            ]);
        }
    }
    Ok(rows.inserting())
}

/// A source as it is read.
#[derive(Debug, Clone)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// How what it gave was found; `None` where somebody said it.
    pub explanation: Option<Explanation>,
}

/// What gave those of these entries of a member that neither an order nor a day did, by posting.
///
/// # Errors
/// The database's.
pub async fn named(connection: &impl ConnectionTrait, member: Uuid, entries: &[Entry]) -> Result<BTreeMap<i64, Named>> {
    let given = |entry: &&Entry| entry.order.is_none() && matches!(entry.kind, EntryKind::Earn | EntryKind::Goodwill);
    let postings: Vec<i64> = entries.iter().filter(given).map(|entry| entry.posting).collect();
    let (Some(first), Some(last)) = (postings.iter().min(), postings.iter().max()) else { return Ok(BTreeMap::new()) };
    let sql = "SELECT posting, name, explanation FROM member_sources WHERE root_id = $1 AND posting BETWEEN $2 AND $3";
    let values = vec![member.into(), (*first).into(), (*last).into()];
    let found = rows::<Given>(connection, sql.to_owned(), values).await?;
    let read = found.into_iter().map(|row| {
        let explanation = row.explanation.as_deref().map(serde_json::from_str).transpose().map_err(StoreError::row)?;
        Ok((row.posting, Named { name: row.name, explanation }))
    });
    read.collect()
}

/// What must hold of sources.
pub(super) fn invariants() -> Vec<Invariant> {
    vec![Invariant::sql(
        "sources-gave-what-they-say",
        "SELECT COUNT(*) FROM member_sources",
        "SELECT s.name, 'gave ' || CAST(s.points AS varchar(20)) || ', by the ledger ' || \
         CAST(COALESCE(e.points, 0) AS varchar(20)) FROM member_sources s LEFT JOIN entries e ON e.root_id = s.root_id \
         AND e.number = s.posting AND e.posting = s.posting AND e.order_id IS NULL \
         AND e.kind IN ('EARN', 'ADJUST_GOODWILL') WHERE COALESCE(e.points, 0) <> s.points",
    )]
}
