//! `guanxi backup`: a copy of the SQLite files of services that may be at work.

use std::path::PathBuf;

use clap::Args;

use crate::commands::serve::{SettingsArgs, settings};
use crate::failed::{Done, Failed};
use crate::services;
use crate::shown::{integer, say};

/// Copy the SQLite files, while the services are at work
///
/// The copy has everything that was acknowledged before it was begun. `guanxi restore` brings it back. PostgreSQL is backed
/// up by its own tools: docs/backup.md.
#[derive(Debug, Args)]
pub struct Backup {
    #[command(flatten)]
    settings: SettingsArgs,
    /// The folder to make: new, or empty
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

impl Backup {
    /// Copies.
    ///
    /// # Errors
    /// What could not be copied, and why.
    pub async fn run(self) -> Done {
        let services = self.settings.named(&services::LISTENERS_FIRST);
        let settings = settings(self.settings.sources())?;
        let manifest = guanxi_runtime::backup(&settings, &services, &self.to).await.map_err(Failed::new)?;
        let bytes: u64 = manifest.services.values().map(|copied| copied.bytes).sum();
        let names: Vec<_> = services.iter().map(|service| service.name).collect();
        let size = integer(i64::try_from(bytes).unwrap_or(i64::MAX));
        say!("backed up: {}; {size} bytes in {}", names.join(", "), self.to.display());
        Ok(())
    }
}
