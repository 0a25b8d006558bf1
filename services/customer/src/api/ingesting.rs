//! Source records in sets: what arrives while the last commit is under way is decided in memory and committed together.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use guanxi_contracts::customer::v1::{
    IdentifierOutcome as PbIdentifierOutcome, IngestOutcome, IngestSourceRecordsResponse,
};
use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{Refused, Uuid};
use guanxi_store::{BatchCall, Decide, Result, Tx};
use prost::Message;

use crate::domain::identifier::Identifier;
use crate::domain::ingest::{IdentifierOutcome, Ingested, Outcome, Policy, Read};
use crate::events::outgoing;
use crate::store::{identity, organizations};

/// One record to take.
#[derive(Debug)]
pub struct Ingest {
    /// The record, with its identifiers read.
    pub read: Read,
    /// Whether it is imported history.
    pub historical: bool,
}

/// Decides about records. A batch costs nine statements at the most, whatever its size.
#[derive(Debug, Clone)]
pub struct Ingesting {
    /// How records are read and joined.
    pub policy: Arc<Policy>,
}

#[async_trait]
impl Decide for Ingesting {
    type Command = Ingest;

    async fn decide(&self, tx: &Tx, calls: &[BatchCall<Ingest>]) -> Result<Vec<Result<Vec<u8>, Refused>>> {
        let reads = || calls.iter().map(|call| &call.command.read);
        let existing = organizations::existing(tx, reads().map(|read| &read.organization)).await?;
        let identifiers: BTreeMap<Uuid, Identifier> = reads()
            .flat_map(|read| read.identifiers().map(|identifier| (identifier.id(&read.organization), identifier)))
            .collect();
        let mut known = identity::known(tx, &identifiers).await?;
        let mut answers = Vec::with_capacity(calls.len());
        let mut added_by = Vec::new();
        let mut touched = BTreeMap::<CustomerId, usize>::new();
        for (at, call) in calls.iter().enumerate() {
            let read = &call.command.read;
            if !existing.contains_key(&read.organization) {
                answers.push(Err(Refused::not_found("organization", &read.organization)));
                continue;
            }
            let ingested = known.ingest(read, CustomerId::new(), &self.policy, tx.now());
            if ingested.outcome != Outcome::Duplicate {
                added_by.push(at);
                touched.insert(ingested.customer, at);
            }
            answers.push(Ok(answer(&ingested).encode_to_vec()));
        }
        identity::save(tx, &known, |record| calls[added_by[record]].command.historical).await?;
        let teller = |customer: CustomerId| touched.get(&customer).map(|at| &calls[*at]);
        for customer in known.created() {
            let Some(call) = teller(customer.id) else { continue };
            let event = outgoing::customer_created(customer, call.command.historical);
            tx.emit_for(event, call.call.traceparent.clone());
        }
        for (customer, paths) in known.changed() {
            let Some(call) = teller(customer.id) else { continue };
            let event = outgoing::customer_updated(customer, paths, call.command.historical);
            tx.emit_for(event, call.call.traceparent.clone());
        }
        Ok(answers)
    }
}

fn answer(ingested: &Ingested) -> IngestSourceRecordsResponse {
    let outcome = match ingested.outcome {
        Outcome::Created => IngestOutcome::Created,
        Outcome::Linked => IngestOutcome::Linked,
        Outcome::Revised => IngestOutcome::Revised,
        Outcome::Duplicate => IngestOutcome::Duplicate,
    };
    let identifier = |outcome: &IdentifierOutcome| match outcome {
        IdentifierOutcome::Linked => PbIdentifierOutcome::Linked,
        IdentifierOutcome::Invalid => PbIdentifierOutcome::Invalid,
        IdentifierOutcome::Impersonal => PbIdentifierOutcome::Impersonal,
        IdentifierOutcome::Denied => PbIdentifierOutcome::Denied,
        IdentifierOutcome::Contested => PbIdentifierOutcome::Contested,
    };
    IngestSourceRecordsResponse {
        outcome: outcome.into(),
        customer: ingested.customer.to_string(),
        identifiers: ingested.identifiers.iter().map(|outcome| identifier(outcome).into()).collect(),
        ..IngestSourceRecordsResponse::default()
    }
}
