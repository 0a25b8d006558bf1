//! The inbox: every event's effects happen once, in one transaction with its row here and the consumer's new position.
//! An event about something that is not known yet is parked, and handled in the transaction that makes it known.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use guanxi_kernel::{Call, Timestamp, Uuid};
use sea_orm::{ConnectionTrait, Statement};

use crate::change::write_all;
use crate::outbox::Position;
use crate::rows::{Cell, Column, Rows, Table};
use crate::write::sole;
use crate::{Database, Result, StoreError, Tx, dialect, time};

const TABLE: Table = Table::new(
    "inbox",
    &[
        Column::uuid("root_id"),
        Column::uuid("event_id"),
        Column::text("state"),
        Column::text("waits_for").nullable(),
        Column::bytes("body").nullable(),
        Column::text("error").nullable(),
        Column::time("update_time"),
    ],
);

/// An event on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingEvent {
    /// The event's id.
    pub id: Uuid,
    /// The natural id of its key: the root of its inbox row.
    pub root: Uuid,
    /// The envelope, encoded, so that a parked or dead event is kept whole.
    pub body: Vec<u8>,
}

/// Contiguous events of one partition of one producer.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// The service that wrote them.
    pub producer: &'a str,
    /// The partition of its outbox.
    pub partition: u32,
    /// Where this consumer stands.
    pub from: Position,
    /// Where it stands afterwards.
    pub to: Position,
    /// The events.
    pub events: &'a [IncomingEvent],
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its effects are in the transaction, or it has none here.
    Done,
    /// It is about something that is not known here yet, named by a resource name. It must have had no effect.
    Park(String),
    /// It can never be handled as it is: somebody must look.
    Dead(String),
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consumed {
    /// It is committed.
    Committed,
    /// Somebody else stands at another place already; nothing was done.
    Moved(Position),
}

/// What became of kept events that were offered again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offered {
    /// Those whose effects are there now.
    pub handled: i64,
    /// Those that wait for something now.
    pub parked: i64,
}

/// Handles events that had been parked, inside the transaction that makes known what they waited for.
#[async_trait]
pub trait Unpark: Send + Sync {
    /// Handles these envelopes; one outcome for each, in their order.
    async fn handle(&self, tx: &Tx, envelopes: Vec<Vec<u8>>) -> Result<Vec<Outcome>>;
}

