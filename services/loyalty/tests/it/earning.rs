//! Earning: estimated, credited, explained, once for each order.

use guanxi_client::{Error, request_id};
use guanxi_contracts::loyalty::events::v1::PointsEarned;
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;

use crate::support::*;

guanxi_testkit::matrix! {
    setup();

    async fn an_estimate_is_what_is_earned(env: &Env) {
        let member = member(env, Program { delivery_earns: true, ..program() }).await;
        let bought = vec![PurchaseLine { delivery_minor: 250, ..line(1, 1_999) }, line(2, 480)];
        let estimate = EstimateEarningRequest {
            program: "programs/test".into(),
            purchase: Some(Purchase { discount_minor: 300, ..purchase(bought.clone()) }),
            ..EstimateEarningRequest::default()
        };
        let mut points = env.client().loyalty().points();
        let estimated = points.estimate_earning(estimate.clone()).await.unwrap().into_inner();
        let request = EarnPointsRequest { purchase: estimate.purchase, ..earning(&member, "1", vec![]) };
        let earned = points.earn_points(request).await.unwrap().into_inner();
        assert_eq!((estimated.points, estimated.explanation), (24, earned.explanation));
        assert_eq!((earned.points, earned.lot.unwrap().open_points), (24, 24));
        env.settle().await;
        let told = env.events_of::<PointsEarned>("loyalty").await;
        assert_eq!((told.len(), told[0].points, told[0].pending), (1, 24, false));
        assert_eq!(told[0].order, order("1").to_string());
    }

    async fn an_order_earns_once_whatever_the_request(env: &Env) {
        let member = member(env, program()).await;
        let request = earning(&member, "1", vec![line(1, 1_000)]);
        let mut points = env.client().loyalty().points();
        let first = points.earn_points(request.clone()).await.unwrap().into_inner();
        assert_eq!(points.earn_points(request.clone()).await.unwrap().into_inner(), first, "the same answer");
        let other = EarnPointsRequest { purchase: Some(purchase(vec![line(1, 2_000)])), ..request.clone() };
        assert_eq!(reason(points.earn_points(other.clone()).await), "REQUEST_ID_REUSED");
        let again = EarnPointsRequest { request_id: request_id(), ..other };
        let again = Error::from(points.earn_points(again).await.expect_err("it has earned"));
        assert_eq!((again.reason.as_str(), again.metadata["points"].as_str()), ("ORDER_ALREADY_EARNED", "10"));
        assert_eq!(balance(&env.client(), &member).await.balance, 10);
    }

    async fn nothing_is_earned_in_the_future_or_in_other_money(env: &Env) {
        let member = member(env, program()).await;
        let mut points = env.client().loyalty().points();
        let mut request = earning(&member, "1", vec![line(1, 1_000)]);
        request.effective_time = Some(to_proto(at("2030-01-01T00:00:00Z")));
        let error = Error::from(points.earn_points(request.clone()).await.expect_err("it is refused"));
        assert_eq!(error.violations[0].field, "effective_time");
        request.effective_time = None;
        request.purchase.as_mut().unwrap().currency_code = "BRL".into();
        let error = Error::from(points.earn_points(request).await.expect_err("it is refused"));
        assert_eq!(error.violations[0].field, "purchase.currency_code");
        assert_eq!(balance(&env.client(), &member).await, Balance::default());
    }

    async fn every_wrong_field_is_said_at_once(env: &Env) {
        let request = EarnPointsRequest {
            request_id: "1".into(),
            member: "members/1".into(),
            order: "1".into(),
            purchase: Some(Purchase { discount_minor: -1, ..purchase(vec![line(0, -5)]) }),
            effective_time: None,
        };
        let mut points = env.client().loyalty().points();
        let error = Error::from(points.earn_points(request).await.expect_err("it is refused"));
        let mut fields: Vec<_> = error.violations.iter().map(|violation| violation.field.as_str()).collect();
        fields.sort_unstable();
        let wrong = ["member", "order", "purchase.discount_minor", "purchase.lines[0].line"];
        assert_eq!(fields, [&wrong[..], &["purchase.lines[0].price_minor", "request_id"]].concat());
        let twice = earning("members/00000000-0000-4000-8000-000000000000", "1", vec![line(1, 1), line(1, 1)]);
        let error = Error::from(points.earn_points(twice).await.expect_err("it is refused"));
        assert_eq!(error.violations[0].field, "purchase.lines[1].line");
    }

    async fn an_import_of_old_orders_ends_as_live_operation_would_have(env: &Env) {
        let member = member(env, expiring_program(30)).await;
        let mut points = env.client().loyalty().points();
        for (number, when) in [("old", "2026-01-01T00:00:00Z"), ("new", "2026-11-20T00:00:00Z")] {
            let mut request = earning(&member, number, vec![line(1, 1_000)]);
            request.effective_time = Some(to_proto(at(when)));
            points.earn_points(request).await.unwrap();
        }
        assert_eq!(balance(&env.client(), &member).await.balance, 10, "what was earned in January has expired");
        env.clock().advance(jiff::SignedDuration::from_hours(1));
        env.run_jobs().await;
        let request = ListEntriesRequest { member: member.clone(), ..ListEntriesRequest::default() };
        let entries = points.list_entries(request).await.unwrap().into_inner().entries;
        let expired: Vec<_> = entries.iter().filter(|entry| entry.kind() == EntryKind::Expire).collect();
        assert_eq!(expired.len(), 1);
        assert_eq!(expired[0].effective_time, Some(to_proto(at("2026-01-31T16:00:00Z"))));
        env.verify().await;
    }
}
