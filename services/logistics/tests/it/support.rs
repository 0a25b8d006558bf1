//! What the tests say over and over: orders, packages, events and where they lead.

use guanxi_client::request_id;
use guanxi_contracts::customer::events::v1::{OrderLine, OrderRecorded};
use guanxi_contracts::logistics::v1::*;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::name::{CustomerId, PackageId};
use guanxi_kernel::{OrderName, OrganizationId, Timestamp};
use guanxi_testkit::{Env, Setup};

/// Logistics, and a customer service that only tells.
pub fn setup() -> Setup {
    Setup::of(&[guanxi_logistics::SERVICE]).told_by(&["customer"])
}

pub fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

pub fn order(number: &str) -> OrderName {
    OrderName::new("olist", number).expect("an order")
}

/// Tells of an order of these sellers, promised for 2018-03-21 in São Paulo.
pub async fn record(env: &Env, number: &str, sellers: &[&str]) {
    let line = |seller: &&str| OrderLine { seller: (*seller).to_owned(), quantity: 1, ..OrderLine::default() };
    let recorded = OrderRecorded {
        order: order(number).to_string(),
        customer: customer().to_string(),
        order_time: Some(to_proto(at("2018-03-01T12:00:00Z"))),
        lines: sellers.iter().map(line).collect(),
        promised_date: "2018-03-21".into(),
        destination_zone: "America/Sao_Paulo".into(),
        currency_code: "BRL".into(),
        ..OrderRecorded::default()
    };
    let organization = OrganizationId::default_organization();
    let occurred = at("2018-03-01T12:00:00Z");
    let event = guanxi_messaging::event(order(number), 1, &organization, occurred, true, &recorded);
    env.tell("customer", [event]).await;
}

pub fn customer() -> CustomerId {
    "customers/0199a1b2-0000-7000-8000-000000000001".parse().expect("a name")
}

/// The first package of what a seller sends of an order.
pub fn place(number: &str, seller: &str) -> PackageReference {
    let order_package = Some(OrderPackage { order: order(number).to_string(), seller: seller.to_owned() });
    PackageReference { order_package, ..PackageReference::default() }
}

pub fn package(number: &str, seller: &str) -> PackageId {
    order(number).package(seller, 0)
}

pub fn named(package: impl ToString) -> PackageReference {
    PackageReference { package: package.to_string(), ..PackageReference::default() }
}

/// An event of a carrier, by Guanxi's own name of the status.
pub fn event(package: PackageReference, id: &str, status: &str, when: &str) -> IngestEventsRequest {
    IngestEventsRequest {
        package: Some(package),
        source: "olist".into(),
        source_kind: SourceKind::Carrier.into(),
        source_event_id: id.to_owned(),
        occurred_text: when.to_owned(),
        status_name: status.to_owned(),
        ..IngestEventsRequest::default()
    }
}

/// Sends events in one stream, and returns what became of each.
pub async fn ingest(env: &Env, events: Vec<IngestEventsRequest>) -> Vec<IngestEventsResponse> {
    let mut tracking = env.client().logistics().tracking();
    let answers = tracking.ingest_events(futures::stream::iter(events)).await.expect("the stream opens").into_inner();
    collect(answers).await
}

pub async fn collect<T>(mut answers: tonic::Streaming<T>) -> Vec<T> {
    let mut all = Vec::new();
    while let Some(answer) = answers.message().await.expect("the stream goes on") {
        all.push(answer);
    }
    all
}

pub async fn outcomes(env: &Env, events: Vec<IngestEventsRequest>) -> Vec<IngestOutcome> {
    ingest(env, events).await.iter().map(IngestEventsResponse::outcome).collect()
}

pub async fn tracking(env: &Env, package: PackageReference) -> Tracking {
    seen(env, package, None, None).await
}

pub async fn seen(env: &Env, package: PackageReference, as_of: Option<&str>, known_at: Option<Timestamp>) -> Tracking {
    let request = GetTrackingRequest {
        package: Some(package),
        as_of: as_of.map(|text| to_proto(at(text))),
        known_at: known_at.map(to_proto),
    };
    let answer = env.client().logistics().tracking().get_tracking(request).await.expect("a known package");
    answer.into_inner().tracking.expect("a tracking")
}

pub async fn history(env: &Env, package: PackageId) -> Vec<TrackingEvent> {
    let request = ListTrackingEventsRequest { parent: package.to_string(), page_size: 1_000, ..Default::default() };
    let answer = env.client().logistics().tracking().list_tracking_events(request).await.expect("a known package");
    answer.into_inner().events
}

pub async fn shipment(env: &Env, name: impl ToString) -> Shipment {
    let request = GetShipmentRequest { name: name.to_string() };
    let answer = env.client().logistics().shipments().get_shipment(request).await.expect("a known shipment");
    answer.into_inner().shipment.expect("a shipment")
}

/// Records a shipment by a call.
pub async fn create(env: &Env, packages: Vec<NewPackage>, promise: Option<Promise>) -> Shipment {
    let request = CreateShipmentRequest { request_id: request_id(), packages, promise, ..Default::default() };
    let answer = env.client().logistics().shipments().create_shipment(request).await.expect("a shipment");
    answer.into_inner().shipment.expect("a shipment")
}

pub fn numbered(carrier: &str, number: &str) -> NewPackage {
    NewPackage { tracking_number: Some(TrackingNumber { carrier: carrier.into(), number: number.into() }) }
}

pub fn day(date: &str) -> Promise {
    Promise { promised_date: date.into(), time_zone: "America/Sao_Paulo".into(), ..Promise::default() }
}

/// The figures of the service, by name.
pub async fn figures(env: &Env) -> Vec<(String, i64)> {
    use guanxi_contracts::common::v1::{GetSummaryRequest, figure::Value};
    let request = GetSummaryRequest { service: "logistics".into() };
    let answer = env.client().admin("logistics").get_summary(request).await.expect("a summary").into_inner();
    let figure = |figure: &guanxi_contracts::common::v1::Figure| match figure.value {
        Some(Value::Integer(value)) => (figure.name.clone(), value),
        _ => panic!("{} is no count", figure.name),
    };
    answer.services[0].figures.iter().map(figure).collect()
}
