//! The one binary of Guanxi: serves any of the services or all four, and the command line.

mod cli;
mod commands;
mod connection;
mod failed;
mod generate;
mod import;
mod load;
mod services;
mod shown;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;

/// Replies, statements and events are many small pieces that one thread makes and another drops: this allocator is made for
/// that, and gives memory back after a peak.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed::Failed::new(format!("no threads to work with: {error}")).exit(),
    };
    let done = runtime.block_on(commands::run(command));
    // What still reads from a silent peer must not keep the process.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => failed.exit(),
    }
}
