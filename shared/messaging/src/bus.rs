//! The bus: a wake-up and a shortcut. It may forget anything at any time; the outbox is what remembers.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use guanxi_store::outbox::Position;
use thiserror::Error;

/// A partition of a producer's outbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stream {
    /// The service that writes.
    pub producer: String,
    /// The partition.
    pub partition: u32,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "guanxi:{}:{}", self.producer, self.partition)
    }
}

/// A parcel on the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The number of its first event.
    pub first: i64,
    /// The place of its last event.
    pub last: Position,
    /// Its events, encoded.
    pub body: Bytes,
}

/// The bus could not do it now; the caller goes on with the outbox and tries again.
#[derive(Debug, Error)]
#[error("bus: {0}")]
pub struct BusError(pub String);

/// A bus. The memory one serves a single process, Redis Streams serve many; one suite holds for both.
#[async_trait]
pub trait Bus: Send + Sync + fmt::Debug + 'static {
    /// Appends entries in their order. Those at or before the last one of the stream are dropped: they were published.
    async fn publish(&self, stream: &Stream, entries: &[Entry]) -> Result<(), BusError>;

    /// Entries that end after a position, oldest first, at most `limit`; waits up to `wait` for the first. May leave out
    /// what was forgotten: the caller compares numbers.
    async fn read(
        &self,
        stream: &Stream,
        after: Position,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<Entry>, BusError>;

    /// A sign of life.
    async fn ping(&self) -> Result<(), BusError>;

    /// What carries it, as metrics call it: `redis`, or `memory`.
    fn system(&self) -> &'static str;

    /// Another handle that may wait without holding up the others.
    async fn reader(&self) -> Result<Box<dyn Bus>, BusError>;
}
