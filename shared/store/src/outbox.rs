//! The outbox: what a transaction tells the other services, written with it. The events of one transaction and partition
//! travel as one parcel, so that a commit of a hundred calls costs the outbox one row.
//!
//! After the commit the relay numbers parcels densely under an epoch; a parcel keeps its place for ever.

use std::collections::BTreeMap;
use std::sync::Arc;

use guanxi_kernel::{OrganizationId, Timestamp, Uuid};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde::{Deserialize, Serialize};

use crate::change::{Change, write_all};
use crate::rows::{Cell, Column, Rows, Table};
use crate::{Database, Result, StoreError, Tx, dialect, time};

const TABLE: Table = Table::new(
    "outbox",
    &[
        Column::uuid("root_id"),
        Column::int("partition"),
        Column::int("events"),
        Column::bytes("body"),
        Column::time("record_time"),
    ],
);

const NUMBERED: Table =
    Table::new("outbox", &[Column::uuid("root_id"), Column::int("epoch"), Column::int("first_number")]);

const HEADS: Table =
    Table::new("outbox_head", &[Column::int("partition"), Column::int("epoch"), Column::int("number")]);

/// A fact to tell, before it is numbered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The full name of the message.
    pub event_type: &'static str,
    /// The name of the aggregate.
    pub key: String,
    /// The aggregate's version after the write.
    pub version: i64,
    /// Whose it is.
    pub organization: OrganizationId,
    /// When it happened, by the business.
    pub occurred: Timestamp,
    /// Whether it tells of imported history.
    pub historical: bool,
    /// The encoded message.
    pub payload: Vec<u8>,
}

/// A fact as the outbox keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// The event's id.
    pub id: Uuid,
    /// The full name of the message.
    pub event_type: String,
    /// The name of the aggregate.
    pub key: String,
    /// The aggregate's version after the write.
    pub version: i64,
    /// The slug of whose it is.
    pub organization: String,
    /// When it happened, by the business, in microseconds since 1970.
    pub occurred_micros: i64,
    /// When it was committed, in microseconds since 1970.
    pub record_micros: i64,
    /// Whether it tells of imported history.
    pub historical: bool,
    /// The W3C trace context of the call that caused it.
    pub traceparent: Option<String>,
    /// The encoded message.
    pub payload: Vec<u8>,
}

/// The body of a parcel. A new form gets a new variant; the previous release must be able to read what it finds.
#[derive(Serialize, Deserialize)]
enum Parcel {
    V1(Vec<StoredEvent>),
}

/// A fact with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedEvent {
    /// Its place.
    pub position: Position,
    /// The fact.
    pub event: StoredEvent,
}

/// A place in a partition: numbers are dense within an epoch and begin with 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Position {
    /// The epoch; 0 before anything was numbered.
    pub epoch: i64,
    /// The number; 0 before the first.
    pub number: i64,
}

/// The events of one transaction and partition, with their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedParcel {
    /// The epoch.
    pub epoch: i64,
    /// The number of its first event.
    pub first: i64,
    /// The number of its last event.
    pub last: i64,
    /// Its events, encoded: see [`open_parcel`].
    pub body: Vec<u8>,
}

/// Reads a parcel's body.
///
/// # Errors
/// Where a newer release wrote it in a form that this one does not know.
pub fn open_parcel(body: &[u8]) -> Result<Vec<StoredEvent>> {
    let Parcel::V1(events) = postcard::from_bytes(body).map_err(StoreError::row)?;
    Ok(events)
}

impl StoredEvent {
    /// One event by itself, as the inbox keeps it.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("plain values encode")
    }

    /// The event back.
    ///
    /// # Errors
    /// Where the bytes are not an event's.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        postcard::from_bytes(bytes).map_err(StoreError::row)
    }
}

