//! Returns: spent points back first, then what the goods earned.

use guanxi_client::{Error, request_id};
use guanxi_contracts::loyalty::events::v1::PointsReversed;
use guanxi_contracts::loyalty::v1::*;

use crate::support::*;

fn give(member: &str, return_id: &str, lines: Vec<ReturnLine>) -> ReturnOrderRequest {
    ReturnOrderRequest { return_id: return_id.into(), lines, ..return_all(member, "1") }
}

guanxi_testkit::matrix! {
    setup();

    async fn l16_a_full_refund_ends_where_it_began(env: &Env) {
        let member = member(env, program()).await;
        earn(&env.client(), &member, "before", 200).await;
        earn(&env.client(), &member, "1", 70).await;
        let mut points = env.client().loyalty().points();
        let spend = SpendPointsRequest { order: order("1").to_string(), ..spending(&member, 150) };
        points.spend_points(spend).await.unwrap();
        let returned = points.return_order(return_all(&member, "1")).await.unwrap().into_inner();
        assert_eq!((returned.refunded_points, returned.reversed_points, returned.waived_points), (150, 70, 0));
        assert_eq!(returned.balance.unwrap().balance, 200);
        env.verify().await;
    }

    async fn l17_two_returns_of_sixty_per_cent_reverse_all_and_no_more(env: &Env) {
        let member = member(env, program()).await;
        earn(&env.client(), &member, "1", 1_000).await;
        let sixty = || vec![ReturnLine { line: 1, quantity: 0, amount_minor: 60_000 }];
        let mut points = env.client().loyalty().points();
        for (id, reversed) in [("r1", 600), ("r2", 400)] {
            let returned = points.return_order(give(&member, id, sixty())).await.unwrap().into_inner();
            assert_eq!(returned.reversed_points, reversed);
        }
        assert_eq!(balance(&env.client(), &member).await.balance, 0);
        env.settle().await;
        let told: Vec<_> = env.events_of::<PointsReversed>("loyalty").await.iter().map(|told| told.points).collect();
        assert_eq!(told, [600, 400]);
        env.verify().await;
    }

    async fn l18_what_was_spent_meanwhile_is_waived_or_owed(env: &Env) {
        for (id, program, left) in [("clamp", program(), 0), ("allow", owing_program(0), -100)] {
            create(&env.client(), id, program).await;
            let member = enroll(&env.client(), id, customer(1)).await;
            earn(&env.client(), &member, "1", 150).await;
            let mut points = env.client().loyalty().points();
            points.spend_points(spending(&member, 100)).await.unwrap();
            let returned = points.return_order(return_all(&member, "1")).await.unwrap().into_inner();
            assert_eq!((returned.reversed_points + returned.waived_points, returned.balance.unwrap().balance), (150, left));
        }
        env.verify().await;
    }

    async fn l25_a_return_reverses_what_its_lines_earned(env: &Env) {
        let by = |id: &str, category: &str, points| EarningRule {
            id: id.into(),
            categories: vec![category.into()],
            per_amount: Some(PerAmount { points, step_minor: 1_000, ..PerAmount::default() }),
            ..EarningRule::default()
        };
        let general = EarningRule {
            id: "general".into(),
            per_amount: Some(PerAmount { points: 40, step_minor: 4_000, ..PerAmount::default() }),
            ..EarningRule::default()
        };
        let earning_rules = vec![by("a", "x", 10), by("b", "y", 20), general];
        let member = member(env, Program { earning_rules, ..program() }).await;
        let of = |line, category: &str| PurchaseLine { category: category.into(), ..line };
        let lines = vec![of(line(1, 1_000), "x"), of(line(2, 1_000), "y"), of(line(3, 2_000), "z")];
        let mut points = env.client().loyalty().points();
        let earned = points.earn_points(earning(&member, "1", lines)).await.unwrap().into_inner();
        let back = vec![ReturnLine { line: 3, quantity: 1, amount_minor: 0 }];
        let returned = points.return_order(give(&member, "r", back)).await.unwrap().into_inner();
        assert_eq!((earned.points, returned.reversed_points), (70, 20));
    }

    async fn a_return_counts_once_and_no_more_than_was_bought(env: &Env) {
        let member = member(env, program()).await;
        let two = PurchaseLine { quantity: 2, ..line(1, 2_000) };
        let mut points = env.client().loyalty().points();
        points.earn_points(earning(&member, "1", vec![two])).await.unwrap();
        let of = |line, quantity| vec![ReturnLine { line, quantity, amount_minor: 0 }];
        points.return_order(give(&member, "r1", of(1, 1))).await.unwrap();
        assert_eq!(reason(points.return_order(give(&member, "r1", of(1, 1))).await), "RETURN_ALREADY_RECORDED");
        let error = Error::from(points.return_order(give(&member, "r2", of(1, 2))).await.expect_err("one is left"));
        assert_eq!((error.reason.as_str(), error.metadata["returned"].as_str()), ("RETURN_EXCEEDS_PURCHASE", "1"));
        let error = Error::from(points.return_order(give(&member, "r3", of(9, 1))).await.expect_err("no line 9"));
        assert_eq!(error.violations[0].field, "lines");
        let both = vec![ReturnLine { line: 1, quantity: 1, amount_minor: 5 }];
        let error = Error::from(points.return_order(give(&member, "r4", both)).await.expect_err("both are given"));
        assert_eq!(error.violations[0].field, "lines[0]");
        let other = ReturnOrderRequest { request_id: request_id(), ..return_all(&member, "none") };
        assert_eq!(reason(points.return_order(other).await), "NOT_FOUND");
        assert_eq!(balance(&env.client(), &member).await.balance, 10);
    }

    async fn points_spent_elsewhere_come_back_past_a_reversal(env: &Env) {
        let member = member(env, program()).await;
        earn(&env.client(), &member, "1", 100).await;
        earn(&env.client(), &member, "2", 60).await;
        let mut points = env.client().loyalty().points();
        let spend = SpendPointsRequest { order: order("3").to_string(), ..spending(&member, 100) };
        points.spend_points(spend).await.unwrap();
        let reversed = points.return_order(return_all(&member, "1")).await.unwrap().into_inner();
        assert_eq!((reversed.reversed_points, reversed.waived_points), (60, 40));
        points.return_order(return_all(&member, "3")).await.unwrap();
        assert_eq!(balance(&env.client(), &member).await.balance, 60);
        env.verify().await;
    }
}
