//! Whose data: every method of the contracts is called as a stranger, with a token of all scopes and of an organisation
//! that there is not. What is named is NOT_FOUND, what is listed is empty, and nothing changes. The same requests are
//! then made by the owner, for whom they find something: so they are right.

mod common;
mod customer;
mod feedback;
mod logistics;
mod loyalty;

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::stream;
use guanxi_client::contracts::customer::v1::{
    CreateOrganizationRequest, Identifier, IdentifierType, IngestOutcome, IngestSourceRecordsRequest,
    IngestSourceRecordsResponse, LookupCustomerRequest, Organization, SourceIdentifier, SourceRecord,
};
use guanxi_client::contracts::feedback::v1::{Review, ReviewOutcome, SubmitReviewRequest};
use guanxi_client::contracts::logistics::v1::{GetTrackingRequest, TrackingStatus};
use guanxi_client::contracts::{METHODS, Message};
use guanxi_client::{Client, Error, request_id};
use guanxi_testkit::Suite;
use guanxi_testkit::process::Plan;
use tonic::Code;

use crate::raw;
use crate::things::{self, Things};

/// The owner's organisation.
const OWNERS: &str = "organizations/default";

/// What a stranger's call comes to.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// NOT_FOUND, with what was not found.
    Missing,
    /// An answer in which there is nothing.
    Empty,
    /// An answer to the element that says NOT_FOUND: where the element's reason is.
    Rejected(fn(&[u8]) -> String),
    /// PERMISSION_DENIED: it is about all organisations at once.
    Denied,
    /// An answer that holds nothing of the owner's: how that is seen.
    Harmless(fn(&[u8]) -> bool),
}

/// A method, how it is called, and what comes of it.
struct Row {
    path: &'static str,
    fate: Fate,
    request: Bytes,
}

/// A row of a method, such as `CaseService/GetCase`.
fn row(method: &str, fate: Fate, request: impl Message) -> Row {
    let declared = METHODS.iter().find(|declared| declared.path.ends_with(&format!(".{method}")));
    let path = declared.unwrap_or_else(|| panic!("no contract declares {method}")).path;
    Row { path, fate, request: request.encode_to_vec().into() }
}

fn read<M: Message + Default>(bytes: &[u8]) -> M {
    M::decode(bytes).expect("an answer decodes")
}

fn mask(path: &str) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: vec![path.into()] })
}

/// A row for every method.
fn rows(things: &Things) -> Vec<Row> {
    let of_services = [customer::rows(things), loyalty::rows(things), logistics::rows(things), feedback::rows(things)];
    of_services.into_iter().chain([common::rows(things)]).flatten().collect()
}

/// What is wrong with what a stranger was answered, if anything is.
fn leak(fate: Fate, answer: Result<Option<Bytes>, Error>) -> Option<String> {
    let right = match (fate, &answer) {
        (Fate::Missing, Err(error)) => error.code == Code::NotFound && error.resource.is_some(),
        (Fate::Denied, Err(error)) => error.reason == "ORGANIZATIONS_MISSING",
        (Fate::Empty, Ok(answer)) => answer.as_ref().is_none_or(Bytes::is_empty),
        (Fate::Rejected(reason), Ok(Some(answer))) => reason(answer) == "NOT_FOUND",
        (Fate::Harmless(seen), Ok(Some(answer))) => seen(answer),
        _ => false,
    };
    (!right).then(|| format!("a stranger was answered {answer:?}"))
}

/// What is wrong with a request that the owner made too, if anything is.
fn unsound(fate: Fate, answer: Result<Option<Bytes>, Error>) -> Option<String> {
    let right = match (fate, &answer) {
        (_, Err(error)) => !matches!(error.code, Code::NotFound | Code::InvalidArgument | Code::Unimplemented),
        (Fate::Empty, Ok(answer)) => answer.as_ref().is_some_and(|bytes| !bytes.is_empty()),
        (Fate::Rejected(reason), Ok(Some(answer))) => reason(answer).is_empty(),
        _ => true,
    };
    (!right).then(|| format!("the owner was answered {answer:?}"))
}

/// A suite that asks for tokens, with its owner's things.
async fn suite() -> (Suite, Things) {
    let suite = tokio::task::spawn_blocking(|| Plan::embedded().with_tokens().start()).await.unwrap();
    let things = things::make(&suite.client()).await;
    (suite, things)
}

