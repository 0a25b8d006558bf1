//! `guanxi serve`: runs services in this process until it is asked to stop.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use guanxi_runtime::settings::Sources;
use guanxi_runtime::{Service, Settings};

use crate::failed::{Done, Failed};
use crate::services;

/// Serve all services, or those that are named
///
/// They run until SIGINT or SIGTERM. Settings come from defaults, then --config, then the environment
/// (GUANXI_SERVER__LISTEN and the like), then these flags.
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Where gRPC is served [default: 127.0.0.1:7400]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where metrics and probes are served over HTTP [default: 127.0.0.1:7401]
    #[arg(long, value_name = "ADDR")]
    admin: Option<SocketAddr>,
    /// The Redis server that carries events between processes [default: a bus in memory]
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
}

/// What every command that opens databases takes.
#[derive(Debug, Args)]
pub struct SettingsArgs {
    /// The services to run [default: all]
    #[arg(value_name = "SERVICE", value_parser = PossibleValuesParser::new(services::names()))]
    services: Vec<String>,
    /// The directory of the SQLite files [default: .guanxi]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The PostgreSQL server, postgres://…; {service} in it stands for the service's name [default: SQLite]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// A file of settings, TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl SettingsArgs {
    /// The services that are named, or all.
    pub fn services(&self) -> Vec<Service> {
        self.named(&services::ALL)
    }

    /// Those of `all` that are named, or all, in the order of `all`.
    pub fn named(&self, all: &[Service]) -> Vec<Service> {
        let named =
            |service: &&Service| self.services.is_empty() || self.services.iter().any(|name| name == service.name);
        all.iter().filter(named).copied().collect()
    }

    /// Where the settings come from.
    pub fn sources(&self) -> Sources {
        Sources::environment()
            .file(self.config.clone())
            .flag("database.data_dir", self.data_dir.as_ref().map(|path| path.display()))
            .flag("database.url", self.database.as_ref())
    }
}

/// Reads and checks the settings.
///
/// # Errors
/// Every fault at once.
pub fn settings(sources: Sources) -> Done<Settings> {
    Settings::load(sources, &services::names()).map_err(Failed::usage)
}

impl Serve {
    /// Serves until it is asked to stop.
    ///
    /// # Errors
    /// Why it does not start.
    pub async fn run(self) -> Done {
        let sources = self.settings.sources();
        let sources =
            sources.flag("server.listen", self.listen).flag("server.admin", self.admin).flag("redis.url", self.redis);
        let ready = |line: &str| {
            let mut out = std::io::stdout();
            // Nobody may be listening: the services run all the same.
            let _told = writeln!(out, "{line}").and_then(|()| out.flush());
        };
        guanxi_runtime::run(settings(sources)?, &self.settings.services(), ready).await.map_err(Failed::new)
    }
}
