//! The calls that are measured, on data made for them.

use std::sync::Arc;

use futures::StreamExt;
use guanxi_contracts::customer::v1::customer_service_client::CustomerServiceClient;
use guanxi_contracts::customer::v1::{CreateCustomerRequest, Customer, GetCustomerRequest};
use guanxi_contracts::logistics::v1::shipment_service_client::ShipmentServiceClient;
use guanxi_contracts::logistics::v1::tracking_service_client::TrackingServiceClient;
use guanxi_contracts::logistics::v1::{
    CreateShipmentRequest, IngestEventsRequest, IngestEventsResponse, IngestOutcome, NewPackage, PackageReference,
    SourceKind,
};
use guanxi_contracts::loyalty::v1::member_service_client::MemberServiceClient;
use guanxi_contracts::loyalty::v1::points_service_client::PointsServiceClient;
use guanxi_contracts::loyalty::v1::program_service_client::ProgramServiceClient;
use guanxi_contracts::loyalty::v1::{
    CreateProgramRequest, EarnPointsRequest, EarningRule, EnrollMemberRequest, PerAmount, PointCurrency, Program,
    Purchase, PurchaseLine, Rounding,
};
use tokio::sync::{Mutex, mpsc};
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use crate::drive::Calls;
use crate::server::Guanxi;

/// Members, customers and packages that the calls are spread over.
pub const SPREAD: usize = 10_000;

/// A call that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    EarnPoints,
    GetCustomer,
    IngestEvents,
}

pub const ALL: [Which; 3] = [Which::EarnPoints, Which::GetCustomer, Which::IngestEvents];

impl Which {
    pub fn name(self) -> &'static str {
        match self {
            Self::EarnPoints => "EarnPoints",
            Self::GetCustomer => "GetCustomer",
            Self::IngestEvents => "IngestEvents",
        }
    }
}

/// What the calls are about.
pub struct World {
    pub members: Arc<[String]>,
    customers: Arc<[String]>,
    packages: Arc<[String]>,
}

pub fn id() -> String {
    guanxi_client::request_id()
}

pub fn with_token<T>(message: T, token: &AsciiMetadataValue) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", token.clone());
    request
}

/// Makes things, a hundred at a time.
pub async fn many<F, C>(count: usize, make: F) -> Arc<[String]>
where
    F: Fn(usize) -> C,
    C: Future<Output = Result<String, Status>>,
{
    let made = futures::stream::iter(0..count).map(make).buffer_unordered(100);
    made.map(|name| name.unwrap()).collect::<Vec<_>>().await.into()
}

impl World {
    pub async fn make(guanxi: &Guanxi) -> Self {
        let token: AsciiMetadataValue = guanxi.token.parse().unwrap();
        let channel = |n: usize| guanxi.channels[n % guanxi.channels.len()].clone();
        let customers = many(SPREAD, |n| {
            let (mut client, token) = (CustomerServiceClient::new(channel(n)), token.clone());
            async move {
                let customer = Customer { display_name: format!("customer {n}"), ..Default::default() };
                let request =
                    CreateCustomerRequest { customer: Some(customer), request_id: id(), ..Default::default() };
                let made = client.create_customer(with_token(request, &token)).await?.into_inner();
                Ok(made.customer.unwrap_or_default().name)
            }
        })
        .await;
        let rule = EarningRule {
            id: "per-yuan".into(),
            per_amount: Some(PerAmount { points: 1, step_minor: 100, ..PerAmount::default() }),
            ..Default::default()
        };
        let program = Program {
            display_name: "bench".into(),
            point_currency: Some(PointCurrency { display_name: "points".into() }),
            currency_code: "CNY".into(),
            time_zone: "Asia/Shanghai".into(),
            rounding: Rounding::Floor.into(),
            earning_rules: vec![rule],
            ..Default::default()
        };
        let request = CreateProgramRequest { request_id: id(), program_id: "bench".into(), program: Some(program) };
        ProgramServiceClient::new(channel(0)).create_program(with_token(request, &token)).await.unwrap();
        let members = many(SPREAD, |n| {
            let (mut client, token) = (MemberServiceClient::new(channel(n)), token.clone());
            let customer = customers[n].clone();
            async move {
                let request = EnrollMemberRequest {
                    request_id: id(),
                    program: "programs/bench".into(),
                    customer,
                    ..Default::default()
                };
                let enrolled = client.enroll_member(with_token(request, &token)).await?.into_inner();
                Ok(enrolled.member.unwrap_or_default().name)
            }
        })
        .await;
        let packages = many(SPREAD, |n| {
            let (mut client, token) = (ShipmentServiceClient::new(channel(n)), token.clone());
            async move {
                let request = CreateShipmentRequest {
                    request_id: id(),
                    packages: vec![NewPackage::default()],
                    ..Default::default()
                };
                let made = client.create_shipment(with_token(request, &token)).await?.into_inner();
                Ok(made.shipment.unwrap_or_default().packages.remove(0).name)
            }
        })
        .await;
        Self { members, customers, packages }
    }

