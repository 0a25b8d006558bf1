//! Scores, from the answers that came in.

use futures::future::join_all;
use guanxi_client::{Client, Error};
use guanxi_contracts::feedback::v1::*;
use guanxi_testkit::matrix;

use crate::support::*;
use crate::surveys::{impression, invite, number, respond, shown};

/// Has that many people asked, to whom the survey is shown, and who then answer so or put it away.
async fn ask(client: &Client, survey: &str, answer: Option<i32>, people: usize) {
    let one = |_| async move {
        let invitation = invite(client, survey, "").await?.invitation.expect("an invitation").name;
        shown(client, &invitation, 0).await?;
        match answer {
            Some(answer) => respond(client, &invitation, vec![number("nps", answer)]).await.map(drop),
            None => impression(client, &invitation, ImpressionKind::Dismissed, 0).await.map(drop),
        }
    };
    let asked: Result<Vec<()>, Error> = join_all((0..people).map(one)).await.into_iter().collect();
    asked.expect("all are asked");
}

async fn score(client: &Client, survey: &str, window: Option<ScoreWindow>) -> Result<Score, Error> {
    let request =
        GetScoreRequest { survey: survey.into(), question: String::new(), formula: ScoreFormula::Nps.into(), window };
    Ok(answered(client.feedback().scores().get_score(request).await)?.score.expect("a score"))
}

fn window(from: &str, to: &str) -> ScoreWindow {
    ScoreWindow { from_date: from.into(), to_date: to.into() }
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

matrix! {
    setup().at("2026-11-22T04:42:00Z");

    async fn f12_and_f16_a_score_says_what_it_is_made_of_and_dismissals_do_not_change_it(env: &Env) {
        let client = env.client();
        let survey = delivery_survey(&client).await.name;
        let none = score(&client, &survey, None).await.expect("no data is no error");
        assert_eq!((none.n, none.value, none.interval), (0, None, None));
        assert_eq!(figure(&client, "nps").await, None);
        for (answer, people) in [(10, 50), (8, 30), (2, 20)] {
            ask(&client, &survey, Some(answer), people).await;
        }
        let before = score(&client, &survey, None).await.expect("a score");
        assert_eq!((before.n, before.value.as_deref(), before.question.as_str()), (100, Some("30.0000"), "nps"));
        let interval = before.interval.expect("an interval");
        assert_eq!((before.adjusted.map(tenths), tenths(interval.low), tenths(interval.high)), (Some(29.1), 14.1, 44.2));
        assert_eq!(before.reach.clone().expect("a reach").response_rate.as_deref(), Some("1.0000"));
        ask(&client, &survey, None, 25).await;
        let after = score(&client, &survey, None).await.expect("a score");
        assert_eq!((after.n, &after.value, &after.interval), (before.n, &before.value, &before.interval));
        let reach = after.reach.expect("a reach");
        assert_eq!((reach.sent, reach.shown, reach.dismissed, reach.answered), (125, 125, 25, 100));
        assert_eq!(reach.response_rate.as_deref(), Some("0.8000"));
        assert_eq!(figure(&client, "nps").await.as_deref(), Some("30.0000"));
        env.verify().await;
    }

    async fn f15_windows_are_days_of_the_retailers_zone_and_compare(env: &Env) {
        let client = env.client();
        let survey = delivery_survey(&client).await.name;
        // 04:42 UTC is 01:42 in São Paulo: still the 22nd; 02:59 UTC of the 23rd is too.
        for (answer, people) in [(10, 50), (8, 30), (2, 20)] {
            ask(&client, &survey, Some(answer), people).await;
        }
        env.clock().set(at("2026-11-23T03:00:00Z"));
        for (answer, people) in [(10, 60), (8, 25), (2, 15)] {
            ask(&client, &survey, Some(answer), people).await;
        }
        let (first, second) = (window("2026-11-22", "2026-11-23"), window("2026-11-23", ""));
        assert_eq!(score(&client, &survey, Some(first.clone())).await.expect("a score").value.as_deref(), Some("30.0000"));
        assert_eq!(score(&client, &survey, Some(second.clone())).await.expect("a score").value.as_deref(), Some("45.0000"));
        let request = CompareScoresRequest {
            survey: survey.clone(),
            question: "nps".into(),
            formula: ScoreFormula::Nps.into(),
            before: Some(first),
            after: Some(second),
        };
        let compared = answered(client.feedback().scores().compare_scores(request.clone()).await).expect("both have data");
        assert_eq!((compared.z.map(|z| (z * 100.0).round() / 100.0), compared.changed), (Some(1.37), Some(false)));
        let empty = CompareScoresRequest { after: Some(window("2027-01-01", "")), ..request.clone() };
        let compared = answered(client.feedback().scores().compare_scores(empty).await).expect("no data is no error");
        assert_eq!((compared.z, compared.changed), (None, None));
        let wrong = CompareScoresRequest { before: Some(window("2026-02-30", "")), after: Some(window("2026-02-02", "2026-02-01")), ..request };
        let wrong = answered(client.feedback().scores().compare_scores(wrong).await);
        assert_eq!(wrong_fields(wrong), ["after.to_date", "before.from_date"]);
    }

    async fn a_formula_needs_its_question(env: &Env) {
        let client = env.client();
        let survey = delivery_survey(&client).await.name;
        let request = GetScoreRequest { survey, formula: ScoreFormula::CesMean.into(), ..GetScoreRequest::default() };
        assert_eq!(reason(answered(client.feedback().scores().get_score(request).await)), "SCORE_QUESTION_MISMATCH");
    }
}
