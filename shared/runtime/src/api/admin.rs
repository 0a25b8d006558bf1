//! AdminService: figures, invariants and flow of every service of the process.

use futures::stream::{self, BoxStream, StreamExt};
use guanxi_contracts::common::v1::{
    FlowPosition, GetFlowLagRequest, GetFlowLagResponse, GetSummaryRequest, GetSummaryResponse, InvariantResult,
    InvariantViolation, RetriedDeadLetters, RetryDeadLettersRequest, RetryDeadLettersResponse, ServiceFlow,
    ServiceSummary, VerifyRequest, VerifyResponse, verify_response::Item,
};
use guanxi_contracts::server::common_v1::admin_service_server::AdminService;
use guanxi_kernel::{Access, Refused};
use guanxi_rpc::{answer, open, status};
use guanxi_store::outbox::Position;
use tonic::{Request, Response, Status};

use super::{Host, Hosted};
use crate::verification;

#[tonic::async_trait]
impl AdminService for Host {
    async fn get_summary(&self, request: Request<GetSummaryRequest>) -> Result<Response<GetSummaryResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let mut services = Vec::new();
            for hosted in self.named(&message.service)? {
                let figures = match &hosted.summary {
                    Some(summary) => summary(hosted.db.clone(), call.clone()).await?.into_proto(),
                    None => Vec::new(),
                };
                services.push(ServiceSummary { service: hosted.service.to_owned(), figures });
            }
            Ok(GetSummaryResponse { services })
        })
        .await
    }

    type VerifyStream = BoxStream<'static, Result<VerifyResponse, Status>>;

    async fn verify(&self, request: Request<VerifyRequest>) -> Result<Response<Self::VerifyStream>, Status> {
        let (call, message) = open(request);
        // An invariant is about the whole ledger, so what breaks it may be of any organisation.
        if *call.caller.organizations != Access::All {
            let refused = Refused::denied("ORGANIZATIONS_MISSING", "verifying needs access to all organisations");
            return Err(status(refused));
        }
        let hosted = self.named(&message.service).map_err(status)?.to_vec();
        let checks = hosted
            .into_iter()
            .flat_map(|hosted| (0..hosted.invariants.len()).map(move |at| (hosted.clone(), at)).collect::<Vec<_>>());
        let answers = stream::iter(checks).then(|(hosted, at)| verified(hosted, at)).flat_map(stream::iter);
        Ok(Response::new(answers.boxed()))
    }

    async fn retry_dead_letters(
        &self,
        request: Request<RetryDeadLettersRequest>,
    ) -> Result<Response<RetryDeadLettersResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            // Events are of any organisation.
            if *call.caller.organizations != Access::All {
                let why = "offering dead letters again needs access to all organisations";
                return Err(Refused::denied("ORGANIZATIONS_MISSING", why));
            }
            let mut services = Vec::new();
            for hosted in self.named(&message.service)? {
                let offered = hosted.db.retry_dead_letters().await?;
                let (_, remaining) = hosted.db.inbox_waiting().await?;
                let service = hosted.service.to_owned();
                services.push(RetriedDeadLetters {
                    service,
                    handled: offered.handled,
                    parked: offered.parked,
                    remaining,
                });
            }
            Ok(RetryDeadLettersResponse { services })
        })
        .await
    }

    async fn get_flow_lag(&self, request: Request<GetFlowLagRequest>) -> Result<Response<GetFlowLagResponse>, Status> {
        let (_, message) = open(request);
        answer(async {
            let mut services = Vec::new();
            for hosted in self.named(&message.service)? {
                services.push(flow(hosted).await?);
            }
            Ok(GetFlowLagResponse { services })
        })
        .await
    }
}

/// The rows that break one invariant, then what it came to.
async fn verified(hosted: Hosted, at: usize) -> Vec<Result<VerifyResponse, Status>> {
    let invariant = &hosted.invariants[at];
    let (service, name) = (hosted.service.to_owned(), invariant.name().to_owned());
    let checked = match verification::check(&hosted.db, invariant).await {
        Ok(checked) => checked,
        Err(error) => return vec![Err(status(error.into()))],
    };
    let result = InvariantResult {
        service: service.clone(),
        invariant: name.clone(),
        checked: checked.checked,
        violations: checked.broken,
    };
    let breaches = checked.breaches.into_iter().map(|breach| {
        Item::Violation(InvariantViolation {
            service: service.clone(),
            invariant: name.clone(),
            subject: breach.subject,
            description: breach.description,
        })
    });
    let items = breaches.chain([Item::Result(result)]);
    items.map(|item| Ok(VerifyResponse { item: Some(item) })).collect()
}

/// What is on its way from and to a service. It names every partition that the service reads, those too of which it has
/// nothing yet, so that whoever waits for the flow to settle knows what to compare.
async fn flow(hosted: &Hosted) -> Result<ServiceFlow, Refused> {
    let db = &hosted.db;
    let waiting = db.outbox_waiting().await?;
    let heads = db.outbox_heads().await?;
    let known = db.inbox_positions().await?;
    let (parked, dead_letters) = db.inbox_waiting().await?;
    let mut consumed: Vec<_> = known.iter().map(|(producer, p, at)| position(producer, *p, *at)).collect();
    for &producer in &hosted.producers {
        for partition in 0..db.partitions() {
            if !known.iter().any(|(known, p, _)| known == producer && *p == partition) {
                consumed.push(position(producer, partition, Position::default()));
            }
        }
    }
    Ok(ServiceFlow {
        service: hosted.service.to_owned(),
        outbox_waiting: waiting.iter().map(|(_, events)| events).sum(),
        heads: heads.into_iter().map(|(partition, at)| position(hosted.service, partition, at)).collect(),
        consumed,
        parked,
        dead_letters,
    })
}

fn position(producer: &str, partition: u32, at: Position) -> FlowPosition {
    let partition = i32::try_from(partition).unwrap_or(i32::MAX);
    FlowPosition { producer: producer.to_owned(), partition, epoch: at.epoch, number: at.number }
}
