//! Rules as their writers meet them: refused with cause and place, capped under any concurrency, tested on the past.

use futures::future::join_all;
use guanxi_client::{Error, request_id};
use guanxi_contracts::Message;
use guanxi_contracts::common::v1::{GetJobRequest, JobState};
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;
use guanxi_testkit::Env;

use crate::support::*;

/// A rule of one point for each whole 1.00.
pub fn rule(id: &str) -> EarningRule {
    let per_amount = Some(PerAmount { points: 1, step_minor: 100, ..PerAmount::default() });
    EarningRule { id: id.into(), per_amount, ..EarningRule::default() }
}

pub fn with_rules(earning_rules: Vec<EarningRule>) -> Program {
    Program { earning_rules, ..program() }
}

async fn refused(env: &Env, condition: &str) -> (String, String) {
    let program = with_rules(vec![EarningRule { condition: condition.into(), ..rule("r") }]);
    let request = CreateProgramRequest { request_id: request_id(), program_id: "bad".into(), program: Some(program) };
    let error = env.client().loyalty().programs().create_program(request).await.expect_err(condition);
    let wrong = Error::from(error).violations.remove(0);
    assert_eq!(wrong.field, "program.earning_rules[0].condition");
    (wrong.rule, wrong.description)
}

async fn backtest(env: &Env, rule: EarningRule) -> BacktestRuleResult {
    let request = BacktestRuleRequest {
        request_id: request_id(),
        program: "programs/test".into(),
        rule: Some(rule),
        start_time: Some(to_proto(at("2026-01-01T00:00:00Z"))),
        end_time: None,
    };
    let job = env.client().loyalty().programs().backtest_rule(request).await.unwrap().into_inner().job.unwrap();
    env.run_jobs().await;
    let request = GetJobRequest { name: job.name };
    let job = env.client().jobs("loyalty").get_job(request).await.unwrap().into_inner().job.unwrap();
    assert_eq!(job.state(), JobState::Succeeded, "{}", job.error);
    BacktestRuleResult::decode(job.result.unwrap().value.as_slice()).unwrap()
}

