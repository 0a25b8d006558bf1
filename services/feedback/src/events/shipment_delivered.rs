//! ShipmentDelivered → late: the order's one case has a cause. All of the order delivered, none late, not cancelled: the
//! customer is invited, once, to the organisation's delivery survey.
//! Effect: applied once, in any order. Parks until the order is known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use guanxi_contracts::logistics::events::v1::ShipmentDelivered;
use guanxi_contracts::time;
use guanxi_kernel::name::ShipmentId;
use guanxi_kernel::{OrderName, OrganizationId, Timestamp, Uuid};
use guanxi_messaging::{Delivered, Handler, Meta, Outcome};
use guanxi_store::{Result, Tx};

use crate::domain::cause::Cause;
use crate::domain::order::{Delivery, Shipment};
use crate::store::cases::{self, Given};
use crate::store::orders::{self, Book};
use crate::store::{invitations, surveys};

/// Handles ShipmentDelivered.
#[derive(Debug, Clone, Copy)]
pub struct DeliverShipments;

#[async_trait]
impl Handler for DeliverShipments {
    type Event = ShipmentDelivered;

    async fn handle(&self, tx: &Tx, events: &[Delivered<ShipmentDelivered>]) -> Result<Vec<Outcome>> {
        let read: Vec<_> = events.iter().map(delivery).collect();
        let ids: Vec<Uuid> = read.iter().flatten().flatten().map(|(order, _)| order.uuid()).collect();
        let mut book = orders::lock(tx, &ids).await?;
        let mut changes = Changes::default();
        let mut outcomes = Vec::with_capacity(events.len());
        for (read, Delivered { meta, .. }) in read.into_iter().zip(events) {
            outcomes.push(match read {
                Ok(Some((order, delivery))) => changes.deliver(&mut book, &order, &delivery, meta),
                Ok(None) => Outcome::Done,
                Err(outcome) => outcome,
            });
        }
        orders::save_shipments(tx, &changes.shipments).await?;
        invite(tx, &mut book, changes.asked).await?;
        let given = changes.causes.into_iter().map(|(id, cause, why)| Given {
            order: &book[&id].order,
            cause,
            historical: why.historical,
            traceparent: why.traceparent,
        });
        cases::give(tx, given.collect()).await?;
        Ok(outcomes)
    }
}

/// What the event that causes something says beside its message.
struct Why {
    historical: bool,
    traceparent: Option<Arc<str>>,
}

impl From<&Meta> for Why {
    fn from(meta: &Meta) -> Self {
        Self { historical: meta.historical, traceparent: meta.traceparent.clone() }
    }
}

/// What a batch of deliveries changes.
#[derive(Default)]
struct Changes {
    shipments: BTreeMap<(Uuid, ShipmentId), (Shipment, Timestamp)>,
    causes: Vec<(Uuid, Cause, Why)>,
    asked: BTreeMap<Uuid, Why>,
}

impl Changes {
    fn deliver(&mut self, book: &mut Book, order: &OrderName, delivery: &Delivery, meta: &Meta) -> Outcome {
        let id = order.uuid();
        let Some(known) = book.get_mut(&id) else { return Outcome::Park(order.to_string()) };
        let cause = known.order.deliver(delivery);
        self.causes.extend(cause.map(|cause| (id, cause, meta.into())));
        self.shipments.insert((id, delivery.shipment), (known.order.shipments[&delivery.shipment], delivery.delivered));
        if !known.invited && known.order.ask().is_ok() {
            self.asked.entry(id).or_insert_with(|| meta.into());
        }
        Outcome::Done
    }
}

/// Invites the customers of these orders, where their organisation has a survey for it.
async fn invite(tx: &Tx, book: &mut Book, asked: BTreeMap<Uuid, Why>) -> Result<()> {
    let organizations: BTreeSet<_> = asked.keys().map(|id| book[id].order.organization.clone()).collect();
    let organizations: Vec<OrganizationId> = organizations.into_iter().collect();
    let surveys = surveys::on_delivery(tx, &organizations).await?;
    let (mut new, mut invited) = (Vec::new(), Vec::new());
    for (id, why) in asked {
        let Some(known) = book.get_mut(&id) else { continue };
        let Some(survey) = surveys.get(&known.order.organization) else { continue };
        let invitation = known.order.invitation(survey, why.historical, tx.now());
        tx.emit_for(invitations::invited(&invitation), why.traceparent);
        new.push(invitation);
        known.invited = true;
        invited.push(id);
    }
    invitations::insert(tx, &new).await?;
    orders::save(tx, invited.iter().map(|id| &book[id])).await
}

/// The order and the delivery that an event tells of; none where it carries no order.
fn delivery(delivered: &Delivered<ShipmentDelivered>) -> Result<Option<(OrderName, Delivery)>, Outcome> {
    let (event, meta) = (&delivered.event, &delivered.meta);
    if event.order.is_empty() {
        return Ok(None);
    }
    let order = super::order(&event.order)?;
    let shipment = event.shipment.parse().map_err(|error| Outcome::Dead(format!("shipment: {error}")))?;
    let at = event.delivered_time.as_ref().and_then(time::from_proto).unwrap_or(meta.occurred);
    Ok(Some((order, Delivery { shipment, delivered: at, on_time: event.on_time })))
}
