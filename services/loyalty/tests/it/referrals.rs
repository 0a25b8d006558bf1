//! Referrals: who brought whom, paid with the first order that counts, once, and taken back with it.

use futures::future::join_all;
use guanxi_client::{Client, Error, request_id};
use guanxi_contracts::loyalty::events::v1::{ReferralConverted, ReferralReversed};
use guanxi_contracts::loyalty::v1::*;
use guanxi_testkit::Env;

use crate::support::*;

pub fn referring() -> ReferralTerms {
    let filter = OrderFilter { minimum_minor: 1_000, ..OrderFilter::default() };
    ReferralTerms { referrer_points: 100, referee_points: 20, filter: Some(filter), ..ReferralTerms::default() }
}

fn paying(terms: ReferralTerms) -> Program {
    Program { referral: Some(terms), ..program() }
}

async fn code(client: &Client, member: &str) -> String {
    let request = CreateReferralCodeRequest { request_id: request_id(), member: member.into() };
    client.loyalty().referrals().create_referral_code(request).await.expect("a code").into_inner().code
}

pub fn bringing(member: &str, code: &str) -> CreateReferralRequest {
    CreateReferralRequest { request_id: request_id(), member: member.into(), code: code.into() }
}

/// Time goes on, so that who joins now joins later than who joined before.
fn later(env: &Env) {
    env.clock().advance(jiff::SignedDuration::from_mins(1));
}

async fn settle(env: &Env) {
    later(env);
    env.run_jobs().await;
}

/// A member whom the code brought, as he was enrolled.
async fn brought(env: &Env, who: u128, code: &str) -> String {
    later(env);
    let request = EnrollMemberRequest {
        request_id: request_id(),
        program: "programs/test".into(),
        customer: customer(who).to_string(),
        referral_code: code.into(),
        card_number: String::new(),
        ..EnrollMemberRequest::default()
    };
    let answer = env.client().loyalty().members().enroll_member(request).await.expect("he is enrolled");
    answer.into_inner().member.expect("a member").name
}

async fn referrals(client: &Client, member: &str) -> Vec<Referral> {
    let request = ListReferralsRequest { member: member.into(), ..ListReferralsRequest::default() };
    client.loyalty().referrals().list_referrals(request).await.expect("a list").into_inner().referrals
}

async fn points(client: &Client, member: &str) -> i64 {
    balance(client, member).await.balance
}

async fn give_back(client: &Client, member: &str, number: &str, line: i32) {
    let line = ReturnLine { line, quantity: 1, ..ReturnLine::default() };
    let request = ReturnOrderRequest { return_id: request_id(), lines: vec![line], ..return_all(member, number) };
    client.loyalty().points().return_order(request).await.expect("it comes back");
}

