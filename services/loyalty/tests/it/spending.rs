//! Spending: by the clock, soonest expiry first, never below what the program allows.

use guanxi_client::{Error, request_id};
use guanxi_contracts::loyalty::events::v1::{PointsExpired, PointsSpent};
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;

use crate::support::*;

guanxi_testkit::matrix! {
    setup();

    async fn points_are_spent_and_what_is_left_is_said(env: &Env) {
        let member = member(env, program()).await;
        earn(&env.client(), &member, "1", 100).await;
        let mut points = env.client().loyalty().points();
        let request = spending(&member, 30);
        let spent = points.spend_points(request.clone()).await.unwrap().into_inner();
        assert_eq!((spent.points, spent.balance.unwrap().available), (30, 70));
        assert_eq!(points.spend_points(request).await.unwrap().into_inner(), spent, "the same answer");
        let error = Error::from(points.spend_points(spending(&member, 71)).await.expect_err("there are 70"));
        assert_eq!((error.reason.as_str(), error.metadata["available"].as_str()), ("POINTS_INSUFFICIENT", "70"));
        let clamped = SpendPointsRequest { clamp: true, ..spending(&member, 71) };
        assert_eq!(points.spend_points(clamped).await.unwrap().into_inner().points, 70);
        env.settle().await;
        let told: Vec<_> = env.events_of::<PointsSpent>("loyalty").await.iter().map(|told| told.points).collect();
        assert_eq!(told, [30, 70]);
        env.verify().await;
    }

    async fn a_refused_request_leaves_its_id_unused(env: &Env) {
        let member = member(env, program()).await;
        let request = spending(&member, 10);
        let mut points = env.client().loyalty().points();
        assert_eq!(reason(points.spend_points(request.clone()).await), "POINTS_INSUFFICIENT");
        earn(&env.client(), &member, "1", 10).await;
        assert_eq!(points.spend_points(request).await.unwrap().into_inner().points, 10);
    }

    async fn l04_a_deficit_is_paid_first_by_the_next_credit(env: &Env) {
        let member = member(env, owing_program(-100)).await;
        let mut points = env.client().loyalty().points();
        earn(&env.client(), &member, "1", 50).await;
        points.spend_points(spending(&member, 80)).await.unwrap();
        assert_eq!(balance(&env.client(), &member).await, Balance {
            balance: -30,
            available: -30,
            deficit: 30,
            ..Balance::default()
        });
        let lot = earn(&env.client(), &member, "2", 100).await.lot.unwrap();
        assert_eq!(lot.open_points, 70);
        assert_eq!((balance(&env.client(), &member).await.balance), 70);
        env.verify().await;
    }

    async fn l06_what_has_expired_is_written_once_and_never_spent(env: &Env) {
        let member = member(env, expiring_program(1)).await;
        earn(&env.client(), &member, "1", 150).await;
        let mut points = env.client().loyalty().points();
        points.spend_points(spending(&member, 50)).await.unwrap();
        let until = ListExpiringRequest { member: member.clone(), until: None };
        let expiring = points.list_expiring(until.clone()).await.unwrap().into_inner();
        assert_eq!(expiring.points, 100);
        env.clock().set(at("2026-11-23T16:00:00Z"));
        assert_eq!(reason(points.spend_points(spending(&member, 1)).await), "POINTS_INSUFFICIENT");
        for _ in 0..2 {
            env.run_jobs().await;
            env.clock().advance(jiff::SignedDuration::from_hours(24));
        }
        assert_eq!(points.list_expiring(until).await.unwrap().into_inner().points, 0);
        env.settle().await;
        let told = env.events_of::<PointsExpired>("loyalty").await;
        assert_eq!((told.len(), told[0].points), (1, 100));
        assert_eq!(told[0].expire_time, Some(to_proto(at("2026-11-23T16:00:00Z"))));
        env.verify().await;
    }

    async fn what_is_told_of_an_unknown_member_is_not_found(env: &Env) {
        let nobody = "members/00000000-0000-4000-8000-000000000000";
        let mut points = env.client().loyalty().points();
        let error = Error::from(points.spend_points(spending(nobody, 1)).await.expect_err("there is nobody"));
        assert_eq!((error.reason.as_str(), error.code), ("NOT_FOUND", tonic::Code::NotFound));
        let request = GetBalanceRequest { member: nobody.into(), as_of: None, known_at: None };
        assert_eq!(reason(points.get_balance(request).await), "NOT_FOUND");
        let hold = format!("{nobody}/holds/00000000-0000-4000-8000-000000000001");
        let request = VoidHoldRequest { request_id: request_id(), name: hold };
        assert_eq!(reason(points.void_hold(request).await), "NOT_FOUND");
    }
}
