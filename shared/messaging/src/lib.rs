//! Events between Guanxi services: written to the outbox by the write that caused them, published by the relay,
//! delivered at least once, handled exactly once through the inbox. Losing everything on the bus loses nothing: a
//! consumer that sees a gap asks the producer for a replay.

pub mod bus;
pub mod consumer;
pub mod event;
pub mod handler;
mod measured;
pub mod memory;
pub mod redis_bus;
pub mod relay;

pub use bus::{Bus, BusError, Entry, Stream};
pub use consumer::{Consumer, ReplayError, Replays};
pub use event::{Delivered, Meta, event};
pub use guanxi_store::inbox::Outcome;
pub use handler::{Consumers, Handler};
pub use measured::ping;
pub use memory::MemoryBus;
pub use redis_bus::{RedisBus, RedisState};
pub use relay::Relay;
