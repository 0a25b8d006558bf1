//! Calls that arrive at once: limits hold, exactly one wins, nobody's points are lost.

use futures::future::join_all;
use guanxi_client::{Client, request_id};
use guanxi_contracts::loyalty::v1::*;

use crate::holds::holding;
use crate::support::*;

async fn spends(client: &Client, member: &str, points: i64, calls: usize) -> usize {
    let calls = (0..calls).map(|_| {
        let (mut points_service, request) = (client.loyalty().points(), spending(member, points));
        async move { points_service.spend_points(request).await.is_ok() }
    });
    join_all(calls).await.into_iter().filter(|won| *won).count()
}

guanxi_testkit::matrix! {
    setup().replicas(2);

    async fn l11_of_a_hundred_captures_exactly_one_succeeds(env: &Env) {
        let member = member(env, program()).await;
        earn(&env.client(), &member, "1", 1_000).await;
        let held = env.client().loyalty().points().place_hold(holding(&member, 1_000)).await.unwrap().into_inner();
        let name = held.hold.unwrap().name;
        let client = env.client();
        let captures = (0..100).map(|_| {
            let mut points = client.loyalty().points();
            let request = CaptureHoldRequest { request_id: request_id(), name: name.clone(), points: None };
            async move { points.capture_hold(request).await }
        });
        let (won, lost): (Vec<_>, Vec<_>) = join_all(captures).await.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 99));
        assert!(lost.into_iter().all(|lost| reason(lost) == "HOLD_RESOLVED"));
        assert_eq!(balance(&env.client(), &member).await, Balance::default());
        env.verify().await;
    }

    async fn l12_two_debits_at_once_against_a_floor_do_not_both_pass(env: &Env) {
        let member = member(env, owing_program(-200)).await;
        assert_eq!(spends(&env.client(), &member, 200, 2).await, 1);
        assert_eq!(balance(&env.client(), &member).await.balance, -200);
        env.verify().await;
    }

    async fn as_many_spends_pass_as_there_are_points(env: &Env) {
        let member = member(env, program()).await;
        earn(&env.client(), &member, "1", 100).await;
        assert_eq!(spends(&env.client(), &member, 3, 60).await, 33);
        assert_eq!(balance(&env.client(), &member).await.balance, 1);
        env.verify().await;
    }

    async fn one_order_that_many_tell_of_earns_once(env: &Env) {
        let member = member(env, program()).await;
        let client = env.client();
        let calls = (0..40).map(|n| {
            let (mut points, request) =
                (client.loyalty().points(), earning(&member, &(n % 4).to_string(), vec![line(1, 500)]));
            async move { points.earn_points(request).await }
        });
        let (won, lost): (Vec<_>, Vec<_>) = join_all(calls).await.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 4);
        assert!(lost.into_iter().all(|lost| reason(lost) == "ORDER_ALREADY_EARNED"));
        assert_eq!(balance(&env.client(), &member).await.balance, 20);
        env.verify().await;
    }

    async fn many_members_earn_and_spend_at_once(env: &Env) {
        create(&env.client(), "test", program()).await;
        let mut members = Vec::new();
        for who in 0..8 {
            members.push(enroll(&env.client(), "test", customer(who)).await);
        }
        let client = env.client();
        let calls = (0..400_usize).map(|n| {
            let (member, mut points) = (members[n % members.len()].clone(), client.loyalty().points());
            async move {
                points.earn_points(earning(&member, &n.to_string(), vec![line(1, 1_000)])).await?;
                points.spend_points(spending(&member, 4)).await
            }
        });
        let failed: Vec<_> = join_all(calls).await.into_iter().filter_map(Result::err).collect();
        assert!(failed.is_empty(), "{failed:?}");
        for member in &members {
            assert_eq!(balance(&env.client(), member).await.balance, 50 * 6);
        }
        env.verify().await;
    }
}
