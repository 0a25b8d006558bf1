//! What the tests say to feedback, and how they read what it answers.

use guanxi_client::{Client, Error, request_id};
use guanxi_contracts::common::v1::{GetSummaryRequest, figure};
use guanxi_contracts::customer::events::v1::{OrderCancelled, OrderLine, OrderRecorded};
use guanxi_contracts::feedback::v1::*;
use guanxi_contracts::logistics::events::v1::ShipmentDelivered;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{OrderName, OrganizationId, Timestamp, Uuid};
use guanxi_messaging::event;
use guanxi_store::NewEvent;
use guanxi_testkit::{Env, Setup};

/// Feedback alone, told by stand-ins.
pub fn setup() -> Setup {
    Setup::of(&[guanxi_feedback::SERVICE]).told_by(&["customer", "logistics"])
}

pub fn order(number: &str) -> OrderName {
    OrderName::new("olist", number).expect("a name")
}

pub fn customer() -> CustomerId {
    CustomerId(Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001))
}

pub fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// What the customer service tells of an order.
pub struct Placed {
    pub message: OrderRecorded,
    pub organization: OrganizationId,
    pub historical: bool,
}

/// An order of the default organisation with a line of each seller.
pub fn placed(number: &str, sellers: &[&str]) -> Placed {
    let line = |(line, seller): (i32, &&str)| OrderLine {
        line,
        product: "p".into(),
        seller: (*seller).into(),
        quantity: 1,
        price_minor: 1_000,
        ..OrderLine::default()
    };
    let message = OrderRecorded {
        order: order(number).to_string(),
        customer: customer().to_string(),
        lines: (1..).zip(sellers).map(line).collect(),
        currency_code: "BRL".into(),
        ..OrderRecorded::default()
    };
    Placed { message, organization: OrganizationId::default_organization(), historical: false }
}

impl Placed {
    pub fn cancelled(mut self) -> Self {
        self.message.cancel_time = Some(to_proto(at("2026-11-01T00:00:00Z")));
        self
    }

    pub fn of(mut self, slug: &str) -> Self {
        self.organization = OrganizationId::from_slug(slug).expect("a slug");
        self
    }

    pub fn event(&self) -> NewEvent {
        let when = at("2026-11-01T00:00:00Z");
        event(&self.message.order, 1, &self.organization, when, self.historical, &self.message)
    }
}

/// What the customer service tells of a cancellation.
pub fn cancelled(number: &str) -> NewEvent {
    let order = order(number).to_string();
    let message =
        OrderCancelled { order: order.clone(), customer: customer().to_string(), ..OrderCancelled::default() };
    event(&order, 2, &OrganizationId::default_organization(), at("2026-11-02T00:00:00Z"), false, &message)
}

/// What the logistics service tells of what a seller sent.
pub fn delivered(number: &str, seller: &str, on_time: bool) -> NewEvent {
    delivered_as(number, seller, on_time, false)
}

pub fn delivered_as(number: &str, seller: &str, on_time: bool, historical: bool) -> NewEvent {
    let order = order(number);
    let shipment = order.shipment(seller).to_string();
    let when = at("2026-11-10T12:00:00Z");
    let message = ShipmentDelivered {
        shipment: shipment.clone(),
        order: order.to_string(),
        customer: customer().to_string(),
        delivered_time: Some(to_proto(when)),
        delivered_date: "2026-11-10".into(),
        promised_date: "2026-11-09".into(),
        on_time: Some(on_time),
    };
    event(&shipment, 3, &OrganizationId::default_organization(), when, historical, &message)
}

pub fn question(id: &str, kind: QuestionKind, required: bool) -> Question {
    Question { id: id.into(), kind: kind.into(), prompt: "How was it?".into(), required }
}

/// The default organisation's survey that is sent on delivery: one NPS question, `nps`, and words, `why`.
pub async fn delivery_survey(client: &Client) -> Survey {
    create_survey(client, "delivery", SurveyTrigger::Delivered, "").await.expect("a survey")
}

