//! What can be asked of `guanxi` on the command line.

use clap::{Parser, Subcommand};

use crate::commands::{
    backup, doctor, generate, healthcheck, import, migrate, report, restore, retry, serve, show, token, verify,
};

/// Guanxi, a customer-relationship platform for retailers: customers, loyalty, logistics, feedback.
#[derive(Debug, Parser)]
#[command(name = "guanxi", version, max_term_width = 120, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// One command each; each has a file of its own in `commands/`, which explains it.
#[derive(Debug, Subcommand)]
pub enum Command {
    Serve(serve::Serve),
    Migrate(migrate::Migrate),
    Doctor(doctor::Doctor),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Restored(restore::Restored),
    Healthcheck(healthcheck::Healthcheck),
    Token(token::Token),
    Import(import::Import),
    Generate(generate::Generate),
    Show(show::Show),
    Report(report::Report),
    Retry(retry::Retry),
    Verify(verify::Verify),
}
