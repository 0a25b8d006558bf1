//! Jobs: named, scheduled or started by a call, leased to one runner, done in slices, visible while they run.

mod housekeeping;
mod runner;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use guanxi_contracts::Message;
use guanxi_contracts::codec::Guarded;
use guanxi_kernel::{OrganizationId, Uuid};
use guanxi_store::jobs::JobRow;
use guanxi_store::{Result, StoreError, Tx};
use tokio::sync::{mpsc, oneshot};

pub(crate) use runner::Runner;

/// A kind of long work, done in slices. A slice is one transaction with the job's own row: what it did and how far it
/// has come are committed together, so a job that was interrupted goes on with the slice that it was at.
#[async_trait]
pub trait Job: Send + Sync + 'static {
    /// Its stable kind, such as `expire-lots`: lower case with hyphens, unique in the service.
    fn kind(&self) -> &'static str;

    /// Does the next slice, of a few hundred rows or a few hundred milliseconds at most, and notes in `progress` how
    /// far it has come. It may be run again if the transaction loses a race: it changes nothing but through `tx`.
    ///
    /// # Errors
    /// What ends the job as failed, unless it is passing (the database is away): then the slice is tried again.
    async fn step(&self, tx: &Tx, progress: &mut Progress) -> Result<Step>;
}

/// How far a job has come: kept between slices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// What was asked, as it was given to [`Jobs::start`]; empty for a scheduled run.
    pub request: Vec<u8>,
    /// Whose data it is about; `None` means everyone's.
    pub organization: Option<OrganizationId>,
    /// Where the next slice begins, in the job's own encoding; empty at first.
    pub cursor: Vec<u8>,
    /// Steps of work done, for those who watch.
    pub done: i64,
    /// Steps of work in all, where that is known.
    pub total: Option<i64>,
}

/// What a slice came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// There is more to do.
    More,
    /// The job is done; perhaps with a result: the full name of a message, and the message.
    Done(Option<(&'static str, Vec<u8>)>),
}

impl Step {
    /// The job is done and has nothing to show.
    pub fn done() -> Self {
        Self::Done(None)
    }

    /// The job is done, and this is what it found or made.
    pub fn found<M: Guarded + Message>(result: &M) -> Self {
        Self::Done(Some((M::NAME, result.encode_to_vec())))
    }
}

/// Starts the jobs of one service, and wakes whoever runs them.
#[derive(Clone)]
pub struct Jobs {
    service: &'static str,
    wake: mpsc::UnboundedSender<Wake>,
}

/// Looks at all that is due and open now; where there is somebody to tell, once nothing is left of it.
pub(crate) type Wake = Option<oneshot::Sender<()>>;

impl Jobs {
    pub(crate) fn new(service: &'static str) -> (Self, mpsc::UnboundedReceiver<Wake>) {
        let (wake, woken) = mpsc::unbounded_channel();
        (Self { service, wake }, woken)
    }

    /// Starts a job in the transaction of the call that asks for it, and returns its id. Call [`Jobs::wake`] after the
    /// commit, else a runner finds it within `jobs.poll`.
    ///
    /// # Errors
    /// The database's.
    pub async fn start(
        &self,
        tx: &Tx,
        kind: &str,
        organization: Option<&OrganizationId>,
        request: Vec<u8>,
    ) -> Result<Uuid> {
        let id = guanxi_kernel::new_id();
        JobRow::pending(id, kind, organization.map(OrganizationId::slug), request, tx.now()).insert(tx).await?;
        Ok(id)
    }

    /// Has the runner look for work now.
    pub fn wake(&self) {
        // Without a runner (the process is stopping) there is nobody to wake, and the job waits in its row.
        drop(self.wake.send(None));
    }

    /// Has the runner look for work now, and waits until nothing that it can do is left: for tests that move the clock.
    pub async fn settle(&self) {
        let (done, settled) = oneshot::channel();
        drop(self.wake.send(Some(done)));
        drop(settled.await);
    }

    /// The service whose jobs they are.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// The name of a job: `services/{service}/jobs/{uuid}`.
    pub fn name(&self, id: Uuid) -> String {
        name(self.service, id)
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").field("service", &self.service).finish()
    }
}

/// The name of a service's job.
pub(crate) fn name(service: &str, id: Uuid) -> String {
    format!("services/{service}/jobs/{id}")
}

/// How a job's failure is told: to those who watch without internals, to the log in full.
fn failure(kind: &str, error: StoreError) -> String {
    tracing::error!(kind, %error, "a job failed");
    guanxi_kernel::Refused::from(error).to_string()
}

/// A job with the interval at which it is due, if it is a scheduled one.
#[derive(Clone)]
pub(crate) struct Declared {
    pub(crate) every: Option<std::time::Duration>,
    pub(crate) job: Arc<dyn Job>,
}
