//! What the tests say to the customer service, and how they read what it answers.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use guanxi_client::{Client, Error, request_id};
use guanxi_contracts::common::v1::{GetSummaryRequest, figure};
use guanxi_contracts::customer::v1::*;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::Timestamp;
use guanxi_testkit::Setup;

/// The customer service alone.
pub fn setup() -> Setup {
    Setup::of(&[guanxi_customer::SERVICE])
}

pub fn at(text: &str) -> Timestamp {
    let text = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    text.parse().expect("an instant")
}

pub fn time(text: &str) -> Option<prost_types::Timestamp> {
    Some(to_proto(at(text)))
}

pub fn identifier(kind: IdentifierType, value: &str) -> Identifier {
    Identifier { r#type: kind.into(), value: value.into(), source: String::new() }
}

pub fn phone(value: &str) -> Identifier {
    identifier(IdentifierType::Phone, value)
}

pub fn email(value: &str) -> Identifier {
    identifier(IdentifierType::Email, value)
}

pub fn card(value: &str) -> Identifier {
    identifier(IdentifierType::Card, value)
}

pub fn external(source: &str, id: &str) -> Identifier {
    Identifier { source: source.into(), ..identifier(IdentifierType::ExternalId, id) }
}

/// A record of `source` about `name`, with identifiers that hold from the event on.
pub fn record(source: &str, id: &str, day: &str, name: &str, identifiers: &[Identifier]) -> SourceRecord {
    let claimed = identifiers
        .iter()
        .map(|identifier| SourceIdentifier { identifier: Some(identifier.clone()), ..SourceIdentifier::default() });
    SourceRecord {
        source: source.into(),
        external_id: id.into(),
        event_time: time(day),
        display_name: name.into(),
        identifiers: claimed.collect(),
        ..SourceRecord::default()
    }
}

/// Sends records in one stream and returns all answers.
pub async fn ingest(
    client: &Client,
    records: impl IntoIterator<Item = SourceRecord>,
) -> Vec<IngestSourceRecordsResponse> {
    let elements: Vec<_> = records
        .into_iter()
        .map(|record| IngestSourceRecordsRequest { record: Some(record), historical: false })
        .collect();
    let answers = client.customer().identities().ingest_source_records(stream::iter(elements)).await;
    let answers: Vec<_> = answers.expect("the stream begins").into_inner().collect().await;
    answers.into_iter().map(|answer| answer.expect("every element is answered")).collect()
}

/// Sends one record.
pub async fn ingest_one(client: &Client, record: SourceRecord) -> IngestSourceRecordsResponse {
    ingest(client, [record]).await.pop().expect("an answer")
}

/// An order of two lines of two sellers, worth 280.32, placed on a day by the customer of this external id.
pub fn order(number: &str, day: &str, source: &str, external_id: &str) -> RecordOrdersRequest {
    let line = |line, seller: &str, price_minor, delivery_minor| OrderLine {
        line,
        product: format!("p{line}"),
        category: "toys".into(),
        brand: String::new(),
        seller: seller.into(),
        quantity: 2,
        price_minor,
        tax_minor: 0,
        delivery_minor,
    };
    let order = Order {
        name: format!("orders/{source}:{number}"),
        order_time: time(day),
        currency_code: "BRL".into(),
        lines: vec![line(1, "a", 9_990, 2_765), line(2, "b", 14_400, 877)],
        destination_zone: "America/Sao_Paulo".into(),
        promised_date: "2024-12-24".into(),
        ..Order::default()
    };
    RecordOrdersRequest { order: Some(order), identifier: Some(external(source, external_id)), historical: false }
}

/// Sends orders in one stream and returns all answers.
pub async fn place(
    client: &Client,
    orders: impl IntoIterator<Item = RecordOrdersRequest>,
) -> Vec<RecordOrdersResponse> {
    let elements: Vec<_> = orders.into_iter().collect();
    let answers = client.customer().orders().record_orders(stream::iter(elements)).await;
    let answers: Vec<_> = answers.expect("the stream begins").into_inner().collect().await;
    answers.into_iter().map(|answer| answer.expect("every element is answered")).collect()
}

/// Sends one order.
pub async fn place_one(client: &Client, order: RecordOrdersRequest) -> RecordOrdersResponse {
    place(client, [order]).await.pop().expect("an answer")
}

pub async fn create(client: &Client, customer: Customer, identifiers: &[Identifier]) -> Result<Customer, Error> {
    let request =
        CreateCustomerRequest { customer: Some(customer), identifiers: identifiers.to_vec(), request_id: request_id() };
    let answer = client.customer().customers().create_customer(request).await;
    Ok(answer.map_err(Error::from)?.into_inner().customer.expect("a customer"))
}

pub async fn get(client: &Client, name: &str) -> Result<Customer, Error> {
    let answer = client.customer().customers().get_customer(GetCustomerRequest { name: name.into() }).await;
    Ok(answer.map_err(Error::from)?.into_inner().customer.expect("a customer"))
}

pub async fn lookup(client: &Client, identifier: Identifier, day: Option<&str>) -> Result<Customer, Error> {
    let request = LookupCustomerRequest {
        identifier: Some(identifier),
        as_of_time: day.and_then(time),
        ..LookupCustomerRequest::default()
    };
    let answer = client.customer().customers().lookup_customer(request).await;
    Ok(answer.map_err(Error::from)?.into_inner().customer.expect("a customer"))
}

/// A customer called so.
pub fn named(family: &str, given: &str) -> Customer {
    Customer { family_name: family.into(), given_name: given.into(), ..Customer::default() }
}

pub async fn make_organization(client: &Client, id: &str, zone: &str, currency: &str) {
    let request = CreateOrganizationRequest {
        organization_id: id.into(),
        organization: Some(Organization {
            display_name: id.to_uppercase(),
            time_zone: zone.into(),
            currency_code: currency.into(),
            ..Organization::default()
        }),
        request_id: request_id(),
    };
    client.customer().organizations().create_organization(request).await.expect("an organisation is made");
}

/// The figures of the customer service by name.
pub async fn figures(client: &Client) -> BTreeMap<String, i64> {
    let request = GetSummaryRequest { service: "customer".into() };
    let summary = client.admin("customer").get_summary(request).await.expect("a summary").into_inner();
    let figures = summary.services.into_iter().flat_map(|service| service.figures);
    figures
        .filter_map(|figure| match figure.value {
            Some(figure::Value::Integer(value)) => Some((figure.name, value)),
            _ => None,
        })
        .collect()
}

/// The reason of a refusal.
pub fn reason<T: std::fmt::Debug>(answer: Result<T, Error>) -> String {
    answer.expect_err("is refused").reason
}

/// The fields and rules of a refusal.
pub fn broken<T: std::fmt::Debug>(answer: Result<T, Error>) -> Vec<(String, String)> {
    answer.expect_err("is refused").violations.into_iter().map(|v| (v.field, v.rule)).collect()
}

/// The fields and rules of a rejected element.
pub fn rejected(rejection: Option<&Rejection>) -> Vec<(&str, &str)> {
    let rejection = rejection.expect("is rejected");
    rejection.fields.iter().map(|field| (field.field.as_str(), field.rule.as_str())).collect()
}