guanxi_testkit::matrix! {
    setup();

    async fn a45_who_brings_another_is_paid_with_his_first_order_that_counts(env: &Env) {
        let old = member(env, paying(referring())).await;
        let client = env.client();
        let code = code(&client, &old).await;
        assert_eq!(crate::referrals::code(&client, &old).await, code, "it is kept");
        let read = GetReferralCodeRequest { member: old.clone() };
        assert_eq!(client.loyalty().referrals().get_referral_code(read).await.unwrap().into_inner().code, code);
        assert_eq!((code.len(), code.chars().filter(|c| "01ILO".contains(*c)).count()), (12, 0), "no look-alikes: {code}");
        let new = brought(env, 2, &code.to_lowercase().replace('-', " ")).await;
        let edge = referrals(&client, &old).await;
        assert_eq!((edge.len(), edge[0].referee.as_str(), edge[0].state()), (1, new.as_str(), ReferralState::Pending));
        assert_eq!(referrals(&client, &new).await, edge, "both see it");
        // Below what an order must come to.
        earn(&client, &new, "1", 9).await;
        settle(env).await;
        assert_eq!((points(&client, &old).await, points(&client, &new).await), (0, 9));
        earn(&client, &new, "2", 10).await;
        later(env);
        earn(&client, &new, "3", 50).await;
        settle(env).await;
        settle(env).await;
        assert_eq!((points(&client, &old).await, points(&client, &new).await), (100, 9 + 10 + 50 + 20));
        let edge = referrals(&client, &old).await.remove(0);
        assert_eq!((edge.state(), edge.order.as_str()), (ReferralState::Converted, "orders/pos:2"));
        assert_eq!((edge.referrer_points, edge.referee_points), (100, 20));
        env.settle().await;
        let told = env.events_of::<ReferralConverted>("loyalty").await;
        assert_eq!((told.len(), told[0].referrer.as_str(), told[0].code.as_str()), (1, old.as_str(), code.as_str()));
        env.verify().await;
    }

    async fn a45_it_is_taken_back_once_no_order_of_his_counts_any_more(env: &Env) {
        let old = member(env, paying(referring())).await;
        let client = env.client();
        let new = brought(env, 2, &code(&client, &old).await).await;
        let request = earning(&new, "1", vec![line(1, 1_000), line(2, 500)]);
        client.loyalty().points().earn_points(request).await.unwrap();
        settle(env).await;
        assert_eq!((points(&client, &old).await, points(&client, &new).await), (100, 35));
        // What is left still comes to 10.00.
        give_back(&client, &new, "1", 2).await;
        settle(env).await;
        assert_eq!((points(&client, &old).await, points(&client, &new).await), (100, 30));
        // Another order counts too: what was paid stands for it.
        earn(&client, &new, "2", 12).await;
        give_back(&client, &new, "1", 1).await;
        settle(env).await;
        assert_eq!((points(&client, &old).await, points(&client, &new).await), (100, 32));
        assert_eq!(referrals(&client, &old).await[0].order, "orders/pos:2");
        client.loyalty().points().return_order(return_all(&new, "2")).await.unwrap();
        settle(env).await;
        assert_eq!((points(&client, &old).await, points(&client, &new).await), (0, 0));
        let edge = referrals(&client, &old).await.remove(0);
        assert_eq!((edge.state(), edge.order.as_str(), edge.referrer_points), (ReferralState::Reversed, "", 0));
        earn(&client, &new, "3", 11).await;
        settle(env).await;
        assert_eq!((points(&client, &old).await, points(&client, &new).await), (100, 31));
        env.settle().await;
        assert_eq!(env.events_of::<ReferralReversed>("loyalty").await.len(), 1);
        assert_eq!(env.events_of::<ReferralConverted>("loyalty").await.len(), 2);
        env.verify().await;
    }

    async fn a45_nobody_brings_himself_or_one_who_was_brought_or_bought_or_in_a_circle(env: &Env) {
        let old = member(env, paying(referring())).await;
        let client = env.client();
        create(&client, "other", paying(referring())).await;
        create(&client, "none", program()).await;
        let mine = code(&client, &old).await;
        let new = brought(env, 2, &mine).await;
        let his = code(&client, &new).await;
        let buyer = enroll(&client, "test", customer(3)).await;
        earn(&client, &buyer, "1", 1).await;
        let elsewhere = enroll(&client, "other", customer(1)).await;
        let unpaid = enroll(&client, "none", customer(1)).await;
        let refused = async |member: &str, code: &str| {
            reason(client.loyalty().referrals().create_referral(bringing(member, code)).await)
        };
        assert_eq!(refused(&old, &mine).await, "REFERRAL_OWN_CODE");
        assert_eq!(refused(&new, &mine).await, "REFERRAL_ALREADY_RECORDED");
        assert_eq!(refused(&buyer, &mine).await, "REFERRAL_TOO_LATE");
        assert_eq!(refused(&old, &his).await, "REFERRER_JOINED_LATER", "a circle of two");
        assert_eq!(refused(&elsewhere, &mine).await, "NOT_FOUND", "a code is of one program");
        assert_eq!(refused(&unpaid, &mine).await, "PROGRAM_WITHOUT_REFERRALS");
        let mut mistyped = mine.clone();
        mistyped.replace_range(0..1, if mine.starts_with('2') { "3" } else { "2" });
        assert_eq!(refused(&old, &mistyped).await, "NOT_FOUND");
        let request = CreateReferralCodeRequest { request_id: request_id(), member: unpaid };
        let answer = client.loyalty().referrals().create_referral_code(request).await;
        assert_eq!(reason(answer), "PROGRAM_WITHOUT_REFERRALS");
        let read = GetReferralCodeRequest { member: buyer };
        assert_eq!(reason(client.loyalty().referrals().get_referral_code(read).await), "NOT_FOUND");
        // A code that is refused: he is not enrolled either.
        let enrol = EnrollMemberRequest {
            request_id: request_id(),
            program: "programs/test".into(),
            customer: customer(9).to_string(),
            referral_code: mistyped,
            card_number: String::new(),
            ..EnrollMemberRequest::default()
        };
        assert_eq!(reason(client.loyalty().members().enroll_member(enrol).await), "NOT_FOUND");
        enroll(&client, "test", customer(9)).await;
        let wrong = ReferralTerms { referrer_points: 0, referee_points: 0, limit: Some(3), ..referring() };
        let request = CreateProgramRequest {
            request_id: request_id(),
            program_id: "wrong".into(),
            program: Some(paying(wrong)),
        };
        let error = Error::from(client.loyalty().programs().create_program(request).await.expect_err("it is wrong"));
        let rules: Vec<_> = error.violations.iter().map(|one| one.rule.as_str()).collect();
        assert_eq!(rules, ["LIMIT_WITHOUT_PERIOD", "REFERRAL_PAYS_NOTHING"]);
        env.verify().await;
    }

    async fn a45_points_wait_for_delivery_like_those_of_the_order(env: &Env) {
        let old = member(env, Program { referral: Some(referring()), ..waiting_program() }).await;
        let client = env.client();
        let new = brought(env, 2, &code(&client, &old).await).await;
        env.tell("customer", vec![recorded("1", customer(2), &["s1", "s2"])]).await;
        env.settle().await;
        settle(env).await;
        let waits = async |member: &str| {
            let balance = balance(&client, member).await;
            (balance.balance, balance.pending)
        };
        assert_eq!(waits(&old).await, (0, 100));
        assert_eq!(waits(&new).await, (0, 20 + 20));
        env.tell("logistics", vec![delivered("1", "s1", "2026-11-03T00:00:00Z")]).await;
        env.settle().await;
        settle(env).await;
        assert_eq!(waits(&old).await, (0, 100));
        env.tell("logistics", vec![delivered("1", "s2", "2026-11-04T00:00:00Z")]).await;
        env.settle().await;
        settle(env).await;
        assert_eq!(waits(&old).await, (100, 0));
        assert_eq!(waits(&new).await, (40, 0));
        env.tell("customer", vec![cancelled("1", customer(2))]).await;
        env.settle().await;
        settle(env).await;
        assert_eq!((waits(&old).await, waits(&new).await), ((0, 0), (0, 0)));
        env.verify().await;
    }
}

