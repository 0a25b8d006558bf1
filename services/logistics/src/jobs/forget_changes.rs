//! Forgets the numbered changes of shipments that no watcher comes back for any more: he gets a snapshot instead.

use std::time::Duration;

use async_trait::async_trait;
use guanxi_kernel::Timestamp;
use guanxi_runtime::{Job, Progress, Step};
use guanxi_store::{StoreError, Tx};

use crate::store::watch;

/// Changes that one slice forgets.
const SLICE: u64 = 2_000;

/// The job.
#[derive(Debug, Clone)]
pub struct ForgetChanges {
    /// How long changes are kept.
    pub retention: Duration,
}

#[async_trait]
impl Job for ForgetChanges {
    fn kind(&self) -> &'static str {
        "forget-shipment-changes"
    }

    async fn step(&self, tx: &Tx, progress: &mut Progress) -> Result<Step, StoreError> {
        let before = tx.now().checked_sub(self.retention).unwrap_or(Timestamp::MIN);
        let forgotten = watch::forget(tx, before, SLICE).await?;
        progress.done += i64::try_from(forgotten).unwrap_or(i64::MAX);
        Ok(if forgotten < SLICE { Step::done() } else { Step::More })
    }
}
