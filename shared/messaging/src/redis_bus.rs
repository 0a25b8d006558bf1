//! The bus between processes: a Redis stream for each partition. An entry's id is the place of its last event
//! (`epoch-number`), so that publishing twice adds nothing, a reader names where it stands, and a gap shows in the ids.
//! No command names two streams, so in a cluster each may be on a node of its own.

mod connection;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use guanxi_store::outbox::Position;
use redis::streams::{StreamReadOptions, StreamReadReply};
use redis::{AsyncCommands, FromRedisValue, Value};

use crate::bus::{Bus, BusError, Entry, Stream};

use connection::{Connection, Place};

/// About how many parcels a stream keeps; a slower consumer replays from the outbox.
const KEPT: usize = 20_000;

/// How long Redis may take to answer what does not wait for anything.
const PATIENCE: Duration = Duration::from_secs(5);

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
    /// A server, `redis://…`, or `rediss://…`, whose certificate was signed by an authority in `ca` (PEM) or by one that this
    /// machine trusts. It connects at its first command: a Redis that is away delays events and loses none.
    ///
    /// # Errors
    /// Where the URL is not one, or `ca` holds no certificate.
    pub fn server(url: &str, ca: Option<Vec<u8>>) -> Result<Self, BusError> {
        Self::at(Place::server(url, ca)?)
    }

    /// A Redis Cluster, by one of its nodes or several, `redis://:password@one:6379,two:6379`. It connects at its first
    /// command.
    ///
    /// # Errors
    /// As [`server`](Self::server). Call it within a runtime.
    pub fn cluster(url: &str, ca: Option<Vec<u8>>) -> Result<Self, BusError> {
        Self::at(Place::cluster(url, ca)?)
    }

    fn at(place: Place) -> Result<Self, BusError> {
        let connection = place.connect()?;
        Ok(Self { place, connection })
    }

    /// What Redis says of itself; of a cluster's nodes one that is unfit, where there is such.
    ///
    /// # Errors
    /// Where it does not answer.
    pub async fn state(&self) -> Result<RedisState, BusError> {
        let mut connection = self.connection.clone();
        let infos = of_each::<String>(redis::cmd("INFO").query_async(&mut connection).await?)?;
        let times = of_each::<(i64, i64)>(redis::cmd("TIME").query_async(&mut connection).await?)?;
        let states = infos.iter().zip(times.into_iter().cycle()).map(|(info, time)| RedisState::read(info, time));
        let mut states: Vec<RedisState> = states.collect();
        states.sort_by_key(|state| state.unfit().is_empty());
        states.into_iter().next().ok_or_else(|| BusError("Redis says nothing of itself".to_owned()))
    }
}

/// An answer, or of a cluster every node's.
fn of_each<T: FromRedisValue>(answer: Value) -> Result<Vec<T>, BusError> {
    let answers = match answer {
        Value::Map(nodes) => nodes.into_iter().map(|(_, answer)| answer).collect(),
        one => vec![one],
    };
    let read = answers.into_iter().map(|answer| T::from_redis_value(answer).map_err(redis::RedisError::from));
    Ok(read.collect::<Result<_, _>>()?)
}

/// What a Redis says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisState {
    /// Such as `7.0.15`.
    pub version: String,
    /// `maxmemory-policy`.
    pub eviction: String,
    /// Whether it keeps an append-only file.
    pub append_only: bool,
    /// Microseconds since 1970, by its clock.
    pub clock_micros: i64,
}

impl RedisState {
    fn read(info: &str, (seconds, micros): (i64, i64)) -> Self {
        let value = |key: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            line.unwrap_or_default().trim().to_owned()
        };
        Self {
            version: value("redis_version"),
            eviction: value("maxmemory_policy"),
            append_only: value("aof_enabled") == "1",
            clock_micros: seconds * 1_000_000 + micros,
        }
    }

    /// What makes it unfit for events, each with what to do. Events are late then, not lost.
    pub fn unfit(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut parts = self.version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        if version < (6, 2) {
            found.push(format!("Redis {} is too old: upgrade it to 6.2 or later", self.version));
        }
        if self.eviction != "noeviction" {
            found.push(format!(
                "maxmemory-policy is {}: set noeviction, so that a full Redis forgets no events",
                self.eviction
            ));
        }
        if !self.append_only {
            found.push("appendonly is no: set it to yes, so that a restart of Redis forgets no events".to_owned());
        }
        found
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
