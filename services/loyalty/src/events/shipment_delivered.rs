//! ShipmentDelivered → the order's waiting points become active once its last shipment is there.
//! Effect: applied once, in any order. Parks until the order is known.

use async_trait::async_trait;
use guanxi_contracts::logistics::events::v1::ShipmentDelivered;
use guanxi_contracts::time;
use guanxi_kernel::name::ShipmentId;
use guanxi_kernel::{OrderName, Timestamp};
use guanxi_messaging::{Delivered, Handler, Outcome};
use guanxi_store::{Result, Tx};

use super::{Caused, of, post, programs_of};
use crate::domain::ledger::Command;
use crate::store::orders;
use crate::store::programs::Programs;

/// Handles ShipmentDelivered.
#[derive(Debug)]
pub struct DeliverShipments {
    programs: Programs,
}

impl DeliverShipments {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

#[async_trait]
impl Handler for DeliverShipments {
    type Event = ShipmentDelivered;

    async fn handle(&self, tx: &Tx, events: &[Delivered<ShipmentDelivered>]) -> Result<Vec<Outcome>> {
        let read: Vec<_> = events.iter().map(delivery).collect();
        let named = super::keys(read.iter().flatten().flatten().map(|delivery| &delivery.order));
        let mut known = orders::lock(tx, &named).await?;
        let programs = programs_of(tx, &self.programs, known.values()).await?;
        let (mut outcomes, mut delivered, mut completed, mut caused) = (vec![], vec![], vec![], vec![]);
        for (read, event) in read.into_iter().zip(events) {
            let delivery = match read {
                Ok(Some(delivery)) => delivery,
                Ok(None) => {
                    outcomes.push(Outcome::Done);
                    continue;
                }
                Err(outcome) => {
                    outcomes.push(outcome);
                    continue;
                }
            };
            let key = delivery.order.uuid();
            let Some(order) = known.get_mut(&key) else {
                outcomes.push(Outcome::Park(delivery.order.to_string()));
                continue;
            };
            outcomes.push(Outcome::Done);
            if !order.delivery.deliver(delivery.shipment, delivery.at) {
                continue;
            }
            delivered.push((key, delivery.shipment, delivery.at));
            let Some(at) = order.delivery.completed() else { continue };
            completed.push((key, at));
            caused.extend(of(&programs, &order.organization).map(|program| Caused {
                member: program.id.member(order.customer),
                command: Command::Activate(order.name.clone(), at),
                meta: &event.meta,
            }));
        }
        orders::save_deliveries(tx, &delivered, &completed).await?;
        post(tx, &self.programs, caused).await?;
        Ok(outcomes)
    }
}

struct Delivery {
    order: OrderName,
    shipment: ShipmentId,
    at: Timestamp,
}

/// What an event tells of; nothing where its shipment carries no order.
fn delivery(delivered: &Delivered<ShipmentDelivered>) -> Result<Option<Delivery>, Outcome> {
    let Delivered { event, meta } = delivered;
    if event.order.is_empty() {
        return Ok(None);
    }
    let order = super::order(&event.order)?;
    let shipment = event.shipment.parse().map_err(|error| Outcome::Dead(format!("shipment: {error}")))?;
    let at = event.delivered_time.as_ref().and_then(time::from_proto).unwrap_or(meta.occurred);
    Ok(Some(Delivery { order, shipment, at }))
}