impl Database {
    /// Handles events: `handle` gets those that were not handled before and returns an outcome for each. Events that it
    /// parks are offered once more under a lock on what they wait for, so that none is parked for something that
    /// becomes known at the same moment.
    ///
    /// # Errors
    /// What `handle` returned; the database's errors. Nothing is committed then.
    pub async fn consume<F, Fut>(&self, incoming: &Incoming<'_>, handle: F) -> Result<Consumed>
    where
        F: Fn(Arc<Tx>, Vec<usize>) -> Fut,
        Fut: Future<Output = Result<Vec<Outcome>>>,
    {
        self.retry(|| async {
            let tx = Arc::new(self.begin(Call::internal(self.service())).await?);
            if let Some(position) = advance(&tx, incoming).await? {
                return Ok(Consumed::Moved(position));
            }
            let seen = seen(&tx, incoming.events).await?;
            let fresh: Vec<usize> =
                (0..incoming.events.len()).filter(|&at| !seen.contains(&incoming.events[at].id)).collect();
            let mut outcomes =
                if fresh.is_empty() { Vec::new() } else { handle(Arc::clone(&tx), fresh.clone()).await? };
            if outcomes.len() != fresh.len() {
                return Err(StoreError::Row(format!("{} outcomes for {} events", outcomes.len(), fresh.len())));
            }
            park_under_lock(&tx, &fresh, &mut outcomes, &handle).await?;
            let mut rows = Rows::new(&TABLE);
            for (&at, outcome) in fresh.iter().zip(outcomes) {
                let event = &incoming.events[at];
                let (state, waits_for, error) = match outcome {
                    Outcome::Done => ("done", None, None),
                    Outcome::Park(key) => ("parked", Some(key), None),
                    Outcome::Dead(error) => ("dead", None, Some(error)),
                };
                let body = (state != "done").then(|| event.body.clone());
                rows.push([
                    event.root.into(),
                    event.id.into(),
                    state.into(),
                    waits_for.into(),
                    body.into(),
                    error.into(),
                    Cell::Time(tx.now()),
                ]);
            }
            // Before the commit looks for what was parked: this batch may hold what one of its own events waits for.
            rows.insert(&tx).await?;
            self.commit(sole(tx)?, None).await?;
            Ok(Consumed::Committed)
        })
        .await
    }

    /// Where this consumer stands with a partition of a producer.
    ///
    /// # Errors
    /// The database's.
    pub async fn inbox_position(&self, producer: &str, partition: u32) -> Result<Position> {
        let sql = "SELECT epoch, number FROM inbox_position WHERE producer = $1 AND partition = $2";
        let values = [producer.into(), i64::from(partition).into()];
        let row = self.unfiltered().query_one_raw(Statement::from_sql_and_values(self.backend(), sql, values)).await?;
        row.map_or(Ok(Position::default()), |row| {
            Ok(Position { epoch: row.try_get("", "epoch")?, number: row.try_get("", "number")? })
        })
    }

    /// Where this consumer stands with everything that it has read of.
    ///
    /// # Errors
    /// The database's.
    pub async fn inbox_positions(&self) -> Result<Vec<(String, u32, Position)>> {
        let sql = "SELECT producer, partition, epoch, number FROM inbox_position ORDER BY producer, partition";
        let rows = self.unfiltered().query_all_raw(Statement::from_string(self.backend(), sql)).await?;
        rows.iter()
            .map(|row| {
                let partition: i64 = row.try_get("", "partition")?;
                let position = Position { epoch: row.try_get("", "epoch")?, number: row.try_get("", "number")? };
                Ok((row.try_get("", "producer")?, u32::try_from(partition).map_err(StoreError::row)?, position))
            })
            .collect()
    }

    /// How many events are parked, and how many are dead letters.
    ///
    /// # Errors
    /// The database's.
    pub async fn inbox_waiting(&self) -> Result<(i64, i64)> {
        let sql = "SELECT state, COUNT(*) AS n FROM inbox WHERE state <> 'done' GROUP BY state";
        let rows = self.unfiltered().query_all_raw(Statement::from_string(self.backend(), sql)).await?;
        let mut counts = (0, 0);
        for row in rows {
            let n: i64 = row.try_get("", "n")?;
            match row.try_get::<String>("", "state")?.as_str() {
                "parked" => counts.0 = n,
                _ => counts.1 = n,
            }
        }
        Ok(counts)
    }

    /// Offers those that are dead letters now to their handlers again, each in a transaction of its own, oldest first: one
    /// that fails again stays as it is.
    ///
    /// # Errors
    /// The database's, where it is away. What was handled until then stays handled.
    pub async fn retry_dead_letters(&self) -> Result<Offered> {
        let dead = "SELECT root_id, event_id FROM inbox WHERE state = 'dead' ORDER BY update_time, event_id";
        let dead = self.unfiltered().query_all_raw(Statement::from_string(self.backend(), dead)).await?;
        let call = Call::internal("dead-letters");
        let mut offered = Offered::default();
        for row in dead {
            let (root, event): (Uuid, Uuid) = (row.try_get("", "root_id")?, row.try_get("", "event_id")?);
            let one = self.slice(&call, |tx| async move {
                let sql = "SELECT root_id, event_id, body FROM inbox \
                           WHERE root_id = $1 AND event_id = $2 AND state = 'dead'";
                let find = Statement::from_sql_and_values(tx.backend(), sql, [root.into(), event.into()]);
                offer(self, &tx, find).await
            });
            match one.await {
                Ok(one) => {
                    offered.handled += one.handled;
                    offered.parked += one.parked;
                }
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => tracing::warn!(%event, %error, "the event is a dead letter still"),
            }
        }
        Ok(offered)
    }

    /// Forgets events that were handled before `before`; the producers no longer keep them either. Says how many.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_inbox(&self, before: Timestamp) -> Result<u64> {
        self.slice(&Call::internal("prune-inbox"), |tx| async move {
            let sql = "DELETE FROM inbox WHERE state = 'done' AND update_time < $1";
            let values = [time::to_column(before).into()];
            let done = tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
            Ok(done.rows_affected())
        })
        .await
    }

    /// Forgets requests that were granted before `before`. Says how many.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_idempotency(&self, before: Timestamp) -> Result<u64> {
        self.slice(&Call::internal("prune-idempotency"), |tx| async move {
            let sql = "DELETE FROM idempotency WHERE create_time < $1";
            let values = [time::to_column(before).into()];
            let done = tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
            Ok(done.rows_affected())
        })
        .await
    }
}

/// Moves the position from `from` to `to`; where it is not at `from`, returns where it is.
async fn advance(tx: &Tx, incoming: &Incoming<'_>) -> Result<Option<Position>> {
    let backend = tx.backend();
    let (producer, partition) = (incoming.producer, i64::from(incoming.partition));
    let sql =
        "INSERT INTO inbox_position (producer, partition, epoch, number) VALUES ($1, $2, 0, 0) ON CONFLICT DO NOTHING";
    if incoming.from == Position::default() {
        let values = [producer.into(), partition.into()];
        tx.conn().execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    }
    let sql = "UPDATE inbox_position SET epoch = $1, number = $2 \
               WHERE producer = $3 AND partition = $4 AND epoch = $5 AND number = $6";
    let values = [
        incoming.to.epoch.into(),
        incoming.to.number.into(),
        producer.into(),
        partition.into(),
        incoming.from.epoch.into(),
        incoming.from.number.into(),
    ];
    let moved = tx.conn().execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    if moved.rows_affected() == 1 {
        return Ok(None);
    }
    let sql = "SELECT epoch, number FROM inbox_position WHERE producer = $1 AND partition = $2";
    let values = [producer.into(), partition.into()];
    let row = tx.conn().query_one_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    row.map_or(Ok(Some(Position::default())), |row| {
        Ok(Some(Position { epoch: row.try_get("", "epoch")?, number: row.try_get("", "number")? }))
    })
}

