//! The binary from outside: its command line against services that it runs itself.

#![allow(clippy::unwrap_used, reason = "tests")]

mod bad_input;
mod commands;
mod export;
mod mapping;
mod olist;
mod sample;
