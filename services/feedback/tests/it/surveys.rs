//! Surveys: versions, invitations, impressions, responses.

use guanxi_client::{Client, Error, request_id};
use guanxi_contracts::feedback::events::v1::SurveyAnswered;
use guanxi_contracts::feedback::v1::*;
use guanxi_testkit::matrix;

use crate::support::*;

async fn update(client: &Client, survey: Survey, paths: &[&str]) -> Result<Survey, Error> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let request = UpdateSurveyRequest {
        request_id: request_id(),
        survey: Some(survey),
        update_mask: Some(prost_types::FieldMask { paths }),
    };
    Ok(answered(client.feedback().surveys().update_survey(request).await)?.survey.expect("a survey"))
}

pub async fn invite(client: &Client, survey: &str, order: &str) -> Result<InviteResponse, Error> {
    let customer = if order.is_empty() { customer().to_string() } else { String::new() };
    let request = InviteRequest { request_id: request_id(), survey: survey.into(), customer, order: order.into() };
    answered(client.feedback().surveys().invite(request).await)
}

pub async fn shown(client: &Client, invitation: &str, version: i32) -> Result<Invitation, Error> {
    impression(client, invitation, ImpressionKind::Shown, version).await
}

pub async fn impression(
    client: &Client,
    invitation: &str,
    kind: ImpressionKind,
    version: i32,
) -> Result<Invitation, Error> {
    let request =
        RecordImpressionRequest { request_id: request_id(), invitation: invitation.into(), kind: kind.into(), version };
    let answer = answered(client.feedback().surveys().record_impression(request).await)?;
    Ok(answer.invitation.expect("an invitation"))
}

pub fn number(question: &str, number: i32) -> Answer {
    Answer { question: question.into(), number: Some(number), text: String::new() }
}

fn words(question: &str, text: &str) -> Answer {
    Answer { question: question.into(), number: None, text: text.into() }
}

pub async fn respond(client: &Client, invitation: &str, answers: Vec<Answer>) -> Result<Response, Error> {
    let request =
        SubmitResponseRequest { request_id: request_id(), invitation: invitation.into(), answers, answer_time: None };
    let answer = answered(client.feedback().surveys().submit_response(request).await)?;
    Ok(answer.response.expect("a response"))
}

