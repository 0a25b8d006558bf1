//! What must be there before anything is loaded: the organisation, its program and its survey. What is there stays as
//! it is.

use guanxi_client::contracts::customer::v1::{CreateOrganizationRequest, Organization};
use guanxi_client::contracts::feedback::v1::{CreateSurveyRequest, Question, QuestionKind, Survey, SurveyTrigger};
use guanxi_client::contracts::loyalty::v1::{
    CreateProgramRequest, EarningRule, ExpiryPolicy, PendingPolicy, PerAmount, Period, PeriodEnd, PeriodExpiry,
    PeriodUnit, PointCurrency, Program, Rounding, UntilDelivered,
};
use guanxi_client::{Client, Error, request_id};
use tonic::{Code, Response, Status};

/// The id of a delivery survey's one question.
pub const QUESTION: &str = "recommend";

/// An organisation to be there.
#[derive(Debug, Clone)]
pub struct Retailer {
    /// Its slug.
    pub organization: String,
    /// Its name for people.
    pub display_name: String,
    /// Its IANA zone.
    pub time_zone: String,
    /// Its currency, ISO 4217.
    pub currency_code: String,
}

/// A program that enrolls every customer with an order and gives points for money, once the order is delivered.
#[derive(Debug, Clone)]
pub struct PointsProgram {
    /// Its slug.
    pub id: String,
    /// Its name for people.
    pub display_name: String,
    /// What its points are called.
    pub points: String,
    /// Points for each whole step.
    pub points_per_step: i64,
    /// The step, in minor units of the organisation's currency.
    pub step_minor: i64,
    /// For how many months points are good, and on to the end of that year; `None` means for ever.
    pub expiry_months: Option<i32>,
}

/// A survey of one question, sent after an order's last delivery.
#[derive(Debug, Clone)]
pub struct DeliverySurvey {
    /// Its slug.
    pub id: String,
    /// Its name for people.
    pub display_name: String,
    /// Its question, answered by 0 to 10.
    pub question: String,
}

/// Makes the organisation, unless it is there.
///
/// # Errors
/// The call's last error.
pub async fn organization(client: &Client, retailer: &Retailer) -> Result<(), Error> {
    let request = CreateOrganizationRequest {
        organization_id: retailer.organization.clone(),
        organization: Some(Organization {
            display_name: retailer.display_name.clone(),
            time_zone: retailer.time_zone.clone(),
            currency_code: retailer.currency_code.clone(),
            ..Organization::default()
        }),
        request_id: request_id(),
    };
    let create = || {
        let (mut organizations, request) = (client.customer().organizations(), request.clone());
        async move { organizations.create_organization(request).await }
    };
    ensure(client, create).await
}

/// Makes the program, unless it is there.
///
/// # Errors
/// The call's last error.
pub async fn program(client: &Client, retailer: &Retailer, program: &PointsProgram) -> Result<(), Error> {
    let rule = EarningRule {
        id: "per-amount".to_owned(),
        per_amount: Some(PerAmount {
            points: program.points_per_step,
            step_minor: program.step_minor,
            ..PerAmount::default()
        }),
        ..EarningRule::default()
    };
    let request = CreateProgramRequest {
        program_id: program.id.clone(),
        program: Some(Program {
            organization: format!("organizations/{}", retailer.organization),
            display_name: program.display_name.clone(),
            point_currency: Some(PointCurrency { display_name: program.points.clone() }),
            currency_code: retailer.currency_code.clone(),
            time_zone: retailer.time_zone.clone(),
            auto_enroll: true,
            rounding: Rounding::Floor.into(),
            earning_rules: vec![rule],
            pending: Some(PendingPolicy { delivered: Some(UntilDelivered::default()), ..PendingPolicy::default() }),
            expiry: program.expiry_months.map(months_to_end_of_year),
            ..Program::default()
        }),
        request_id: request_id(),
    };
    let create = || {
        let (mut programs, request) = (client.loyalty().programs(), request.clone());
        async move { programs.create_program(request).await }
    };
    ensure(client, create).await
}

fn months_to_end_of_year(count: i32) -> ExpiryPolicy {
    let period = Period { count, unit: PeriodUnit::Month.into() };
    let period = PeriodExpiry { period: Some(period), extend_to: PeriodEnd::Year.into() };
    ExpiryPolicy { period: Some(period), ..ExpiryPolicy::default() }
}

/// Makes the survey, unless the organisation has one that is sent on delivery.
///
/// # Errors
/// The call's last error.
pub async fn survey(client: &Client, retailer: &Retailer, survey: &DeliverySurvey) -> Result<(), Error> {
    let question = Question {
        id: QUESTION.to_owned(),
        kind: QuestionKind::Nps.into(),
        prompt: survey.question.clone(),
        required: true,
    };
    let request = CreateSurveyRequest {
        survey_id: survey.id.clone(),
        survey: Some(Survey {
            organization: format!("organizations/{}", retailer.organization),
            display_name: survey.display_name.clone(),
            questions: vec![question],
            trigger: SurveyTrigger::Delivered.into(),
            time_zone: retailer.time_zone.clone(),
            ..Survey::default()
        }),
        request_id: request_id(),
    };
    let create = || {
        let (mut surveys, request) = (client.feedback().surveys(), request.clone());
        async move { surveys.create_survey(request).await }
    };
    ensure(client, create).await
}

/// Creates, where "it is there" is as good.
async fn ensure<T, F>(client: &Client, create: impl FnMut() -> F) -> Result<(), Error>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    match client.retry(create).await {
        Ok(_) => Ok(()),
        Err(error) if error.code == Code::AlreadyExists || error.reason == "SURVEY_TRIGGER_TAKEN" => Ok(()),
        Err(error) => Err(error),
    }
}
