//! A process at work, and how it ends: not serving, no new calls, streams ended, calls drained, consumers stopped, the
//! relay's last pass, databases closed. Each stage is given some time and no more.

use std::fmt;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use guanxi_rpc::{Health, Local, Shutdown, Transport};
use guanxi_store::Database;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::Hosted;
use crate::data_dir::DataDir;
use crate::jobs::Jobs;
use crate::settings::Settings;

/// How long each stage of the end may take, besides the draining of calls.
const PATIENCE: Duration = Duration::from_secs(1);

/// A process that serves. Dropped rather than shut down, it ends as by kill −9.
pub struct Process {
    pub(crate) settings: Arc<Settings>,
    pub(crate) hosted: Vec<Hosted>,
    pub(crate) local: Local,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) admin_address: Option<SocketAddr>,
    pub(crate) health: Health,
    pub(crate) ready: watch::Sender<bool>,
    pub(crate) shutdown: Shutdown,
    pub(crate) stages: Stages,
    pub(crate) _data_dir: Option<DataDir>,
}

/// The tasks of a process, by when they end.
#[derive(Default)]
pub(crate) struct Stages {
    /// Takes calls.
    pub(crate) server: Stage,
    /// Jobs, and what modules do beside.
    pub(crate) work: Stage,
    /// Handles events.
    pub(crate) consumers: Stage,
    /// Publishes events, those too that the end of the others caused.
    pub(crate) relays: Stage,
    /// Answers probes to the end.
    pub(crate) admin: Stage,
}

/// Tasks that end together.
#[derive(Default)]
pub(crate) struct Stage {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Stage {
    /// Starts a task that ends soon after the token it is given is cancelled.
    pub(crate) fn spawn<F>(&mut self, name: &'static str, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = AssertUnwindSafe(task(self.stop.clone())).catch_unwind();
        self.tasks.spawn(async move {
            if task.await.is_err() {
                tracing::error!(name, "a task of this process broke; restart the process");
            }
        });
    }

    /// Ends the tasks; those that have not ended after `patience` are cut.
    async fn end(mut self, what: &str, patience: Duration) {
        self.stop.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!(what, ?patience, "did not end in time and was cut");
        }
    }
}

impl Process {
    /// Where it takes calls, if it does.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Where it shows metrics and answers probes, if it does.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// The way to its services from within, through the same stack as from outside.
    pub fn transport(&self) -> Transport {
        self.local.transport()
    }

    /// The names of its services.
    pub fn services(&self) -> Vec<&'static str> {
        self.hosted.iter().map(|hosted| hosted.service).collect()
    }

    /// The database of one of its services.
    pub fn database(&self, service: &str) -> Option<&Database> {
        self.hosted.iter().find(|hosted| hosted.service == service).map(|hosted| &hosted.db)
    }

    /// The jobs of its services.
    pub fn jobs(&self) -> impl Iterator<Item = &Jobs> {
        self.hosted.iter().map(|hosted| &hosted.jobs)
    }

    /// One line for whoever started it.
    pub fn ready_line(&self) -> String {
        let data = if self.settings.database.is_embedded() {
            let guarded = match self.settings.auth.mode {
                crate::settings::AuthMode::Off => "no authentication: loopback only",
                _ => "tokens required",
            };
            format!("data in {} (SQLite, {guarded})", self.settings.database.data_dir.display())
        } else {
            format!("data in {}", self.settings.database.url)
        };
        let at = |address: Option<SocketAddr>| address.map_or_else(|| "no port".to_owned(), |at| at.to_string());
        let mut admin = at(self.admin_address);
        if let (Some(grpc), Some(own)) = (self.address, self.admin_address)
            && grpc.ip() == own.ip()
        {
            admin = own.port().to_string();
        }
        let (version, services) = (guanxi_store::migrate::release(), self.services().join(", "));
        format!("guanxi {version} is ready: {services} on {}, admin {admin}, {data}", at(self.address))
    }

    /// Ends it in order. Returns in time even if a stream stays open and a peer says nothing.
    pub async fn shutdown(self) {
        self.ready.send_replace(false);
        self.health.set_all(false).await;
        self.shutdown.begin();
        let Stages { server, work, consumers, relays, admin } = self.stages;
        let drain = self.settings.server.drain + PATIENCE;
        tokio::join!(server.end("the server", drain), work.end("jobs", drain));
        consumers.end("consumers", PATIENCE).await;
        relays.end("the relay", PATIENCE).await;
        for hosted in &self.hosted {
            match tokio::time::timeout(PATIENCE, hosted.db.close()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(service = hosted.service, %error, "the database did not close well"),
                Err(_) => tracing::warn!(service = hosted.service, "the database did not close in time"),
            }
        }
        admin.end("the admin port", PATIENCE).await;
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("services", &self.services()).field("address", &self.address).finish()
    }
}