/// A client that may do everything with the data of one organisation.
fn client_of(suite: &Suite, organization: &str) -> Client {
    suite.client_with(Some(&suite.token(&["*"], &[&format!("{organization}:rw")])))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_a_stranger_what_is_not_his_is_not_there() {
    let (suite, things) = suite().await;
    let stranger = client_of(&suite, "nowhere");
    let rows = rows(&things);
    let covered: BTreeSet<&str> = rows.iter().map(|row| row.path).collect();
    let declared: BTreeSet<&str> = METHODS.iter().map(|method| method.path).collect();
    assert_eq!(covered, declared, "each method has a row here, and each row a method");

    let before = suite.figures();
    let mut wrong = Vec::new();
    for Row { path, fate, request } in &rows {
        let answer = raw::call(&stranger, path, request.clone()).await;
        wrong.extend(leak(*fate, answer).map(|wrong| format!("{path}: {wrong}")));
    }
    assert_eq!(suite.figures(), before, "a stranger changed something");
    let owner = suite.client();
    for Row { path, fate, request } in &rows {
        let answer = raw::call(&owner, path, request.clone()).await;
        wrong.extend(unsound(*fate, answer).map(|wrong| format!("{path}: {wrong}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    suite.verify();
}

/// A loyalty card of another shop: who holds it is one customer.
fn card() -> Identifier {
    Identifier { r#type: IdentifierType::Card.into(), value: "6200000000001188".into(), source: String::new() }
}

/// Sends one record of a source, of somebody with one card.
async fn ingest(client: &Client, source: &str) -> IngestSourceRecordsResponse {
    let record = SourceRecord {
        source: source.into(),
        external_id: "7".into(),
        event_time: things::minute(5),
        identifiers: vec![SourceIdentifier { identifier: Some(card()), ..SourceIdentifier::default() }],
        ..SourceRecord::default()
    };
    let records = stream::iter([IngestSourceRecordsRequest { record: Some(record), historical: false }]);
    let mut answers = client.customer().identities().ingest_source_records(records).await.unwrap().into_inner();
    answers.message().await.unwrap().unwrap()
}

/// Who has the card.
async fn lookup(client: &Client) -> String {
    let request = LookupCustomerRequest { identifier: Some(card()), ..LookupCustomerRequest::default() };
    client.customer().customers().lookup_customer(request).await.unwrap().into_inner().customer.unwrap().name
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stranger_brings_meets_nothing_of_others() {
    let (suite, things) = suite().await;
    let request = CreateOrganizationRequest {
        organization_id: "elsewhere".into(),
        organization: Some(Organization {
            display_name: "Elsewhere".into(),
            time_zone: "Asia/Tokyo".into(),
            currency_code: "JPY".into(),
            ..Organization::default()
        }),
        request_id: request_id(),
    };
    suite.client().customer().organizations().create_organization(request).await.unwrap();
    let (owner, stranger) = (client_of(&suite, "default"), client_of(&suite, "elsewhere"));
    let first = ingest(&owner, "pos").await;
    let same = ingest(&owner, "shop").await;
    assert_eq!((same.outcome(), &same.customer), (IngestOutcome::Linked, &first.customer), "one card, one customer");
    let before = lookup(&owner).await;
    for source in ["pos", "web"] {
        let theirs = ingest(&stranger, source).await;
        assert!(theirs.outcome() != IngestOutcome::Rejected && theirs.customer != first.customer, "{theirs:?}");
        assert_eq!(lookup(&stranger).await, theirs.customer);
    }
    assert_eq!(lookup(&owner).await, before);

    // The same natural key as the owner's review.
    let review = Review { subject: "products/tv".into(), ..things::review("") };
    let request = SubmitReviewRequest { request_id: request_id(), review: Some(review), historical: false };
    let submitted = stranger.feedback().reviews().submit_review(request).await.unwrap().into_inner();
    assert_eq!(submitted.outcome(), ReviewOutcome::Created, "{submitted:?}");

    // A delivery of the owner's package.
    let delivered = stream::iter([things::event(things::package(&things.package), "9", "DELIVERED", 9)]);
    let mut answers = stranger.logistics().tracking().ingest_events(delivered).await.unwrap().into_inner();
    assert!(answers.message().await.unwrap().unwrap().parked);
    let request =
        GetTrackingRequest { package: Some(things::package(&things.package)), ..GetTrackingRequest::default() };
    let tracking = owner.logistics().tracking().get_tracking(request).await.unwrap().into_inner().tracking.unwrap();
    assert_eq!(tracking.status(), TrackingStatus::PickedUp);
    suite.verify();
}
