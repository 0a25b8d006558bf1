//! The relay: numbers what was committed and puts it on the bus. One replica at a time does it for a partition, by a
//! lease; two at once would be slow and still right, since numbering locks the partition's head.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guanxi_store::lease::Leases;
use guanxi_store::outbox::Position;
use guanxi_store::{Database, StoreError, sea_orm::DbBackend};
use tokio_util::sync::CancellationToken;

use crate::bus::{Bus, Entry, Stream};
use crate::measured::Sending;

/// How many parcels are numbered by one transaction at the most.
const BATCH: u32 = 512;
/// How long a lease lasts without renewal.
const LEASE: Duration = Duration::from_secs(6);
/// How long a pass that found something lasts at least: what is committed meanwhile goes with the next one, and reaches
/// consumers together. A lone event waits for nothing.
const PACE: Duration = Duration::from_millis(10);
/// How often it looks for what other replicas committed.
const LOOK: Duration = Duration::from_millis(50);

/// The relay of one service.
#[derive(Debug)]
pub struct Relay {
    db: Database,
    bus: Arc<dyn Bus>,
    /// On the partitions that it may number.
    leases: Leases,
    sending: Sending,
}

impl Relay {
    /// A relay from this database to this bus.
    pub fn new(db: Database, bus: Arc<dyn Bus>) -> Self {
        let leases = Leases::new(&db, LEASE);
        let sending = Sending::new(db.service(), &*bus);
        Self { db, bus, leases, sending }
    }

    /// Runs until `stop`, then passes once more, so that what was committed before is on its way.
    pub async fn run(self, stop: CancellationToken) {
        let mut pause = Duration::ZERO;
        while !stop.is_cancelled() {
            let committed = self.db.committed();
            let mut committed = std::pin::pin!(committed);
            committed.as_mut().enable();
            let began = tokio::time::Instant::now();
            match self.pass().await {
                Ok(0) => {
                    pause = Duration::ZERO;
                    // Embedded, nobody else commits: the bell is enough, the look is for safety.
                    let look = if self.db.backend() == DbBackend::Postgres { LOOK } else { Duration::from_secs(1) };
                    tokio::select! {
                        () = committed => {}
                        () = tokio::time::sleep(look) => {}
                        () = stop.cancelled() => {}
                    }
                }
                Ok(passed) => {
                    pause = Duration::ZERO;
                    if passed < BATCH as usize {
                        tokio::select! {
                            () = tokio::time::sleep_until(began + PACE) => {}
                            () = stop.cancelled() => {}
                        }
                    }
                }
                Err(error) => {
                    pause = (pause * 2).clamp(Duration::from_millis(50), Duration::from_secs(5));
                    tracing::warn!(service = self.db.service(), %error, "the relay could not pass; it tries again");
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = stop.cancelled() => {}
                    }
                }
            }
        }
        if let Err(error) = self.pass().await {
            tracing::warn!(service = self.db.service(), %error, "the relay's last pass failed; the next start goes on");
        }
        if let Err(error) = self.leases.release().await {
            tracing::debug!(service = self.db.service(), %error, "leases were left to run out");
        }
    }

    /// Numbers and publishes what waits; says how many parcels that were.
    async fn pass(&self) -> Result<usize, StoreError> {
        let mut ours = Vec::new();
        for (partition, _) in self.db.outbox_waiting().await? {
            if self.leases.have(&format!("relay/{partition}")).await? {
                ours.push(partition);
            }
        }
        if ours.is_empty() {
            return Ok(0);
        }
        let parcels = self.db.number_outbox(&ours, BATCH).await?;
        let passed = parcels.len();
        let mut entries: BTreeMap<u32, Vec<Entry>> = BTreeMap::new();
        for (partition, parcel) in parcels {
            let last = Position { epoch: parcel.epoch, number: parcel.last };
            entries.entry(partition).or_default().push(Entry { first: parcel.first, last, body: parcel.body.into() });
        }
        for (partition, entries) in entries {
            let stream = Stream { producer: self.db.service().to_owned(), partition };
            let events: i64 = entries.iter().map(|entry| entry.last.number - entry.first + 1).sum();
            let began = std::time::Instant::now();
            let published = self.bus.publish(&stream, &entries).await;
            self.sending.ended(began, events.unsigned_abs(), &published);
            if let Err(error) = published {
                // Consumers compare their place with the head's every few seconds and replay.
                tracing::warn!(%stream, %error, "events were numbered and not published; consumers will replay them");
            }
        }
        Ok(passed)
    }
}
