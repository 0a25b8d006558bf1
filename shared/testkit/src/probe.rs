//! What a service told the others, read from its outbox.

use guanxi_store::Database;
use guanxi_store::outbox::{Position, StoredEvent};

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
