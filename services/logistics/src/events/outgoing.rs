//! What the logistics service tells the others of its shipments.

use std::sync::{Arc, LazyLock};

use guanxi_contracts::logistics::events::v1::{
    PromiseRevised, ShipmentCreated, ShipmentDelivered, ShipmentStatusChanged,
};
use guanxi_contracts::{Event, time};
use guanxi_kernel::Timestamp;
use guanxi_kernel::signals::{self, Counter, KeyValue, attribute};
use guanxi_messaging::event;
use guanxi_store::{NewEvent, Tx};

use crate::domain::{Fact, Revision, Shipment};

/// Tells facts of a shipment, with the transaction that made them. `historical`: they are imported history.
pub fn tell(tx: &Tx, shipment: &Shipment, facts: &[Fact], historical: bool, traceparent: Option<&Arc<str>>) {
    for fact in facts {
        if let Fact::Delivered { on_time, .. } = fact {
            count(tx, *on_time);
        }
        tx.emit_for(encode(tx, shipment, fact, historical), traceparent.cloned());
    }
}

static DELIVERIES: LazyLock<Counter<u64>> = LazyLock::new(|| signals::DELIVERIES.counter());

/// Counts a delivery, by what became of the promise that was given first.
fn count(tx: &Tx, on_time: Option<bool>) {
    let promise = on_time.map_or("none", |kept| if kept { "kept" } else { "broken" });
    tx.after_commit(move || DELIVERIES.add(1, &[KeyValue::new(attribute::PROMISE, promise)]));
}

fn encode(tx: &Tx, shipment: &Shipment, fact: &Fact, historical: bool) -> NewEvent {
    let name = shipment.id.to_string();
    let order = shipment.order.as_ref().map(ToString::to_string).unwrap_or_default();
    let customer = shipment.customer.map(|customer| customer.to_string()).unwrap_or_default();
    let original = shipment.promised.as_ref().map(|promised| promised.original.date.to_string()).unwrap_or_default();
    let about = About { shipment, historical };
    match fact {
        Fact::Created => about.event(
            tx.now(),
            &ShipmentCreated {
                shipment: name,
                order,
                customer,
                packages: shipment.packages.iter().map(|package| package.id.to_string()).collect(),
                promised_date: original,
            },
        ),
        Fact::StatusChanged { from, to, effective_time } => about.event(
            *effective_time,
            &ShipmentStatusChanged {
                shipment: name,
                order,
                customer,
                from_status: from.to_string(),
                to_status: to.to_string(),
                effective_time: Some(time::to_proto(*effective_time)),
            },
        ),
        Fact::Delivered { delivered_time, delivered_date, on_time } => about.event(
            *delivered_time,
            &ShipmentDelivered {
                shipment: name,
                order,
                customer,
                delivered_time: Some(time::to_proto(*delivered_time)),
                delivered_date: delivered_date.to_string(),
                promised_date: original,
                on_time: *on_time,
            },
        ),
        Fact::PromiseRevised(revision) => {
            let Revision { previous, promise, cause, actor, create_time, .. } = &**revision;
            let postponements = shipment.promised.as_ref().map_or(0, |promised| promised.postponements);
            about.event(
                *create_time,
                &PromiseRevised {
                    shipment: name,
                    order,
                    customer,
                    previous_date: previous.date.to_string(),
                    promised_date: promise.date.to_string(),
                    cause: cause.clone(),
                    actor: actor.clone(),
                    postponements: i32::try_from(postponements).unwrap_or(i32::MAX),
                },
            )
        }
    }
}

struct About<'a> {
    shipment: &'a Shipment,
    historical: bool,
}

impl About<'_> {
    fn event(&self, occurred: Timestamp, message: &impl Event) -> NewEvent {
        let Shipment { id, version, organization, .. } = self.shipment;
        event(id, *version, organization, occurred, self.historical, message)
    }
}
