//! All reviews that come in: the calls that waited while the last batch committed, decided together and written in sets.

use std::collections::{BTreeMap, HashMap, HashSet};

use async_trait::async_trait;
use guanxi_contracts::Message;
use guanxi_contracts::feedback::v1::SubmitReviewResponse;
use guanxi_kernel::{Refused, Uuid};
use guanxi_store::{BatchCall, Decide, Result, Tx};

use super::wire::review as wire;
use crate::domain::cause::Cause;
use crate::domain::name::ReviewId;
use crate::domain::review::{Outcome, Review, ReviewError, Submitted};
use crate::store::cases::{self, Given};
use crate::store::orders::{self, Book};
use crate::store::reviews;

/// Decides reviews.
#[derive(Debug, Clone, Copy)]
pub struct Submissions;

/// One review that came in, for an organisation that the caller may write.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The review.
    pub review: Submitted,
    /// Whether it is imported history.
    pub historical: bool,
}

#[async_trait]
impl Decide for Submissions {
    type Command = Submission;

    async fn decide(&self, tx: &Tx, calls: &[BatchCall<Submission>]) -> Result<Vec<Result<Vec<u8>, Refused>>> {
        let ids: Vec<Uuid> = calls.iter().map(|call| call.command.review.key.id().uuid()).collect();
        let mut book = reviews::lock(tx, &ids).await?;
        let stored: HashSet<ReviewId> = book.keys().copied().collect();
        // Orders that are not known yet are awaited: their own event finds what is stored here, or this finds them known.
        let orders = orders::lock_or_await(tx, &orders_of(calls)).await?;
        let mut changes = Changes::default();
        let mut answers = Vec::with_capacity(calls.len());
        for (index, call) in calls.iter().enumerate() {
            answers.push(changes.decide(tx, &mut book, &orders, index, call).map_err(Refused::from));
        }
        let (changed, new): (Vec<_>, Vec<_>) = changes.written.iter().partition(|id| stored.contains(id));
        let rows = |ids: Vec<&ReviewId>| ids.into_iter().map(|id| &book[id]).collect::<Vec<&Review>>();
        reviews::save(tx, &rows(new), &rows(changed)).await?;
        let given = changes.causes.into_iter().map(|(index, order, cause)| Given {
            order: &orders[&order].order,
            cause,
            historical: calls[index].command.historical,
            traceparent: calls[index].call.traceparent.clone(),
        });
        cases::give(tx, given.collect()).await?;
        Ok(answers)
    }
}

fn orders_of(
    calls: &[BatchCall<Submission>],
) -> BTreeMap<Uuid, (guanxi_kernel::OrderName, guanxi_kernel::OrganizationId)> {
    let reviews = calls.iter().map(|call| &call.command.review);
    let orders = reviews.filter_map(|review| Some((review.key.subject.order()?, &review.organization)));
    orders.map(|(order, organization)| (order.uuid(), (order.clone(), organization.clone()))).collect()
}

/// What a batch of reviews changes.
#[derive(Default)]
struct Changes {
    written: HashSet<ReviewId>,
    causes: Vec<(usize, Uuid, Cause)>,
}

impl Changes {
    fn decide(
        &mut self,
        tx: &Tx,
        book: &mut HashMap<ReviewId, Review>,
        orders: &Book,
        index: usize,
        call: &BatchCall<Submission>,
    ) -> Result<Vec<u8>, ReviewError> {
        let Submission { review: submitted, historical } = call.command.clone();
        let order = submitted.key.subject.order().map(|order| order.uuid());
        let known = order.and_then(|order| orders.get(&order));
        if known.is_some_and(|known| known.order.organization != submitted.organization) {
            let (subject, organization) = (submitted.key.subject, submitted.organization);
            return Err(ReviewError::ForeignSubject { subject, organization });
        }
        let id = submitted.key.id();
        let (review, outcome) = Review::submit(book.get(&id), submitted, tx.now())?;
        let answer =
            SubmitReviewResponse { review: Some(wire::review(&review)), outcome: wire::outcome(outcome).into() };
        if outcome != Outcome::Duplicate {
            tx.emit_for(reviews::submitted(&review, historical), call.call.traceparent.clone());
            if let (Some(order), Some(_), Some(cause)) = (order, known, review.cause()) {
                self.causes.push((index, order, cause));
            }
            self.written.insert(id);
            book.insert(id, review);
        }
        Ok(answer.encode_to_vec())
    }
}
