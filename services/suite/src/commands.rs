//! The commands, one file each.

pub mod backup;
pub mod doctor;
pub mod generate;
pub mod healthcheck;
pub mod import;
pub mod migrate;
pub mod report;
pub mod restore;
pub mod retry;
pub mod serve;
pub mod show;
pub mod token;
pub mod verify;

use crate::cli::Command;
use crate::failed::Done;

/// Does what was asked.
///
/// # Errors
/// Why it could not, for a person.
pub async fn run(command: Command) -> Done {
    match command {
        Command::Serve(command) => command.run().await,
        Command::Migrate(command) => command.run().await,
        Command::Doctor(command) => command.run().await,
        Command::Backup(command) => command.run().await,
        Command::Restore(command) => command.run().await,
        Command::Restored(command) => command.run().await,
        Command::Healthcheck(command) => command.run().await,
        Command::Token(command) => command.run(),
        Command::Import(command) => command.run().await,
        Command::Generate(command) => command.run().await,
        Command::Show(command) => command.run().await,
        Command::Report(command) => command.run().await,
        Command::Retry(command) => command.run().await,
        Command::Verify(command) => command.run().await,
    }
}
