//! IdentityService: source records in, identity edges out.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use guanxi_contracts::customer::v1::{
    self as pb, IngestOutcome, IngestSourceRecordsRequest, IngestSourceRecordsResponse, ListIdentityEdgesRequest,
    ListIdentityEdgesResponse,
};
use guanxi_contracts::server::customer_v1::identity_service_server::IdentityService;
use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{Call, PageRequest, Refused, Timestamp, Uuid};
use guanxi_rpc::{Answers, answer, answer_each, check, convert, open};
use guanxi_store::{Database, GroupCommit};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use super::ingesting::{Ingest, Ingesting};
use super::wire;
use crate::domain::customer::said;
use crate::domain::identifier::Identifier;
use crate::domain::ingest::{Policy, Read};
use crate::domain::profile::{BirthDate, PersonName, Profile};
use crate::domain::source_record::{Basis, Claim, SourceRecord};
use crate::store::identity::When;
use crate::store::{customers, identity};

/// How many records of one stream are worked on at once: what group commit can group.
const AT_ONCE: usize = 256;

/// The service.
#[derive(Debug, Clone)]
pub struct Identity {
    db: Database,
    policy: Arc<Policy>,
    records: GroupCommit<Ingesting>,
}

impl Identity {
    /// The service over its database and the queue of its records.
    pub fn new(db: &Database, policy: &Arc<Policy>, records: &GroupCommit<Ingesting>) -> Self {
        Self { db: db.clone(), policy: Arc::clone(policy), records: records.clone() }
    }

    async fn take(
        &self,
        call: &Call,
        element: IngestSourceRecordsRequest,
        index: i64,
    ) -> Result<IngestSourceRecordsResponse, Refused> {
        let (source, external_id) = match &element.record {
            Some(record) => (record.source.clone(), record.external_id.clone()),
            None => Default::default(),
        };
        let answer = match self.ingest(call, element).await {
            Ok(answer) => answer,
            Err(refused) => IngestSourceRecordsResponse {
                outcome: IngestOutcome::Rejected.into(),
                rejection: Some(wire::rejection(refused)?),
                ..IngestSourceRecordsResponse::default()
            },
        };
        Ok(IngestSourceRecordsResponse { index, source, external_id, ..answer })
    }

    async fn ingest(
        &self,
        call: &Call,
        element: IngestSourceRecordsRequest,
    ) -> Result<IngestSourceRecordsResponse, Refused> {
        check(&element)?;
        let historical = element.historical;
        let message = convert::required(element.record, "record")?;
        let organization = call.organization(convert::organization(&message.organization, "record.organization")?)?;
        let record = source_record(message)?;
        let contradictions = record.contradictions(self.db.clock().now());
        if !contradictions.is_empty() {
            return Err(Refused::violations(contradictions));
        }
        let root = Identifier::external(&record.source, &record.external_id).id(&organization);
        let read = Read::new(organization, record, &self.policy.reader);
        let written = self.records.submit(call, root, None, Ingest { read, historical }).await?;
        IngestSourceRecordsResponse::decode(written.reply.as_slice())
            .map_err(|_| Refused::internal("an answer could not be read back"))
    }

    async fn list(&self, call: &Call, message: ListIdentityEdgesRequest) -> Result<ListIdentityEdgesResponse, Refused> {
        let at = message.as_of_time.as_ref().map_or_else(String::new, |at| format!("{}.{}", at.seconds, at.nanos));
        let asked = ["ListIdentityEdges", &message.customer, &at];
        let (customer, as_of, page) = convert::all((
            convert::name::<CustomerId>(&message.customer, "customer"),
            convert::instant(message.as_of_time.as_ref(), "as_of_time"),
            PageRequest::parse(message.page_size, &message.page_token, &asked),
        ))?;
        let reader = self.db.reader(call);
        customers::get(&reader, customer).await?;
        let after = page.after.as_deref().map(after).transpose()?;
        let limit = u64::from(page.size) + 1;
        let mut rows = identity::list(&reader, customer, as_of.map_or(When::Ever, When::At), after, limit).await?;
        let more = rows.len() > page.size as usize;
        rows.truncate(page.size as usize);
        let next = rows.last().filter(|_| more).map(|row| {
            let edge = identity::edge(row);
            page.next(vec![edge.valid_from.to_string(), row.root_id.to_string(), row.number.to_string()])
        });
        let edges = rows.iter().map(|row| Ok(wire::edge(&identity::edge(row), &identity::identifier(row)?)));
        Ok(ListIdentityEdgesResponse {
            identity_edges: edges.collect::<Result<_, guanxi_store::StoreError>>()?,
            next_page_token: next.unwrap_or_default(),
        })
    }
}

