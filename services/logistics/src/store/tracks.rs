//! Tracks: what was reported under a root, which is a package, or the place where events wait for theirs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use guanxi_kernel::{PageRequest, Refused, Timestamp, Uuid};
use guanxi_store::dialect::{any_pair, any_uuid};
use guanxi_store::time::from_column;
use guanxi_store::{Cell, Result, Rows, StoreError, Tx};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement};

use super::entities::{retractions, tracking_events};
use super::{read, rows_of};
use crate::domain::{Digest, Event, EventKey, HistoryItem, SourceId, SourceKind, Status, Track};

/// What the fold needs of an event.
#[derive(Debug, FromQueryResult)]
struct Folded {
    root_id: Uuid,
    digest: Uuid,
    source: String,
    source_event_id: Option<String>,
    source_kind: i64,
    revision_time: Option<DateTimeUtc>,
    effective_time: DateTimeUtc,
    status: String,
    sub_status: Option<String>,
    create_time: DateTimeUtc,
}

const FOLDED: &str = "SELECT root_id, digest, source, source_event_id, source_kind, revision_time, effective_time, \
                      status, sub_status, create_time FROM tracking_events";

/// The tracks of these roots; one that nothing was reported of is not among them.
///
/// # Errors
/// The database's.
pub async fn load(connection: &impl ConnectionTrait, roots: &[Uuid]) -> Result<HashMap<Uuid, Track>> {
    let mut reported: HashMap<Uuid, (Vec<Event>, Vec<_>)> = HashMap::new();
    for row in rows_of::<Folded>(connection, FOLDED, "root_id", roots, "").await? {
        let (root, event) = (row.root_id, row.event()?);
        reported.entry(root).or_default().0.push(event);
    }
    let retracted =
        rows_of::<retractions::Model>(connection, "SELECT * FROM retractions", "root_id", roots, "").await?;
    for row in retracted {
        reported.entry(row.root_id).or_default().1.push(retraction(&row));
    }
    Ok(reported.into_iter().map(|(root, (events, retractions))| (root, Track::load(events, retractions))).collect())
}

/// Which of these events of these roots are stored: the digests of their revisions, by root and event.
///
/// # Errors
/// The database's.
pub async fn stored(tx: &Tx, events: &[(Uuid, Uuid)]) -> Result<HashMap<(Uuid, Uuid), Vec<Digest>>> {
    #[derive(Debug, FromQueryResult)]
    struct Row {
        root_id: Uuid,
        event_id: Uuid,
        digest: Uuid,
    }
    let mut found: HashMap<(Uuid, Uuid), Vec<Digest>> = HashMap::new();
    if !events.is_empty() {
        let (condition, values) = any_pair(tx.backend(), ("root_id", "event_id"), events);
        let sql = format!("SELECT root_id, event_id, digest FROM tracking_events WHERE {condition}");
        let statement = Statement::from_sql_and_values(tx.backend(), sql, values);
        for row in Row::find_by_statement(statement).all(tx.conn()).await? {
            found.entry((row.root_id, row.event_id)).or_default().push(Digest(row.digest));
        }
    }
    Ok(found)
}

/// Of these roots, those of which anything was retracted.
///
/// # Errors
/// The database's.
pub async fn retracted(tx: &Tx, roots: &[Uuid]) -> Result<HashSet<Uuid>> {
    #[derive(Debug, FromQueryResult)]
    struct Row {
        root_id: Uuid,
    }
    let rows: Vec<Row> = rows_of(tx.conn(), "SELECT root_id FROM retractions", "root_id", roots, "").await?;
    Ok(rows.into_iter().map(|row| row.root_id).collect())
}

/// The natural key of an event as its columns hold it.
fn key(source: String, given: Option<String>, digest: Option<Uuid>) -> EventKey {
    let id = match given {
        Some(id) => SourceId::Given(id),
        None => SourceId::Raw(Digest(digest.unwrap_or_default())),
    };
    EventKey { source, id }
}

impl Folded {
    fn event(self) -> Result<Event> {
        let status: Status = read(&self.status)?;
        let kind = i16::try_from(self.source_kind).ok().and_then(SourceKind::from_priority);
        Ok(Event {
            key: Arc::new(key(self.source, self.source_event_id, Some(self.digest))),
            digest: Digest(self.digest),
            revision_time: self.revision_time.map(from_column),
            source_kind: kind.ok_or_else(|| StoreError::row("a source of no kind"))?,
            effective_time: from_column(self.effective_time),
            status,
            sub_status: self.sub_status.and_then(|name| status.sub_status(&name)),
            create_time: from_column(self.create_time),
        })
    }
}

/// A stored retraction: of which event, and since when.
pub fn retraction(row: &retractions::Model) -> (EventKey, Timestamp) {
    (key(row.source.clone(), row.source_event_id.clone(), row.digest), from_column(row.create_time))
}

