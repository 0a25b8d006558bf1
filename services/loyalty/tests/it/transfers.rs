//! Points that one member gives another: each slice with its expiry, both halves or none, whoever else gives at once.

use futures::future::join_all;
use guanxi_client::{Client, Error, request_id};
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::from_proto;
use guanxi_kernel::Timestamp;
use guanxi_testkit::Env;

use crate::support::*;

pub fn giving(member: &str, to: &str, points: i64) -> TransferPointsRequest {
    TransferPointsRequest { request_id: request_id(), member: member.into(), to_member: to.into(), points }
}

async fn give(client: &Client, member: &str, to: &str, points: i64) -> TransferPointsResponse {
    client.loyalty().points().transfer_points(giving(member, to, points)).await.expect("they are given").into_inner()
}

/// Why points are not given, with what is said of it.
async fn refused(client: &Client, request: TransferPointsRequest) -> Error {
    Error::from(client.loyalty().points().transfer_points(request).await.expect_err("it is refused"))
}

/// A program `test` and two members of it.
async fn two(env: &Env, program: Program) -> [String; 2] {
    let one = member(env, program).await;
    [one, enroll(&env.client(), "test", customer(2)).await]
}

fn expiry(lot: &Lot) -> Option<Timestamp> {
    lot.expires_at.as_ref().and_then(from_proto)
}