#[tonic::async_trait]
impl IdentityService for Identity {
    type IngestSourceRecordsStream = Answers<IngestSourceRecordsResponse>;

    async fn ingest_source_records(
        &self,
        request: Request<Streaming<IngestSourceRecordsRequest>>,
    ) -> Result<Response<Self::IngestSourceRecordsStream>, Status> {
        let (this, next) = (self.clone(), AtomicI64::new(0));
        answer_each(request, AT_ONCE, move |call, element| {
            let (this, index) = (this.clone(), next.fetch_add(1, Ordering::Relaxed));
            async move { this.take(&call, element, index).await }
        })
    }

    async fn list_identity_edges(
        &self,
        request: Request<ListIdentityEdgesRequest>,
    ) -> Result<Response<ListIdentityEdgesResponse>, Status> {
        let (call, message) = open(request);
        answer(self.list(&call, message)).await
    }
}

fn after(key: &[String]) -> Result<(Timestamp, Uuid, i64), Refused> {
    let malformed = || Refused::invalid("page_token", "PAGE_TOKEN_MALFORMED", "is not a token that a page returned");
    let [from, id, number] = key else { return Err(malformed()) };
    let from = from.parse().map_err(|_| malformed())?;
    Ok((from, id.parse().map_err(|_| malformed())?, number.parse().map_err(|_| malformed())?))
}

/// A record from the contract's message.
fn source_record(message: pb::SourceRecord) -> Result<SourceRecord, Refused> {
    let address = message.address.clone().unwrap_or_default();
    let (event_time, birth_date, claims) = convert::all((
        convert::required_instant(message.event_time.as_ref(), "record.event_time"),
        wire::birth_date(&message.birth_date, "record.birth_date"),
        convert::each::<_, Vec<_>>(message.identifiers.iter().enumerate().map(|(at, claimed)| claim(claimed, at))),
    ))?;
    let name = PersonName { display: message.display_name, given: message.given_name, family: message.family_name };
    let profile = Profile {
        name,
        birth_date: BirthDate(birth_date),
        address: wire::postal_address(address),
        language: message.language_code,
    };
    Ok(SourceRecord {
        source: message.source,
        external_id: message.external_id,
        event_time,
        basis: match pb::Basis::try_from(message.basis) {
            Ok(pb::Basis::Declared) => Basis::Declared,
            Ok(pb::Basis::Inferred) => Basis::Inferred,
            Ok(pb::Basis::Observed | pb::Basis::Unspecified) | Err(_) => Basis::Observed,
        },
        region: message.region_code,
        stated: said(profile),
        claims,
    })
}

fn claim(message: &pb::SourceIdentifier, at: usize) -> Result<Claim, Refused> {
    let field = format!("record.identifiers[{at}]");
    let identifier = convert::required(message.identifier.as_ref(), &format!("{field}.identifier"))?;
    let (identifier, valid_from, valid_to) = convert::all((
        wire::raw_identifier(identifier, &format!("{field}.identifier")),
        convert::instant(message.valid_from_time.as_ref(), &format!("{field}.valid_from_time")),
        convert::instant(message.valid_to_time.as_ref(), &format!("{field}.valid_to_time")),
    ))?;
    Ok(Claim { identifier, valid_from, valid_to })
}
