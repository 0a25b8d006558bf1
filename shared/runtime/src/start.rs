//! Putting a process together: databases and modules, routes under their stack, listeners, the flow of events, jobs, and
//! then ready.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use guanxi_kernel::{Clock, SystemClock};
use guanxi_messaging::{Bus, Consumer, MemoryBus, Relay};
use guanxi_rpc::{Authentication, Health, Rate, ServerSettings, Shutdown, Stack, StackSettings, serve};
use guanxi_store::verify::Invariant;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::service::Routes;

use crate::admin;
use crate::api::{Host, Hosted};
use crate::build::{Built, Ways, build, place};
use crate::bus;
use crate::data_dir::DataDir;
use crate::edge::{self, Certificates};
use crate::error::StartError;
use crate::jobs::Runner;
use crate::measure::Measuring;
use crate::module::{Module, Service};
use crate::process::{Process, Stages};
use crate::replays::RpcReplays;
use crate::settings::{Faults, Settings};
use crate::telemetry::Metrics;
use crate::verification::Verification;

/// How long the bus may take to say whether it is set up well: a start does not wait for it.
const BUS_ANSWER: Duration = Duration::from_millis(500);

/// What a process is made of besides its settings: what a test puts in the place of the usual.
#[derive(Debug)]
pub struct Parts {
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// The bus, instead of the one that the settings name.
    pub bus: Option<Arc<dyn Bus>>,
    /// Where calls come in.
    pub listen: Listen,
    /// What the admin port shows.
    pub metrics: Metrics,
}

/// Where calls come in.
#[derive(Debug)]
pub enum Listen {
    /// Where the settings say.
    AsSet,
    /// On this listener; without admin port.
    On(TcpListener),
    /// Nowhere: from within the process only.
    Nowhere,
}

impl Default for Parts {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), bus: None, listen: Listen::AsSet, metrics: Metrics::default() }
    }
}

/// Starts these services in this process; when it returns, they are ready.
///
/// # Errors
/// [`StartError`]: what is wrong, where, and what to do.
pub async fn start(settings: Settings, services: &[Service], parts: Parts) -> Result<Process, StartError> {
    // Whoever comes second finds the first one's provider, which is the same.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let settings = Arc::new(settings);
    sections(&settings, services)?;
    let (ways, shutdown) = (Ways::read(&settings)?, Shutdown::new());
    let authentication = ways.keys.authentication()?;
    let tls = edge::server(&settings)?;
    let data_dir = take_data_dir(&settings)?;
    let bus = open_bus(&settings, parts.bus).await?;
    let mut built = build(&settings, services, &ways, &parts.clock).await?;
    let local = ways.local.clone();
    fetch_keys(&ways);

    let hosted: Vec<Hosted> = built.iter().map(|built| host(built, &settings)).collect();
    let (health, routes) = mount(&hosted, &mut built).await;
    let stack = Stack::new(routes, &stack_settings(&settings, authentication), &shutdown);
    local.set(stack.clone());

    let mut stages = Stages::default();
    let (ready, readiness) = watch::channel(false);
    let (grpc, admin) = listeners(&settings, parts.listen).await?;
    let address_of = |listener: &Option<TcpListener>| listener.as_ref().and_then(|bound| bound.local_addr().ok());
    let (address, admin_address) = (address_of(&grpc), address_of(&admin));
    let certificates = Certificates { server: tls.clone(), client: ways.tls.clone() };
    certificates.tell();
    stages.admin.spawn("certificates", |stop| certificates.keep_telling(stop));
    if let Some(listener) = grpc {
        let server = ServerSettings {
            drain: settings.server.drain,
            connection_age: settings.server.connection_age,
            connection_grace: settings.server.connection_grace,
            web_origins: settings.server.web_origins.clone(),
            tls,
            ..ServerSettings::default()
        };
        stages.server.spawn("server", |_| serve(listener, stack, server, shutdown.clone()));
    }
    if let Some(listener) = admin {
        let probes = health.probes();
        stages.admin.spawn("admin port", |stop| admin::serve(listener, parts.metrics, readiness, probes, stop));
    }
    for built in built {
        set_to_work(built, &settings, &bus, &shutdown, &mut stages);
    }
    health.set_all(true).await;
    ready.send_replace(true);
    let _data_dir = data_dir;
    Ok(Process { settings, hosted, local, address, admin_address, health, ready, shutdown, stages, _data_dir })
}

/// Brings the schemas of these services up to date, and nothing else.
///
/// # Errors
/// [`StartError`]: what is wrong, where, and what to do.
pub async fn migrate(settings: Settings, services: &[Service]) -> Result<(), StartError> {
    let settings = Arc::new(settings);
    sections(&settings, services)?;
    let ways = Ways::read(&settings)?;
    let _data_dir = take_data_dir(&settings)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    for built in build(&settings, services, &ways, &clock).await? {
        let closed = built.db.close().await;
        closed.map_err(|error| StartError::migrate(built.module.service, &place(&settings), &error))?;
    }
    Ok(())
}

fn take_data_dir(settings: &Settings) -> Result<Option<DataDir>, StartError> {
    settings.database.is_embedded().then(|| DataDir::take(&settings.database.data_dir)).transpose()
}

