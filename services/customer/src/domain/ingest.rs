//! Ingest: what many source records, one after the other, make of the customers and identifiers that are known.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{OrganizationId, Timestamp, Uuid, Violation};
use jiff::SignedDuration;

use super::customer::{Customer, CustomerError};
use super::edge::{Claim, Claimed, RULE_DECLARED, RULE_DETERMINISTIC, Timeline};
use super::identifier::{Identifier, RawIdentifier, Reader, Reading};
use super::matching::{self, Candidate};
use super::source_record::{self, SourceRecord};
use super::survivorship::{self, SourceRanks};

/// How records are read and joined.
#[derive(Debug, Clone)]
pub struct Policy {
    /// How identifiers are read.
    pub reader: Reader,
    /// After how long a silence a telephone number gives way to somebody else.
    pub silence: SignedDuration,
    /// Which source is believed where all else is equal.
    pub ranks: SourceRanks,
}

/// A record with its identifiers read.
#[derive(Debug, Clone)]
pub struct Read {
    /// Whose.
    pub organization: OrganizationId,
    /// The record.
    pub record: SourceRecord,
    /// What each of its claims comes to, in their order.
    pub readings: Vec<Reading>,
}

impl Read {
    /// Reads the record's identifiers.
    pub fn new(organization: OrganizationId, record: SourceRecord, reader: &Reader) -> Self {
        let region = record.phone_region();
        let readings = record.claims.iter().map(|claim| reader.read(&claim.identifier, region)).collect();
        Self { organization, record, readings }
    }

    /// Every identifier that the record carries, its own external id first.
    pub fn identifiers(&self) -> impl Iterator<Item = Identifier> {
        let personal = self.readings.iter().filter_map(|reading| match reading {
            Reading::Personal(identifier) => Some(identifier.clone()),
            _ => None,
        });
        std::iter::once(Identifier::external(&self.record.source, &self.record.external_id)).chain(personal)
    }
}

/// A stored version of a source record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Whose it is.
    pub owner: CustomerId,
    /// Its number among the versions of its source and external id, from 1.
    pub number: i64,
    /// What it says.
    pub record: SourceRecord,
}

/// What is known of the identifiers that are named and of their owners, and what became of it.
#[derive(Debug, Default)]
pub struct Known {
    timelines: BTreeMap<Uuid, Timeline>,
    customers: BTreeMap<CustomerId, Customer>,
    versions: BTreeMap<CustomerId, Vec<Version>>,
    created: BTreeSet<CustomerId>,
    changed: BTreeMap<CustomerId, BTreeSet<&'static str>>,
    added: Vec<Version>,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It made a customer.
    Created,
    /// It is the first of its source and external id, and went to a customer who was known.
    Linked,
    /// It is a new version.
    Revised,
    /// It was known as it is.
    Duplicate,
}

/// What became of one identifier of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentifierOutcome {
    /// It is the customer's.
    Linked,
    /// It is not valid.
    Invalid,
    /// It never identifies a person.
    Impersonal,
    /// It is on the deny list.
    Denied,
    /// It is another customer's.
    Contested,
}

/// A record's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingested {
    /// Whose it is.
    pub customer: CustomerId,
    /// What became of it.
    pub outcome: Outcome,
    /// What became of its identifiers; empty for a duplicate.
    pub identifiers: Vec<IdentifierOutcome>,
}

impl Known {
    /// Adds what was loaded of an identifier.
    pub fn add_timeline(&mut self, id: Uuid, timeline: Timeline) {
        self.timelines.insert(id, timeline);
    }

    /// Adds a customer that was loaded, with all of its records.
    pub fn add_customer(&mut self, customer: Customer, versions: Vec<Version>) {
        self.versions.insert(customer.id, versions);
        self.customers.insert(customer.id, customer);
    }

    /// A customer, as it is by now.
    pub fn customer(&self, id: CustomerId) -> Option<&Customer> {
        self.customers.get(&id)
    }

    /// Customers that were made.
    pub fn created(&self) -> impl Iterator<Item = &Customer> {
        self.created.iter().filter_map(|id| self.customers.get(id))
    }

    /// Customers that were known and changed, with the paths that changed.
    pub fn changed(&self) -> impl Iterator<Item = (&Customer, &BTreeSet<&'static str>)> {
        self.changed
            .iter()
            .filter(|(id, _)| !self.created.contains(id))
            .filter_map(|(id, paths)| self.customers.get(id).map(|customer| (customer, paths)))
    }

    /// Identifiers whose edges changed, by id.
    pub fn timelines(&self) -> impl Iterator<Item = (Uuid, &Timeline)> {
        self.timelines.iter().map(|(id, timeline)| (*id, timeline))
    }

