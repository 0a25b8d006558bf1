//! OrderCancelled → what was spent on the order comes back, what it earned is taken back.
//! Effect: applied once, in any order. Parks until the order is known.

use async_trait::async_trait;
use guanxi_contracts::customer::events::v1::OrderCancelled;
use guanxi_contracts::time;
use guanxi_messaging::{Delivered, Handler, Outcome};
use guanxi_store::{Result, Tx};

use super::order_returned::{Told, take_back};
use crate::store::programs::Programs;

/// What a cancellation is called among the returns of its order.
pub(super) const CANCELLED: &str = "cancelled";

/// Handles OrderCancelled.
#[derive(Debug)]
pub struct CancelOrders {
    programs: Programs,
}

impl CancelOrders {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

#[async_trait]
impl Handler for CancelOrders {
    type Event = OrderCancelled;

    async fn handle(&self, tx: &Tx, events: &[Delivered<OrderCancelled>]) -> Result<Vec<Outcome>> {
        let read = events.iter().map(|Delivered { event, meta }| {
            let at = event.cancel_time.as_ref().and_then(time::from_proto).unwrap_or(meta.occurred);
            let order = super::order(&event.order)?;
            Ok(Told { order, return_id: CANCELLED.to_owned(), lines: Vec::new(), at, meta })
        });
        take_back(tx, &self.programs, read.collect()).await
    }
}
