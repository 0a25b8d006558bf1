//! The bus between processes: a Redis stream for each partition. An entry's id is the place of its last event
//! (`epoch-number`), so that publishing twice adds nothing, a reader names where it stands, and a gap shows in the ids.
//! No command names two streams, so in a cluster each may be on a node of its own.

mod connection;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use guanxi_store::outbox::Position;
use redis::AsyncCommands;
use redis::streams::{StreamReadOptions, StreamReadReply};

use crate::bus::{Bus, BusError, Entry, Stream};

use connection::{Connection, Place};

/// About how many parcels a stream keeps; a slower consumer replays from the outbox.
const KEPT: usize = 20_000;

/// Redis Streams. A clone shares its connection; a blocking reader takes one of its own with [`Bus::reader`].
#[derive(Clone)]
pub struct RedisBus {
    place: Place,
    connection: Connection,
}

impl std::fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisBus").finish_non_exhaustive()
    }
}

impl From<redis::RedisError> for BusError {
    fn from(error: redis::RedisError) -> Self {
        Self(error.to_string())
    }
}

impl RedisBus {
    /// A server, `redis://…`. It connects at its first command: a Redis that is away delays events and loses none.
    ///
    /// # Errors
    /// Where the URL is not one.
    pub fn server(url: &str) -> Result<Self, BusError> {
        Self::at(Place::server(url)?)
    }

    /// A Redis Cluster, by one of its nodes or several, `redis://:password@one:6379,two:6379`. It connects at its first
    /// command.
    ///
    /// # Errors
    /// Where the URL is not one. Call it within a runtime.
    pub fn cluster(url: &str) -> Result<Self, BusError> {
        Self::at(Place::cluster(url)?)
    }

    fn at(place: Place) -> Result<Self, BusError> {
        let connection = place.connect()?;
        Ok(Self { place, connection })
    }

    /// What makes this Redis unfit: eviction, or no append-only file. Empty where nothing does.
    ///
    /// # Errors
    /// Where it cannot be asked.
    pub async fn unfit(&self) -> Result<Vec<String>, BusError> {
        let mut connection = self.connection.clone();
        let mut found = Vec::new();
        for (setting, wanted) in [("maxmemory-policy", "noeviction"), ("appendonly", "yes")] {
            let answer: Vec<String> = redis::cmd("CONFIG").arg("GET").arg(setting).query_async(&mut connection).await?;
            if let Some(value) = answer.get(1).filter(|value| *value != wanted) {
                found.push(format!("{setting} is {value}, should be {wanted}"));
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl Bus for RedisBus {
    async fn publish(&self, stream: &Stream, entries: &[Entry]) -> Result<(), BusError> {
        let mut connection = self.connection.clone();
        let mut pipe = redis::pipe();
        for entry in entries {
            pipe.cmd("XADD")
                .arg(stream.to_string())
                .arg("MAXLEN")
                .arg("~")
                .arg(KEPT)
                .arg(format!("{}-{}", entry.last.epoch, entry.last.number))
                .arg("f")
                .arg(entry.first)
                .arg("b")
                .arg(&entry.body[..])
                .ignore();
        }
        let sent = tokio::time::timeout(Duration::from_secs(5), pipe.query_async::<()>(&mut connection)).await;
        match sent.map_err(|_| BusError("Redis did not answer within 5 s".into()))? {
            Ok(()) => Ok(()),
            // An id at or below the newest: it was published, or a newer one overtook it and the gap is replayed.
            Err(error) if error.to_string().contains("equal or smaller") => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn read(
        &self,
        stream: &Stream,
        after: Position,
        limit: usize,
        wait: Duration,
    ) -> Result<Vec<Entry>, BusError> {
        let mut connection = self.connection.clone();
        let block = usize::try_from(wait.as_millis()).unwrap_or(usize::MAX).max(1);
        let options = StreamReadOptions::default().count(limit).block(block);
        let key = stream.to_string();
        let keys = [key.as_str()];
        let from = [format!("{}-{}", after.epoch, after.number)];
        let read = connection.xread_options::<_, _, Option<StreamReadReply>>(&keys, &from, &options);
        let bound = wait + Duration::from_secs(2);
        let reply = tokio::time::timeout(bound, read).await.map_err(|_| BusError("Redis did not answer".into()))??;
        let ids = reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids);
        ids.map(|id| entry(&id).ok_or_else(|| BusError(format!("{stream} holds {}, which is not ours", id.id))))
            .collect()
    }

    async fn reader(&self) -> Result<Box<dyn Bus>, BusError> {
        Ok(Box::new(Self::at(self.place.clone())?))
    }
}

fn entry(id: &redis::streams::StreamId) -> Option<Entry> {
    let (epoch, number) = id.id.split_once('-')?;
    let body: Vec<u8> = id.get("b")?;
    Some(Entry {
        first: id.get("f")?,
        last: Position { epoch: epoch.parse().ok()?, number: number.parse().ok()? },
        body: Bytes::from(body),
    })
}
