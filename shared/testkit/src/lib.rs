//! What the tests of Guanxi services share: databases, buses and transports to run one suite over, clocks, probes.

pub mod postgres;
pub mod redis;
pub mod servers;

pub use postgres::OwnPostgres;
pub use redis::OwnRedis;
