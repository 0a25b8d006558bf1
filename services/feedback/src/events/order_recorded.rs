//! OrderRecorded → the order is known here: the shipments of its sellers are expected, the low reviews that came before
//! it become causes of its case, and the events that waited for it are handled.
//! Effect: applied once, in any order; never parks.

use std::collections::BTreeMap;

use async_trait::async_trait;
use guanxi_contracts::customer::events::v1::OrderRecorded;
use guanxi_kernel::Uuid;
use guanxi_messaging::{Delivered, Handler, Outcome};
use guanxi_store::{Result, Tx};

use crate::domain::order::Order;
use crate::store::cases::{self, Given};
use crate::store::{orders, reviews};

/// Handles OrderRecorded.
#[derive(Debug, Clone, Copy)]
pub struct RecordOrders;

#[async_trait]
impl Handler for RecordOrders {
    type Event = OrderRecorded;

    async fn handle(&self, tx: &Tx, events: &[Delivered<OrderRecorded>]) -> Result<Vec<Outcome>> {
        let (mut found, mut told, mut outcomes) = (BTreeMap::new(), BTreeMap::new(), Vec::with_capacity(events.len()));
        for delivered in events {
            outcomes.push(match order(delivered) {
                Ok(order) => {
                    let id = order.name.uuid();
                    tx.known(order.name.as_str());
                    told.entry(id).or_insert(delivered);
                    found.entry(id).or_insert(order);
                    Outcome::Done
                }
                Err(outcome) => outcome,
            });
        }
        orders::record(tx, &found).await?;
        give_causes(tx, &found, &told).await?;
        Ok(outcomes)
    }
}

/// Gives the low reviews that came before their order to its case.
async fn give_causes(
    tx: &Tx,
    found: &BTreeMap<Uuid, Order>,
    told: &BTreeMap<Uuid, &Delivered<OrderRecorded>>,
) -> Result<()> {
    let ids: Vec<Uuid> = found.keys().copied().collect();
    let low = reviews::low_about(tx, &ids).await?;
    let given = low.into_iter().filter_map(|(id, organization, cause)| {
        let (order, meta) = (found.get(&id)?, &told.get(&id)?.meta);
        let (historical, traceparent) = (meta.historical, meta.traceparent.clone());
        (order.organization == organization).then_some(Given { order, cause, historical, traceparent })
    });
    cases::give(tx, given.collect()).await
}

fn order(delivered: &Delivered<OrderRecorded>) -> Result<Order, Outcome> {
    let (event, meta) = (&delivered.event, &delivered.meta);
    let name = super::order(&event.order)?;
    let customer = event.customer.parse().map_err(|error| Outcome::Dead(format!("customer: {error}")))?;
    Ok(Order {
        organization: meta.organization.clone(),
        customer,
        // An order that was cancelled when it was recorded is so at once; the OrderCancelled that follows changes nothing.
        cancelled: event.cancel_time.is_some(),
        shipments: Order::expected(&name, event.lines.iter().map(|line| line.seller.as_str())),
        name,
    })
}
