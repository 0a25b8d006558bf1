//! The store on both databases: every test runs on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on should panic")]

mod batches;
mod commands;
mod fixture;
mod flow;
mod leases;
mod sets;
mod upgrades;
