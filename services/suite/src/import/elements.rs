//! From what was read to what the streams take. All of it is history: it makes facts and money, and tells nobody.

use std::collections::BTreeSet;

use guanxi_client::contracts::customer::v1::{
    Address, Basis, Identifier, IdentifierType, IngestSourceRecordsRequest, Order as OrderMessage, OrderLine,
    Payment as PaymentMessage, RecordOrdersRequest, SourceIdentifier, SourceRecord,
};
use guanxi_client::contracts::logistics::v1::{IngestEventsRequest, OrderPackage, PackageReference, SourceKind};
use guanxi_client::contracts::time::to_proto;

use super::export::{Customer, Item, Order, Payment};
use super::mapping::Mapping;
use super::value::Moment;

/// The status of what will not be sent.
const CANCELLED: &str = "CANCELLED";

/// What every element of one import shares.
#[derive(Debug)]
pub struct Elements<'a> {
    mapping: &'a Mapping,
    organization: String,
}

impl<'a> Elements<'a> {
    /// The elements of an export that is read by this mapping.
    pub fn new(mapping: &'a Mapping) -> Self {
        Self { mapping, organization: format!("organizations/{}", mapping.organization.id) }
    }

    /// What a row says of a customer.
    pub fn record(&self, customer: Customer) -> IngestSourceRecordsRequest {
        let region_code = self.mapping.customers.address.as_ref().map(|address| address.region_code.clone());
        let contacts = [
            (IdentifierType::Phone, customer.phone),
            (IdentifierType::Email, customer.email),
            (IdentifierType::Card, customer.card),
        ];
        let identifiers = contacts.into_iter().filter(|(_, value)| !value.is_empty()).map(|(kind, value)| {
            let identifier = Identifier { r#type: kind.into(), value, source: String::new() };
            SourceIdentifier { identifier: Some(identifier), ..SourceIdentifier::default() }
        });
        let address = self.mapping.customers.address.is_some().then(|| Address {
            region_code: region_code.clone().unwrap_or_default(),
            postal_code: customer.postal_code,
            administrative_area: customer.administrative_area,
            locality: customer.locality,
            address_lines: customer.address_lines.into_iter().filter(|line| !line.is_empty()).collect(),
        });
        let record = SourceRecord {
            organization: self.organization.clone(),
            source: self.mapping.source.clone(),
            external_id: customer.external_id,
            event_time: customer.event_time.map(to_proto),
            basis: Basis::Observed.into(),
            display_name: customer.display_name,
            given_name: customer.given_name,
            family_name: customer.family_name,
            birth_date: customer.birth_date,
            address,
            language_code: customer.language_code,
            region_code: region_code.unwrap_or_default(),
            identifiers: identifiers.collect(),
        };
        IngestSourceRecordsRequest { record: Some(record), historical: true }
    }

    /// An order, with its lines and payments.
    pub fn order(&self, order: &Order) -> RecordOrdersRequest {
        let promised = order.promised_date.map(|date| date.to_string()).unwrap_or_default();
        let cancelled = order.cancelled.as_ref();
        let message = OrderMessage {
            name: order.name.to_string(),
            organization: self.organization.clone(),
            order_time: Some(to_proto(order.order_time)),
            currency_code: self.mapping.organization.currency_code.clone(),
            lines: order.items.iter().map(line).collect(),
            payments: order.payments.iter().map(payment).collect(),
            cancel_time: cancelled.map(|(moment, _)| to_proto(moment.at)),
            cancel_reason: cancelled.map(|(_, word)| word.clone()).unwrap_or_default(),
            promised_date: promised,
            destination_zone: self.mapping.organization.time_zone.clone(),
            ..OrderMessage::default()
        };
        let identifier = Identifier {
            r#type: IdentifierType::ExternalId.into(),
            value: order.external_id.clone(),
            source: self.mapping.source.clone(),
        };
        RecordOrdersRequest { order: Some(message), identifier: Some(identifier), historical: true }
    }

    /// What was said of the packages of an order: one for each seller.
    pub fn tracking(&self, order: &Order) -> impl Iterator<Item = IngestEventsRequest> {
        let sellers: BTreeSet<&str> = order.items.iter().map(|item| item.seller.as_str()).collect();
        let said = order.tracking.iter().map(|(at, moment)| (&*self.mapping.orders.tracking[*at].status, moment));
        let said: Vec<_> =
            said.chain(order.cancelled.as_ref().map(|(moment, _)| (CANCELLED, moment))).map(|(s, m)| (s, *m)).collect();
        sellers.into_iter().flat_map(move |seller| {
            let events: Vec<_> =
                said.iter().map(|(status, moment)| self.event(order, seller, status, *moment)).collect();
            events
        })
    }

    fn event(&self, order: &Order, seller: &str, status: &str, moment: Moment) -> IngestEventsRequest {
        let package = OrderPackage { order: order.name.to_string(), seller: seller.to_owned() };
        // The local time as it was written keeps the offset of its place; the service reads it as this import would.
        let (occurred_text, time_zone) = match moment.local {
            Some(local) => (local.to_string(), self.mapping.organization.time_zone.clone()),
            None => (String::new(), String::new()),
        };
        IngestEventsRequest {
            organization: self.organization.clone(),
            package: Some(PackageReference { order_package: Some(package), ..PackageReference::default() }),
            source: self.mapping.source.clone(),
            source_kind: SourceKind::Aggregator.into(),
            // Each milestone is reported once: a later export that tells it otherwise revises it.
            source_event_id: status.to_lowercase(),
            occurred_time: moment.local.is_none().then(|| to_proto(moment.at)),
            occurred_text,
            time_zone,
            status_name: status.to_owned(),
            historical: true,
            ..IngestEventsRequest::default()
        }
    }
}

fn line(item: &Item) -> OrderLine {
    OrderLine {
        line: item.line,
        product: item.product.clone(),
        category: item.category.clone(),
        seller: item.seller.clone(),
        quantity: item.quantity,
        price_minor: item.price_minor,
        delivery_minor: item.delivery_minor,
        ..OrderLine::default()
    }
}

fn payment(payment: &Payment) -> PaymentMessage {
    PaymentMessage {
        payment: payment.number,
        method: payment.method.into(),
        amount_minor: payment.amount_minor,
        instalments: payment.instalments,
        ..PaymentMessage::default()
    }
}