pub async fn create_survey(
    client: &Client,
    slug: &str,
    trigger: SurveyTrigger,
    organization: &str,
) -> Result<Survey, Error> {
    let survey = Survey {
        organization: organization.into(),
        display_name: "After delivery".into(),
        questions: vec![question("nps", QuestionKind::Nps, true), question("why", QuestionKind::Text, false)],
        trigger: trigger.into(),
        time_zone: "America/Sao_Paulo".into(),
        ..Survey::default()
    };
    let request = CreateSurveyRequest { request_id: request_id(), survey_id: slug.into(), survey: Some(survey) };
    let answer = client.feedback().surveys().create_survey(request).await?.into_inner();
    Ok(answer.survey.expect("a survey"))
}

pub fn review(external_id: &str, subject: &str, rating: i32) -> Review {
    Review {
        source: "olist".into(),
        external_id: external_id.into(),
        subject: subject.into(),
        rating,
        text: "não chegou".into(),
        ..Review::default()
    }
}

pub async fn submit(client: &Client, review: Review) -> Result<SubmitReviewResponse, Error> {
    let request = SubmitReviewRequest { request_id: request_id(), review: Some(review), historical: false };
    Ok(client.feedback().reviews().submit_review(request).await?.into_inner())
}

/// The cases that a filter finds, newest first.
pub async fn cases(client: &Client, filter: &str) -> Vec<Case> {
    let request = ListCasesRequest { filter: filter.into(), ..ListCasesRequest::default() };
    client.feedback().cases().list_cases(request).await.expect("cases are listed").into_inner().cases
}

/// The one case of an order.
pub async fn case_of(client: &Client, number: &str) -> Case {
    let mut found = cases(client, &format!("order = \"{}\"", order(number))).await;
    assert_eq!(found.len(), 1, "the case of an order is one: {found:#?}");
    found.remove(0)
}

/// The causes of a case, sorted.
pub fn causes(case: &Case) -> Vec<(CaseCauseKind, String)> {
    let mut causes: Vec<_> = case.causes.iter().map(|cause| (cause.kind(), cause.origin.clone())).collect();
    causes.sort_by(|a, b| (a.0 as i32, &a.1).cmp(&(b.0 as i32, &b.1)));
    causes
}

/// A figure of the summary, as text; `None` where there is no data.
pub async fn figure(client: &Client, name: &str) -> Option<String> {
    let request = GetSummaryRequest { service: "feedback".into() };
    let answer = client.admin("feedback").get_summary(request).await.expect("a summary").into_inner();
    let figures = answer.services.into_iter().flat_map(|service| service.figures);
    let figure = figures.into_iter().find(|figure| figure.name == name).unwrap_or_else(|| panic!("no figure {name}"));
    figure.value.map(|value| match value {
        figure::Value::Integer(number) => number.to_string(),
        figure::Value::Decimal(number) => number,
    })
}

/// How many events wait in feedback for something to become known.
pub async fn parked(env: &Env) -> i64 {
    env.flow().await.iter().filter(|flow| flow.service == "feedback").map(|flow| flow.parked).sum()
}

/// Why a call was refused.
pub fn reason<T: std::fmt::Debug>(refused: Result<T, Error>) -> String {
    refused.expect_err("is refused").reason
}

/// Which fields were wrong, sorted.
pub fn wrong_fields<T: std::fmt::Debug>(refused: Result<T, Error>) -> Vec<String> {
    let mut fields: Vec<_> =
        refused.expect_err("is refused").violations.into_iter().map(|violation| violation.field).collect();
    fields.sort();
    fields
}

/// The answer to a call, or why it was refused.
#[allow(clippy::result_large_err, reason = "tests read it at once")]
pub fn answered<T>(answer: Result<tonic::Response<T>, tonic::Status>) -> Result<T, Error> {
    Ok(answer?.into_inner())
}