/// The rows of what the transaction told, where it told anything.
pub(crate) fn told(db: &Database, tx: &Tx) -> Result<Option<Change>> {
    let told = tx.take_events();
    if told.is_empty() {
        return Ok(None);
    }
    let mut parcels: Vec<Vec<StoredEvent>> = (0..db.inner.partitions).map(|_| Vec::new()).collect();
    for (event, traceparent) in told {
        let stored = StoredEvent {
            id: guanxi_kernel::new_id(),
            event_type: event.event_type.to_owned(),
            version: event.version,
            organization: event.organization.slug().to_owned(),
            occurred_micros: event.occurred.as_microsecond(),
            record_micros: tx.now().as_microsecond(),
            historical: event.historical,
            traceparent: traceparent.as_deref().map(str::to_owned),
            payload: event.payload,
            key: event.key,
        };
        parcels[partition_of(&stored.key, db.inner.partitions)].push(stored);
    }
    let mut rows = Rows::new(&TABLE);
    for (partition, events) in parcels.into_iter().enumerate().filter(|(_, events)| !events.is_empty()) {
        let count = i64::try_from(events.len()).expect("a transaction tells fewer than 2^63 events");
        let body = postcard::to_stdvec(&Parcel::V1(events)).map_err(StoreError::row)?;
        let partition = i64::try_from(partition).expect("partitions are few");
        rows.push([
            Cell::Uuid(guanxi_kernel::new_id()),
            Cell::Int(partition),
            Cell::Int(count),
            Cell::Bytes(body),
            Cell::Time(tx.now()),
        ]);
    }
    Ok(Some(rows.inserting()))
}

fn partition_of(key: &str, partitions: u32) -> usize {
    let (high, _) = guanxi_kernel::natural_id("partition", [key]).as_u64_pair();
    usize::try_from(high % u64::from(partitions)).expect("partitions are few")
}

impl Database {
    /// Numbers what waits in these partitions, at most `limit` parcels, in the order in which they were written, and
    /// returns it with its partition. One transaction for all of them. Safe to call from two processes at once: the
    /// heads' rows are locked.
    ///
    /// # Errors
    /// The database's.
    pub async fn number_outbox(&self, partitions: &[u32], limit: u32) -> Result<Vec<(u32, NumberedParcel)>> {
        self.retry(|| async {
            let tx = self.begin(guanxi_kernel::Call::internal("relay")).await?;
            let mut heads = lock_heads(&tx, partitions).await?;
            let order = if tx.backend() == DbBackend::Postgres { "sequence" } else { "rowid" };
            let (of_partitions, partitions) = dialect::any_int(tx.backend(), "partition", 1, &numbers(partitions));
            let sql = format!(
                "SELECT root_id, partition, events, body FROM outbox WHERE {of_partitions} AND first_number IS NULL \
                 ORDER BY {order} LIMIT $2"
            );
            let values = [partitions, i64::from(limit).into()];
            let waiting = tx.conn().query_all_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
            if waiting.is_empty() {
                return Ok(Vec::new());
            }
            let mut numbered = Vec::with_capacity(waiting.len());
            let mut rows = Rows::new(&NUMBERED);
            for parcel in waiting {
                let (partition, events): (i64, i64) = (parcel.try_get("", "partition")?, parcel.try_get("", "events")?);
                let partition = u32::try_from(partition).map_err(StoreError::row)?;
                let head =
                    heads.get_mut(&partition).ok_or_else(|| StoreError::Row("a partition has no head".into()))?;
                let first = head.number + 1;
                head.number += events;
                rows.push([Cell::Uuid(parcel.try_get("", "root_id")?), Cell::Int(head.epoch), Cell::Int(first)]);
                let body = parcel.try_get("", "body")?;
                numbered.push((partition, NumberedParcel { epoch: head.epoch, first, last: head.number, body }));
            }
            let mut moved = Rows::new(&HEADS);
            for (partition, head) in heads {
                moved.push([Cell::from(partition), Cell::Int(head.epoch), Cell::Int(head.number)]);
            }
            write_all(&tx, [rows.updating(&["root_id"]), moved.updating(&["partition"])]).await?;
            self.commit(tx, None).await?;
            Ok(numbered)
        })
        .await
    }

