//! The suite from outside: processes that are started, called, killed, flushed and asked to end, as operators and
//! clients see them.

#![allow(clippy::unwrap_used, reason = "tests")]

mod auth;
mod backup;
mod citus;
mod cluster;
mod failover;
mod faults;
mod python;
mod raw;
mod soak;
mod stop;
mod strangers;
mod things;
mod upgrade;
mod watch;
