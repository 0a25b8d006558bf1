//! Buses, relay and consumers, through what can happen to them.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on should panic")]

mod buses;
mod flow;
