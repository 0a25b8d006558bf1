//! OrderCancelled → the order is not asked about any more.
//! Effect: applied once, in any order. Parks until the order is known.

use std::collections::HashSet;

use async_trait::async_trait;
use guanxi_contracts::customer::events::v1::OrderCancelled;
use guanxi_messaging::{Delivered, Handler, Outcome};
use guanxi_store::{Result, Tx};

use crate::store::orders;

/// Handles OrderCancelled.
#[derive(Debug, Clone, Copy)]
pub struct CancelOrders;

#[async_trait]
impl Handler for CancelOrders {
    type Event = OrderCancelled;

    async fn handle(&self, tx: &Tx, events: &[Delivered<OrderCancelled>]) -> Result<Vec<Outcome>> {
        let names: Vec<_> = events.iter().map(|delivered| super::order(&delivered.event.order)).collect();
        let ids: Vec<_> = names.iter().flatten().map(|name| name.uuid()).collect();
        let mut book = orders::lock(tx, &ids).await?;
        let mut changed = HashSet::new();
        let outcomes = names.into_iter().map(|name| {
            let name = match name {
                Ok(name) => name,
                Err(outcome) => return outcome,
            };
            let Some(known) = book.get_mut(&name.uuid()) else { return Outcome::Park(name.to_string()) };
            if !known.order.cancelled {
                known.order.cancelled = true;
                changed.insert(name.uuid());
            }
            Outcome::Done
        });
        let outcomes = outcomes.collect();
        orders::save(tx, changed.iter().map(|id| &book[id])).await?;
        Ok(outcomes)
    }
}
