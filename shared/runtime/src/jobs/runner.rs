//! The runner of one service's jobs in one process: finds what is due and what is open, takes leases, runs slices.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use guanxi_kernel::signals::{self, KeyValue, attribute};
use guanxi_kernel::{Call, OrganizationId, Timestamp, Uuid};
use guanxi_rpc::Shutdown;
use guanxi_store::jobs::{JobRow, JobState};
use guanxi_store::{Database, Result, StoreError, Tx};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{self, JoinSet};

use super::{Declared, Job, Progress, Step, Wake, failure, housekeeping};

/// The longest pause between two tries of a slice while the database is away.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The runner of one service's jobs.
pub(crate) struct Runner {
    pub(crate) db: Database,
    pub(crate) declared: Vec<Declared>,
    pub(crate) woken: mpsc::UnboundedReceiver<Wake>,
    /// Who holds its leases: this runner, among those that share the database.
    pub(crate) holder: Uuid,
    /// How long a job is held without a sign of life.
    pub(crate) lease: Duration,
    /// How often to look without being woken.
    pub(crate) poll: Duration,
    /// How long published events and remembered requests are kept.
    pub(crate) retention: Duration,
    pub(crate) shutdown: Shutdown,
}

impl Runner {
    /// Runs until the process goes down; slices that are at work then are finished, jobs are not.
    pub(crate) async fn run(mut self) {
        let mut running = JoinSet::new();
        let mut ids: HashMap<task::Id, Uuid> = HashMap::new();
        let mut waiting: Vec<oneshot::Sender<()>> = Vec::new();
        while !self.shutdown.has_begun() {
            while let Ok(wake) = self.woken.try_recv() {
                waiting.extend(wake);
            }
            if let Err(error) = self.start_what_is_open(&mut running, &mut ids).await {
                tracing::warn!(service = self.db.service(), %error, "jobs could not be looked for; trying again");
            } else if running.is_empty() {
                for settled in waiting.drain(..) {
                    let _gone = settled.send(());
                }
            }
            let mut begun = std::pin::pin!(self.shutdown.begun());
            tokio::select! {
                () = &mut begun => break,
                Some(ended) = running.join_next_with_id() => match ended {
                    Ok((task, ())) => drop(ids.remove(&task)),
                    Err(error) => {
                        tracing::error!(%error, "the task of a job broke");
                        ids.remove(&error.id());
                    }
                },
                wake = self.woken.recv() => waiting.extend(wake.flatten()),
                () = tokio::time::sleep(self.poll) => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    async fn start_what_is_open(&self, running: &mut JoinSet<()>, ids: &mut HashMap<task::Id, Uuid>) -> Result<()> {
        let mut open = self.db.open_jobs().await?;
        if self.schedule(&open).await? {
            open = self.db.open_jobs().await?;
        }
        for row in open {
            let declared = self.declared.iter().find(|declared| declared.job.kind() == row.kind);
            let Some(declared) = declared.filter(|_| !ids.values().any(|&id| id == row.id)) else { continue };
            let run = Run {
                db: self.db.clone(),
                job: declared.job.clone(),
                id: row.id,
                holder: self.holder,
                lease: self.lease,
                shutdown: self.shutdown.clone(),
            };
            if run.take().await? {
                ids.insert(running.spawn(run.finish()).id(), row.id);
            }
        }
        Ok(())
    }

    /// Makes jobs of the kinds that are due and have none open; says whether it made any. The housekeeping, which needs
    /// no row, is done on the way.
    async fn schedule(&self, open: &[JobRow]) -> Result<bool> {
        let last: HashMap<String, Timestamp> = self.db.schedules().await?;
        let now = self.db.clock().now();
        let looks_due = |name: &str, every: Duration| {
            let every = jiff::SignedDuration::try_from(every).unwrap_or(jiff::SignedDuration::MAX);
            last.get(name).is_none_or(|&last| now.duration_since(last).abs() >= every)
        };
        let call = Call::internal(self.db.service());
        let mut made = false;
        for Declared { every, job } in &self.declared {
            let kind = job.kind();
            let Some(every) = every.filter(|&every| looks_due(kind, every)) else { continue };
            if open.iter().any(|row| row.kind == kind) {
                continue;
            }
            made |= self
                .db
                .slice(&call, |tx| async move {
                    let due = tx.is_due(kind, every).await?;
                    if due {
                        let id = guanxi_kernel::new_id();
                        JobRow::pending(id, kind, None, Vec::new(), tx.now()).insert(&tx).await?;
                    }
                    Ok(due)
                })
                .await?;
        }
        if looks_due(housekeeping::NAME, housekeeping::EVERY) {
            housekeeping::run(&self.db, self.retention).await?;
        }
        Ok(made)
    }
}

/// One job in the hands of this process.
struct Run {
    db: Database,
    job: Arc<dyn Job>,
    id: Uuid,
    holder: Uuid,
    lease: Duration,
    shutdown: Shutdown,
}

impl Run {
    fn lease_name(&self) -> String {
        format!("job/{}", self.id)
    }

    /// Takes or renews the job's lease.
    async fn take(&self) -> Result<bool> {
        self.db.lease(&self.lease_name(), self.holder, self.lease).await
    }

    /// Runs slices until the job ends, the lease is lost or the process goes down.
    async fn finish(self) {
        let mut renewed = Instant::now();
        let mut pause = Duration::from_millis(100);
        while !self.shutdown.has_begun() {
            if renewed.elapsed() > self.lease / 3 {
                match self.take().await {
                    Ok(true) => renewed = Instant::now(),
                    Ok(false) => return,
                    Err(error) => tracing::debug!(%error, "a job's lease could not be renewed"),
                }
            }
            let call = Call::internal(self.db.service());
            let this = &self;
            match self.db.slice(&call, |tx| async move { this.one_slice(&tx).await }).await {
                Ok(true) => break,
                Ok(false) => pause = Duration::from_millis(100),
                Err(error) if error.is_transient() => {
                    tracing::warn!(kind = self.job.kind(), %error, "a slice could not be committed; trying again");
                    tokio::select! {
                        () = tokio::time::sleep(pause) => pause = (2 * pause).min(LONGEST_PAUSE),
                        () = self.shutdown.begun() => break,
                    }
                }
                Err(error) => {
                    self.fail(error).await;
                    break;
                }
            }
        }
        if let Err(error) = self.db.release(&self.lease_name(), self.holder).await {
            tracing::debug!(%error, "a job's lease was not given back; it ends by itself");
        }
    }

    /// Does one slice in this transaction; says whether the job has ended.
    async fn one_slice(&self, tx: &Tx) -> Result<bool> {
        let Some(mut row) = tx.lock_job(self.id).await? else { return Ok(true) };
        if row.state.is_ended() {
            return Ok(true);
        }
        if row.cancel_asked {
            row.end(JobState::Cancelled, tx.now());
            row.save(tx).await?;
            self.count_end(tx, "cancelled");
            return Ok(true);
        }
        row.state = JobState::Running;
        row.start_time.get_or_insert(tx.now());
        let organization = row.organization.as_deref().map(OrganizationId::from_slug).transpose();
        let mut progress = Progress {
            request: std::mem::take(&mut row.request),
            organization: organization.map_err(StoreError::row)?,
            cursor: std::mem::take(&mut row.cursor),
            done: row.done,
            total: row.total,
        };
        let step = AssertUnwindSafe(self.job.step(tx, &mut progress)).catch_unwind().await;
        let step = step.unwrap_or_else(|_| Err(StoreError::row("the slice panicked")))?;
        (row.request, row.cursor, row.done, row.total) =
            (progress.request, progress.cursor, progress.done, progress.total);
        let ended = step != Step::More;
        if let Step::Done(result) = step {
            row.result = result.map(|(name, message)| (name.to_owned(), message));
            row.end(JobState::Succeeded, tx.now());
            self.count_end(tx, "succeeded");
        }
        row.save(tx).await?;
        Ok(ended)
    }

    /// Counts the job as ended, once that is committed.
    fn count_end(&self, tx: &Tx, state: &'static str) {
        let labels = [
            KeyValue::new(attribute::SERVICE, self.db.service()),
            KeyValue::new(attribute::JOB, self.job.kind()),
            KeyValue::new(attribute::STATE, state),
        ];
        tx.after_commit(move || signals::JOBS_ENDED.counter().add(1, &labels));
    }

    async fn fail(&self, error: StoreError) {
        let told = failure(self.job.kind(), error);
        let told = &told;
        let call = Call::internal(self.db.service());
        let noted = self.db.slice(&call, |tx| async move {
            let Some(mut row) = tx.lock_job(self.id).await? else { return Ok(()) };
            row.error = Some(told.clone());
            row.end(JobState::Failed, tx.now());
            self.count_end(&tx, "failed");
            row.save(&tx).await
        });
        if let Err(error) = noted.await {
            tracing::warn!(%error, "a job's failure could not be noted; another runner will see it fail");
        }
    }
}
