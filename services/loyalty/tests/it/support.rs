//! What the tests say to loyalty, and how they read what it answers.

use std::collections::BTreeMap;

use guanxi_client::{Client, Error, request_id};
use guanxi_contracts::common::v1::{GetSummaryRequest, figure};
use guanxi_contracts::customer::events::v1::{OrderCancelled, OrderLine, OrderRecorded, OrderReturned, ReturnedLine};
use guanxi_contracts::logistics::events::v1::ShipmentDelivered;
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{OrderName, OrganizationId, Timestamp, Uuid};
use guanxi_messaging::event;
use guanxi_store::NewEvent;
use guanxi_testkit::{Env, Setup};

/// Loyalty alone, told by stand-ins.
pub fn setup() -> Setup {
    Setup::of(&[guanxi_loyalty::SERVICE]).told_by(&["customer", "logistics", "feedback"])
}

pub fn order(number: &str) -> OrderName {
    OrderName::new("pos", number).expect("a name")
}

pub fn customer(number: u128) -> CustomerId {
    CustomerId(Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + number))
}

pub fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

pub fn reason<T: std::fmt::Debug>(answer: Result<T, tonic::Status>) -> String {
    Error::from(answer.expect_err("it is refused")).reason
}

/// A program in which each whole 1.00 CNY earns a point at once and for ever.
pub fn program() -> Program {
    let rule = EarningRule {
        id: "base".into(),
        per_amount: Some(PerAmount { points: 1, step_minor: 100, ..PerAmount::default() }),
        ..EarningRule::default()
    };
    Program {
        display_name: "Test".into(),
        point_currency: Some(PointCurrency { display_name: "points".into() }),
        currency_code: "CNY".into(),
        time_zone: "Asia/Shanghai".into(),
        auto_enroll: true,
        rounding: Rounding::Floor.into(),
        earning_rules: vec![rule],
        ..Program::default()
    }
}

/// The same, whose points wait for delivery.
pub fn waiting_program() -> Program {
    let pending = Some(PendingPolicy { delivered: Some(UntilDelivered {}), delay: None });
    Program { pending, ..program() }
}

/// The same, whose points are good for so many days.
pub fn expiring_program(days: i32) -> Program {
    let period = Some(Period { count: days, unit: PeriodUnit::Day.into() });
    let period = Some(PeriodExpiry { period, extend_to: PeriodEnd::Unspecified.into() });
    Program { expiry: Some(ExpiryPolicy { period, ..ExpiryPolicy::default() }), ..program() }
}

/// The same, whose balances may fall to a floor.
pub fn owing_program(floor: i64) -> Program {
    let policy = NegativeBalancePolicy { allow: Some(AllowOverdraft { floor }), ..NegativeBalancePolicy::default() };
    Program { negative_balance: Some(policy), ..program() }
}

pub async fn create(client: &Client, id: &str, program: Program) -> Program {
    let request = CreateProgramRequest { request_id: request_id(), program_id: id.into(), program: Some(program) };
    let answer = client.loyalty().programs().create_program(request).await.expect("it is made");
    answer.into_inner().program.expect("a program")
}

pub async fn enroll(client: &Client, program: &str, customer: CustomerId) -> String {
    let request = EnrollMemberRequest {
        request_id: request_id(),
        program: format!("programs/{program}"),
        customer: customer.to_string(),
        enroll_time: None,
    };
    let answer = client.loyalty().members().enroll_member(request).await.expect("he is enrolled");
    answer.into_inner().member.expect("a member").name
}

/// A program `test` and a member of it.
pub async fn member(env: &Env, program: Program) -> String {
    create(&env.client(), "test", program).await;
    enroll(&env.client(), "test", customer(1)).await
}

pub fn line(number: i32, price_minor: i64) -> PurchaseLine {
    PurchaseLine { line: number, quantity: 1, price_minor, ..PurchaseLine::default() }
}

pub fn purchase(lines: Vec<PurchaseLine>) -> Purchase {
    Purchase { currency_code: "CNY".into(), lines, ..Purchase::default() }
}