async fn seen(tx: &Tx, events: &[IncomingEvent]) -> Result<HashSet<Uuid>> {
    if events.is_empty() {
        return Ok(HashSet::new());
    }
    let asked: Vec<(Uuid, Uuid)> = events.iter().map(|event| (event.root, event.id)).collect();
    let (condition, values) = dialect::any_pair(tx.backend(), ("root_id", "event_id"), &asked);
    let sql = format!("SELECT event_id FROM inbox WHERE {condition}");
    let rows = tx.conn().query_all_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
    rows.iter().map(|row| Ok(row.try_get("", "event_id")?)).collect()
}

/// Offers parked events again, now that nobody can make known what they wait for without our seeing it.
async fn park_under_lock<F, Fut>(tx: &Arc<Tx>, fresh: &[usize], outcomes: &mut [Outcome], handle: &F) -> Result<()>
where
    F: Fn(Arc<Tx>, Vec<usize>) -> Fut,
    Fut: Future<Output = Result<Vec<Outcome>>>,
{
    let parks = |outcomes: &[Outcome]| -> (Vec<usize>, Vec<String>) {
        let parked = outcomes.iter().enumerate();
        parked.filter_map(|(i, o)| if let Outcome::Park(key) = o { Some((i, key.clone())) } else { None }).unzip()
    };
    let (at, keys) = parks(outcomes);
    if at.is_empty() || !dialect::is_postgres(tx.conn()) {
        return Ok(());
    }
    dialect::lock_keys(tx.conn(), &keys).await?;
    let again: Vec<usize> = at.iter().map(|&i| fresh[i]).collect();
    for (i, outcome) in at.into_iter().zip(handle(Arc::clone(tx), again).await?) {
        outcomes[i] = outcome;
    }
    Ok(())
}

/// Handles what was parked for things that this transaction has made known, and what that makes known in turn.
pub(crate) async fn unpark_known(db: &Database, tx: &Tx) -> Result<()> {
    loop {
        let keys = tx.take_known();
        if keys.is_empty() || db.inner.unpark.get().is_none() {
            return Ok(());
        }
        write_all(tx, tx.take_last()).await?;
        dialect::lock_keys(tx.conn(), &keys).await?;
        let (condition, values) = dialect::any_text(tx.backend(), "waits_for", 1, &keys);
        let sql = format!(
            "SELECT root_id, event_id, body FROM inbox WHERE state = 'parked' AND {condition} ORDER BY update_time, event_id"
        );
        offer(db, tx, Statement::from_sql_and_values(tx.backend(), sql, [values])).await?;
    }
}

/// Offers the kept events that a statement finds to their handlers, and keeps what became of them.
async fn offer(db: &Database, tx: &Tx, find: Statement) -> Result<Offered> {
    let Some(unpark) = db.inner.unpark.get() else { return Ok(Offered::default()) };
    let kept = tx.conn().query_all_raw(find).await?;
    if kept.is_empty() {
        return Ok(Offered::default());
    }
    let bodies = kept.iter().map(|row| Ok(row.try_get("", "body")?)).collect::<Result<Vec<Vec<u8>>>>()?;
    let outcomes = unpark.handle(tx, bodies.clone()).await?;
    let mut rows = Rows::new(&TABLE);
    let mut offered = Offered::default();
    for ((row, body), outcome) in kept.iter().zip(bodies).zip(outcomes) {
        let (state, waits_for, body, error) = match outcome {
            Outcome::Done => ("done", None, None, None),
            Outcome::Park(key) => ("parked", Some(key), Some(body), None),
            Outcome::Dead(error) => ("dead", None, Some(body), Some(error)),
        };
        offered.handled += i64::from(state == "done");
        offered.parked += i64::from(state == "parked");
        rows.push([
            Cell::Uuid(row.try_get("", "root_id")?),
            Cell::Uuid(row.try_get("", "event_id")?),
            state.into(),
            waits_for.into(),
            body.into(),
            error.into(),
            Cell::Time(tx.now()),
        ]);
    }
    rows.update(tx, &["root_id", "event_id"]).await?;
    Ok(offered)
}
