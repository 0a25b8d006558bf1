//! A look, and a grip, into a service's own tables.

use guanxi_kernel::Call;
use guanxi_store::Database;
use guanxi_store::outbox::{Position, StoredEvent};
use guanxi_store::sea_orm::ConnectionTrait;

/// All numbered events of a service, by partition and number.
pub async fn events(db: &Database) -> Vec<StoredEvent> {
    let mut events = Vec::new();
    for (partition, _) in db.outbox_heads().await.expect("the outbox is readable") {
        let mut after = Position::default();
        loop {
            let page = db.outbox_after(partition, after, 1_000).await.expect("the outbox is readable");
            let Some(last) = page.last() else { break };
            after = last.position;
            events.extend(page.into_iter().map(|numbered| numbered.event));
        }
    }
    events
}

/// Ends every lease, as time would: of processes that are no more.
pub(crate) async fn end_leases(db: &Database) {
    let call = Call::internal("test");
    let ended = db.slice(&call, |tx| async move {
        tx.conn().execute_unprepared("DELETE FROM lease").await?;
        Ok(())
    });
    ended.await.expect("leases can be ended");
}
