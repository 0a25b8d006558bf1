//! What the load is about, and its calls: an order, points, a scan of a package, a review, in turn. Each call has a number,
//! and what it makes is called by it.

use std::sync::atomic::{AtomicU64, Ordering};

use futures::stream;
use guanxi_client::contracts::customer::v1::{
    CreateCustomerRequest, Customer, Order, OrderLine, RecordOrdersRequest, RecordOutcome,
};
use guanxi_client::contracts::feedback::v1::{Review, SubmitReviewRequest};
use guanxi_client::contracts::logistics::v1::{
    CreateShipmentRequest, IngestEventsRequest, IngestOutcome, NewPackage, PackageReference, SourceKind,
};
use guanxi_client::contracts::loyalty::v1::{
    CreateProgramRequest, EarnPointsRequest, EarningRule, EnrollMemberRequest, PerAmount, PointCurrency, Program,
    Purchase, PurchaseLine, Rounding,
};
use guanxi_client::{Client, Error, request_id};
use prost_types::Timestamp;
use tonic::Status;

/// The kinds of calls, in turn: call `n` is of kind `n` modulo four.
pub const KINDS: [&str; 4] = ["orders", "points", "scans", "reviews"];

/// Customers, members and packages that the calls are spread over.
const SPREAD: usize = 16;

/// What the load is about.
#[derive(Debug)]
pub struct World {
    pub(super) customers: Vec<String>,
    pub(super) members: Vec<String>,
    pub(super) packages: Vec<String>,
    next: AtomicU64,
}

/// A call with what it sends, to be made once or again.
#[derive(Debug)]
pub(super) enum Call {
    Order(Box<RecordOrdersRequest>),
    Points(Box<EarnPointsRequest>),
    Scan(Box<IngestEventsRequest>),
    Review(Box<SubmitReviewRequest>),
}

impl World {
    /// Makes it.
    ///
    /// # Errors
    /// The first call that failed.
    pub async fn make(client: &Client) -> Result<Self, Status> {
        let (mut customers, mut members, mut packages) = (Vec::new(), Vec::new(), Vec::new());
        let request =
            CreateProgramRequest { request_id: request_id(), program_id: "load".into(), program: Some(program()) };
        let made = client.loyalty().programs().create_program(request).await?.into_inner();
        let program = made.program.unwrap_or_default().name;
        for n in 0..SPREAD {
            let customer = Customer { display_name: format!("customer {n}"), ..Customer::default() };
            let request =
                CreateCustomerRequest { customer: Some(customer), request_id: request_id(), ..Default::default() };
            let made = client.customer().customers().create_customer(request).await?.into_inner();
            let customer = made.customer.unwrap_or_default().name;
            let request = EnrollMemberRequest {
                request_id: request_id(),
                program: program.clone(),
                customer: customer.clone(),
                ..Default::default()
            };
            let made = client.loyalty().members().enroll_member(request).await?.into_inner();
            members.push(made.member.unwrap_or_default().name);
            customers.push(customer);
            let request = CreateShipmentRequest {
                request_id: request_id(),
                packages: vec![NewPackage::default()],
                ..Default::default()
            };
            let made = client.logistics().shipments().create_shipment(request).await?.into_inner();
            packages.extend(made.shipment.unwrap_or_default().packages.into_iter().map(|package| package.name));
        }
        Ok(Self { customers, members, packages, next: AtomicU64::new(0) })
    }

    /// The kind of a call.
    pub fn kind(n: u64) -> &'static str {
        KINDS[usize::try_from(n % 4).unwrap_or_default()]
    }

    pub(super) fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn call(&self, n: u64) -> Call {
        let one = |of: &[String]| of[usize::try_from(n / 4).unwrap_or_default() % of.len()].clone();
        match World::kind(n) {
            "orders" => Call::Order(Box::new(order(n, one(&self.customers)))),
            "points" => Call::Points(Box::new(points(n, one(&self.members)))),
            "scans" => Call::Scan(Box::new(scan(n, one(&self.packages)))),
            _ => Call::Review(Box::new(review(n))),
        }
    }
}

