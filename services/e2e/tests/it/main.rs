//! The suite from outside: processes that are started, called, killed, flushed and asked to end, as operators and
//! clients see them.

#![allow(clippy::unwrap_used, reason = "tests")]

mod auth;
mod collector;
mod faults;
mod http;
mod python;
mod queries;
mod raw;
mod signals;
mod stop;
mod strangers;
mod things;
mod watch;