guanxi_testkit::matrix! {
    setup().replicas(2);

    async fn a_bad_condition_is_refused_with_its_place_and_cause(env: &Env) {
        let (rule, said) = refused(env, "order.value_minor >").await;
        assert_eq!(rule, "RULE_DOES_NOT_COMPILE");
        assert!(said.starts_with("at 19: "), "{said}");
        let (rule, said) = refused(env, "order.colour == 'red'").await;
        assert_eq!((rule.as_str(), said.as_str()), ("RULE_FIELD_UNKNOWN", "at 5: there is no field order.colour"));
        assert_eq!(refused(env, "order.quantity + 1").await.0, "RULE_NOT_BOOL");
        assert_eq!(refused(env, "order.quantity / 0 > 1").await.0, "RULE_DIVIDES_BY_ZERO");
        let nested = "order.brands.exists(a, order.brands.exists(b, a == b))";
        assert_eq!(refused(env, nested).await.0, "RULE_TOO_COSTLY");
    }

    async fn a_rule_reads_back_as_it_was_made_and_explains_what_it_did(env: &Env) {
        let full = EarningRule {
            condition: "line.brand == 'haier' && order.channel == 'store'".into(),
            priority: 7,
            exclusive: true,
            stop: true,
            start_time: Some(to_proto(at("2026-01-01T00:00:00Z"))),
            end_time: Some(to_proto(at("2027-01-01T00:00:00Z"))),
            caps: vec![RuleCap { points: 5, period: CapPeriod::Day.into() }],
            trigger: RuleTrigger::Order.into(),
            excluded_labels: vec!["sale".into()],
            products: vec!["p1".into()],
            ..rule("full")
        };
        let made = create(&env.client(), "test", with_rules(vec![rule("base"), full.clone()])).await;
        assert_eq!(made.earning_rules[1], full);
        let member = enroll(&env.client(), "test", customer(1)).await;
        let bought = PurchaseLine { product: "p1".into(), brand: "haier".into(), ..line(1, 1_000) };
        let mut request = earning(&member, "1", vec![bought, line(2, 500)]);
        request.purchase.as_mut().unwrap().channel = "store".into();
        let estimate = EstimateEarningRequest {
            program: "programs/test".into(),
            purchase: request.purchase.clone(),
            member: member.clone(),
            ..EstimateEarningRequest::default()
        };
        let mut points = env.client().loyalty().points();
        let estimated = points.estimate_earning(estimate.clone()).await.unwrap().into_inner();
        let earned = points.earn_points(request).await.unwrap().into_inner();
        assert_eq!((earned.points, &estimated.explanation), (5, &earned.explanation));
        let explanation = earned.explanation.unwrap();
        let said = &explanation.rules[0];
        assert_eq!((said.outcome(), said.asked_points, said.granted_points), (RuleOutcome::Capped, Some(10), Some(5)));
        assert_eq!(explanation.stopped_by, "full");
        let estimated = points.estimate_earning(estimate).await.unwrap().into_inner();
        assert_eq!(estimated.points, 15, "the cap is used up, so the rule neither stops nor silences");
        let other = create(&env.client(), "other", program()).await;
        let strange = EstimateEarningRequest { program: other.name, purchase: Some(purchase(vec![])), member, ..EstimateEarningRequest::default() };
        let error = Error::from(points.estimate_earning(strange).await.expect_err("he is not of it"));
        assert_eq!((error.violations[0].field.as_str(), error.violations[0].rule.as_str()), ("member", "MEMBER_NOT_PROGRAMS"));
    }

    async fn a_cap_holds_however_many_orders_come_at_once(env: &Env) {
        let caps = vec![RuleCap { points: 25, period: CapPeriod::Week.into() }];
        let member = member(env, with_rules(vec![EarningRule { caps, ..rule("capped") }])).await;
        let client = env.client();
        let calls = (0..30).map(|n| {
            let (mut points, request) = (client.loyalty().points(), earning(&member, &n.to_string(), vec![line(1, 300)]));
            async move { points.earn_points(request).await.unwrap().into_inner().points }
        });
        let mut given = join_all(calls).await;
        given.sort_unstable();
        assert_eq!((given.iter().sum::<i64>(), given[21], given[22]), (25, 1, 3), "eight in full, one what was left");
        assert_eq!(balance(&env.client(), &member).await.balance, 25);
        env.verify().await;
    }

    async fn money_left_over_is_carried_from_order_to_order(env: &Env) {
        let per_amount = Some(PerAmount { points: 1, step_minor: 1_000, carry_remainder: true });
        let member = member(env, with_rules(vec![EarningRule { per_amount, ..rule("carry") }])).await;
        let client = env.client();
        let calls = (0..10).map(|n| {
            let (mut points, request) = (client.loyalty().points(), earning(&member, &n.to_string(), vec![line(1, 730)]));
            async move { points.earn_points(request).await.unwrap().into_inner().points }
        });
        assert_eq!(join_all(calls).await.iter().sum::<i64>(), 7, "7300 are seven steps of 1000");
        env.verify().await;
    }

    async fn an_order_that_was_told_meets_the_same_conditions(env: &Env) {
        let double = EarningRule {
            condition: "event.source == 'pos' && order.channel == 'online' && line.product == 'p'".into(),
            per_amount: None,
            multiplier: Some(Multiplier { factor_milli: 2_000 }),
            ..rule("double")
        };
        create(&env.client(), "test", with_rules(vec![rule("base"), double])).await;
        env.tell("customer", [recorded("1", customer(1), &["a"])]).await;
        env.settle().await;
        assert_eq!(figures(&env.client()).await["points_earned"], 20);
    }

    async fn a_draft_is_tested_on_the_orders_of_the_past(env: &Env) {
        create(&env.client(), "test", expiring_program(365)).await;
        let orders = (0..250_u32).map(|n| recorded(&n.to_string(), customer(u128::from(n % 230)), &["a"]));
        env.tell("customer", orders.collect::<Vec<_>>()).await;
        env.tell("customer", [returned("100", customer(100), "r", &[1])]).await;
        env.settle().await;
        let old = EarnPointsRequest {
            effective_time: Some(to_proto(at("2025-06-01T00:00:00Z"))),
            ..earning(&enroll(&env.client(), "test", customer(999)).await, "old", vec![line(1, 1_000)])
        };
        env.client().loyalty().points().earn_points(old).await.unwrap();
        let caps = vec![RuleCap { points: 15, period: CapPeriod::Ever.into() }];
        let draft = EarningRule {
            per_amount: Some(PerAmount { points: 2, step_minor: 100, ..PerAmount::default() }),
            caps,
            ..rule("base")
        };
        let before = figures(&env.client()).await;
        let found = backtest(env, draft).await;
        // 210 members with one order: 10 points, or 15 of 20. 20 with two: 20 points, or 15.
        let expected = BacktestRuleResult {
            members: 230,
            orders: 250,
            changed_members: 230,
            changed_orders: 250,
            points: 2_500,
            draft_points: 230 * 15,
            points_difference: 950,
            // Of the order that came back nothing is owed either way.
            liability_difference: 209 * 5 - 20 * 5,
            left_out: 0,
        };
        assert_eq!(found, expected);
        assert_eq!(figures(&env.client()).await, before, "nothing is written");
        let same = backtest(env, EarningRule { condition: "order.quantity < 0".into(), ..rule("new") }).await;
        assert_eq!((same.points_difference, same.changed_members, same.orders), (0, 0, 250));
    }
}