/// Says all that is wrong in the sections of these services, before anything is opened.
fn sections(settings: &Settings, services: &[Service]) -> Result<(), StartError> {
    let mut faults = Faults::default();
    for service in services {
        if let Err(found) = (service.settings)(settings) {
            faults.append(found);
        }
    }
    Ok(faults.or(())?)
}

async fn open_bus(settings: &Settings, given: Option<Arc<dyn Bus>>) -> Result<Arc<dyn Bus>, StartError> {
    if let Some(given) = given {
        return Ok(given);
    }
    if settings.redis.url.is_empty() {
        return Ok(Arc::new(MemoryBus::default()));
    }
    let redis = bus::open(&settings.redis)?;
    // A Redis that is away, or forgets, delays events and loses none: no reason not to start.
    match bus::state(&redis, BUS_ANSWER).await {
        Ok(state) => state.unfit().iter().for_each(|fault| tracing::warn!(fault, "redis is not set up for events")),
        Err(error) => tracing::warn!(%error, "redis does not answer yet; events wait in the outbox"),
    }
    Ok(Arc::new(redis))
}

/// Has the identity provider's keys fetched beside the start: without them its tokens are refused for now, and others not.
fn fetch_keys(ways: &Ways) {
    let Some(provider) = ways.keys.provider().cloned() else { return };
    tokio::spawn(async move {
        if let Err(error) = provider.fetch().await {
            tracing::warn!(%error, "the identity provider's keys could not be had yet; check auth.jwks_url");
        }
    });
}

/// A service as the common services show it.
fn host(built: &Built, settings: &Settings) -> Hosted {
    Hosted {
        service: built.module.service,
        db: built.db.clone(),
        jobs: built.jobs.clone(),
        invariants: invariants(&built.module, settings),
        summary: built.module.summary.clone(),
        producers: built.module.consumers.producers().to_vec(),
    }
}

/// What must hold of every service's data, and of this one's.
fn invariants(module: &Module, settings: &Settings) -> Vec<Invariant> {
    let common = [
        Invariant::outbox_is_dense(settings.events.retention),
        Invariant::outbox_heads_are_last(),
        Invariant::no_dead_letters(),
    ];
    common.into_iter().chain(module.invariants.clone()).collect()
}

/// The routes of all modules, with the common services, health and reflection.
async fn mount(hosted: &[Hosted], built: &mut [Built]) -> (Health, Routes) {
    let mut names = Host::SERVICES.map(str::to_owned).to_vec();
    let mut routes = Host::new(hosted.to_vec()).mount(Routes::default());
    for Built { module, .. } in built {
        names.push(module.service.to_owned());
        for (name, mount) in std::mem::take(&mut module.grpc) {
            names.push(name.to_owned());
            routes = mount(routes);
        }
    }
    Health::mount(routes, names).await
}

fn stack_settings(settings: &Settings, authentication: Authentication) -> StackSettings {
    let server = &settings.server;
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    StackSettings {
        authentication,
        calls: size(server.calls),
        streams: size(server.streams),
        default_deadline: server.deadline,
        maximum_deadline: server.max_deadline,
        rate: NonZeroU32::new(server.rate).map(|rate| Rate { per_second: rate, burst: rate }),
    }
}

async fn listeners(
    settings: &Settings,
    listen: Listen,
) -> Result<(Option<TcpListener>, Option<TcpListener>), StartError> {
    Ok(match listen {
        Listen::Nowhere => (None, None),
        Listen::On(listener) => (Some(listener), None),
        Listen::AsSet => (
            Some(bind("gRPC", "server.listen, --listen", settings.server.listen).await?),
            Some(bind("metrics and probes", "server.admin, --admin", settings.server.admin).await?),
        ),
    })
}

async fn bind(what: &str, setting: &str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| StartError::listen(what, setting, address, &error))
}

/// Starts the relay, the consumer, the jobs and the tasks of one module.
fn set_to_work(built: Built, settings: &Settings, bus: &Arc<dyn Bus>, shutdown: &Shutdown, stages: &mut Stages) {
    let invariants = invariants(&built.module, settings);
    let Built { module, db, peers, woken, .. } = built;
    let relay = Relay::new(db.clone(), Arc::clone(bus));
    stages.relays.spawn("relay", |stop| relay.run(stop));
    if !module.consumers.producers().is_empty() {
        let consumer = Consumer::new(db.clone(), Arc::clone(bus), module.consumers, Arc::new(RpcReplays(peers)));
        stages.consumers.spawn("consumer", |stop| consumer.run(stop));
    }
    let measuring = Measuring {
        db: db.clone(),
        bus: Arc::clone(bus),
        scheduled: module.jobs.iter().map(|declared| (declared.job.kind(), declared.every)).collect(),
        gauges: module.gauges,
    };
    stages.consumers.spawn("measures", |stop| measuring.run(stop));
    let verification = Verification { db: db.clone(), invariants, every: settings.jobs.verify };
    stages.consumers.spawn("verification", |stop| verification.run(stop));
    let runner = Runner {
        db,
        declared: module.jobs,
        woken,
        holder: guanxi_kernel::new_id(),
        lease: settings.jobs.lease,
        poll: settings.jobs.poll,
        retention: settings.events.retention,
        shutdown: shutdown.clone(),
    };
    stages.work.spawn("jobs", |_| runner.run());
    for (name, task) in module.tasks {
        let task = task(shutdown.clone());
        stages.work.spawn(name, |_| task);
    }
}
