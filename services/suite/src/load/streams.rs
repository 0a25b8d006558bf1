//! What goes into which stream, and what its answers mean. Each function hands every item back with its fate: `Ok`, or
//! why the service refused it.

use futures::{Stream, StreamExt};
use guanxi_client::contracts::customer::v1::{
    IngestOutcome as RecordFate, IngestSourceRecordsRequest, IngestSourceRecordsResponse, RecordOrdersRequest,
    RecordOrdersResponse, RecordOutcome, Rejection,
};
use guanxi_client::contracts::feedback::v1::{SubmitReviewRequest, SubmitReviewResponse};
use guanxi_client::contracts::logistics::v1::{IngestEventsRequest, IngestEventsResponse, IngestOutcome as EventFate};
use guanxi_client::{Client, Error};
use tonic::Code;

use super::{Item, Refusal, flow};

/// Reviews in flight: each is a call of its own.
const REVIEWS: usize = 192;

/// Sends what sources say of customers.
///
/// # Errors
/// The stream's last error, where it was refused or gave no answer for long.
pub async fn records<T>(
    client: &Client,
    items: impl Stream<Item = Item<T, IngestSourceRecordsRequest>>,
    mut fate: impl FnMut(T, Result<(), Refusal>),
) -> Result<(), Error> {
    let open = |elements| {
        let mut identities = client.customer().identities();
        async move { identities.ingest_source_records(elements).await }
    };
    let answered = |origin, answer: IngestSourceRecordsResponse| {
        let refused = answer.outcome() == RecordFate::Rejected;
        fate(origin, if refused { Err(rejected(answer.rejection)) } else { Ok(()) });
    };
    flow::send(items, open, answered).await
}

/// Sends orders.
///
/// # Errors
/// The stream's last error, where it was refused or gave no answer for long.
pub async fn orders<T>(
    client: &Client,
    items: impl Stream<Item = Item<T, RecordOrdersRequest>>,
    mut fate: impl FnMut(T, Result<(), Refusal>),
) -> Result<(), Error> {
    let open = |elements| {
        let mut orders = client.customer().orders();
        async move { orders.record_orders(elements).await }
    };
    let answered = |origin, answer: RecordOrdersResponse| {
        let refused = answer.outcome() == RecordOutcome::Rejected;
        fate(origin, if refused { Err(rejected(answer.rejection)) } else { Ok(()) });
    };
    flow::send(items, open, answered).await
}

/// Sends tracking events. One in quarantine counts as refused: it moves nothing.
///
/// # Errors
/// The stream's last error, where it was refused or gave no answer for long.
pub async fn tracking<T>(
    client: &Client,
    items: impl Stream<Item = Item<T, IngestEventsRequest>>,
    mut fate: impl FnMut(T, Result<(), Refusal>),
) -> Result<(), Error> {
    let open = |elements| {
        let mut tracking = client.logistics().tracking();
        async move { tracking.ingest_events(elements).await }
    };
    let answered = |origin, answer: IngestEventsResponse| {
        let refusal = match answer.outcome() {
            EventFate::Rejected => Err(match answer.violations.into_iter().next() {
                Some(wrong) => Refusal { field: wrong.field, reason: wrong.description },
                None => Refusal { field: String::new(), reason: answer.reason },
            }),
            EventFate::Quarantined => {
                Err(Refusal { field: "occurred_text".into(), reason: "cannot be placed in time: quarantined".into() })
            }
            _ => Ok(()),
        };
        fate(origin, refusal);
    };
    flow::send(items, open, answered).await
}

/// Submits reviews, several at a time; their request ids make trying again safe.
///
/// # Errors
/// The first call that failed for another reason than its review.
pub async fn reviews<T>(
    client: &Client,
    items: impl Stream<Item = Item<T, SubmitReviewRequest>>,
    mut fate: impl FnMut(T, Result<(), Refusal>),
) -> Result<(), Error> {
    let submitted = items.map(|Item { origin, element }| async move { (origin, submit(client, element).await) });
    let mut submitted = std::pin::pin!(submitted.buffer_unordered(REVIEWS));
    while let Some((origin, answer)) = submitted.next().await {
        match answer {
            Ok(_) => fate(origin, Ok(())),
            Err(error) if is_about_the_element(error.code) => fate(origin, Err(refused(error))),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Submits one; its request id makes trying again safe.
async fn submit(client: &Client, review: SubmitReviewRequest) -> Result<SubmitReviewResponse, Error> {
    let submit = || {
        let (mut reviews, review) = (client.feedback().reviews(), review.clone());
        async move { reviews.submit_review(review).await }
    };
    flow::ask(client, submit).await
}

fn is_about_the_element(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument | Code::NotFound | Code::AlreadyExists | Code::FailedPrecondition | Code::OutOfRange
    )
}

fn rejected(rejection: Option<Rejection>) -> Refusal {
    let Some(Rejection { reason, message, fields }) = rejection else {
        return Refusal { field: String::new(), reason: "rejected without a reason".to_owned() };
    };
    match fields.into_iter().next() {
        Some(wrong) => Refusal { field: wrong.field, reason: wrong.description },
        None => Refusal { field: String::new(), reason: format!("{reason}: {message}") },
    }
}

fn refused(error: Error) -> Refusal {
    let reason = error.to_string();
    match error.violations.into_iter().next() {
        Some(wrong) => Refusal { field: wrong.field, reason: wrong.description },
        None => Refusal { field: String::new(), reason },
    }
}
