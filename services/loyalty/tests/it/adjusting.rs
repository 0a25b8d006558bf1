//! Points credited and taken by hand: with a reason that is kept, and a name to answer for it.

use guanxi_client::{Client, Error, request_id};
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::{from_proto, to_proto};

use crate::support::*;

pub fn adjusting(member: &str, points: i64) -> AdjustPointsRequest {
    AdjustPointsRequest {
        request_id: request_id(),
        member: member.into(),
        points,
        reason: "a late parcel".into(),
        ..AdjustPointsRequest::default()
    }
}

async fn adjust(client: &Client, request: AdjustPointsRequest) -> AdjustPointsResponse {
    client.loyalty().points().adjust_points(request).await.expect("it is adjusted").into_inner()
}

async fn entries(client: &Client, member: &str) -> Vec<Entry> {
    let request = ListEntriesRequest { member: member.into(), ..ListEntriesRequest::default() };
    client.loyalty().points().list_entries(request).await.expect("they are listed").into_inner().entries
}

guanxi_testkit::matrix! {
    setup();

    async fn what_is_credited_by_hand_is_a_lot_and_says_why_and_by_whom(env: &Env) {
        let member = member(env, expiring_program(30)).await;
        earn(&env.client(), &member, "1", 100).await;
        let clerk = env.client_as("clerk", &["loyalty.adjustments.write", "loyalty.points.read"], &["*"]);
        let until = at("2026-11-25T00:00:00Z");
        let request = AdjustPointsRequest {
            goodwill: true,
            expire_time: Some(to_proto(until)),
            ..adjusting(&member, 40)
        };
        let made = adjust(&clerk, request.clone()).await;
        assert_eq!((made.points, made.balance.unwrap().available), (40, 140));
        let lot = made.lot.clone().unwrap();
        assert_eq!((lot.open_points, lot.expires_at.as_ref().and_then(from_proto)), (40, Some(until)));
        assert_eq!(adjust(&clerk, request).await, made, "the same answer");
        let by_program = adjust(&clerk, adjusting(&member, 5)).await.lot.unwrap();
        assert!(by_program.expires_at.as_ref().and_then(from_proto).is_some_and(|at| at > until));

        // It expires soonest, so it is spent first; and it is taken by hand in the same order.
        let mut points = env.client().loyalty().points();
        points.spend_points(spending(&member, 30)).await.unwrap();
        let taken = adjust(&clerk, AdjustPointsRequest { reason: "a mistake".into(), ..adjusting(&member, -15) }).await;
        assert_eq!((taken.points, taken.lot, taken.balance.unwrap().available), (-15, None, 100));
        let seen = entries(&env.client(), &member).await;
        let said: Vec<_> = seen
            .iter()
            .map(|entry| (entry.kind(), entry.points, entry.lot.rsplit('/').next().unwrap(), entry.reason.as_str(), entry.adjusted_by.as_str()))
            .collect();
        assert_eq!(said, [
            (EntryKind::AdjustDebit, 5, "1", "a mistake", "clerk"),
            (EntryKind::AdjustDebit, 10, "2", "a mistake", "clerk"),
            (EntryKind::Spend, 30, "2", "", ""),
            (EntryKind::AdjustCredit, 5, "3", "a late parcel", "clerk"),
            (EntryKind::AdjustGoodwill, 40, "2", "a late parcel", "clerk"),
            (EntryKind::Earn, 100, "1", "", ""),
        ]);
        assert_eq!((seen[0].from_account(), seen[0].to_account()), (LedgerAccount::Open, LedgerAccount::Adjusted));
        assert_eq!(figures(&env.client()).await["points_earned"], 100, "nothing was earned by it");
        env.verify().await;
    }

    async fn more_than_there_is_is_refused_or_cut(env: &Env) {
        let member = member(env, program()).await;
        earn(&env.client(), &member, "1", 10).await;
        let mut points = env.client().loyalty().points();
        let error = Error::from(points.adjust_points(adjusting(&member, -11)).await.expect_err("there are 10"));
        assert_eq!((error.reason.as_str(), error.metadata["available"].as_str()), ("POINTS_INSUFFICIENT", "10"));
        let clamped = AdjustPointsRequest { clamp: true, ..adjusting(&member, -11) };
        assert_eq!(adjust(&env.client(), clamped.clone()).await.points, -10);
        let nothing = AdjustPointsRequest { request_id: request_id(), ..clamped };
        assert_eq!(adjust(&env.client(), nothing).await.points, 0, "there is nothing left to take");
        assert_eq!(entries(&env.client(), &member).await.len(), 2);
        env.verify().await;
    }

    async fn a_credit_by_hand_pays_a_deficit_first(env: &Env) {
        let member = member(env, owing_program(-100)).await;
        assert_eq!(adjust(&env.client(), adjusting(&member, -30)).await.balance.unwrap().deficit, 30);
        let made = adjust(&env.client(), adjusting(&member, 50)).await;
        assert_eq!((made.lot.unwrap().open_points, made.balance.unwrap().balance), (20, 20));
        env.verify().await;
    }

    async fn an_adjustment_that_contradicts_itself_is_refused_in_every_field_at_once(env: &Env) {
        let member = member(env, program()).await;
        let mut points = env.client().loyalty().points();
        let wrong = AdjustPointsRequest {
            goodwill: true,
            expire_time: Some(to_proto(at("2030-01-01T00:00:00Z"))),
            ..adjusting(&member, -1)
        };
        let error = Error::from(points.adjust_points(wrong).await.expect_err("it contradicts itself"));
        let fields: Vec<_> = error.violations.iter().map(|wrong| wrong.field.as_str()).collect();
        assert_eq!(fields, ["goodwill", "expire_time"]);
        let narrow = env.client_as("narrow", &["loyalty.points.write"], &["*"]);
        assert_eq!(reason(narrow.loyalty().points().adjust_points(adjusting(&member, 1)).await), "SCOPE_MISSING");
    }
}
