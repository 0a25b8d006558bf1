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