    /// Numbered events of a partition after a position, oldest first, about `limit` of them. A position of another
    /// epoch reads the current epoch from its beginning.
    ///
    /// # Errors
    /// The database's.
    pub async fn outbox_after(&self, partition: u32, after: Position, limit: u32) -> Result<Vec<NumberedEvent>> {
        let head = self.outbox_heads().await?.into_iter().find(|(p, _)| *p == partition).map(|(_, head)| head);
        let Some(head) = head else { return Ok(Vec::new()) };
        let after = if after.epoch == head.epoch { after.number } else { 0 };
        // The parcel that holds the next number may begin before it.
        let sql = "SELECT epoch, first_number, body FROM outbox WHERE partition = $1 AND epoch = $2 \
                   AND first_number >= COALESCE((SELECT MAX(first_number) FROM outbox \
                   WHERE partition = $1 AND epoch = $2 AND first_number <= $3), 0) \
                   ORDER BY first_number LIMIT $4";
        let values = [i64::from(partition).into(), head.epoch.into(), (after + 1).into(), i64::from(limit).into()];
        let rows = self.unfiltered().query_all_raw(Statement::from_sql_and_values(self.backend(), sql, values)).await?;
        let mut events = Vec::new();
        for row in rows {
            let (epoch, mut number): (i64, i64) = (row.try_get("", "epoch")?, row.try_get("", "first_number")?);
            for event in open_parcel(&row.try_get::<Vec<u8>>("", "body")?)? {
                events.push(NumberedEvent { position: Position { epoch, number }, event });
                number += 1;
            }
            if events.len() >= limit as usize {
                break;
            }
        }
        events.retain(|event: &NumberedEvent| event.position.number > after);
        Ok(events)
    }

    /// The last numbered event of each partition.
    ///
    /// # Errors
    /// The database's.
    pub async fn outbox_heads(&self) -> Result<Vec<(u32, Position)>> {
        let sql = "SELECT partition, epoch, number FROM outbox_head ORDER BY partition";
        let rows = self.unfiltered().query_all_raw(Statement::from_string(self.backend(), sql)).await?;
        rows.iter()
            .map(|row| {
                let partition: i64 = row.try_get("", "partition")?;
                let position = Position { epoch: row.try_get("", "epoch")?, number: row.try_get("", "number")? };
                Ok((u32::try_from(partition).map_err(StoreError::row)?, position))
            })
            .collect()
    }

    /// Partitions that hold something to number; older settings may have had more of them than now.
    ///
    /// # Errors
    /// The database's.
    pub async fn outbox_waiting(&self) -> Result<Vec<(u32, i64)>> {
        let sql = "SELECT partition, CAST(SUM(events) AS bigint) AS events FROM outbox WHERE first_number IS NULL GROUP BY partition";
        let rows = self.unfiltered().query_all_raw(Statement::from_string(self.backend(), sql)).await?;
        rows.iter()
            .map(|row| {
                let partition: i64 = row.try_get("", "partition")?;
                Ok((u32::try_from(partition).map_err(StoreError::row)?, row.try_get("", "events")?))
            })
            .collect()
    }

    /// Notes how far a consumer has come; one that comes for the first time is registered.
    ///
    /// # Errors
    /// The database's.
    pub async fn confirm_outbox(&self, consumer: &str, positions: &[(u32, Position)]) -> Result<()> {
        const CONFIRMED: Table = Table::new(
            "outbox_consumer",
            &[
                Column::text("consumer"),
                Column::int("partition"),
                Column::int("epoch"),
                Column::int("number"),
                Column::time("confirm_time"),
            ],
        );
        self.slice(&guanxi_kernel::Call::internal(consumer), |tx| async move {
            let mut rows = Rows::new(&CONFIRMED);
            for (partition, position) in positions {
                rows.push([
                    consumer.into(),
                    Cell::from(*partition),
                    position.epoch.into(),
                    position.number.into(),
                    tx.now().into(),
                ]);
            }
            let set = "epoch = excluded.epoch, number = excluded.number, confirm_time = excluded.confirm_time";
            rows.upsert(&tx, "consumer, partition", set).await.map(|_| ())
        })
        .await
    }

