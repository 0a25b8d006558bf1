//! The consumer: follows each partition of each producer from where it stands, in contiguous steps, and asks the
//! producer for a replay where the bus has a gap, a new epoch, or nothing at all.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use guanxi_store::inbox::{Consumed, Incoming, IncomingEvent, Outcome};
use guanxi_store::lease::Leases;
use guanxi_store::outbox::{NumberedEvent, Position, open_parcel};
use guanxi_store::{Database, StoreError};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::bus::{Bus, Entry, Stream};
use crate::handler::Consumers;
use crate::measured::{self, Consuming};

/// Events of one transaction at the most.
const BATCH: usize = 256;
/// How long a read waits for the bus.
const WAIT: Duration = Duration::from_secs(1);
/// How often it tells the producers how far it is, and asks how far they are.
const CONFIRM: Duration = Duration::from_secs(2);
/// How long a lease on a partition lasts without renewal.
const LEASE: Duration = Duration::from_secs(6);
/// How often an event that fails by itself is tried before it becomes a dead letter.
const TRIES: u32 = 5;

/// The producer could not be asked now.
#[derive(Debug, Error)]
#[error("replay: {0}")]
pub struct ReplayError(pub String);

/// How the producers are asked; by RPC, in process or not.
#[async_trait]
pub trait Replays: Send + Sync + 'static {
    /// Numbered events of a partition after a position, oldest first, at most `limit`.
    async fn replay(
        &self,
        producer: &str,
        partition: u32,
        after: Position,
        limit: usize,
    ) -> Result<Vec<NumberedEvent>, ReplayError>;

    /// Tells how far this consumer is, and answers how far the producer is, by partition.
    async fn confirm(
        &self,
        producer: &str,
        consumer: &str,
        positions: Vec<(u32, Position)>,
    ) -> Result<Vec<(u32, Position)>, ReplayError>;
}

/// The consumer of one service.
pub struct Consumer {
    db: Database,
    bus: Arc<dyn Bus>,
    handlers: Consumers,
    replays: Arc<dyn Replays>,
    /// On the partitions that this replica follows.
    leases: Leases,
    consuming: Consuming,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").field("service", &self.db.service()).finish_non_exhaustive()
    }
}

impl Consumer {
    /// A consumer of what the handlers are for. Parked events are handled by the same handlers from now on.
    pub fn new(db: Database, bus: Arc<dyn Bus>, handlers: Consumers, replays: Arc<dyn Replays>) -> Self {
        db.set_unpark(Arc::new(handlers.clone()));
        let leases = Leases::new(&db, LEASE);
        let consuming = Consuming::new(db.service());
        Self { db, bus, handlers, replays, leases, consuming }
    }

    /// Runs until `stop`; what is being handled then is finished first.
    pub async fn run(self, stop: CancellationToken) {
        let this = Arc::new(self);
        let mut producers = JoinSet::new();
        for &producer in this.handlers.producers() {
            producers.spawn(Arc::clone(&this).follow(producer, stop.clone()));
        }
        while producers.join_next().await.is_some() {}
        if let Err(error) = this.leases.release().await {
            tracing::debug!(service = this.db.service(), %error, "leases were left to run out");
        }
    }

    /// Follows all partitions of a producer, those too that appear later.
    async fn follow(self: Arc<Self>, producer: &'static str, stop: CancellationToken) {
        let mut followers = JoinSet::new();
        let mut heads: HashMap<u32, watch::Sender<Position>> = HashMap::new();
        let mut known: Vec<(u32, Position)> = (0..self.db.partitions()).map(|p| (p, Position::default())).collect();
        while !stop.is_cancelled() {
            for (partition, head) in known.drain(..) {
                let sender = heads.entry(partition).or_insert_with(|| {
                    let (sender, receiver) = watch::channel(Position::default());
                    let stream = Stream { producer: producer.to_owned(), partition };
                    followers.spawn(Follower::new(Arc::clone(&self), stream, receiver, stop.clone()).run());
                    sender
                });
                sender.send_if_modified(|old| std::mem::replace(old, head) != head);
            }
            known = self.confirm(producer).await;
            tokio::select! {
                () = tokio::time::sleep(CONFIRM) => {}
                () = stop.cancelled() => {}
            }
        }
        while followers.join_next().await.is_some() {}
        self.confirm(producer).await;
    }

