//! The sample as the contracts write it: what the shop's systems knew by the day up to which it reaches.

use guanxi_client::contracts::customer::v1::{
    Address, Basis, CreateStoreRequest, Identifier, IdentifierType, IngestSourceRecordsRequest, Order, OrderLine,
    OrderReturn, OrderReturnLine, Payment, PaymentMethod, RecordOrdersRequest, SourceIdentifier, SourceRecord, Store,
};
use guanxi_client::contracts::feedback::v1::{Review, SubmitReviewRequest};
use guanxi_client::contracts::logistics::v1::{
    IngestEventsRequest, OrderPackage, PackageReference, Promise, RevisePromiseRequest, SourceKind,
};
use guanxi_client::contracts::time::to_proto;
use guanxi_kernel::id::natural_id;
use guanxi_kernel::name::OrderName;
use jiff::Timestamp;

use super::deliveries::Parcel;
use super::orders::{Line, Method, Purchase, Tender};
use super::people::Person;
use super::places;

/// The request id of what is asked for once, ever: the same whenever the sample is loaded again.
pub fn request_id(rpc: &str, name: &str) -> String {
    natural_id("sample", [rpc, name]).to_string()
}

/// A store to make.
pub fn store(store: &places::Store) -> CreateStoreRequest {
    CreateStoreRequest {
        parent: store.organization().name(),
        store_id: store.id(),
        store: Some(Store { display_name: store.display_name(), locality: store.city.to_owned(), ..Store::default() }),
        request_id: request_id("CreateStore", &store.name()),
    }
}

/// What the till and the web shop say of a person, each by its own number of his.
pub fn records(person: &Person) -> impl Iterator<Item = IngestSourceRecordsRequest> {
    let till = person.till.map(|number| record(person, "pos", number));
    let web = person.web.map(|number| record(person, "app", number));
    till.into_iter().chain(web)
}

