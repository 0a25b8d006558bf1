//! The runtime, with a small service of its own: what every service may rely on.

#![allow(clippy::unwrap_used, reason = "tests")]

mod flow;
mod jobs;
mod process;
mod sample;
mod telemetry;
