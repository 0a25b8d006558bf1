//! Holds: points set aside for a checkout, resolved once.

use guanxi_client::{Error, request_id};
use guanxi_contracts::loyalty::v1::*;

use crate::support::*;

pub fn holding(member: &str, points: i64) -> PlaceHoldRequest {
    PlaceHoldRequest { request_id: request_id(), member: member.into(), points, order: String::new(), ttl: None }
}

guanxi_testkit::matrix! {
    setup();

    async fn l09_a_hold_that_would_overdraw_fails_at_once(env: &Env) {
        let member = member(env, program()).await;
        earn(&env.client(), &member, "1", 100).await;
        let mut points = env.client().loyalty().points();
        let held = points.place_hold(holding(&member, 70)).await.unwrap().into_inner();
        assert_eq!(held.balance.unwrap(), Balance { balance: 100, available: 30, held: 70, ..Balance::default() });
        assert_eq!(reason(points.place_hold(holding(&member, 50)).await), "POINTS_INSUFFICIENT");
        assert_eq!(reason(points.spend_points(spending(&member, 31)).await), "POINTS_INSUFFICIENT");
        env.verify().await;
    }

    async fn l10_a_hold_is_captured_once_and_the_rest_is_let_go(env: &Env) {
        let member = member(env, program()).await;
        earn(&env.client(), &member, "1", 123).await;
        let mut points = env.client().loyalty().points();
        let name = points.place_hold(holding(&member, 123)).await.unwrap().into_inner().hold.unwrap().name;
        let mut request = CaptureHoldRequest { request_id: request_id(), name: name.clone(), points: Some(124) };
        assert_eq!(reason(points.capture_hold(request.clone()).await), "CAPTURE_EXCEEDS_HOLD");
        request.points = Some(100);
        let captured = points.capture_hold(request.clone()).await.unwrap().into_inner();
        let hold = captured.hold.clone().unwrap();
        assert_eq!((hold.state(), hold.captured_points), (HoldState::Captured, 100));
        assert_eq!(captured.balance.unwrap(), Balance { balance: 23, available: 23, ..Balance::default() });
        assert_eq!(points.capture_hold(request.clone()).await.unwrap().into_inner(), captured, "the same answer");
        request.request_id = request_id();
        let again = Error::from(points.capture_hold(request).await.expect_err("it is resolved"));
        assert_eq!((again.reason.as_str(), again.metadata["state"].as_str()), ("HOLD_RESOLVED", "CAPTURED"));
        assert!(again.message.contains("already captured"), "{}", again.message);
        env.verify().await;
    }

    async fn a_hold_that_timed_out_is_let_go_by_the_clock(env: &Env) {
        let member = member(env, program()).await;
        earn(&env.client(), &member, "1", 100).await;
        let mut points = env.client().loyalty().points();
        let ttl = Some(prost_types::Duration { seconds: 60, nanos: 0 });
        let request = PlaceHoldRequest { ttl, ..holding(&member, 100) };
        let name = points.place_hold(request).await.unwrap().into_inner().hold.unwrap().name;
        env.clock().advance(jiff::SignedDuration::from_secs(60));
        assert_eq!(balance(&env.client(), &member).await.available, 100, "nothing ran, the clock decides");
        let request = CaptureHoldRequest { request_id: request_id(), name, points: None };
        let late = Error::from(points.capture_hold(request).await.expect_err("it timed out"));
        assert_eq!(late.metadata["state"], "TIMED_OUT");
        points.place_hold(holding(&member, 40)).await.unwrap();
        env.clock().advance(jiff::SignedDuration::from_hours(1));
        env.run_jobs().await;
        let request = ListEntriesRequest { member: member.clone(), ..ListEntriesRequest::default() };
        let entries = points.list_entries(request).await.unwrap().into_inner().entries;
        let released = entries.iter().filter(|entry| entry.kind() == EntryKind::Release).count();
        assert_eq!(released, 2, "the refused capture and the job each wrote what time had done");
        env.verify().await;
    }

    async fn a_captured_hold_comes_back_with_its_order(env: &Env) {
        let member = member(env, program()).await;
        earn(&env.client(), &member, "1", 100).await;
        let mut points = env.client().loyalty().points();
        let request = PlaceHoldRequest { order: order("2").to_string(), ..holding(&member, 80) };
        let name = points.place_hold(request).await.unwrap().into_inner().hold.unwrap().name;
        let request = CaptureHoldRequest { request_id: request_id(), name, points: Some(60) };
        points.capture_hold(request).await.unwrap();
        earn(&env.client(), &member, "2", 10).await;
        let returned = points.return_order(return_all(&member, "2")).await.unwrap().into_inner();
        assert_eq!((returned.refunded_points, returned.reversed_points), (60, 10));
        assert_eq!(balance(&env.client(), &member).await.balance, 100);
        env.verify().await;
    }
}
