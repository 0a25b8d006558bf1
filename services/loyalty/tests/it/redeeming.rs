//! Points that pay for orders: what they are worth is the program's word, whatever a till thinks.

use guanxi_client::{Client, Error};
use guanxi_contracts::common::v1::Money;
use guanxi_contracts::loyalty::v1::*;
use guanxi_testkit::Env;

use crate::support::*;

fn money(minor_units: i64) -> Option<Money> {
    Some(Money { currency_code: "CNY".into(), minor_units })
}

/// A program whose 100 points are 1.00, in steps of 100, from 200 on, up to half of an order.
fn redeeming_program() -> Program {
    let redemption =
        Redemption { points: 100, minor_units: 100, step_points: 100, minimum_points: 200, maximum_permille: 500 };
    Program { redemption: Some(redemption), ..program() }
}

fn paying(member: &str, points: i64, order_minor: i64) -> SpendPointsRequest {
    SpendPointsRequest {
        order_amount: money(order_minor),
        order: order("paid").to_string(),
        ..spending(member, points)
    }
}

/// What a spend took and paid.
async fn pay(client: &Client, request: SpendPointsRequest) -> (i64, Option<i64>) {
    let spent = client.loyalty().points().spend_points(request).await.expect("they are spent").into_inner();
    (spent.points, spent.paid.map(|paid| paid.minor_units))
}

async fn saver(env: &Env, program: Program, points: i64) -> String {
    let member = member(env, program).await;
    earn(&env.client(), &member, "1", points).await;
    member
}

guanxi_testkit::matrix! {
    setup();

    async fn a_step_a_share_and_a_minimum_are_kept_whatever_the_caller_says(env: &Env) {
        let member = saver(env, redeeming_program(), 10_000).await;
        let client = env.client();
        assert_eq!(pay(&client, paying(&member, 1_050, 100_000)).await, (1_000, Some(1_000)), "whole steps");
        assert_eq!(pay(&client, paying(&member, 5_000, 4_150)).await, (2_000, Some(2_000)), "half of the order");
        assert_eq!(pay(&client, paying(&member, 199, 100_000)).await, (0, Some(0)), "below the minimum");
        assert_eq!(pay(&client, paying(&member, 5_000, 300)).await, (0, Some(0)), "half of it is below the minimum");
        assert_eq!(pay(&client, spending(&member, 7)).await, (7, None), "a spend that pays for no order");
        assert_eq!(balance(&client, &member).await.available, 10_000 - 1_000 - 2_000 - 7);
        let returned = client.loyalty().points().return_order(return_all(&member, "paid")).await.unwrap().into_inner();
        assert_eq!(returned.refunded_points, 3_000);
        env.verify().await;
    }

    async fn l15_a_price_of_the_callers_is_not_trusted(env: &Env) {
        // A till that takes a point for a cent, in a program where a cent costs five.
        let redemption = Redemption { points: 5, minor_units: 1, ..Redemption::default() };
        let member = saver(env, Program { redemption: Some(redemption), ..program() }, 100).await;
        assert_eq!(pay(&env.client(), paying(&member, 50, 50)).await, (50, Some(10)), "what they pay is the program's word");
        assert_eq!(pay(&env.client(), paying(&member, 50, 3)).await, (15, Some(3)), "and no more is charged than it costs");
        let mut programs = env.client().loyalty().programs();
        let got = programs.get_program(GetProgramRequest { name: "programs/test".into() }).await;
        let kept = got.unwrap().into_inner().program.unwrap().redemption.unwrap();
        assert_eq!((kept.step_points, kept.maximum_permille, kept.minimum_points), (5, 1_000, 0), "what absent means");
        env.verify().await;
    }

    async fn too_few_are_refused_or_cut_to_whole_steps(env: &Env) {
        let member = saver(env, redeeming_program(), 450).await;
        let client = env.client();
        let mut points = client.loyalty().points();
        let error = Error::from(points.spend_points(paying(&member, 550, 100_000)).await.expect_err("450"));
        assert_eq!((error.reason.as_str(), error.metadata["asked"].as_str()), ("POINTS_INSUFFICIENT", "500"));
        assert_eq!(pay(&client, paying(&member, 550, 600)).await, (300, Some(300)), "there are as many as half of it costs");
        let clamped = SpendPointsRequest { clamp: true, ..paying(&member, 550, 100_000) };
        assert_eq!(pay(&client, clamped).await, (0, Some(0)), "150 are left, and the minimum is 200");
        env.verify().await;
    }

    async fn points_of_no_known_worth_and_orders_in_other_money_are_refused(env: &Env) {
        let member = saver(env, program(), 500).await;
        let mut points = env.client().loyalty().points();
        assert_eq!(reason(points.spend_points(paying(&member, 100, 1_000)).await), "POINTS_WITHOUT_VALUE");
        let mut programs = env.client().loyalty().programs();
        let wrong = Redemption { points: 3, minor_units: 1, step_points: 100, ..Redemption::default() };
        let update = |redemption: Redemption| UpdateProgramRequest {
            request_id: guanxi_client::request_id(),
            program: Some(Program { name: "programs/test".into(), redemption: Some(redemption), ..program() }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["redemption".into()] }),
        };
        let error = Error::from(programs.update_program(update(wrong)).await.expect_err("a third of a cent"));
        assert_eq!((error.violations[0].field.as_str(), error.violations[0].rule.as_str()), ("program.redemption.step_points", "STEP_NOT_WHOLE"));
        programs.update_program(update(Redemption { points: 100, minor_units: 100, ..Redemption::default() })).await.unwrap();
        assert_eq!(pay(&env.client(), paying(&member, 100, 1_000)).await, (100, Some(100)));
        let yen = Some(Money { currency_code: "JPY".into(), minor_units: 1_000 });
        let error = Error::from(points.spend_points(SpendPointsRequest { order_amount: yen, ..paying(&member, 100, 0) }).await.expect_err("yen"));
        assert_eq!((error.violations[0].field.as_str(), error.violations[0].rule.as_str()), ("order_amount.currency_code", "CURRENCY_NOT_PROGRAMS"));
    }
}