fn record(person: &Person, source: &str, number: u64) -> IngestSourceRecordsRequest {
    let Person { name, organization, store, .. } = person;
    let phone = (IdentifierType::Phone, Some(person.phone.clone()));
    let email = (IdentifierType::Email, person.email.clone().filter(|_| source == "app"));
    // Both channels know the card, so that a person with two numbers is one customer.
    let card = (IdentifierType::Card, person.card.clone());
    let identifiers = [phone, email, card].into_iter().filter_map(|(r#type, value)| {
        let identifier = Identifier { r#type: r#type.into(), value: value?, source: String::new() };
        Some(SourceIdentifier { identifier: Some(identifier), ..SourceIdentifier::default() })
    });
    let record = SourceRecord {
        organization: organization.name(),
        source: source.to_owned(),
        external_id: number.to_string(),
        event_time: Some(to_proto(person.since)),
        basis: Basis::Declared.into(),
        display_name: format!("{}{}", name.family, name.given),
        given_name: name.given.clone(),
        family_name: name.family.to_owned(),
        birth_date: person.birth_date.map(|date| date.to_string()).unwrap_or_default(),
        address: Some(Address {
            region_code: organization.region_code.to_owned(),
            administrative_area: store.province.to_owned(),
            locality: store.city.to_owned(),
            ..Address::default()
        }),
        language_code: organization.language_code.to_owned(),
        region_code: organization.region_code.to_owned(),
        identifiers: identifiers.collect(),
    };
    IngestSourceRecordsRequest { record: Some(record), historical: true }
}

impl Purchase {
    /// The order's name.
    pub fn name(&self) -> OrderName {
        OrderName::new(self.source, &self.number).expect("a source of letters and a number of digits")
    }

    /// The order as it was known at `until`.
    pub fn order(&self, person: &Person, until: Timestamp) -> RecordOrdersRequest {
        let cancelled = self.cancelled.filter(|(at, _)| *at <= until);
        let returned = self.returned.filter(|(at, _)| *at <= until);
        let order = Order {
            name: self.name().to_string(),
            organization: person.organization.name(),
            order_time: Some(to_proto(self.time)),
            store: self.store.map(places::Store::name).unwrap_or_default(),
            currency_code: person.organization.currency_code.to_owned(),
            lines: (1..).zip(&self.lines).map(line).collect(),
            payments: (1..).zip(&self.tenders).map(|(number, tender)| payment(number, tender, self.time)).collect(),
            returns: returned.map(|(at, reason)| self.return_of_first_line(at, reason)).into_iter().collect(),
            cancel_time: cancelled.map(|(at, _)| to_proto(at)),
            cancel_reason: cancelled.map(|(_, reason)| reason.to_owned()).unwrap_or_default(),
            promised_date: self.promised.to_string(),
            destination_zone: person.organization.time_zone.to_owned(),
            ..Order::default()
        };
        let identifier = Identifier {
            r#type: IdentifierType::ExternalId.into(),
            value: self.customer.to_string(),
            source: self.source.to_owned(),
        };
        RecordOrdersRequest { order: Some(order), identifier: Some(identifier), historical: true }
    }

    fn return_of_first_line(&self, at: Timestamp, reason: &str) -> OrderReturn {
        OrderReturn {
            return_id: format!("r{}", self.number),
            return_time: Some(to_proto(at)),
            lines: self.lines.iter().take(1).map(|line| OrderReturnLine { line: 1, quantity: line.quantity }).collect(),
            reason: reason.to_owned(),
        }
    }

    /// What was reported of its parcels by `until`.
    pub fn events(&self, person: &Person, until: Timestamp) -> Vec<IngestEventsRequest> {
        let order = self.name().to_string();
        let mut events = Vec::new();
        for parcel in &self.parcels {
            let package = OrderPackage { order: order.clone(), seller: parcel.seller.clone() };
            let scans = parcel.scans.iter().enumerate().filter(|(_, scan)| scan.time <= until);
            events.extend(scans.map(|(place, scan)| IngestEventsRequest {
                organization: person.organization.name(),
                package: Some(PackageReference { order_package: Some(package.clone()), ..PackageReference::default() }),
                source: parcel.carrier.to_owned(),
                source_kind: SourceKind::Carrier.into(),
                source_event_id: format!("{}-{}-{place}", self.number, parcel.seller),
                occurred_time: Some(to_proto(scan.time)),
                status_name: scan.status.to_owned(),
                location: scan.location.clone(),
                description: scan.words.to_owned(),
                historical: true,
                ..IngestEventsRequest::default()
            }));
        }
        events
    }

    /// Its review, if it was written by `until`.
    pub fn review(&self, person: &Person, until: Timestamp) -> Option<SubmitReviewRequest> {
        let stars = self.opinion.review.filter(|stars| stars.time <= until)?;
        let subject = self.name().to_string();
        let review = Review {
            organization: person.organization.name(),
            source: self.source.to_owned(),
            external_id: format!("v{}", self.number),
            rating: stars.rating,
            text: stars.text.to_owned(),
            review_time: Some(to_proto(stars.time)),
            subject,
            ..Review::default()
        };
        let request_id = request_id("SubmitReview", &review.subject);
        Some(SubmitReviewRequest { request_id, review: Some(review), historical: true })
    }

    /// Its parcels that were neither delivered nor given up by `until`.
    pub fn on_their_way(&self, until: Timestamp) -> impl Iterator<Item = &Parcel> {
        let cancelled = self.cancelled.is_some_and(|(at, _)| at <= until);
        let open = move |at: Option<Timestamp>| at.is_none_or(|at| at > until);
        self.parcels.iter().filter(move |parcel| {
            let sent = parcel.scans.first().is_some_and(|scan| scan.time <= until);
            sent && !cancelled && open(parcel.delivered) && open(parcel.failed)
        })
    }

    /// The later days that were promised for parcels that are still on their way.
    pub fn postponements(&self, person: &Person, until: Timestamp) -> Vec<RevisePromiseRequest> {
        let overdue = self.promised < person.organization.date(until);
        let late = self.on_their_way(until).filter(|_| overdue);
        let postponed = late.filter_map(|parcel| Some((&parcel.seller, parcel.postponed?)));
        let revise = postponed.map(|(seller, (day, cause))| {
            let shipment = self.name().shipment(seller).to_string();
            RevisePromiseRequest {
                request_id: request_id("RevisePromise", &shipment),
                name: shipment,
                promise: Some(Promise {
                    promised_date: day.to_string(),
                    time_zone: person.organization.time_zone.to_owned(),
                    ..Promise::default()
                }),
                cause: cause.to_owned(),
                actor: "dispatch".to_owned(),
                etag: String::new(),
            }
        });
        revise.collect()
    }

    /// When the survey was answered, and with what, if that was by `until`.
    pub fn answer(&self, until: Timestamp) -> Option<(Timestamp, i32)> {
        self.opinion.answer.filter(|(at, _)| *at <= until)
    }
}

fn line((number, line): (i32, &Line)) -> OrderLine {
    OrderLine {
        line: number,
        product: line.product.id.clone(),
        category: line.product.category.to_owned(),
        brand: line.product.brand.to_owned(),
        seller: line.seller.clone(),
        quantity: line.quantity,
        price_minor: line.price_minor,
        tax_minor: 0,
        delivery_minor: line.delivery_minor,
    }
}

fn payment(number: i32, tender: &Tender, at: Timestamp) -> Payment {
    let (method, instalments) = match tender.method {
        Method::Cash => (PaymentMethod::Cash, 0),
        Method::CreditCard(instalments) => (PaymentMethod::CreditCard, instalments),
        Method::DebitCard => (PaymentMethod::DebitCard, 0),
        Method::GiftCard => (PaymentMethod::GiftCard, 0),
        Method::Wallet => (PaymentMethod::EWallet, 0),
    };
    Payment {
        payment: number,
        method: method.into(),
        amount_minor: tender.amount_minor,
        instalments,
        pay_time: Some(to_proto(at)),
    }
}
