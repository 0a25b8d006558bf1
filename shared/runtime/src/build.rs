//! The first half of a start: databases opened, modules wired, schemas brought up to date.

use std::sync::{Arc, Mutex};

use futures::future::try_join_all;
use guanxi_kernel::Clock;
use guanxi_rpc::transport::RemoteSettings;
use guanxi_rpc::{ClientTls, Local, PeerSettings, Peers};
use guanxi_store::migrate::Migrations;
use guanxi_store::{Database, DatabaseConfig};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::auth::Keys;
use crate::edge;
use crate::error::StartError;
use crate::jobs::{Jobs, Wake};
use crate::module::{Module, ModuleContext, Service};
use crate::settings::Settings;

/// How the services of a process reach each other and those elsewhere.
pub(crate) struct Ways {
    pub(crate) keys: Keys,
    pub(crate) local: Local,
    pub(crate) tls: Option<ClientTls>,
}

impl Ways {
    /// Reads the keys and certificates that the settings name.
    pub(crate) fn read(settings: &Settings) -> Result<Self, StartError> {
        Ok(Self { keys: Keys::read(&settings.auth)?, local: Local::new(), tls: edge::client(settings)? })
    }

    /// The ways of `service` to the others.
    pub(crate) fn peers(&self, settings: &Settings, service: &str) -> Result<Peers, StartError> {
        let urls = settings.peers.iter().map(|(peer, url)| (peer.clone(), url.expose().to_owned())).collect();
        let remote = RemoteSettings { tls: self.tls.clone(), ..RemoteSettings::default() };
        let peers = PeerSettings { urls, remote, ..PeerSettings::default() };
        Peers::new(&self.local, &peers, self.keys.tokens(service)?)
            .map_err(|error| StartError::new(format!("{error}; check the section [peers]")))
    }
}

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
    ways: &Ways,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Built>, StartError> {
    let databases = try_join_all(services.iter().map(|service| open(settings, service.name, clock))).await?;
    let wired = services.iter().zip(databases).map(|(service, db)| wire(settings, service, db, ways));
    let wired: Vec<_> = wired.collect::<Result<_, _>>()?;
    try_join_all(wired.into_iter().map(async |(built, migrations)| {
        let migrated = built.db.migrate(migrations).await;
        migrated.map_err(|error| StartError::migrate(built.module.service, &place(settings), &error))?;
        Ok(built)
    }))
    .await
}

/// Wires one module over its database, which is only looked at so far.
pub(crate) fn wire(
    settings: &Arc<Settings>,
    service: &Service,
    db: Database,
    ways: &Ways,
) -> Result<(Built, Migrations), StartError> {
    let (jobs, woken) = Jobs::new(service.name);
    let context = ModuleContext {
        service: service.name,
        settings: Arc::clone(settings),
        database: db.clone(),
        migrations: Mutex::default(),
        peers: ways.peers(settings, service.name)?,
        jobs: jobs.clone(),
    };
    let module = (service.module)(&context)?;
    let migrations = context.migrations.into_inner().expect("nobody panics while holding it");
    Ok((Built { module, db, peers: context.peers, jobs, woken }, migrations))
}

/// Opens the database of a service.
pub(crate) async fn open(
    settings: &Settings,
    service: &'static str,
    clock: &Arc<dyn Clock>,
) -> Result<Database, StartError> {
    let database = &settings.database;
    let config = if database.is_embedded() {
        DatabaseConfig::Sqlite { data_dir: database.data_dir.clone(), readers: database.readers }
    } else {
        DatabaseConfig::Postgres { url: database.connection_url(), connections: database.connections }
    };
    let partitions = match (settings.events.partitions, &config) {
        (0, DatabaseConfig::Sqlite { .. }) => 2,
        (0, DatabaseConfig::Postgres { .. }) => 8,
        (set, _) => set.into(),
    };
    let opened = Database::connect(service, &config, partitions, Arc::clone(clock)).await;
    opened.map_err(|error| StartError::database(service, &place(settings), database.is_embedded(), &error))
}

/// Where the data is, as it may be shown.
pub(crate) fn place(settings: &Settings) -> String {
    let database = &settings.database;
    if database.is_embedded() { database.data_dir.display().to_string() } else { database.url.to_string() }
}
