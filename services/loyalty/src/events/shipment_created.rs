//! ShipmentCreated → the order's waiting points wait for this shipment too, unless all that were known are delivered.
//! Effect: applied once, in any order: an order that is not known yet waits for it, too, once it is.

use async_trait::async_trait;
use guanxi_contracts::logistics::events::v1::ShipmentCreated;
use guanxi_kernel::OrderName;
use guanxi_kernel::name::ShipmentId;
use guanxi_messaging::{Delivered, Handler, Outcome};
use guanxi_store::{Result, Tx};

use crate::store::orders;

/// Handles ShipmentCreated.
#[derive(Debug)]
pub struct ExpectShipments;

#[async_trait]
impl Handler for ExpectShipments {
    type Event = ShipmentCreated;

    async fn handle(&self, tx: &Tx, events: &[Delivered<ShipmentCreated>]) -> Result<Vec<Outcome>> {
        let read: Vec<_> = events.iter().map(|delivered| shipment(&delivered.event)).collect();
        let named = super::keys(read.iter().flatten().flatten().map(|(order, _)| order));
        let mut known = orders::lock(tx, &named).await?;
        let (mut outcomes, mut expected) = (Vec::with_capacity(events.len()), Vec::new());
        for read in read {
            outcomes.push(match read {
                Err(outcome) => outcome,
                Ok(None) => Outcome::Done,
                Ok(Some((order, shipment))) => match known.get_mut(&order.uuid()) {
                    None => {
                        expected.push((order.uuid(), shipment));
                        Outcome::Done
                    }
                    Some(known) => {
                        if known.delivery.expect(shipment) {
                            expected.push((order.uuid(), shipment));
                        }
                        Outcome::Done
                    }
                },
            });
        }
        orders::expect(tx, &expected).await?;
        Ok(outcomes)
    }
}

/// The order and the shipment; nothing where it carries no order.
fn shipment(event: &ShipmentCreated) -> Result<Option<(OrderName, ShipmentId)>, Outcome> {
    if event.order.is_empty() {
        return Ok(None);
    }
    let shipment = event.shipment.parse().map_err(|error| Outcome::Dead(format!("shipment: {error}")))?;
    Ok(Some((super::order(&event.order)?, shipment)))
}
