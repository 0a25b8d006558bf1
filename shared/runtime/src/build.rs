//! The first half of a start: databases opened, modules wired, schemas brought up to date. All that is wrong with the
//! settings of any module is said at once.

use std::sync::{Arc, Mutex};

use futures::future::try_join_all;
use guanxi_kernel::Clock;
use guanxi_rpc::{Local, PeerSettings, Peers};
use guanxi_store::migrate::Migrations;
use guanxi_store::{Database, DatabaseConfig};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::auth::Keys;
use crate::error::StartError;
use crate::jobs::{Jobs, Wake};
use crate::module::{Module, ModuleContext, Service};
use crate::settings::{Faults, Settings};

/// A module with what was made for it.
pub(crate) struct Built {
    pub(crate) module: Module,
    pub(crate) db: Database,
    pub(crate) peers: Peers,
    pub(crate) jobs: Jobs,
    pub(crate) woken: UnboundedReceiver<Wake>,
}

/// Opens the databases of these services, wires their modules, and migrates.
pub(crate) async fn build(
    settings: &Arc<Settings>,
    services: &[Service],
    keys: &Keys,
    local: &Local,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Built>, StartError> {
    let databases = try_join_all(services.iter().map(|service| open(settings, service.name, clock))).await?;
    let mut built = Vec::new();
    let mut migrations = Vec::new();
    let mut faults = Faults::default();
    for (service, db) in services.iter().zip(databases) {
        let (jobs, woken) = Jobs::new(service.name);
        let context = ModuleContext {
            service: service.name,
            settings: Arc::clone(settings),
            database: db.clone(),
            migrations: Mutex::default(),
            peers: peers(settings, service.name, keys, local)?,
            jobs: jobs.clone(),
        };
        match (service.module)(&context) {
            Ok(module) => {
                migrations.push(context.migrations.into_inner().expect("nobody panics while holding it"));
                built.push(Built { module, db, peers: context.peers, jobs, woken });
            }
            Err(StartError::Settings(found)) => faults.append(found),
            Err(other) => return Err(other),
        }
    }
    faults.or(())?;
    try_join_all(built.iter().zip(migrations).map(|(built, migrations)| migrate(built, migrations))).await?;
    Ok(built)
}

/// Opens the database of one service.
pub(crate) async fn open(
    settings: &Settings,
    service: &'static str,
    clock: &Arc<dyn Clock>,
) -> Result<Database, StartError> {
    let database = &settings.database;
    let config = if database.is_embedded() {
        DatabaseConfig::Sqlite { data_dir: database.data_dir.clone(), readers: database.readers }
    } else {
        DatabaseConfig::Postgres { url: database.url.expose().to_owned(), connections: database.connections }
    };
    let partitions = match (settings.events.partitions, &config) {
        (0, DatabaseConfig::Sqlite { .. }) => 2,
        (0, DatabaseConfig::Postgres { .. }) => 8,
        (set, _) => set.into(),
    };
    let opened = Database::connect(service, &config, partitions, Arc::clone(clock)).await;
    opened.map_err(|error| match config {
        DatabaseConfig::Sqlite { data_dir, .. } => {
            StartError::database(service, &data_dir.join(format!("{service}.db")).display(), &error)
        }
        DatabaseConfig::Postgres { .. } => StartError::database(service, &database.url, &error),
    })
}

fn peers(settings: &Settings, service: &str, keys: &Keys, local: &Local) -> Result<Peers, StartError> {
    let urls = settings.peers.iter().map(|(peer, url)| (peer.clone(), url.expose().to_owned())).collect();
    let peers = PeerSettings { urls, ..PeerSettings::default() };
    Peers::new(local, &peers, keys.tokens(service)?)
        .map_err(|error| StartError::new(format!("{error}; check the section [peers]")))
}

async fn migrate(built: &Built, migrations: Migrations) -> Result<(), StartError> {
    built.db.migrate(migrations).await.map_err(|error| StartError::migrate(built.module.service, &error))
}
