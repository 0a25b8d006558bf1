//! The bus of a single process: the newest parcels of each partition, and a bell.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use guanxi_store::outbox::Position;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::bus::{Bus, BusError, Entry, Stream};

/// How many parcels of a partition it remembers; a slower consumer replays from the outbox.
const REMEMBERED: usize = 4_096;

#[derive(Debug, Default)]
struct Partition {
    entries: Mutex<VecDeque<Entry>>,
    bell: Notify,
}

/// The bus of a single process. Clones are the same bus.
#[derive(Debug, Clone, Default)]
pub struct MemoryBus {
    partitions: Arc<Mutex<HashMap<Stream, Arc<Partition>>>>,
}

impl MemoryBus {
    fn partition(&self, stream: &Stream) -> Arc<Partition> {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(partitions.entry(stream.clone()).or_default())
    }

    /// Forgets everything, as a Redis does that is flushed.
    pub fn forget(&self) {
        for partition in self.partitions.lock().unwrap_or_else(PoisonError::into_inner).values() {
            partition.entries.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, stream: &Stream, entries: &[Entry]) -> Result<(), BusError> {
        let partition = self.partition(stream);
        {
            let mut kept = partition.entries.lock().unwrap_or_else(PoisonError::into_inner);
            for entry in entries {
                if kept.back().is_none_or(|newest| newest.last < entry.last) {
                    kept.push_back(entry.clone());
                }
            }
            let surplus = kept.len().saturating_sub(REMEMBERED);
            kept.drain(..surplus);
        }
        partition.bell.notify_waiters();
        Ok(())
    }

    async fn read(
        &self,
        stream: &Stream,
        after: Position,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<Entry>, BusError> {
        let partition = self.partition(stream);
        let until = Instant::now() + wait;
        loop {
            let bell = partition.bell.notified();
            let mut bell = std::pin::pin!(bell);
            bell.as_mut().enable();
            let found: Vec<Entry> = {
                let kept = partition.entries.lock().unwrap_or_else(PoisonError::into_inner);
                let start = kept.partition_point(|entry| entry.last <= after);
                kept.range(start..).take(limit).cloned().collect()
            };
            if !found.is_empty() || tokio::time::timeout_at(until, bell).await.is_err() {
                return Ok(found);
            }
        }
    }

    async fn ping(&self) -> Result<(), BusError> {
        Ok(())
    }

    fn system(&self) -> &'static str {
        "memory"
    }

    async fn reader(&self) -> Result<Box<dyn Bus>, BusError> {
        Ok(Box::new(self.clone()))
    }
}