impl Call {
    pub(super) async fn make(&self, client: &Client) -> Result<(), Error> {
        let none = || Status::unavailable("the stream ended without an answer");
        let refused = |what: String| Error::from(Status::failed_precondition(what));
        match self {
            Self::Order(order) => {
                let orders = stream::iter([(**order).clone()]);
                let mut answers = client.customer().orders().record_orders(orders).await?.into_inner();
                let answer = answers.message().await?.ok_or_else(none)?;
                match answer.outcome() {
                    RecordOutcome::Recorded | RecordOutcome::Duplicate => Ok(()),
                    _ => Err(refused(format!("{answer:?}"))),
                }
            }
            Self::Points(earned) => {
                client.loyalty().points().earn_points((**earned).clone()).await?;
                Ok(())
            }
            Self::Scan(scan) => {
                let scans = stream::iter([(**scan).clone()]);
                let mut answers = client.logistics().tracking().ingest_events(scans).await?.into_inner();
                let answer = answers.message().await?.ok_or_else(none)?;
                match answer.outcome() {
                    IngestOutcome::Accepted | IngestOutcome::Duplicate => Ok(()),
                    _ => Err(refused(format!("{answer:?}"))),
                }
            }
            Self::Review(review) => {
                client.feedback().reviews().submit_review((**review).clone()).await?;
                Ok(())
            }
        }
    }
}

/// A program in which each whole yuan earns a point.
fn program() -> Program {
    let rule = EarningRule {
        id: "per-yuan".into(),
        per_amount: Some(PerAmount { points: 1, step_minor: 100, ..PerAmount::default() }),
        ..EarningRule::default()
    };
    Program {
        display_name: "load".into(),
        point_currency: Some(PointCurrency { display_name: "points".into() }),
        currency_code: "CNY".into(),
        time_zone: "Asia/Shanghai".into(),
        rounding: Rounding::Floor.into(),
        earning_rules: vec![rule],
        ..Program::default()
    }
}

/// An instant of the past, later by a second for each call.
fn second(n: u64) -> Option<Timestamp> {
    Some(Timestamp { seconds: 1_700_000_000 + i64::try_from(n).unwrap_or_default(), nanos: 0 })
}

fn order(n: u64, customer: String) -> RecordOrdersRequest {
    let line = OrderLine {
        line: 1,
        product: "tv".into(),
        seller: "s1".into(),
        quantity: 1,
        price_minor: 10_000,
        ..OrderLine::default()
    };
    let order = Order {
        name: ordered(n),
        customer,
        order_time: second(n),
        currency_code: "CNY".into(),
        lines: vec![line],
        ..Order::default()
    };
    RecordOrdersRequest { order: Some(order), ..RecordOrdersRequest::default() }
}

fn points(n: u64, member: String) -> EarnPointsRequest {
    let line = PurchaseLine { line: 1, quantity: 1, price_minor: 10_000, ..PurchaseLine::default() };
    let purchase = Purchase { currency_code: "CNY".into(), lines: vec![line], ..Purchase::default() };
    let order = earned(n);
    EarnPointsRequest { request_id: request_id(), member, order, purchase: Some(purchase), ..Default::default() }
}

fn scan(n: u64, package: String) -> IngestEventsRequest {
    IngestEventsRequest {
        package: Some(PackageReference { package, ..PackageReference::default() }),
        source: "load".into(),
        source_kind: SourceKind::Scanner.into(),
        source_event_id: n.to_string(),
        occurred_time: second(n),
        status_name: "IN_TRANSIT".into(),
        ..IngestEventsRequest::default()
    }
}

fn review(n: u64) -> SubmitReviewRequest {
    let review = Review {
        source: "load".into(),
        external_id: n.to_string(),
        subject: "products/tv".into(),
        rating: 5,
        ..Review::default()
    };
    SubmitReviewRequest { request_id: request_id(), review: Some(review), historical: false }
}

/// The name of the order that call `n` records.
pub(super) fn ordered(n: u64) -> String {
    format!("orders/load:{n}")
}

/// The name of the order that call `n` earns for.
pub(super) fn earned(n: u64) -> String {
    format!("orders/till:{n}")
}
