//! The bus between processes: a Redis stream for each partition. An entry's id is the place of its last event
//! (`epoch-number`), so that publishing twice adds nothing, a reader names where it stands, and a gap shows in the ids.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use guanxi_store::outbox::Position;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::streams::{StreamReadOptions, StreamReadReply};
use redis::{AsyncCommands, Client};

use crate::bus::{Bus, BusError, Entry, Stream};

/// About how many parcels a stream keeps; a slower consumer replays from the outbox.
const KEPT: usize = 20_000;

/// How long Redis may take to answer what does not wait for anything.
const PATIENCE: Duration = Duration::from_secs(5);

/// Redis Streams. A clone shares its connection; a blocking reader takes one of its own with [`Bus::reader`].
#[derive(Clone)]
pub struct RedisBus {
    client: Client,
    connection: ConnectionManager,
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
    /// Connects lazily to `redis://…`: a Redis that is away delays events and loses none.
    ///
    /// # Errors
    /// Where the URL is not one.
    pub async fn connect(url: &str) -> Result<Self, BusError> {
        let client = Client::open(url)?;
        let connection = Self::manager(&client)?;
        Ok(Self { client, connection })
    }

    fn manager(client: &Client) -> Result<ConnectionManager, BusError> {
        let config = ConnectionManagerConfig::new()
            // A blocked read may last longer than any fixed time-out; `read` bounds each itself.
            .set_response_timeout(None)
            .set_connection_timeout(Some(Duration::from_secs(2)))
            .set_number_of_retries(1)
            .set_max_delay(Duration::from_millis(500));
        Ok(ConnectionManager::new_lazy_with_config(client.clone(), config)?)
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
        let sent = tokio::time::timeout(PATIENCE, pipe.query_async::<()>(&mut connection)).await;
        match sent.map_err(|_| BusError(format!("Redis did not answer within {PATIENCE:?}")))? {
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

    async fn ping(&self) -> Result<(), BusError> {
        let mut connection = self.connection.clone();
        let ping = redis::cmd("PING");
        let answer = tokio::time::timeout(PATIENCE, ping.query_async::<()>(&mut connection)).await;
        answer.map_err(|_| BusError(format!("Redis did not answer within {PATIENCE:?}")))?.map_err(BusError::from)
    }

    fn system(&self) -> &'static str {
        "redis"
    }

    async fn reader(&self) -> Result<Box<dyn Bus>, BusError> {
        let connection = Self::manager(&self.client)?;
        Ok(Box::new(Self { client: self.client.clone(), connection }))
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
