//! OrderRecorded → a shipment of one package for each of the order's sellers, promised as the order was.
//! Effect: applied once, in any order; a shipment that was recorded by a call before stays as it is.

use async_trait::async_trait;
use guanxi_contracts::customer::events::v1::OrderRecorded;
use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{NameError, OrderName};
use guanxi_messaging::{Delivered, Handler, Outcome};
use guanxi_store::{StoreError, Tx};

use crate::domain::{Promise, PromiseError};
use crate::store::opening::{self, NewShipment};

/// The handler.
#[derive(Debug, Clone, Copy)]
pub struct OpenShipments;

#[async_trait]
impl Handler for OpenShipments {
    type Event = OrderRecorded;

    async fn handle(&self, tx: &Tx, events: &[Delivered<OrderRecorded>]) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(events.len());
        let mut new = Vec::with_capacity(events.len());
        for event in events {
            outcomes.push(match shipments(event) {
                Ok(shipments) => {
                    new.extend(shipments);
                    Outcome::Done
                }
                Err(why) => Outcome::Dead(why.to_string()),
            });
        }
        opening::open(tx, new).await?;
        Ok(outcomes)
    }
}

/// An order that no shipments can be made of.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Promise(#[from] PromiseError),
}

fn shipments(delivered: &Delivered<OrderRecorded>) -> Result<Vec<NewShipment>, Unreadable> {
    let (event, meta) = (&delivered.event, &delivered.meta);
    let order: OrderName = event.order.parse()?;
    let customer: Option<CustomerId> = if event.customer.is_empty() { None } else { Some(event.customer.parse()?) };
    let promise = match event.promised_date.as_str() {
        "" => None,
        date => Some(Promise::read(date, "", "", zone(&event.destination_zone))?),
    };
    let mut sellers: Vec<&str> = event.lines.iter().map(|line| line.seller.as_str()).collect();
    sellers.sort_unstable();
    sellers.dedup();
    let shipment = |seller: &str| NewShipment {
        id: order.shipment(seller),
        organization: meta.organization.clone(),
        order: Some(order.clone()),
        seller: Some(seller.to_owned()),
        customer,
        promise: promise.clone(),
        packages: vec![(order.package(seller, 0), None)],
        historical: meta.historical,
        traceparent: meta.traceparent.clone(),
    };
    Ok(sellers.into_iter().map(shipment).collect())
}

/// An order of a destination without a zone is judged by UTC.
fn zone(name: &str) -> &str {
    if name.is_empty() { "UTC" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use guanxi_contracts::customer::events::v1::OrderLine;
    use guanxi_kernel::{OrganizationId, Timestamp, new_id};
    use guanxi_messaging::Meta;

    fn recorded(sellers: &[&str]) -> Delivered<OrderRecorded> {
        let line = |seller: &&str| OrderLine { seller: (*seller).to_owned(), ..OrderLine::default() };
        let event = OrderRecorded {
            order: "orders/olist:77".into(),
            customer: CustomerId::new().to_string(),
            lines: sellers.iter().map(line).collect(),
            promised_date: "2018-03-21".into(),
            destination_zone: "America/Sao_Paulo".into(),
            ..OrderRecorded::default()
        };
        let meta = Meta {
            id: new_id(),
            key: event.order.clone(),
            version: 1,
            organization: OrganizationId::default_organization(),
            occurred: Timestamp::UNIX_EPOCH,
            recorded: Timestamp::UNIX_EPOCH,
            historical: true,
            traceparent: None,
        };
        Delivered { event, meta }
    }

    #[test]
    fn t07_an_order_of_two_sellers_is_two_shipments_of_one_package_each() {
        let made = shipments(&recorded(&["a", "b", "a"])).expect("an order");
        let order: OrderName = "orders/olist:77".parse().expect("a name");
        let ids: Vec<_> = made.iter().map(|shipment| (shipment.id, shipment.packages.clone())).collect();
        assert_eq!(ids, ["a", "b"].map(|seller| (order.shipment(seller), vec![(order.package(seller, 0), None)])));
        assert!(made.iter().all(|shipment| shipment.historical && shipment.promise.is_some()));
    }

    #[test]
    fn an_order_without_lines_has_nothing_to_send() {
        assert!(shipments(&recorded(&[])).expect("an order").is_empty());
    }

    #[test]
    fn an_order_that_cannot_be_read_is_a_dead_letter() {
        let mut wrong = recorded(&["a"]);
        wrong.event.destination_zone = "Mars/Olympus".into();
        assert!(shipments(&wrong).is_err());
    }
}
