//! What a suite is made of: how many processes, on which databases and bus, with which settings.

use std::path::{Path, PathBuf};

use super::server::variable;
use super::{SERVICES, Server, Suite};
use crate::{OwnPostgres, OwnRedis, servers};

/// The secret that signs the tokens of a suite that asks for some.
pub const KEY: &str = "a key that only tests know, of thirty-two bytes and more";

/// Where processes log whose logs are kept.
pub(super) const LOG: &str = "guanxi.log";

/// A suite to be started.
#[derive(Debug)]
pub struct Plan {
    processes: Processes,
    replicas: usize,
    tokens: bool,
    settings: Vec<(String, String)>,
    keep_logs: bool,
    servers: Option<(OwnPostgres, OwnRedis)>,
    database: Option<String>,
    data: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Processes {
    Embedded,
    Together,
    Apart,
}

impl Plan {
    /// All services in one process, on SQLite; without authentication unless [`with_tokens`](Self::with_tokens).
    pub fn embedded() -> Self {
        Self::of(Processes::Embedded)
    }

    /// All services in one process, on PostgreSQL and Redis of its own, with tokens.
    pub fn together() -> Self {
        Self::of(Processes::Together)
    }

    /// A process for each service, on PostgreSQL and Redis of their own, with tokens.
    pub fn apart() -> Self {
        Self::of(Processes::Apart)
    }

    fn of(processes: Processes) -> Self {
        let tokens = processes != Processes::Embedded;
        let (settings, keep_logs) = (Vec::new(), false);
        Self { processes, replicas: 1, tokens, settings, keep_logs, servers: None, database: None, data: None }
    }

    /// With so many processes of each service on one database, where services are apart. Commands, clients and peers call
    /// the first.
    #[must_use]
    pub fn replicas(self, replicas: usize) -> Self {
        assert!(self.processes == Processes::Apart, "only services that are apart have replicas");
        Self { replicas, ..self }
    }

    /// With authentication: HS256 by [`KEY`].
    #[must_use]
    pub fn with_tokens(self) -> Self {
        Self { tokens: true, ..self }
    }

    /// With a setting for every process, such as `server.drain`. Logs are of errors only unless `telemetry.level` is set.
    #[must_use]
    pub fn setting(mut self, setting: &str, value: &str) -> Self {
        self.settings.push((setting.to_owned(), value.to_owned()));
        self
    }

    /// With what processes log kept, for [`Suite::logs`].
    #[must_use]
    pub fn keep_logs(self) -> Self {
        Self { keep_logs: true, ..self }
    }

    /// On these servers rather than new ones, and on their databases where they have some already.
    #[must_use]
    pub fn on(self, postgres: OwnPostgres, redis: OwnRedis) -> Self {
        Self { servers: Some((postgres, redis)), ..self }
    }

    /// On a PostgreSQL of somebody else's, where it runs on PostgreSQL: a URL in which `{service}` names a database that
    /// is there.
    #[must_use]
    pub fn database(self, url: &str) -> Self {
        Self { database: Some(url.to_owned()), ..self }
    }

    /// On this data directory rather than a new one, where there is one process for all.
    #[must_use]
    pub fn data(self, dir: &Path) -> Self {
        Self { data: Some(dir.to_owned()), ..self }
    }

    /// Starts it all; ready when this returns.
    ///
    /// # Panics
    /// Where something does not start, a missing PostgreSQL or Redis included.
    pub fn start(self) -> Suite {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let started = || OwnPostgres::start().expect("PostgreSQL starts");
        let own = (self.processes != Processes::Embedded).then(|| match self.servers {
            Some((postgres, redis)) => (Some(postgres), redis),
            None => (self.database.is_none().then(started), OwnRedis::start().expect("Redis starts")),
        });
        let postgres = own.as_ref().and_then(|(postgres, _)| postgres.as_ref());
        postgres.into_iter().for_each(create_databases);
        let url = self.database.or_else(|| postgres.map(|postgres| postgres.url("{service}")));
        let data = match url {
            Some(url) => vec!["--database".to_owned(), url],
            None => {
                let dir = self.data.unwrap_or_else(|| folder.path().join("data"));
                vec!["--data-dir".to_owned(), dir.display().to_string()]
            }
        };
        let mut environment = vec![variable("telemetry.level", "error")];
        environment.extend(own.iter().map(|(_, redis)| variable("redis.url", &redis.url())));
        if self.tokens {
            environment.extend([variable("auth.mode", "hs256"), variable("auth.key", KEY)]);
        }
        environment.extend(self.settings.iter().map(|(setting, value)| variable(setting, value)));

        let names: Vec<Option<&str>> = match self.processes {
            Processes::Embedded | Processes::Together => vec![None],
            Processes::Apart => SERVICES.map(Some).to_vec(),
        };
        let mut processes: Vec<(Option<&'static str>, Server)> = Vec::new();
        for service in names.iter().copied().cycle().take(names.len() * self.replicas) {
            let arguments = service.map(str::to_owned).into_iter().chain(data.clone()).collect();
            let ports = [(); 2].map(|()| servers::free_port().expect("a free port"));
            processes.push((service, Server::new(arguments, environment.clone(), ports)));
        }
        let first: Vec<(Option<&str>, String)> =
            processes.iter().take(names.len()).map(|(service, server)| (*service, server.url())).collect();
        for (service, server) in &mut processes {
            if self.keep_logs {
                server.log_to(folder.path().join(LOG));
            }
            for (peer, url) in first.iter().filter(|(peer, _)| peer != service) {
                server.set(&format!("peers.{}", peer.expect("services that are apart have names")), url);
            }
            server.spawn();
        }
        for (_, server) in &mut processes {
            server.wait_until_ready();
        }
        Suite::new(processes, self.tokens, own, folder)
    }
}

/// A database for each service that has none. A thread of its own: who calls may or may not be within a runtime.
fn create_databases(postgres: &OwnPostgres) {
    let create = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let there = postgres.query("postgres", "SELECT datname FROM pg_database").expect("the server answers");
            for service in SERVICES.into_iter().filter(|service| there.iter().all(|name| name != service)) {
                postgres.create(service).await.expect("a server takes a new database");
            }
        });
    };
    std::thread::scope(|scope| scope.spawn(create).join().expect("the databases are created"));
}