    /// Deletes parcels recorded before `before` that every registered consumer has confirmed; says how many.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_outbox(&self, before: Timestamp) -> Result<u64> {
        self.slice(&guanxi_kernel::Call::internal("prune-outbox"), |tx| async move {
            let sql = "DELETE FROM outbox WHERE first_number IS NOT NULL AND record_time < $1 \
                       AND NOT EXISTS (SELECT 1 FROM outbox_consumer c WHERE c.partition = outbox.partition \
                       AND (c.epoch <> outbox.epoch OR c.number < outbox.first_number + outbox.events - 1)) \
                       AND NOT EXISTS (SELECT 1 FROM outbox_consumer c WHERE NOT EXISTS \
                       (SELECT 1 FROM outbox_consumer o WHERE o.consumer = c.consumer AND o.partition = outbox.partition))";
            let values = [time::to_column(before).into()];
            let done = tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
            Ok(done.rows_affected())
        })
        .await
    }
}

/// Begins a new epoch in every partition: what the outbox has is numbered and told again, in its order, and consumers
/// know by the epoch that the numbers they stand at are of the past.
pub(crate) async fn begin_epoch(tx: &Tx) -> Result<()> {
    let (backend, now) = (tx.backend(), new_epoch(tx.now()));
    let again = "UPDATE outbox SET epoch = NULL, first_number = NULL";
    tx.conn().execute_raw(Statement::from_string(backend, again)).await?;
    let heads = "UPDATE outbox_head SET number = 0, epoch = CASE WHEN epoch < $1 THEN $1 ELSE epoch + 1 END";
    tx.conn().execute_raw(Statement::from_sql_and_values(backend, heads, [now.into()])).await?;
    Ok(())
}

/// Epochs grow with time: a later one is always greater.
fn new_epoch(now: Timestamp) -> i64 {
    now.as_second().max(1)
}

/// The heads of these partitions, locked in one order; a partition that has none yet begins an epoch.
async fn lock_heads(tx: &Tx, partitions: &[u32]) -> Result<BTreeMap<u32, Position>> {
    let mut heads = BTreeMap::new();
    let (of_partitions, values) = dialect::any_int(tx.backend(), "partition", 1, &numbers(partitions));
    let lock = dialect::for_update(tx.backend());
    let sql =
        format!("SELECT partition, epoch, number FROM outbox_head WHERE {of_partitions} ORDER BY partition{lock}");
    for row in tx.conn().query_all_raw(Statement::from_sql_and_values(tx.backend(), sql, [values])).await? {
        let partition = u32::try_from(row.try_get::<i64>("", "partition")?).map_err(StoreError::row)?;
        heads.insert(partition, Position { epoch: row.try_get("", "epoch")?, number: row.try_get("", "number")? });
    }
    let mut rows = Rows::new(&HEADS);
    for &partition in partitions.iter().filter(|partition| !heads.contains_key(partition)) {
        rows.push([Cell::from(partition), Cell::Int(new_epoch(tx.now())), Cell::Int(0)]);
    }
    if !rows.is_empty() {
        rows.insert(tx).await?;
        let begun = Position { epoch: new_epoch(tx.now()), number: 0 };
        for &partition in partitions {
            heads.entry(partition).or_insert(begun);
        }
    }
    Ok(heads)
}

fn numbers(partitions: &[u32]) -> Vec<i64> {
    partitions.iter().map(|&partition| partition.into()).collect()
}

/// The trace context of an event, shared.
pub fn traceparent(event: &StoredEvent) -> Option<Arc<str>> {
    event.traceparent.as_deref().map(Arc::from)
}
