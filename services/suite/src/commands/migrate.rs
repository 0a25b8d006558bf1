//! `guanxi migrate`: brings the databases up to date, and nothing else.

use clap::Args;

use crate::commands::serve::{SettingsArgs, settings};
use crate::failed::{Done, Failed};
use crate::shown::say;

/// Bring the databases up to date and end
///
/// `guanxi serve` does so by itself; this is for deployments that do it beforehand. Several may run at once: one works,
/// the others wait.
#[derive(Debug, Args)]
pub struct Migrate {
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Migrate {
    /// Migrates.
    ///
    /// # Errors
    /// Which database could not be migrated, and why.
    pub async fn run(self) -> Done {
        let services = self.settings.services();
        guanxi_runtime::migrate(settings(self.settings.sources())?, &services).await.map_err(Failed::new)?;
        let names: Vec<_> = services.iter().map(|service| service.name).collect();
        say!("up to date: {}", names.join(", "));
        Ok(())
    }
}