    /// Versions of records that were added.
    pub fn added(&self) -> &[Version] {
        &self.added
    }

    /// Takes one record. `fresh` names the customer that it makes where it makes one.
    pub fn ingest(&mut self, read: &Read, fresh: CustomerId, policy: &Policy, now: Timestamp) -> Ingested {
        let record = &read.record;
        let own = Identifier::external(&record.source, &record.external_id);
        let held = self.owner(&own, read, policy);
        if let Some(owner) = held
            && self.versions.get(&owner).is_some_and(|all| all.iter().any(|version| version.record == *record))
        {
            return Ingested { customer: owner, outcome: Outcome::Duplicate, identifiers: Vec::new() };
        }
        let (customer, outcome) = match held.or_else(|| self.match_known(read)) {
            Some(owner) if self.last_number(owner, record) > 0 => (owner, Outcome::Revised),
            Some(owner) => (owner, Outcome::Linked),
            None => {
                let made = Customer::new(fresh, read.organization.clone(), Default::default(), now);
                self.customers.insert(fresh, made);
                self.created.insert(fresh);
                (fresh, Outcome::Created)
            }
        };
        let (identifiers, paths) = self.claim_all(read, customer, policy, now);
        self.add_record(customer, record.clone(), paths, policy, now);
        Ingested { customer, outcome, identifiers }
    }

    /// Makes a customer of what somebody declared. Nothing is changed where it is refused.
    ///
    /// # Errors
    /// [`CustomerError::Invalid`] with every identifier that recognises nobody, [`CustomerError::IdentifierTaken`].
    pub fn declare(
        &mut self,
        customer: Customer,
        record: SourceRecord,
        identifiers: &[RawIdentifier],
        policy: &Policy,
        now: Timestamp,
    ) -> Result<(), CustomerError> {
        let region = record.phone_region();
        let read = readings(identifiers, &policy.reader, region)?;
        for (at, identifier) in read.iter().enumerate() {
            let timeline = self.timelines.get(&identifier.id(&customer.organization));
            if let Some(owner) = timeline.and_then(|t| t.owner_against(now, policy.silence)) {
                return Err(CustomerError::IdentifierTaken { at, kind: identifier.kind, owner });
            }
        }
        let (id, organization) = (customer.id, customer.organization.clone());
        self.created.insert(id);
        self.customers.insert(id, customer);
        for (at, identifier) in read.into_iter().enumerate() {
            let kind = identifier.kind;
            let claimed = Claimed {
                owner: id,
                event_time: now,
                valid_from: None,
                valid_to: None,
                source: source_record::OWN_SOURCE,
                rule: RULE_DECLARED,
            };
            if self.timeline(&organization, identifier).claim(&claimed, policy.silence, now) == Claim::Contested {
                // Nobody's now, but somebody's from a later moment on.
                return Err(CustomerError::IdentifierTaken { at, kind, owner: id });
            }
        }
        self.add_record(id, record, Vec::new(), policy, now);
        Ok(())
    }

    /// Adds a version of a record to its customer, whose profile becomes what its records come to. `paths` are those
    /// that changed otherwise by the same write.
    pub fn add_record(
        &mut self,
        owner: CustomerId,
        record: SourceRecord,
        mut paths: Vec<&'static str>,
        policy: &Policy,
        now: Timestamp,
    ) {
        let version = Version { owner, number: self.last_number(owner, &record) + 1, record };
        let versions = self.versions.entry(owner).or_default();
        versions.push(version.clone());
        let profile = survivorship::view(versions.iter().map(|version| &version.record), &policy.ranks);
        self.added.push(version);
        let customer = self.customers.get_mut(&owner).expect("a record's owner is known or was just made");
        paths.extend(customer.assume(profile));
        if !self.created.contains(&owner) && !paths.is_empty() {
            customer.touch(now);
            self.changed.entry(owner).or_default().extend(paths);
        }
    }

    fn owner(&self, identifier: &Identifier, read: &Read, policy: &Policy) -> Option<CustomerId> {
        self.timelines
            .get(&identifier.id(&read.organization))
            .and_then(|timeline| timeline.owner_against(read.record.event_time, policy.silence))
    }

