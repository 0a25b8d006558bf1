//! What every service forgets after a while: events that everyone has, requests that nobody repeats, jobs that ended.

use std::time::Duration;

use guanxi_kernel::{Call, Timestamp};
use guanxi_store::{Database, Result};

/// The name of its schedule.
pub(super) const NAME: &str = "housekeeping";
/// How often it is due.
pub(super) const EVERY: Duration = Duration::from_secs(3600);

/// Forgets what is older than `retention`, on one of the replicas.
pub(super) async fn run(db: &Database, retention: Duration) -> Result<()> {
    let due = db.slice(&Call::internal(NAME), |tx| async move { tx.is_due(NAME, EVERY).await }).await?;
    if !due {
        return Ok(());
    }
    let kept = jiff::SignedDuration::try_from(retention).unwrap_or(jiff::SignedDuration::MAX);
    let before = db.clock().now().checked_sub(kept).unwrap_or(Timestamp::MIN);
    let events = db.prune_outbox(before).await?;
    // A producer keeps an event for `retention` at least, and may send it again: the inbox remembers it for longer.
    let handled = db.prune_inbox(before.checked_sub(kept).unwrap_or(Timestamp::MIN)).await?;
    let requests = db.prune_idempotency(before).await?;
    let jobs = db.prune_jobs(before).await?;
    tracing::debug!(service = db.service(), events, handled, requests, jobs, "housekeeping forgot old rows");
    Ok(())
}