guanxi_testkit::matrix! {
    setup().replicas(2);

    async fn l08_each_slice_keeps_its_expiry(env: &Env) {
        let [sender, receiver] = two(env, expiring_program(30)).await;
        let client = env.client();
        let sooner = earn(&client, &sender, "1", 20).await.lot.unwrap();
        env.clock().advance(jiff::SignedDuration::from_hours(48));
        let later = earn(&client, &sender, "2", 200).await.lot.unwrap();
        env.clock().advance(jiff::SignedDuration::from_hours(48));
        let request = giving(&sender, &receiver, 100);
        let mut points = client.loyalty().points();
        let given = points.transfer_points(request.clone()).await.unwrap().into_inner();
        assert_eq!((given.points, given.balance.as_ref().unwrap().available), (100, 120));
        let slices: Vec<_> = given.lots.iter().map(|lot| (lot.open_points, expiry(lot))).collect();
        assert_eq!(slices, [(20, expiry(&sooner)), (80, expiry(&later))]);
        assert_eq!(points.transfer_points(request).await.unwrap().into_inner(), given, "the same answer, and nothing again");
        assert_eq!(balance(&client, &receiver).await.available, 100);
        let entries = ListEntriesRequest { member: receiver.clone(), ..ListEntriesRequest::default() };
        let entries = points.list_entries(entries).await.unwrap().into_inner().entries;
        let said: Vec<_> = entries.iter().map(|entry| (entry.kind(), entry.points, entry.other_member.as_str())).collect();
        assert_eq!(said, [(EntryKind::Receive, 80, sender.as_str()), (EntryKind::Receive, 20, sender.as_str())]);
        assert!(entries.iter().all(|entry| entry.from_account() == LedgerAccount::Transit));

        // To and fro they last no longer: the sooner ones expire when they would have.
        give(&client, &receiver, &sender, 100).await;
        env.clock().set(expiry(&sooner).unwrap());
        env.run_jobs().await;
        assert_eq!((balance(&client, &sender).await.available, balance(&client, &receiver).await.available), (200, 0));
        env.verify().await;
    }

    async fn what_waits_is_held_has_expired_or_was_never_there_is_not_given(env: &Env) {
        let [sender, receiver] = two(env, expiring_program(1)).await;
        let client = env.client();
        earn(&client, &sender, "1", 40).await;
        env.clock().advance(jiff::SignedDuration::from_hours(72));
        for swept in [false, true] {
            if swept {
                env.run_jobs().await;
            }
            let error = refused(&client, giving(&sender, &receiver, 40)).await;
            assert_eq!((error.reason.as_str(), error.metadata["expired"].as_str()), ("POINTS_EXPIRED", "40"), "{swept}");
        }
        earn(&client, &sender, "2", 30).await;
        client.loyalty().points().place_hold(crate::holds::holding(&sender, 10)).await.unwrap();
        let error = refused(&client, giving(&sender, &receiver, 21)).await;
        assert_eq!((error.reason.as_str(), error.metadata["available"].as_str()), ("POINTS_EXPIRED", "20"));
        assert_eq!(refused(&client, giving(&sender, &receiver, 61)).await.reason, "POINTS_INSUFFICIENT");
        assert_eq!(give(&client, &sender, &receiver, 20).await.balance.unwrap().available, 0);
        env.verify().await;
    }

    async fn what_waits_for_delivery_is_not_given(env: &Env) {
        let [sender, receiver] = two(env, waiting_program()).await;
        let client = env.client();
        earn(&client, &sender, "1", 40).await;
        let error = refused(&client, giving(&sender, &receiver, 40)).await;
        assert_eq!((error.reason.as_str(), error.metadata["pending"].as_str()), ("POINTS_PENDING", "40"));
        assert_eq!(refused(&client, giving(&sender, &receiver, 41)).await.reason, "POINTS_INSUFFICIENT");
        env.verify().await;
    }

    async fn points_stay_in_their_program_and_are_not_given_to_oneself(env: &Env) {
        let [sender, _] = two(env, program()).await;
        let client = env.client();
        create(&client, "other", Program { auto_enroll: false, ..program() }).await;
        let elsewhere = enroll(&client, "other", customer(1)).await;
        earn(&client, &sender, "1", 40).await;
        assert_eq!(refused(&client, giving(&sender, &sender, 1)).await.reason, "TRANSFER_TO_SELF");
        let error = refused(&client, giving(&sender, &elsewhere, 1)).await;
        assert_eq!((error.reason.as_str(), error.metadata["other"].as_str()), ("TRANSFER_BETWEEN_PROGRAMS", "programs/other"));
        let nobody = "members/00000000-0000-4000-8000-000000000000";
        assert_eq!(refused(&client, giving(&sender, nobody, 1)).await.reason, "NOT_FOUND");
        assert_eq!(refused(&client, giving(nobody, &sender, 1)).await.reason, "NOT_FOUND");
        assert_eq!(balance(&client, &sender).await.available, 40);
        env.verify().await;
    }

    async fn what_is_owed_is_paid_first_and_nobody_owes_for_a_gift(env: &Env) {
        let [sender, receiver] = two(env, owing_program(-100)).await;
        let client = env.client();
        earn(&client, &sender, "1", 50).await;
        client.loyalty().points().spend_points(spending(&receiver, 30)).await.unwrap();
        assert_eq!(refused(&client, giving(&sender, &receiver, 51)).await.reason, "POINTS_INSUFFICIENT");
        assert_eq!(refused(&client, giving(&receiver, &sender, 1)).await.reason, "POINTS_INSUFFICIENT");
        let given = give(&client, &sender, &receiver, 50).await;
        assert_eq!(given.lots[0].open_points, 20);
        let left = balance(&client, &receiver).await;
        assert_eq!((left.available, left.deficit), (20, 0));
        env.verify().await;
    }

    async fn when_the_order_comes_back_whose_points_were_given_away_the_sender_answers_for_them(env: &Env) {
        let [sender, receiver] = two(env, program()).await;
        let client = env.client();
        earn(&client, &sender, "1", 100).await;
        earn(&client, &sender, "2", 30).await;
        give(&client, &sender, &receiver, 100).await;
        let mut points = client.loyalty().points();
        let returned = points.return_order(return_all(&sender, "1")).await.unwrap().into_inner();
        assert_eq!((returned.reversed_points, returned.waived_points), (30, 70));
        assert_eq!((balance(&client, &sender).await.available, balance(&client, &receiver).await.available), (0, 100));
        // What the receiver pays with them comes back to him, and not to the lot of an order that was never his.
        let paid = SpendPointsRequest { order: order("3").to_string(), ..spending(&receiver, 60) };
        points.spend_points(paid).await.unwrap();
        let returned = points.return_order(return_all(&receiver, "3")).await.unwrap().into_inner();
        assert_eq!((returned.refunded_points, balance(&client, &receiver).await.available), (60, 100));
        env.verify().await;
    }

    async fn members_who_all_give_to_each_other_at_once_lose_and_gain_nothing(env: &Env) {
        create(&env.client(), "test", program()).await;
        let client = env.client();
        let mut members = Vec::new();
        for who in 0..6 {
            let member = enroll(&client, "test", customer(who)).await;
            earn(&client, &member, &format!("first-{who}"), 1_000).await;
            members.push(member);
        }
        // Each pair in both directions, on several lanes and replicas.
        let calls = (0..360_usize).map(|n| {
            let (from, to) = (n % 6, (n % 6 + 1 + n / 6 % 5) % 6);
            let (mut points, request) = (client.loyalty().points(), giving(&members[from], &members[to], 3));
            async move { points.transfer_points(request).await }
        });
        let failed: Vec<_> = join_all(calls).await.into_iter().filter_map(Result::err).collect();
        assert!(failed.is_empty(), "{failed:?}");
        for member in &members {
            assert_eq!(balance(&client, member).await.balance, 1_000, "as many came as went");
        }
        env.verify().await;
    }
}
