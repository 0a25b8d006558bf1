//! The suite from outside: processes that are started, called, killed, flushed and asked to end, as operators and
//! clients see them.

#![allow(clippy::unwrap_used, reason = "tests")]

mod auth;
mod bad_start;
mod collector;
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
mod started;
mod stop;
mod strangers;
mod things;
mod watch;