    fn match_known(&self, read: &Read) -> Option<CustomerId> {
        let mut held = Vec::new();
        for (claim, reading) in read.record.claims.iter().zip(&read.readings) {
            let Reading::Personal(identifier) = reading else { continue };
            let Some(timeline) = self.timelines.get(&identifier.id(&read.organization)) else { continue };
            let at = match (claim.valid_from, claim.valid_to) {
                (Some(from), Some(to)) if to <= read.record.event_time => from,
                (Some(from), _) => from.max(read.record.event_time),
                (None, _) => read.record.event_time,
            };
            // The same person may come back to a number that has been silent; a name that agrees tells.
            held.extend(timeline.owner(at).map(|owner| (identifier.kind, owner)));
        }
        let owners: BTreeSet<CustomerId> = held.iter().map(|(_, owner)| *owner).collect();
        let candidates = owners.iter().filter_map(|owner| {
            let customer = self.customers.get(owner)?;
            let vetoed = self.versions.get(owner).is_some_and(|all| {
                all.iter().any(|version| {
                    version.record.source == read.record.source && version.record.external_id != read.record.external_id
                })
            });
            Some(Candidate { customer, vetoed })
        });
        matching::choose(&held, &read.record.stated, candidates)
    }

    /// Ties all of a record's identifiers; says what became of each, and which paths of the owner changed by it.
    fn claim_all(
        &mut self,
        read: &Read,
        owner: CustomerId,
        policy: &Policy,
        now: Timestamp,
    ) -> (Vec<IdentifierOutcome>, Vec<&'static str>) {
        let record = &read.record;
        let claimed = |from, to| Claimed {
            owner,
            event_time: record.event_time,
            valid_from: from,
            valid_to: to,
            source: &record.source,
            rule: RULE_DETERMINISTIC,
        };
        let own = Identifier::external(&record.source, &record.external_id);
        let mut changed = self.tie(read, own, &claimed(None, None), policy, now) == Some(true);
        let mut outcomes = Vec::with_capacity(record.claims.len());
        for (claim, reading) in record.claims.iter().zip(&read.readings) {
            outcomes.push(match reading {
                Reading::Invalid => IdentifierOutcome::Invalid,
                Reading::Impersonal => IdentifierOutcome::Impersonal,
                Reading::Denied => IdentifierOutcome::Denied,
                Reading::Personal(identifier) => {
                    let claimed = claimed(claim.valid_from, claim.valid_to);
                    match self.tie(read, identifier.clone(), &claimed, policy, now) {
                        None => IdentifierOutcome::Contested,
                        Some(new) => {
                            changed |= new;
                            IdentifierOutcome::Linked
                        }
                    }
                }
            });
        }
        (outcomes, if changed { vec!["identifiers"] } else { Vec::new() })
    }

    /// Ties an identifier; `None` where it is contested, else whether the set of the owner's identifiers changed.
    fn tie(
        &mut self,
        read: &Read,
        identifier: Identifier,
        claimed: &Claimed<'_>,
        policy: &Policy,
        now: Timestamp,
    ) -> Option<bool> {
        let timeline = self.timeline(&read.organization, identifier);
        let open = |timeline: &Timeline| {
            let mine = timeline.edges().iter().filter(|edge| edge.owner == claimed.owner && edge.valid_to.is_none());
            mine.count()
        };
        let before = open(timeline);
        match timeline.claim(claimed, policy.silence, now) {
            Claim::Linked => Some(open(timeline) != before),
            Claim::Contested => None,
        }
    }

    fn timeline(&mut self, organization: &OrganizationId, identifier: Identifier) -> &mut Timeline {
        self.timelines.entry(identifier.id(organization)).or_insert_with(|| Timeline::new(identifier, Vec::new()))
    }

    fn last_number(&self, owner: CustomerId, record: &SourceRecord) -> i64 {
        let same = |version: &&Version| {
            version.record.source == record.source && version.record.external_id == record.external_id
        };
        let versions = self.versions.get(&owner).map_or(&[][..], Vec::as_slice);
        versions.iter().filter(same).map(|version| version.number).max().unwrap_or(0)
    }
}

/// Reads the identifiers that somebody declared, all of which must recognise a customer.
///
/// # Errors
/// [`CustomerError::Invalid`] with a violation for each that does not.
pub fn readings(
    identifiers: &[RawIdentifier],
    reader: &Reader,
    region: Option<super::phone::Region>,
) -> Result<Vec<Identifier>, CustomerError> {
    let mut read = Vec::new();
    let mut violations = Vec::new();
    for (at, raw) in identifiers.iter().enumerate() {
        match reader.recognise(raw, region) {
            Ok(identifier) => read.push(identifier),
            Err(fault) => violations.push(Violation {
                field: format!("identifiers[{at}].{}", fault.part()),
                rule: fault.rule().to_owned(),
                description: fault.to_string(),
            }),
        }
    }
    if violations.is_empty() { Ok(read) } else { Err(CustomerError::Invalid(violations)) }
}

#[cfg(test)]
#[path = "ingest_tests.rs"]
mod tests;