    pub async fn calls(&self, guanxi: &Guanxi, which: Which) -> Calls {
        let token: AsciiMetadataValue = guanxi.token.parse().unwrap();
        let channels = guanxi.channels.clone();
        let channel = move |n: u64| channels[n as usize % channels.len()].clone();
        match which {
            Which::EarnPoints => {
                let members = Arc::clone(&self.members);
                Arc::new(move |n| {
                    let mut client = PointsServiceClient::new(channel(n));
                    let request = with_token(earn(&members[spread(n)]), &token);
                    Box::pin(async move { client.earn_points(request).await.map(drop).map_err(said) })
                })
            }
            Which::GetCustomer => {
                let customers = Arc::clone(&self.customers);
                Arc::new(move |n| {
                    let mut client = CustomerServiceClient::new(channel(n));
                    let request = GetCustomerRequest { name: customers[spread(n)].clone() };
                    let request = with_token(request, &token);
                    Box::pin(async move { client.get_customer(request).await.map(drop).map_err(said) })
                })
            }
            Which::IngestEvents => {
                let packages = Arc::clone(&self.packages);
                let pool = Arc::new(Pool { idle: Mutex::default(), token });
                Arc::new(move |n| {
                    let (pool, channel) = (Arc::clone(&pool), channel(n));
                    let event = scan(&packages[spread(n)], n);
                    Box::pin(async move { pool.ingest(channel, event).await.map_err(said) })
                })
            }
        }
    }
}

pub fn said(status: Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}

/// Neighbouring calls go to members far from each other.
pub fn spread(n: u64) -> usize {
    (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as usize % SPREAD
}

pub fn earn(member: &str) -> EarnPointsRequest {
    let line = |line, price_minor| PurchaseLine { line, quantity: 1, price_minor, ..Default::default() };
    EarnPointsRequest {
        request_id: id(),
        member: member.to_owned(),
        order: format!("orders/bench:{}", id()),
        purchase: Some(Purchase {
            currency_code: "CNY".into(),
            lines: vec![line(1, 299_900), line(2, 12_950)],
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn scan(package: &str, n: u64) -> IngestEventsRequest {
    IngestEventsRequest {
        package: Some(PackageReference { package: package.to_owned(), ..Default::default() }),
        source: "bench".into(),
        source_kind: SourceKind::Scanner.into(),
        source_event_id: id(),
        occurred_time: Some(prost_types::Timestamp { seconds: 1_700_000_000 + n as i64, nanos: 0 }),
        status_name: "IN_TRANSIT".into(),
        ..Default::default()
    }
}

/// Open streams: a call takes one, sends an event, waits for its answer, and gives it back.
struct Pool {
    idle: Mutex<Vec<Stream>>,
    token: AsciiMetadataValue,
}

struct Stream {
    send: mpsc::Sender<IngestEventsRequest>,
    answers: Streaming<IngestEventsResponse>,
}

impl Pool {
    async fn ingest(&self, channel: Channel, event: IngestEventsRequest) -> Result<(), Status> {
        let idle = self.idle.lock().await.pop();
        let mut stream = match idle {
            Some(stream) => {
                stream.send.send(event).await.map_err(|_| Status::unavailable("the stream has ended"))?;
                stream
            }
            None => {
                let (send, receive) = mpsc::channel(1);
                send.send(event).await.map_err(|_| Status::internal("nobody receives"))?;
                let events = tokio_stream::wrappers::ReceiverStream::new(receive);
                let answers =
                    TrackingServiceClient::new(channel).ingest_events(with_token(events, &self.token)).await?;
                Stream { send, answers: answers.into_inner() }
            }
        };
        let answer = stream.answers.message().await?.ok_or_else(|| Status::unavailable("the stream has ended"))?;
        if answer.outcome() == IngestOutcome::Rejected {
            return Err(Status::invalid_argument(answer.reason));
        }
        self.idle.lock().await.push(stream);
        Ok(())
    }
}
