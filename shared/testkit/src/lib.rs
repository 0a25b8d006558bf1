//! What the tests of Guanxi services share: databases, buses and transports to run one suite over, clocks, probes.

pub mod certificates;
pub mod combination;
pub mod data;
pub mod env;
pub mod postgres;
pub mod probe;
pub mod process;
pub mod redis;
pub mod redis_cluster;
pub mod servers;
pub mod setup;

pub use certificates::Authority;
pub use combination::Combination;
pub use data::{data_dir, olist, repository};
pub use env::Env;
pub use postgres::OwnPostgres;
pub use process::{Plan, Suite};
pub use redis::OwnRedis;
pub use redis_cluster::OwnRedisCluster;
pub use setup::Setup;
