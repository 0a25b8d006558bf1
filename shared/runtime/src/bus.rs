//! From the section `[redis]` to the bus, and what the server behind it says of itself.

use std::time::Duration;

use guanxi_messaging::{BusError, RedisBus, RedisState};

use crate::error::StartError;
use crate::settings::Redis;

/// The bus in the Redis that the settings name.
pub(crate) fn open(redis: &Redis) -> Result<RedisBus, StartError> {
    let shown = redis.ca_file.display();
    let unreadable =
        |error| StartError::new(format!("the certificate in {shown} cannot be read: {error}; check redis.ca_file"));
    let named = !redis.ca_file.as_os_str().is_empty();
    let ca = named.then(|| std::fs::read(&redis.ca_file)).transpose().map_err(unreadable)?;
    let open = if redis.cluster { RedisBus::cluster } else { RedisBus::server };
    let bus = open(redis.url.expose(), ca);
    bus.map_err(|error| StartError::new(format!("{error}; check redis.url, --redis, redis.ca_file")))
}

/// What Redis says of itself, if it does so within `patience`.
pub(crate) async fn state(bus: &RedisBus, patience: Duration) -> Result<RedisState, BusError> {
    let answer = tokio::time::timeout(patience, bus.state()).await;
    answer.unwrap_or_else(|_| Err(BusError(format!("no answer within {patience:?}"))))
}
