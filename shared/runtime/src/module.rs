//! A module: what one service brings into a process. Its table of contents is the service's `module()`.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use guanxi_kernel::Clock;
use guanxi_kernel::signals::Measured;
use guanxi_messaging::{Consumers, Handler};
use guanxi_rpc::{Peers, Shutdown};
use guanxi_store::Database;
use guanxi_store::migrate::Migrations;
use guanxi_store::verify::Invariant;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::server::NamedService;
use tonic::service::Routes;

use crate::error::StartError;
use crate::figures::{Figures, Summary};
use crate::jobs::{Declared, Job, Jobs};
use crate::measure::Look;
use crate::settings::{Faults, Section, Settings};

/// How a service's module is made: its name and its `module()`.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// The service's name, such as `loyalty`.
    pub name: &'static str,
    /// Checks its section of the settings.
    pub settings: fn(&Settings) -> Result<(), Faults>,
    /// Its wiring.
    pub module: fn(&ModuleContext) -> Result<Module, StartError>,
}

/// What a service is given to wire itself up.
pub struct ModuleContext {
    pub(crate) service: &'static str,
    pub(crate) settings: Arc<Settings>,
    pub(crate) database: Database,
    pub(crate) migrations: Mutex<Migrations>,
    pub(crate) peers: Peers,
    pub(crate) jobs: Jobs,
}

impl ModuleContext {
    /// The service's name.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// The service's own section of the settings, over its defaults.
    ///
    /// # Errors
    /// Every fault in it at once.
    pub fn settings<T: Section>(&self) -> Result<T, StartError> {
        Ok(self.settings.section(self.service)?)
    }

    /// The service's database, whose schema `migrations` bring up to date once all modules are wired and before
    /// anything is served: hand it on, do not query it while wiring.
    pub fn database(&self, migrations: Migrations) -> Database {
        *self.migrations.lock().expect("nobody panics while holding it") = migrations;
        self.database.clone()
    }

    /// Where the time comes from.
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.database.clock().clone()
    }

    /// The ways to the other services, in this process or elsewhere, for generated clients. They answer once the process
    /// is ready.
    pub fn peers(&self) -> Peers {
        self.peers.clone()
    }

    /// Starts jobs of the kinds that the module declares.
    pub fn jobs(&self) -> Jobs {
        self.jobs.clone()
    }
}

impl fmt::Debug for ModuleContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModuleContext").field("service", &self.service).finish_non_exhaustive()
    }
}

type Mount = Box<dyn FnOnce(Routes) -> Routes + Send>;
type Task = Box<dyn FnOnce(Shutdown) -> BoxFuture<'static, ()> + Send>;

/// What a service brings: what it serves, reads, does by the clock, and can say of itself.
pub struct Module {
    pub(crate) service: &'static str,
    pub(crate) grpc: Vec<(&'static str, Mount)>,
    pub(crate) consumers: Consumers,
    pub(crate) jobs: Vec<Declared>,
    pub(crate) invariants: Vec<Invariant>,
    pub(crate) summary: Option<Arc<dyn Summary>>,
    pub(crate) gauges: Vec<Arc<dyn Look>>,
    pub(crate) tasks: Vec<(&'static str, Task)>,
}

impl Module {
    /// An empty module of the service called so.
    pub fn new(service: &'static str) -> Self {
        Self {
            service,
            grpc: Vec::new(),
            consumers: Consumers::new(),
            jobs: Vec::new(),
            invariants: Vec::new(),
            summary: None,
            gauges: Vec::new(),
            tasks: Vec::new(),
        }
    }

    /// Serves a gRPC service: a generated server around its implementation.
    #[must_use]
    pub fn serve<S>(mut self, server: S) -> Self
    where
        S: tonic::codegen::Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.grpc.push((S::NAME, Box::new(|routes| routes.add_service(server))));
        self
    }

    /// Handles one type of event that `producer` (such as `customer`) tells.
    #[must_use]
    pub fn consume(mut self, producer: &'static str, handler: impl Handler) -> Self {
        self.consumers = self.consumers.on(producer, handler);
        self
    }

    /// Runs a job every so often, on one of the replicas. A run that was missed while nobody ran is made up for once.
    #[must_use]
    pub fn every(mut self, interval: Duration, job: impl Job) -> Self {
        self.jobs.push(Declared { every: Some(interval), job: Arc::new(job) });
        self
    }

    /// Declares a kind of job that calls start, by [`Jobs::start`].
    #[must_use]
    pub fn job(mut self, job: impl Job) -> Self {
        self.jobs.push(Declared { every: None, job: Arc::new(job) });
        self
    }

    /// Declares what must hold of the service's data at any moment.
    #[must_use]
    pub fn verify(mut self, invariants: impl IntoIterator<Item = Invariant>) -> Self {
        self.invariants.extend(invariants);
        self
    }

    /// Declares the service's own figures.
    #[must_use]
    pub fn summary<F, R>(mut self, figures: F) -> Self
    where
        F: Fn(Database, guanxi_kernel::Call) -> R + Send + Sync + 'static,
        R: Future<Output = guanxi_store::Result<Figures>> + Send + 'static,
    {
        self.summary = Some(Arc::new(move |database, call| figures(database, call).boxed()));
        self
    }

    /// Declares gauges of the service's own, looked at every quarter of a minute: queries that an index answers.
    #[must_use]
    pub fn measure<F, R>(mut self, look: F) -> Self
    where
        F: Fn(Database) -> R + Send + Sync + 'static,
        R: Future<Output = guanxi_store::Result<Vec<Measured>>> + Send + 'static,
    {
        self.gauges.push(Arc::new(move |database| look(database).boxed()));
        self
    }

    /// Runs something beside the calls for as long as the process lives; it must end soon after the signal.
    #[must_use]
    pub fn background<F, R>(mut self, name: &'static str, task: F) -> Self
    where
        F: FnOnce(Shutdown) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.tasks.push((name, Box::new(|shutdown| task(shutdown).boxed())));
        self
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("service", &self.service).finish_non_exhaustive()
    }
}