pub fn earning(member: &str, number: &str, lines: Vec<PurchaseLine>) -> EarnPointsRequest {
    EarnPointsRequest {
        request_id: request_id(),
        member: member.into(),
        order: order(number).to_string(),
        purchase: Some(purchase(lines)),
        effective_time: None,
    }
}

/// Earns so many points with one line.
pub async fn earn(client: &Client, member: &str, number: &str, points: i64) -> EarnPointsResponse {
    let request = earning(member, number, vec![line(1, points * 100)]);
    let answer = client.loyalty().points().earn_points(request).await.expect("it earns").into_inner();
    assert_eq!(answer.points, points);
    answer
}

pub fn spending(member: &str, points: i64) -> SpendPointsRequest {
    SpendPointsRequest { request_id: request_id(), member: member.into(), points, ..SpendPointsRequest::default() }
}

pub async fn balance(client: &Client, member: &str) -> Balance {
    let request = GetBalanceRequest { member: member.into(), as_of: None, known_at: None };
    let answer = client.loyalty().points().get_balance(request).await.expect("there is one");
    answer.into_inner().balance.expect("a balance")
}

pub fn return_all(member: &str, number: &str) -> ReturnOrderRequest {
    ReturnOrderRequest {
        request_id: request_id(),
        member: member.into(),
        order: order(number).to_string(),
        return_id: "all".into(),
        lines: vec![],
        effective_time: None,
    }
}

/// What the customer service tells of an order: a line of 10.00 of each seller.
pub fn recorded(number: &str, who: CustomerId, sellers: &[&str]) -> NewEvent {
    let line = |(line, seller): (i32, &&str)| OrderLine {
        line,
        product: "p".into(),
        seller: (*seller).into(),
        quantity: 1,
        price_minor: 1_000,
        delivery_minor: 500,
        ..OrderLine::default()
    };
    let when = at("2026-11-01T00:00:00Z");
    let message = OrderRecorded {
        order: order(number).to_string(),
        customer: who.to_string(),
        order_time: Some(to_proto(when)),
        lines: (1..).zip(sellers).map(line).collect(),
        currency_code: "CNY".into(),
        ..OrderRecorded::default()
    };
    event(&message.order, 1, &OrganizationId::default_organization(), when, true, &message)
}

pub fn cancelled(number: &str, who: CustomerId) -> NewEvent {
    let when = at("2026-11-05T00:00:00Z");
    let message = OrderCancelled {
        order: order(number).to_string(),
        customer: who.to_string(),
        cancel_time: Some(to_proto(when)),
        reason: String::new(),
    };
    event(&message.order, 2, &OrganizationId::default_organization(), when, true, &message)
}

pub fn returned(number: &str, who: CustomerId, return_id: &str, lines: &[i32]) -> NewEvent {
    let when = at("2026-11-06T00:00:00Z");
    let message = OrderReturned {
        order: order(number).to_string(),
        customer: who.to_string(),
        return_id: return_id.into(),
        return_time: Some(to_proto(when)),
        lines: lines.iter().map(|&line| ReturnedLine { line, quantity: 1 }).collect(),
    };
    event(&message.order, 3, &OrganizationId::default_organization(), when, true, &message)
}

pub fn delivered(number: &str, seller: &str, when: &str) -> NewEvent {
    let (order, when) = (order(number), at(when));
    let shipment = order.shipment(seller);
    let message = ShipmentDelivered {
        shipment: shipment.to_string(),
        order: order.to_string(),
        delivered_time: Some(to_proto(when)),
        ..ShipmentDelivered::default()
    };
    event(shipment, 1, &OrganizationId::default_organization(), when, true, &message)
}

/// The service's own figures.
pub async fn figures(client: &Client) -> BTreeMap<String, i64> {
    let request = GetSummaryRequest { service: "loyalty".into() };
    let answer = client.admin("loyalty").get_summary(request).await.expect("there are figures").into_inner();
    let figures = answer.services.into_iter().flat_map(|service| service.figures);
    figures
        .filter_map(|figure| match figure.value {
            Some(figure::Value::Integer(value)) => Some((figure.name, value)),
            _ => None,
        })
        .collect()
}