/// What counts of a stored revision.
///
/// # Errors
/// [`StoreError::Row`] where it cannot be read back.
pub fn event(row: &tracking_events::Model) -> Result<Event> {
    let folded = Folded {
        root_id: row.root_id,
        digest: row.digest,
        source: row.source.clone(),
        source_event_id: row.source_event_id.clone(),
        source_kind: row.source_kind,
        revision_time: row.revision_time,
        effective_time: row.effective_time,
        status: row.status.clone(),
        sub_status: row.sub_status.clone(),
        create_time: row.create_time,
    };
    folded.event()
}

/// Every revision under these roots, whole.
///
/// # Errors
/// The database's.
pub async fn revisions(connection: &impl ConnectionTrait, roots: &[Uuid]) -> Result<Vec<tracking_events::Model>> {
    rows_of(connection, "SELECT * FROM tracking_events", "root_id", roots, "").await
}

/// Writes revisions as they are.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &Tx, revisions: Vec<tracking_events::Model>) -> Result<()> {
    let mut rows = Rows::new(&tracking_events::TABLE);
    for row in revisions {
        rows.push([
            row.root_id.into(),
            row.event_id.into(),
            row.digest.into(),
            row.organization.into(),
            row.source.into(),
            row.source_event_id.into(),
            row.source_kind.into(),
            row.carrier.into(),
            row.feed_version.into(),
            row.status_name.into(),
            row.code.into(),
            row.description.into(),
            row.location.into(),
            row.occurred_text.into(),
            row.zone.into(),
            row.revision_time.map(from_column).into(),
            Cell::Time(from_column(row.occurred_time)),
            row.offset_seconds.into(),
            row.time_basis.into(),
            Cell::Time(from_column(row.effective_time)),
            row.clamped.into(),
            row.status.into(),
            row.sub_status.into(),
            row.code_map.into(),
            row.historical.into(),
            Cell::Time(from_column(row.receive_time)),
            Cell::Time(from_column(row.create_time)),
        ]);
    }
    rows.insert(tx).await
}

/// Writes retractions; one of an event that is retracted already changes nothing.
///
/// # Errors
/// The database's.
pub async fn insert_retractions(tx: &Tx, retracted: Vec<retractions::Model>) -> Result<()> {
    let mut rows = Rows::new(&retractions::TABLE);
    for row in retracted {
        rows.push([
            row.root_id.into(),
            row.event_id.into(),
            row.organization.into(),
            row.source.into(),
            row.source_event_id.into(),
            row.digest.into(),
            row.reason.into(),
            row.actor.into(),
            Cell::Time(from_column(row.create_time)),
        ]);
    }
    rows.insert_new(tx).await.map(|_| ())
}

/// Takes away everything under roots where events waited: they are with their packages now.
///
/// # Errors
/// The database's.
pub async fn clear(tx: &Tx, roots: &[Uuid]) -> Result<()> {
    for table in ["tracking_events", "retractions"] {
        let (condition, value) = any_uuid(tx.backend(), "root_id", 1, roots);
        let sql = format!("DELETE FROM {table} WHERE {condition}");
        tx.conn().execute_raw(sea_orm::Statement::from_sql_and_values(tx.backend(), sql, [value])).await?;
    }
    Ok(())
}

/// A page of everything that was reported of a package, in the order of the fold, and the key of the next page.
///
/// # Errors
/// The database's; INVALID_ARGUMENT for a page token that is not ours.
pub async fn history(
    connection: &impl ConnectionTrait,
    package: Uuid,
    page: &PageRequest,
) -> Result<(Vec<(tracking_events::Model, HistoryItem)>, Option<Vec<String>>)> {
    let rows = revisions(connection, &[package]).await?;
    let retracted: Vec<retractions::Model> =
        rows_of(connection, "SELECT * FROM retractions", "root_id", &[package], "").await?;
    let events = rows.iter().map(event).collect::<Result<Vec<_>>>()?;
    let mut items = Track::load(events, retracted.iter().map(retraction)).history();
    let key = |item: &HistoryItem| vec![item.event.key.uuid().to_string(), item.event.digest.0.to_string()];
    if let Some(after) = &page.after {
        let malformed =
            || Refused::invalid("page_token", "PAGE_TOKEN_MALFORMED", "is not a token that a page returned");
        let at = items.iter().position(|item| key(item) == *after).ok_or_else(malformed)?;
        items.drain(..=at);
    }
    let more = items.len() > page.size as usize;
    items.truncate(page.size as usize);
    let next = items.last().filter(|_| more).map(key);
    let mut rows: HashMap<(Uuid, Uuid), tracking_events::Model> =
        rows.into_iter().map(|row| ((row.event_id, row.digest), row)).collect();
    let listed = items.into_iter().filter_map(|item| {
        let row = rows.remove(&(item.event.key.uuid(), item.event.digest.0))?;
        Some((row, item))
    });
    Ok((listed.collect(), next))
}
