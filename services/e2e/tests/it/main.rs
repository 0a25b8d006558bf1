//! The suite from outside: processes that are started, called, killed, flushed and asked to end, as operators and
//! clients see them.

#![allow(clippy::unwrap_used, reason = "tests")]

mod auth;
mod backup;
mod bad_start;
mod citus;
mod cluster;
mod collector;
mod failover;
mod faults;
mod full_disk;
mod http;
mod mount;
mod provider;
mod python;
mod queries;
mod raw;
mod secured;
mod signals;
mod soak;
mod started;
mod stop;
mod strangers;
mod things;
mod upgrade;
mod watch;