mod at_once {
    use super::*;

    guanxi_testkit::matrix! {
        setup().replicas(2);

        async fn a45_a_limit_of_three_pays_three_of_twenty(env: &Env) {
            let limited = ReferralTerms { limit: Some(3), limit_period: CapPeriod::Month.into(), ..referring() };
            let old = member(env, paying(limited)).await;
            let client = env.client();
            let code = code(&client, &old).await;
            let mut all = Vec::new();
            for who in 10..30 {
                all.push(brought(env, who, &code).await);
            }
            let calls = all.iter().enumerate().map(|(number, member)| {
                let (request, mut points) =
                    (earning(member, &number.to_string(), vec![line(1, 1_000)]), client.loyalty().points());
                async move { points.earn_points(request).await.unwrap() }
            });
            let jobs = async {
                for _ in 0..3 {
                    settle(env).await;
                }
            };
            futures::join!(join_all(calls), jobs);
            settle(env).await;
            assert_eq!(points(&client, &old).await, 300);
            let edges = referrals(&client, &old).await;
            assert_eq!(edges.iter().filter(|edge| edge.limited).count(), 17);
            for member in &all {
                assert_eq!(points(&client, member).await, 10 + 20, "he is paid all the same");
            }
            // One comes back: there is room for another, but none is made up for.
            let paid = edges.iter().find(|edge| !edge.limited).expect("three were paid");
            let number = paid.order.trim_start_matches("orders/pos:");
            client.loyalty().points().return_order(return_all(&paid.referee, number)).await.unwrap();
            settle(env).await;
            assert_eq!(points(&client, &old).await, 200);
            let one_more = brought(env, 40, &code).await;
            earn(&client, &one_more, "more", 10).await;
            settle(env).await;
            assert_eq!(points(&client, &old).await, 300);
            env.verify().await;
        }

        async fn a45_many_who_say_who_brought_somebody_are_heard_once(env: &Env) {
            let old = member(env, paying(referring())).await;
            let client = env.client();
            let code = code(&client, &old).await;
            later(env);
            let new = enroll(&client, "test", customer(2)).await;
            let calls = (0..20).map(|_| {
                let (request, mut referrals) = (bringing(&new, &code), client.loyalty().referrals());
                async move { referrals.create_referral(request).await }
            });
            let (won, lost): (Vec<_>, Vec<_>) = join_all(calls).await.into_iter().partition(Result::is_ok);
            assert_eq!((won.len(), lost.len()), (1, 19));
            assert!(lost.into_iter().all(|lost| reason(lost) == "REFERRAL_ALREADY_RECORDED"));
            let codes = (0..20).map(|_| code_of(&client, &new));
            let codes: std::collections::BTreeSet<String> = join_all(codes).await.into_iter().collect();
            assert_eq!(codes.len(), 1, "one code");
        }
    }

    async fn code_of(client: &Client, member: &str) -> String {
        super::code(client, member).await
    }
}
