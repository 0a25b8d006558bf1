//! `guanxi restore` and `guanxi restored`: services at a moment of the past.

use std::path::PathBuf;

use clap::Args;

use crate::commands::serve::{SettingsArgs, settings};
use crate::failed::{Done, Failed};
use crate::shown::say;

/// Bring back what `guanxi backup` copied, into an empty data directory
///
/// Nothing may run on that directory. Name services to bring back these alone, beside others that are there.
#[derive(Debug, Args)]
pub struct Restore {
    #[command(flatten)]
    settings: SettingsArgs,
    /// The folder that `guanxi backup` made
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
}

impl Restore {
    /// Brings back.
    ///
    /// # Errors
    /// What could not be restored, and why.
    pub async fn run(self) -> Done {
        let services = self.settings.services();
        let settings = settings(self.settings.sources())?;
        let manifest = guanxi_runtime::restore(&settings, &services, &self.from).await.map_err(Failed::new)?;
        for service in services {
            say!("restored: {} as of {}", service.name, manifest.services[service.name].time);
        }
        Ok(())
    }
}

/// Say that databases were restored by other means, such as pg_restore
///
/// After every such restore, before the services are started: their events begin a new epoch, and the other services ask
/// for what they missed. `guanxi restore` does this by itself.
#[derive(Debug, Args)]
pub struct Restored {
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Restored {
    /// Says so to each database.
    ///
    /// # Errors
    /// Which database could not be told, and why.
    pub async fn run(self) -> Done {
        let services = self.settings.services();
        guanxi_runtime::restored(&settings(self.settings.sources())?, &services).await.map_err(Failed::new)?;
        let names: Vec<_> = services.iter().map(|service| service.name).collect();
        say!("a new epoch begins: {}", names.join(", "));
        Ok(())
    }
}
