//! Invariants are checked by themselves, too: every service's, once in a while, by one of its replicas, so that the alert
//! about a broken one needs nobody who thinks of `guanxi verify`.

use std::time::Duration;

use guanxi_kernel::Call;
use guanxi_kernel::signals::{self, KeyValue, attribute};
use guanxi_store::verify::{Checked, Invariant};
use guanxi_store::{Database, Result};
use tokio_util::sync::CancellationToken;

/// The name of its schedule.
const NAME: &str = "verification";
/// How often it looks whether it is due.
const LOOK: Duration = Duration::from_secs(60);

/// The verification of one service.
pub(crate) struct Verification {
    pub(crate) db: Database,
    pub(crate) invariants: Vec<Invariant>,
    /// How often; zero: never.
    pub(crate) every: Duration,
}

impl Verification {
    /// Verifies whenever it is due, until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        if self.every.is_zero() {
            return;
        }
        loop {
            if let Some(Err(error)) = stop.run_until_cancelled(self.verify()).await {
                tracing::warn!(service = self.db.service(), %error, "invariants could not be checked; trying again");
            }
            if stop.run_until_cancelled(tokio::time::sleep(LOOK.min(self.every))).await.is_none() {
                return;
            }
        }
    }

    async fn verify(&self) -> Result<()> {
        let call = Call::internal(self.db.service());
        if !self.db.slice(&call, |tx| async move { tx.is_due(NAME, self.every).await }).await? {
            return Ok(());
        }
        for invariant in &self.invariants {
            let Checked { broken, .. } = check(&self.db, invariant).await?;
            if broken > 0 {
                let (service, invariant) = (self.db.service(), invariant.name());
                tracing::error!(service, invariant, broken, "rows break an invariant: run guanxi verify");
            }
        }
        Ok(())
    }
}

/// Checks an invariant, and has the metrics say what it came to.
pub(crate) async fn check(db: &Database, invariant: &Invariant) -> Result<Checked> {
    let checked = invariant.check(db).await?;
    let labels =
        [KeyValue::new(attribute::SERVICE, db.service()), KeyValue::new(attribute::INVARIANT, invariant.name())];
    signals::VIOLATIONS.gauge().record(signals::count(checked.broken), &labels);
    signals::VERIFIED.gauge().record(signals::seconds(db.clock().now()), &labels);
    Ok(checked)
}
