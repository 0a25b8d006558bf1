//! SegmentLeft → the customer is not in the segment any more.
//! Projection: an older version than is known changes nothing. Never parks.

use async_trait::async_trait;
use guanxi_contracts::customer::events::v1::SegmentLeft;
use guanxi_contracts::time;
use guanxi_messaging::{Delivered, Handler, Outcome};
use guanxi_store::{Result, Tx};

use super::segment_entered::{keep, moved};

/// Handles SegmentLeft.
#[derive(Debug)]
pub struct LeaveSegments;

#[async_trait]
impl Handler for LeaveSegments {
    type Event = SegmentLeft;

    async fn handle(&self, tx: &Tx, events: &[Delivered<SegmentLeft>]) -> Result<Vec<Outcome>> {
        let read: Vec<_> = events
            .iter()
            .map(|Delivered { event, meta }| {
                let since = event.leave_time.as_ref().and_then(time::from_proto).unwrap_or(meta.occurred);
                moved(&event.customer, &event.segment, since, meta)
            })
            .collect();
        keep(tx, &read, false).await?;
        Ok(read.into_iter().map(|read| read.err().unwrap_or(Outcome::Done)).collect())
    }
}