matrix! {
    setup();

    async fn a_change_makes_a_version_and_the_old_one_stays(env: &Env) {
        let client = env.client();
        let first = delivery_survey(&client).await;
        assert_eq!((first.version, first.name.as_str()), (1, "surveys/delivery"));
        let same = update(&client, first.clone(), &["display_name"]).await.expect("is taken");
        assert_eq!(same.version, 1, "no change makes no version");
        let changed = Survey { display_name: "Quick question".into(), questions: vec![], ..first.clone() };
        assert_eq!(wrong_fields(update(&client, changed.clone(), &["display_name"]).await), ["survey.questions"]);
        let changed = Survey { questions: vec![question("x", QuestionKind::Ces, false)], ..changed };
        let second = update(&client, changed.clone(), &["display_name"]).await.expect("is taken");
        assert_eq!((second.version, second.questions.len()), (2, 2), "the mask leaves the questions as they are");
        let stale = update(&client, Survey { etag: first.etag.clone(), ..changed.clone() }, &[]).await;
        assert_eq!(reason(stale), "ETAG_MISMATCH");
        let unknown = update(&client, changed.clone(), &["trigger"]).await;
        assert_eq!(wrong_fields(unknown), ["update_mask"]);
        let other = Survey { questions: vec![question("nps", QuestionKind::Csat, false)], etag: String::new(), ..changed };
        assert_eq!(wrong_fields(update(&client, other, &["questions"]).await), ["survey.questions[0].kind"]);
        let mut surveys = client.feedback().surveys();
        let mut get = async |version| {
            let request = GetSurveyRequest { name: "surveys/delivery".into(), version };
            answered(surveys.get_survey(request).await).map(|answer| answer.survey.expect("a survey"))
        };
        assert_eq!(get(0).await, Ok(second));
        assert_eq!(get(1).await, Ok(first));
        assert_eq!(reason(get(3).await), "NOT_FOUND");
    }

    async fn an_organisation_sends_one_survey_on_delivery(env: &Env) {
        let client = env.client();
        delivery_survey(&client).await;
        let again = create_survey(&client, "delivery", SurveyTrigger::Unspecified, "").await;
        assert_eq!(reason(again), "ALREADY_EXISTS");
        let second = create_survey(&client, "second", SurveyTrigger::Delivered, "").await;
        assert_eq!(reason(second), "SURVEY_TRIGGER_TAKEN");
        create_survey(&client, "second", SurveyTrigger::Unspecified, "").await.expect("only one is sent by itself");
        let elsewhere = create_survey(&client, "third", SurveyTrigger::Delivered, "organizations/elsewhere").await;
        elsewhere.expect("another organisation has its own");
    }

    async fn an_order_is_asked_about_once_after_it_came_and_never_before(env: &Env) {
        let client = env.client();
        let survey = create_survey(&client, "manual", SurveyTrigger::Unspecified, "").await.expect("a survey").name;
        let about = |number: &str| order(number).to_string();
        assert_eq!(reason(invite(&client, &survey, &about("1")).await), "NOT_FOUND");
        let orders = [placed("1", &["a"]), placed("2", &["a"]), placed("3", &["a"]).cancelled()];
        env.tell("customer", orders.iter().map(Placed::event)).await;
        env.settle().await;
        assert_eq!(reason(invite(&client, &survey, &about("1")).await), "ORDER_NOT_DELIVERED");
        env.tell("logistics", [delivered("1", "a", true), delivered("2", "a", false), delivered("3", "a", true)]).await;
        env.settle().await;
        assert_eq!(reason(invite(&client, &survey, &about("2")).await), "ORDER_PROMISE_BROKEN");
        assert_eq!(reason(invite(&client, &survey, &about("3")).await), "ORDER_CANCELLED");
        let first = invite(&client, &survey, &about("1")).await.expect("is asked about");
        let again = invite(&client, &survey, &about("1")).await.expect("is answered");
        assert_eq!((first.created, again.created), (true, false));
        assert_eq!(first.invitation, again.invitation);
        let invitation = first.invitation.expect("an invitation");
        assert_eq!((invitation.customer, invitation.order), (customer().to_string(), about("1")));
        assert!(invite(&client, &survey, "").await.expect("a customer may be asked about nothing in particular").created);
        env.verify().await;
    }

    async fn a_response_belongs_to_the_version_that_was_shown(env: &Env) {
        let client = env.client();
        let survey = delivery_survey(&client).await;
        let invitation = invite(&client, &survey.name, "").await.expect("is invited").invitation.expect("one").name;
        assert_eq!(shown(&client, &invitation, 1).await.expect("is shown").state(), InvitationState::Shown);
        let changed = Survey { questions: vec![question("other", QuestionKind::Csat, true)], ..survey.clone() };
        update(&client, changed, &["questions"]).await.expect("a version");
        let wrong = respond(&client, &invitation, vec![number("other", 5)]).await;
        assert_eq!(wrong_fields(wrong), ["answers", "answers[0].question"], "the first version does not ask that");
        let answers = vec![words("why", "fast"), number("nps", 9)];
        let response = respond(&client, &invitation, answers.clone()).await.expect("fits");
        assert_eq!((response.version, response.answers[0].question.as_str()), (1, "nps"));
        assert_eq!(respond(&client, &invitation, answers).await, Ok(response), "the same answers again");
        let others = respond(&client, &invitation, vec![number("nps", 1)]).await;
        assert_eq!(reason(others), "INVITATION_ANSWERED");
        let late = impression(&client, &invitation, ImpressionKind::Dismissed, 0).await;
        assert_eq!(reason(late), "INVITATION_ANSWERED");
        env.settle().await;
        let told = env.events_of::<SurveyAnswered>("feedback").await;
        assert_eq!((told.len(), told[0].version), (1, 1));
        env.verify().await;
    }

    async fn of_two_responses_at_once_one_is_stored(env: &Env) {
        let client = env.client();
        let survey = delivery_survey(&client).await;
        let invitation = invite(&client, &survey.name, "").await.expect("is invited").invitation.expect("one").name;
        let (one, other) = futures::join!(
            respond(&client, &invitation, vec![number("nps", 1)]),
            respond(&client, &invitation, vec![number("nps", 10)])
        );
        assert!(one.is_ok() != other.is_ok(), "one is taken: {one:?} {other:?}");
        assert_eq!(reason(if one.is_ok() { other } else { one }), "INVITATION_ANSWERED");
        env.verify().await;
    }

    async fn what_was_not_shown_cannot_be_dismissed(env: &Env) {
        let client = env.client();
        let survey = delivery_survey(&client).await;
        let invitation = invite(&client, &survey.name, "").await.expect("is invited").invitation.expect("one").name;
        let early = impression(&client, &invitation, ImpressionKind::Dismissed, 0).await;
        assert_eq!(reason(early), "IMPRESSION_NOT_SHOWN");
        assert_eq!(reason(shown(&client, &invitation, 9).await), "NOT_FOUND");
        shown(&client, &invitation, 0).await.expect("is shown");
        let dismissed = impression(&client, &invitation, ImpressionKind::Dismissed, 0).await.expect("is dismissed");
        assert_eq!(dismissed.state(), InvitationState::Dismissed);
        assert_eq!(wrong_fields(respond(&client, &invitation, vec![number("nps", 11)]).await), ["answers[0].number"]);
        let both = Answer { text: "ten".into(), ..number("nps", 10) };
        assert_eq!(wrong_fields(respond(&client, &invitation, vec![both]).await), ["answers[0]"]);
        respond(&client, &invitation, vec![number("nps", 10)]).await.expect("dismissed may still be answered");
    }

    async fn a_stranger_finds_no_survey_and_no_invitation(env: &Env) {
        let (client, stranger) = (env.client(), env.client_as("stranger", &["*"], &["elsewhere:rw"]));
        let survey = delivery_survey(&client).await;
        let invitation = invite(&client, &survey.name, "").await.expect("is invited").invitation.expect("one").name;
        let get = GetSurveyRequest { name: survey.name.clone(), version: 0 };
        assert_eq!(reason(answered(stranger.feedback().surveys().get_survey(get).await)), "NOT_FOUND");
        assert_eq!(reason(update(&stranger, survey.clone(), &[]).await), "NOT_FOUND");
        assert_eq!(reason(invite(&stranger, &survey.name, "").await), "NOT_FOUND");
        assert_eq!(reason(shown(&stranger, &invitation, 1).await), "NOT_FOUND");
        assert_eq!(reason(respond(&stranger, &invitation, vec![number("nps", 1)]).await), "NOT_FOUND");
        let score = GetScoreRequest { survey: survey.name, formula: ScoreFormula::Nps.into(), ..GetScoreRequest::default() };
        assert_eq!(reason(answered(stranger.feedback().scores().get_score(score).await)), "NOT_FOUND");
    }
}
