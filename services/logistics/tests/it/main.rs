//! The logistics service from outside: its calls, the events it hears and tells, over every database, bus and transport.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod bad_input;
mod flow;
mod ingest;
mod olist;
mod shipments;
mod support;
mod tracking;
mod watch;
