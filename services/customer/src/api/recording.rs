//! Order reports in sets: what arrives while the last commit is under way is decided in memory and committed together.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use guanxi_contracts::customer::v1::{RecordOrdersResponse, RecordOutcome};
use guanxi_kernel::{Refused, Uuid};
use guanxi_store::{BatchCall, Decide, Result, Tx};
use prost::Message;

use crate::domain::identifier::Identifier;
use crate::domain::order::News;
use crate::domain::organization::StoreName;
use crate::domain::recording::{Book, Placed, Placer};
use crate::events::outgoing;
use crate::store::{customers, identity, order_sets, organizations};

/// One report to take.
#[derive(Debug)]
pub struct Record {
    /// The report; an empty destination zone means the organisation's.
    pub placed: Placed,
    /// Whether it is imported history.
    pub historical: bool,
}

/// Decides about order reports. A batch of new orders costs seven statements and the outbox, whatever its size.
#[derive(Debug, Clone, Copy)]
pub struct Recording;

#[async_trait]
impl Decide for Recording {
    type Command = Record;

    async fn decide(&self, tx: &Tx, calls: &[BatchCall<Record>]) -> Result<Vec<Result<Vec<u8>, Refused>>> {
        let reports = || calls.iter().map(|call| &call.command.placed.report);
        let existing = organizations::existing(tx, reports().map(|report| &report.organization)).await?;
        let mut book = load(tx, calls).await?;
        let mut answers = Vec::with_capacity(calls.len());
        let mut changed_by = BTreeMap::<Uuid, usize>::new();
        for (at, call) in calls.iter().enumerate() {
            let report = &call.command.placed.report;
            let Some(organization) = existing.get(&report.organization) else {
                answers.push(Err(Refused::not_found("organization", &report.organization)));
                continue;
            };
            // An order that is a foreign organisation's is not there to this caller.
            if book.organization(&report.name).is_some_and(|of| !call.call.caller.organizations.may_read(of)) {
                answers.push(Err(Refused::not_found("order", &report.name)));
                continue;
            }
            let mut placed = call.command.placed.clone();
            if placed.report.terms.destination_zone.is_empty() {
                placed.report.terms.destination_zone.clone_from(&organization.time_zone);
            }
            answers.push(match book.record(&placed, tx.now()) {
                Ok((customer, news)) => {
                    if !news.is_none() {
                        changed_by.insert(report.name.uuid(), at);
                    }
                    Ok(answer(customer.to_string(), &news).encode_to_vec())
                }
                Err(error) => Err(error.into()),
            });
        }
        let caller = |name: &guanxi_kernel::OrderName| changed_by.get(&name.uuid()).map(|at| &calls[*at]);
        let historical = |name| caller(name).is_some_and(|call| call.command.historical);
        let changed = book.news().map(|(order, news)| (order, news, historical(&order.facts.name)));
        order_sets::save(tx, changed).await?;
        for (order, news) in book.news() {
            let trace = caller(&order.facts.name).and_then(|call| call.call.traceparent.clone());
            for event in outgoing::order_news(order, news, historical(&order.facts.name)) {
                tx.emit_for(event, trace.clone());
            }
        }
        Ok(answers)
    }
}

/// What is known of all that the reports name.
async fn load(tx: &Tx, calls: &[BatchCall<Record>]) -> Result<Book> {
    let mut ids = BTreeSet::new();
    let mut named = BTreeSet::new();
    let mut identifiers = BTreeMap::<Uuid, Identifier>::new();
    let mut stores = BTreeSet::<StoreName>::new();
    for Placed { report, placer } in calls.iter().map(|call| &call.command.placed) {
        ids.insert(report.name.uuid());
        match placer {
            Placer::Customer(customer) => {
                named.insert(customer.uuid());
            }
            Placer::Holder(identifier) => {
                identifiers.insert(identifier.id(&report.organization), identifier.clone());
            }
        }
        stores.extend(report.terms.store.parse::<StoreName>().ok());
    }
    let mut book = Book::default();
    for order in order_sets::lock(tx, &ids.into_iter().collect::<Vec<_>>()).await? {
        book.add_order(order);
    }
    for (customer, organization) in customers::organizations_of(tx, &named.into_iter().collect::<Vec<_>>()).await? {
        book.add_customer(customer, organization);
    }
    for (id, timeline) in identity::timelines(tx, &identifiers, "").await? {
        book.add_timeline(id, timeline);
    }
    for store in organizations::existing_stores(tx, &stores).await? {
        book.add_store(store.to_string());
    }
    Ok(book)
}

fn answer(customer: String, news: &News) -> RecordOrdersResponse {
    let outcome = if news.placed {
        RecordOutcome::Recorded
    } else if news.is_none() {
        RecordOutcome::Duplicate
    } else {
        RecordOutcome::Revised
    };
    RecordOrdersResponse { outcome: outcome.into(), customer, ..RecordOrdersResponse::default() }
}
