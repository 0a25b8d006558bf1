//! What becomes of orders: the one case of each, and the one invitation.

use guanxi_contracts::feedback::events::v1::{CaseOpened, SurveyInvited};
use guanxi_contracts::feedback::v1::*;
use guanxi_testkit::matrix;

use crate::support::*;

matrix! {
    setup();

    async fn a_late_delivery_opens_the_one_case_and_asks_nothing(env: &Env) {
        let client = env.client();
        delivery_survey(&client).await;
        env.tell("customer", [placed("1", &["a", "b"]).event()]).await;
        env.settle().await;
        env.tell("logistics", [delivered("1", "a", false), delivered("1", "b", true)]).await;
        env.settle().await;
        let case = case_of(&client, "1").await;
        assert_eq!(causes(&case), [(CaseCauseKind::LateDelivery, order("1").shipment("a").to_string())]);
        assert_eq!((case.state(), case.kind(), case.customer), (CaseState::New, CaseKind::Complaint, customer().to_string()));
        assert_eq!(figure(&client, "invitations").await.as_deref(), Some("0"));
        let opened = env.events_of::<CaseOpened>("feedback").await;
        assert_eq!((opened.len(), opened[0].causes.clone()), (1, vec!["late_delivery".to_owned()]));
        env.verify().await;
    }

    async fn an_order_that_came_whole_and_in_time_is_asked_about_once(env: &Env) {
        let client = env.client();
        let survey = delivery_survey(&client).await;
        env.tell("customer", [placed("1", &["a", "b"]).event()]).await;
        env.tell("logistics", [delivered("1", "a", true)]).await;
        env.settle().await;
        assert_eq!(figure(&client, "invitations").await.as_deref(), Some("0"), "the last shipment is still to come");
        env.tell("logistics", [delivered("1", "b", true), delivered("1", "b", true)]).await;
        env.settle().await;
        env.tell("logistics", [delivered("1", "a", true)]).await;
        env.settle().await;
        assert_eq!(figure(&client, "invitations").await.as_deref(), Some("1"));
        let invited = env.events_of::<SurveyInvited>("feedback").await;
        assert_eq!(invited.len(), 1);
        assert_eq!((&invited[0].survey, &invited[0].order), (&survey.name, &order("1").to_string()));
        assert!(cases(&client, "").await.is_empty());
        env.verify().await;
    }

    async fn a_shipment_that_is_told_of_before_its_order_waits_for_it(env: &Env) {
        let client = env.client();
        delivery_survey(&client).await;
        env.tell("logistics", [delivered("1", "a", false), delivered("2", "a", true)]).await;
        env.settle().await;
        assert_eq!(parked(env).await, 2);
        assert!(cases(&client, "").await.is_empty());
        env.tell("customer", [placed("1", &["a"]).event(), placed("2", &["a"]).event()]).await;
        env.settle().await;
        assert_eq!(parked(env).await, 0);
        assert_eq!(case_of(&client, "1").await.causes.len(), 1);
        assert_eq!(figure(&client, "invitations").await.as_deref(), Some("1"));
        env.verify().await;
    }

    async fn a_cancelled_order_is_not_asked_about(env: &Env) {
        let client = env.client();
        delivery_survey(&client).await;
        env.tell("customer", [placed("1", &["a"]).cancelled().event(), placed("2", &["a"]).event(), cancelled("2")]).await;
        env.settle().await;
        env.tell("logistics", [delivered("1", "a", true), delivered("2", "a", true)]).await;
        env.settle().await;
        assert_eq!(figure(&client, "invitations").await.as_deref(), Some("0"));
        env.verify().await;
    }

    async fn an_order_of_nothing_and_an_organisation_without_a_survey_ask_nobody(env: &Env) {
        let client = env.client();
        env.tell("customer", [placed("1", &[]).event(), placed("2", &["a"]).event()]).await;
        env.settle().await;
        env.tell("logistics", [delivered("2", "a", true)]).await;
        env.settle().await;
        assert_eq!(figure(&client, "invitations").await.as_deref(), Some("0"));
        env.verify().await;
    }

    async fn a_low_review_waits_for_its_order_and_the_case_holds_all_causes_in_any_sequence(env: &Env) {
        let client = env.client();
        let first = submit(&client, review("r1", order("1").as_str(), 1)).await.expect("is taken");
        assert!(cases(&client, "").await.is_empty(), "the order is not known yet");
        env.tell("customer", [placed("1", &["a"]).event(), placed("2", &["a"]).event()]).await;
        env.settle().await;
        assert_eq!(case_of(&client, "1").await.causes.len(), 1, "the review waited for its order");
        // The other way round for the other order.
        env.tell("logistics", [delivered("1", "a", false), delivered("2", "a", false)]).await;
        env.settle().await;
        let second = submit(&client, review("r1", order("2").as_str(), 2)).await.expect("is taken");
        for (number, review) in [("1", first), ("2", second)] {
            let expected = [
                (CaseCauseKind::LateDelivery, order(number).shipment("a").to_string()),
                (CaseCauseKind::LowRating, review.review.expect("a review").name),
            ];
            assert_eq!(causes(&case_of(&client, number).await), expected);
        }
        submit(&client, review("r2", order("2").as_str(), 3)).await.expect("is taken");
        assert_eq!(case_of(&client, "2").await.causes.len(), 2, "three stars are no cause");
        assert_eq!(env.events_of::<CaseOpened>("feedback").await.len(), 2);
        env.verify().await;
    }

    async fn a_new_cause_opens_a_solved_case_again(env: &Env) {
        let client = env.client();
        env.tell("customer", [placed("1", &["a", "b"]).event()]).await;
        env.settle().await;
        env.tell("logistics", [delivered("1", "a", false)]).await;
        env.settle().await;
        let name = case_of(&client, "1").await.name;
        let request = SolveCaseRequest { request_id: guanxi_client::request_id(), name, etag: String::new() };
        answered(client.feedback().cases().solve_case(request).await).expect("can be solved");
        env.tell("logistics", [delivered("1", "b", false)]).await;
        env.settle().await;
        let case = case_of(&client, "1").await;
        assert_eq!((case.state(), case.causes.len(), case.solve_time), (CaseState::Open, 2, None));
        env.verify().await;
    }

    async fn history_makes_cases_and_invitations_and_says_so(env: &Env) {
        let client = env.client();
        let survey = delivery_survey(&client).await;
        let mut history = [placed("1", &["a"]), placed("2", &["a"])];
        history.iter_mut().for_each(|order| order.historical = true);
        env.tell("customer", history.iter().map(Placed::event)).await;
        env.tell("logistics", [delivered_as("1", "a", false, true), delivered_as("2", "a", true, true)]).await;
        env.settle().await;
        assert!(case_of(&client, "1").await.historical);
        let told = env.events("feedback").await;
        assert!(told.iter().all(|event| event.historical), "nobody is written to about the past");
        assert_eq!(told.len(), 2);
        let request = GetScoreRequest {
            survey: survey.name,
            formula: ScoreFormula::Nps.into(),
            ..GetScoreRequest::default()
        };
        let score = answered(client.feedback().scores().get_score(request).await).expect("a score").score.expect("one");
        assert_eq!(score.reach.expect("a reach").sent, 0, "history sends nothing");
        env.verify().await;
    }

    async fn hundreds_of_orders_at_once_come_out_as_one_by_one(env: &Env) {
        let client = env.client();
        delivery_survey(&client).await;
        let number = |n: usize| format!("n{n}");
        // Every second delivery is told of before its order; every third order is late; every fifth is cancelled.
        let deliveries = |even: bool| {
            (0..600).filter(move |n| (n % 2 == 0) == even).map(move |n| delivered(&number(n), "a", n % 3 != 0))
        };
        env.tell("logistics", deliveries(true)).await;
        env.settle().await;
        assert_eq!(parked(env).await, 300);
        let orders = (0..600).map(|n| match n % 5 {
            0 => placed(&number(n), &["a"]).cancelled().event(),
            _ => placed(&number(n), &["a"]).event(),
        });
        env.tell("customer", orders).await;
        env.tell("logistics", deliveries(false)).await;
        env.settle().await;
        assert_eq!(parked(env).await, 0);
        let late = (0..600).filter(|n| n % 3 == 0).count();
        let asked = (0..600).filter(|n| n % 3 != 0 && n % 5 != 0).count();
        assert_eq!(figure(&client, "cases").await, Some(late.to_string()));
        assert_eq!(figure(&client, "invitations").await, Some(asked.to_string()));
        env.verify().await;
    }

    async fn a_crash_between_any_two_events_neither_loses_nor_doubles_anything(env: &Env) {
        let client = env.client();
        delivery_survey(&client).await;
        let number = |n: usize| format!("n{n}");
        for round in 0..3 {
            let numbers = || (round * 100..round * 100 + 100).map(number);
            env.tell("logistics", numbers().map(|n| delivered(&n, "a", !n.ends_with('7')))).await;
            env.tell("customer", numbers().map(|n| placed(&n, &["a"]).event())).await;
            // Whatever is on its way now is lost in memory, and comes again.
            env.crash_and_start_again().await;
        }
        env.settle().await;
        let client = env.client();
        assert_eq!(figure(&client, "cases").await.as_deref(), Some("30"));
        assert_eq!(figure(&client, "invitations").await.as_deref(), Some("270"));
        assert_eq!(env.events_of::<SurveyInvited>("feedback").await.len(), 270);
        env.verify().await;
    }
}