    async fn confirm(&self, producer: &str) -> Vec<(u32, Position)> {
        let positions: Vec<(u32, Position)> = match self.db.inbox_positions().await {
            Ok(all) => all.into_iter().filter(|(of, ..)| of == producer).map(|(_, p, at)| (p, at)).collect(),
            Err(error) => {
                tracing::warn!(producer, %error, "positions could not be read");
                return Vec::new();
            }
        };
        let heads =
            self.replays.confirm(producer, self.db.service(), positions.clone()).await.unwrap_or_else(|error| {
                tracing::debug!(producer, %error, "the producer could not be asked how far it is");
                Vec::new()
            });
        self.consuming.lags(producer, &positions, &heads);
        heads
    }
}

/// Follows one partition.
struct Follower {
    consumer: Arc<Consumer>,
    stream: Stream,
    head: watch::Receiver<Position>,
    stop: CancellationToken,
}

impl Follower {
    fn new(consumer: Arc<Consumer>, stream: Stream, head: watch::Receiver<Position>, stop: CancellationToken) -> Self {
        Self { consumer, stream, head, stop }
    }

    async fn run(mut self) {
        let mut pause = Duration::ZERO;
        while !self.stop.is_cancelled() {
            match self.follow().await {
                Ok(()) => pause = Duration::ZERO,
                Err(error) => {
                    pause = (pause * 2).clamp(Duration::from_millis(100), Duration::from_secs(5));
                    tracing::warn!(stream = %self.stream, %error, "the consumer starts again");
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = self.stop.cancelled() => {}
                    }
                }
            }
        }
    }

    /// Follows the partition while this replica has its lease.
    async fn follow(&mut self) -> Result<(), FollowError> {
        if !self.lease().await? {
            tokio::select! {
                () = tokio::time::sleep(LEASE / 10) => {}
                () = self.stop.cancelled() => {}
            }
            return Ok(());
        }
        let bus = self.consumer.bus.reader().await.map_err(|e| FollowError(e.to_string()))?;
        let mut at = self.consumer.db.inbox_position(&self.stream.producer, self.stream.partition).await?;
        // A head that a replay did not come to: the next event, or the next head, says more.
        let mut out_of_reach = Position::default();
        while !self.stop.is_cancelled() && self.lease().await? {
            let head = *self.head.borrow_and_update();
            if head > at && head != out_of_reach {
                let from = at;
                at = self.replay(at).await?;
                if at == from {
                    out_of_reach = head;
                    if head.number > 0 {
                        tracing::error!(stream = %self.stream, after = at.number, head = head.number,
                            "the producer no longer has what it told; was this database restored from before its retention?");
                    }
                }
                continue;
            }
            let read = tokio::select! {
                read = bus.read(&self.stream, at, BATCH, WAIT) => read,
                // The head is told every few seconds: a bus that is down or was emptied is seen here.
                _ = self.head.changed() => continue,
                () = self.stop.cancelled() => return Ok(()),
            };
            let entries = match read {
                Ok(entries) => entries,
                Err(error) => {
                    tracing::debug!(stream = %self.stream, %error, "the bus is away; the outbox goes on");
                    at = self.replay(at).await?;
                    tokio::select! {
                        () = tokio::time::sleep(Duration::from_millis(250)) => {}
                        () = self.stop.cancelled() => {}
                    }
                    continue;
                }
            };
            at = match contiguous(at, entries)? {
                Some(events) => self.handle_all(at, events).await?,
                None => self.replay(at).await?,
            };
        }
        Ok(())
    }

    /// Handles what the producer has after `at`, page by page.
    async fn replay(&mut self, mut at: Position) -> Result<Position, FollowError> {
        loop {
            let Stream { producer, partition } = &self.stream;
            let page = self.consumer.replays.replay(producer, *partition, at, 4 * BATCH).await;
            let page = page.map_err(|e| FollowError(e.to_string()))?;
            let Some(first) = page.first() else { return Ok(at) };
            if first.position.epoch == at.epoch && first.position.number != at.number + 1 {
                tracing::error!(stream = %self.stream, after = at.number, first = first.position.number,
                    "the producer no longer has the events in between");
            }
            at = self.handle_all(at, page).await?;
            if self.stop.is_cancelled() || !self.lease().await? {
                return Ok(at);
            }
        }
    }

    async fn handle_all(&self, mut at: Position, events: Vec<NumberedEvent>) -> Result<Position, FollowError> {
        for batch in events.chunks(BATCH) {
            at = match self.handle(at, batch, None).await {
                Ok(at) => at,
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(stream = %self.stream, %error, "a batch of events failed; they are handled one by one");
                    self.handle_singly(at, batch).await?
                }
            };
        }
        Ok(at)
    }

    async fn handle_singly(&self, mut at: Position, batch: &[NumberedEvent]) -> Result<Position, FollowError> {
        for event in batch {
            if event.position <= at {
                continue;
            }
            let one = std::slice::from_ref(event);
            let mut tries = 1;
            at = loop {
                match self.handle(at, one, None).await {
                    Ok(at) => break at,
                    Err(error) if error.is_transient() => return Err(error.into()),
                    Err(_) if tries < TRIES => {
                        tokio::time::sleep(Duration::from_millis(20 << tries)).await;
                        tries += 1;
                    }
                    Err(error) => {
                        tracing::error!(stream = %self.stream, event = %event.event.id, event_type = event.event.event_type,
                            %error, "the event is a dead letter now");
                        break self.handle(at, one, Some(error.to_string())).await?;
                    }
                }
            };
        }
        Ok(at)
    }

    /// Handles contiguous events in one transaction, or keeps them as dead letters; returns the new place.
    async fn handle(
        &self,
        from: Position,
        events: &[NumberedEvent],
        dead: Option<String>,
    ) -> Result<Position, StoreError> {
        let to = events.last().map_or(from, |event| event.position);
        let incoming: Vec<IncomingEvent> = events
            .iter()
            .map(|NumberedEvent { event, .. }| IncomingEvent {
                id: event.id,
                root: guanxi_kernel::natural_id("event-key", [event.key.as_str()]),
                body: event.to_bytes(),
            })
            .collect();
        let batch =
            Incoming { producer: &self.stream.producer, partition: self.stream.partition, from, to, events: &incoming };
        let (handlers, dead) = (&self.consumer.handlers, &dead);
        let span = measured::span(self.consumer.db.service(), &self.stream, events);
        let began = Instant::now();
        let consumed = self
            .consumer
            .db
            .consume(&batch, |tx, fresh| async move {
                if let Some(why) = dead {
                    return Ok(fresh.iter().map(|_| Outcome::Dead(why.clone())).collect());
                }
                let fresh: Vec<_> = fresh.iter().map(|&at| &events[at].event).collect();
                handlers.dispatch(&tx, &fresh).await
            })
            .instrument(span)
            .await;
        self.consumer.consuming.handled(&self.stream.producer, events.len(), began, consumed.is_ok());
        Ok(match consumed? {
            Consumed::Committed => to,
            Consumed::Moved(position) => position,
        })
    }

    /// Whether this replica may follow the partition now.
    async fn lease(&self) -> Result<bool, StoreError> {
        let Stream { producer, partition } = &self.stream;
        self.consumer.leases.have(&format!("consumer/{producer}/{partition}")).await
    }
}

/// The events of these entries after `at`; `None` where one is missing in between, or another epoch has begun.
fn contiguous(at: Position, entries: Vec<Entry>) -> Result<Option<Vec<NumberedEvent>>, StoreError> {
    let mut events = Vec::new();
    let mut last = at;
    for entry in entries {
        if entry.last.epoch != last.epoch && !(last == Position::default() && entry.first == 1)
            || entry.first > last.number + 1
        {
            return Ok(None);
        }
        for (number, event) in (entry.first..).zip(open_parcel(&entry.body)?) {
            if number > last.number {
                last = Position { epoch: entry.last.epoch, number };
                events.push(NumberedEvent { position: last, event });
            }
        }
    }
    Ok(Some(events))
}

#[derive(Debug, Error)]
#[error("{0}")]
struct FollowError(String);

impl From<StoreError> for FollowError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}
