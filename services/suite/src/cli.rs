//! What can be asked of `guanxi` on the command line.

use clap::{Parser, Subcommand};

use crate::commands::{generate, healthcheck, import, migrate, report, serve, show, token, verify};

/// Guanxi, a customer-relationship platform for retailers: customers, loyalty, logistics, feedback.
#[derive(Debug, Parser)]
#[command(name = "guanxi", version, max_term_width = 120, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// One command each; each has a file of its own in `commands/`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve all services, or those that are named
    Serve(serve::Serve),
    /// Bring the databases up to date and end
    Migrate(migrate::Migrate),
    /// Ask a process whether it takes calls
    Healthcheck(healthcheck::Healthcheck),
    /// Sign a token for development, or make a key for it
    Token(token::Token),
    /// Load a shop system's export of CSV files
    Import(import::Import),
    /// Load a made-up retailer: the same seed makes the same one
    Generate(generate::Generate),
    /// Show a customer as all services know it
    Show(show::Show),
    /// Report figures, each from the service whose they are
    Report(report::Report),
    /// Check every invariant of every service on live data
    Verify(verify::Verify),
}
