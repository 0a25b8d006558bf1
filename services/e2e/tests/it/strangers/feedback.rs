//! The calls of feedback.

use guanxi_client::contracts::feedback::v1::*;
use guanxi_client::request_id;

use super::{Fate, OWNERS, Row, mask, read, row};
use crate::things::{self, ORDER, Things};

/// A row for each.
pub fn rows(t: &Things) -> Vec<Row> {
    let (id, survey, case) = (request_id, t.survey.clone(), t.case.clone());
    let made =
        Case { organization: OWNERS.into(), kind: CaseKind::Question.into(), subject: "x".into(), ..Case::default() };
    let renamed = Survey { name: survey.clone(), ..things::survey("") };
    let answers = vec![Answer { question: "recommend".into(), number: Some(9), text: String::new() }];
    let window = |from: &str, to: &str| Some(ScoreWindow { from_date: from.into(), to_date: to.into() });
    let nps = ScoreFormula::Nps.into();
    let unrated = |answer: &[u8]| read::<GetRatingResponse>(answer).rating.is_none_or(|rating| rating.count == 0);
    use Fate::{Empty, Harmless, Missing};
    vec![
        row("CaseService/CreateCase", Missing, CreateCaseRequest { request_id: id(), case: Some(made) }),
        row("CaseService/GetCase", Missing, GetCaseRequest { name: case.clone() }),
        row("CaseService/ListCases", Empty, ListCasesRequest::default()),
        row(
            "CaseService/ReplyToCase",
            Missing,
            ReplyToCaseRequest {
                request_id: id(),
                name: case.clone(),
                author: CaseAuthor::Agent.into(),
                text: "x".into(),
                next_state: 0,
            },
        ),
        row(
            "CaseService/SolveCase",
            Missing,
            SolveCaseRequest { request_id: id(), name: case.clone(), etag: String::new() },
        ),
        row("CaseService/ReopenCase", Missing, ReopenCaseRequest { request_id: id(), name: case, etag: String::new() }),
        row(
            "ReviewService/SubmitReview",
            Missing,
            SubmitReviewRequest { request_id: id(), review: Some(things::review(OWNERS)), historical: false },
        ),
        row("ReviewService/ListReviews", Empty, ListReviewsRequest::default()),
        // Of a subject that nobody has rated there is a rating too: of nothing.
        row(
            "ReviewService/GetRating",
            Harmless(unrated),
            GetRatingRequest { subject: ORDER.into(), ..GetRatingRequest::default() },
        ),
        row(
            "SurveyService/CreateSurvey",
            Missing,
            CreateSurveyRequest { request_id: id(), survey_id: "mine".into(), survey: Some(things::survey(OWNERS)) },
        ),
        row("SurveyService/GetSurvey", Missing, GetSurveyRequest { name: survey.clone(), version: 0 }),
        row(
            "SurveyService/UpdateSurvey",
            Missing,
            UpdateSurveyRequest { request_id: id(), survey: Some(renamed), update_mask: mask("display_name") },
        ),
        row(
            "SurveyService/Invite",
            Missing,
            InviteRequest {
                request_id: id(),
                survey: survey.clone(),
                customer: t.customer.clone(),
                order: String::new(),
            },
        ),
        row(
            "SurveyService/RecordImpression",
            Missing,
            RecordImpressionRequest {
                request_id: id(),
                invitation: t.invitation.clone(),
                kind: ImpressionKind::Shown.into(),
                version: 0,
            },
        ),
        row(
            "SurveyService/SubmitResponse",
            Missing,
            SubmitResponseRequest { request_id: id(), invitation: t.invitation.clone(), answers, answer_time: None },
        ),
        row(
            "ScoreService/GetScore",
            Missing,
            GetScoreRequest { survey: survey.clone(), formula: nps, ..GetScoreRequest::default() },
        ),
        row(
            "ScoreService/CompareScores",
            Missing,
            CompareScoresRequest {
                survey,
                formula: nps,
                before: window("2024-01-01", "2024-02-01"),
                after: window("2024-02-01", "2024-03-01"),
                ..CompareScoresRequest::default()
            },
        ),
    ]
}
