//! Setting up what a test runs against: services, those that only tell events, the clock, settings.

use std::sync::Arc;

use guanxi_kernel::{Clock, SystemClock, TestClock, Timestamp};
use guanxi_messaging::{Bus, MemoryBus};
use guanxi_runtime::settings::Sources;
use guanxi_runtime::{Listen, Module, ModuleContext, Parts, Process, Service, Settings, StartError};
use tokio::net::TcpListener;

use crate::redis::OwnRedis;
use crate::{Combination, Env, postgres};

/// When test clocks begin.
const BEGINNING: &str = "2026-11-22T04:42:00Z";

/// The secret of a test's tokens.
pub(crate) const SECRET: &str = "a secret that only tests know, 32+";

/// What a test runs against.
#[derive(Debug, Clone)]
pub struct Setup {
    services: Vec<Service>,
    settings: Vec<(String, String)>,
    begins: Option<Timestamp>,
    replicas: usize,
}

impl Setup {
    /// These services, on a clock that stands still until the test moves it.
    pub fn of(services: &[Service]) -> Self {
        let begins = BEGINNING.parse().expect("an instant");
        Self { services: services.to_vec(), settings: Vec::new(), begins: Some(begins), replicas: 1 }
    }

    /// With stand-ins for services that only tell events, by [`Env::tell`].
    #[must_use]
    pub fn told_by(mut self, services: &[&'static str]) -> Self {
        self.services.extend(services.iter().map(|name| Service { name, settings: |_| Ok(()), module: stand_in }));
        self
    }

    /// With a clock that shows `at` at first.
    #[must_use]
    pub fn at(self, at: &str) -> Self {
        Self { begins: Some(at.parse().expect("an instant such as 2026-11-22T04:42:00Z")), ..self }
    }

    /// With the machine's clock.
    #[must_use]
    pub fn on_the_machines_clock(self) -> Self {
        Self { begins: None, ..self }
    }

    /// With so many processes of each service on one database, where services are processes of their own
    /// ([`Combination::Remote`]). Clients and peers call the first.
    #[must_use]
    pub fn replicas(self, replicas: usize) -> Self {
        Self { replicas, ..self }
    }

    /// With a setting, such as `loyalty.lanes`.
    #[must_use]
    pub fn set(mut self, path: &str, value: &str) -> Self {
        self.settings.push((path.to_owned(), value.to_owned()));
        self
    }

    /// Starts it all.
    ///
    /// # Panics
    /// Where something does not start, a missing PostgreSQL or Redis included: a test then fails.
    pub async fn start(self, combination: Combination) -> Env {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = match combination {
            Combination::Embedded => None,
            Combination::Postgres | Combination::Remote => {
                Some(postgres::fresh_database().await.expect("PostgreSQL starts"))
            }
        };
        let redis = (combination == Combination::Remote).then(|| OwnRedis::start().expect("Redis starts"));
        let test_clock = self.begins.map(TestClock::at);
        let clock: Arc<dyn Clock> = match &test_clock {
            Some(clock) => clock.clone(),
            None => Arc::new(SystemClock),
        };
        let plan = Plan {
            services: self.services,
            settings: self.settings,
            replicas: self.replicas,
            combination,
            data_dir: folder.path().join("data").display().to_string(),
            database,
            redis: redis.as_ref().map(OwnRedis::url),
            clock,
        };
        let processes = plan.start().await.unwrap_or_else(|error| panic!("the services do not start: {error}"));
        Env::new(plan, processes, test_clock, redis, folder)
    }
}

/// A service that has an outbox, and nothing else.
fn stand_in(ctx: &ModuleContext) -> Result<Module, StartError> {
    ctx.database(Vec::new());
    Ok(Module::new(ctx.service()))
}

/// How the processes of a test are started, and started again.
pub(crate) struct Plan {
    pub(crate) services: Vec<Service>,
    settings: Vec<(String, String)>,
    replicas: usize,
    pub(crate) combination: Combination,
    data_dir: String,
    database: Option<String>,
    redis: Option<String>,
    clock: Arc<dyn Clock>,
}

impl Plan {
    /// Starts the processes: one for all, or one for each service.
    pub(crate) async fn start(&self) -> Result<Vec<Process>, StartError> {
        if self.combination != Combination::Remote {
            let bus: Arc<dyn Bus> = Arc::new(MemoryBus::default());
            let parts = Parts { bus: Some(bus), listen: Listen::Nowhere, ..self.parts() };
            return Ok(vec![guanxi_runtime::start(self.settings(&[])?, &self.services, parts).await?]);
        }
        let mut starts = Vec::new();
        let mut peers = Vec::new();
        for replica in 0..self.replicas {
            for service in &self.services {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                let address = listener.local_addr().expect("a bound listener has an address");
                if replica == 0 {
                    peers.push((format!("peers.{}", service.name), format!("http://{address}")));
                }
                starts.push((service, listener));
            }
        }
        let peers = &peers;
        let starts = starts.into_iter().map(|(service, listener)| async move {
            let own = format!("peers.{}", service.name);
            let elsewhere: Vec<_> = peers.iter().filter(|(path, _)| *path != own).cloned().collect();
            let parts = Parts { listen: Listen::On(listener), ..self.parts() };
            guanxi_runtime::start(self.settings(&elsewhere)?, std::slice::from_ref(service), parts).await
        });
        futures::future::try_join_all(starts).await
    }

    fn parts(&self) -> Parts {
        Parts { clock: Arc::clone(&self.clock), ..Parts::default() }
    }

    fn settings(&self, peers: &[(String, String)]) -> Result<Settings, StartError> {
        let mut sources = Sources::default()
            .flag("auth.mode", Some("hs256"))
            .flag("auth.key", Some(SECRET))
            .flag("database.data_dir", Some(&self.data_dir))
            .flag("database.url", self.database.as_ref())
            .flag("database.connections", Some(6))
            .flag("redis.url", self.redis.as_ref())
            .flag("events.partitions", Some(2))
            .flag("jobs.poll", Some("100ms"));
        sources.flags.extend(peers.iter().chain(&self.settings).cloned());
        let names: Vec<_> = self.services.iter().map(|service| service.name).collect();
        Ok(Settings::load(sources, &names)?)
    }
}
