//! What the other services tell: orders enrol and earn, deliveries activate, cancellations and returns reverse.

use guanxi_contracts::loyalty::events::v1::{MemberEnrolled, PointsActivated, PointsEarned, PointsReversed};
use guanxi_contracts::loyalty::v1::*;

use guanxi_testkit::Env;

use crate::support::*;

async fn points_of(env: &Env, who: guanxi_kernel::name::CustomerId) -> (i64, i64) {
    let request = ListMembersRequest { customer: who.to_string(), ..ListMembersRequest::default() };
    let members = env.client().loyalty().members().list_members(request).await.unwrap().into_inner().members;
    let balance = balance(&env.client(), &members[0].name).await;
    (balance.balance, balance.pending)
}

guanxi_testkit::matrix! {
    setup();

    async fn an_order_enrols_and_earns_and_its_last_delivery_activates(env: &Env) {
        create(&env.client(), "test", waiting_program()).await;
        env.tell("customer", [recorded("1", customer(1), &["a", "b", "a"])]).await;
        env.settle().await;
        assert_eq!(points_of(env, customer(1)).await, (0, 30));
        env.tell("logistics", [delivered("1", "b", "2026-11-03T00:00:00Z")]).await;
        env.settle().await;
        assert_eq!(points_of(env, customer(1)).await, (0, 30), "one is missing");
        env.tell("logistics", [
            delivered("1", "a", "2026-11-02T00:00:00Z"),
            delivered("1", "a", "2026-11-02T00:00:00Z"),
            delivered("1", "z", "2026-11-02T00:00:00Z"),
        ]).await;
        env.settle().await;
        assert_eq!(points_of(env, customer(1)).await, (30, 0));
        let activated = env.events_of::<PointsActivated>("loyalty").await;
        assert_eq!((activated.len(), activated[0].points), (1, 30));
        let from = activated[0].active_from.as_ref().and_then(guanxi_contracts::time::from_proto);
        assert_eq!(from, Some(at("2026-11-03T00:00:00Z")), "with the last one, whatever the order they are told in");
        let told = env.events("loyalty").await;
        assert!(told.iter().all(|event| event.historical), "imported history stays so");
        env.verify().await;
    }

    async fn what_comes_before_its_order_waits_for_it(env: &Env) {
        create(&env.client(), "test", waiting_program()).await;
        env.tell("logistics", [delivered("1", "a", "2026-11-03T00:00:00Z")]).await;
        env.tell("customer", [cancelled("2", customer(2)), returned("3", customer(3), "r", &[1])]).await;
        env.settle().await;
        let parked = async || -> i64 { env.flow().await.iter().map(|flow| flow.parked).sum() };
        assert_eq!(parked().await, 3);
        env.tell("customer", [
            recorded("1", customer(1), &["a"]),
            recorded("2", customer(2), &["a"]),
            recorded("3", customer(3), &["a", "b"]),
        ]).await;
        env.settle().await;
        assert_eq!(parked().await, 0);
        assert_eq!(points_of(env, customer(1)).await, (10, 0));
        assert_eq!(points_of(env, customer(2)).await, (0, 0));
        assert_eq!(points_of(env, customer(3)).await, (0, 10));
        env.verify().await;
    }

    async fn a_cancelled_order_keeps_nothing_whichever_is_told_first(env: &Env) {
        create(&env.client(), "test", waiting_program()).await;
        for who in [1, 2] {
            env.tell("customer", [recorded(&who.to_string(), customer(who), &["a", "b"])]).await;
        }
        env.settle().await;
        let both = |number: &str| ["a", "b"].map(|seller| delivered(number, seller, "2026-11-03T00:00:00Z"));
        env.tell("logistics", both("1")).await;
        env.settle().await;
        env.tell("customer", [cancelled("1", customer(1)), cancelled("2", customer(2))]).await;
        env.settle().await;
        env.tell("logistics", both("2")).await;
        env.tell("customer", [cancelled("1", customer(1))]).await;
        env.settle().await;
        for who in [1, 2] {
            assert_eq!(points_of(env, customer(who)).await, (0, 0));
        }
        let reversed: Vec<_> =
            env.events_of::<PointsReversed>("loyalty").await.iter().map(|told| told.points).collect();
        assert_eq!(reversed, [20, 20]);
        let figures = figures(&env.client()).await;
        let of = |name: &str| figures[name];
        assert_eq!(
            (of("members"), of("points_earned"), of("points_active"), of("points_pending"), of("points_reversed")),
            (2, 40, 0, 0, 40),
        );
        env.verify().await;
    }

    async fn a_returned_line_takes_back_what_it_earned_once(env: &Env) {
        create(&env.client(), "test", program()).await;
        env.tell("customer", [
            recorded("1", customer(1), &["a", "b"]),
            returned("1", customer(1), "r", &[2]),
            returned("1", customer(1), "r", &[2]),
            returned("1", customer(1), "s", &[2, 7]),
        ]).await;
        env.settle().await;
        assert_eq!(points_of(env, customer(1)).await, (10, 0));
        assert_eq!(env.flow().await.iter().map(|flow| flow.dead_letters).sum::<i64>(), 0);
        env.verify().await;
    }

    async fn one_customers_orders_enrol_him_once(env: &Env) {
        create(&env.client(), "test", program()).await;
        create(&env.client(), "other", Program { auto_enroll: false, ..program() }).await;
        let orders = (1..=20).map(|number: i32| recorded(&number.to_string(), customer(1), &["a"]));
        env.tell("customer", orders.collect::<Vec<_>>()).await;
        env.tell("customer", [recorded("none", customer(2), &[])]).await;
        env.settle().await;
        let mut enrolled: Vec<_> =
            env.events_of::<MemberEnrolled>("loyalty").await.into_iter().map(|told| told.customer).collect();
        enrolled.sort_unstable();
        assert_eq!(enrolled, [customer(1).to_string(), customer(2).to_string()], "an order without lines enrols too");
        assert_eq!(env.events_of::<PointsEarned>("loyalty").await.len(), 20);
        assert_eq!(points_of(env, customer(1)).await, (200, 0));
        assert_eq!(figures(&env.client()).await["members"], 2);
        env.verify().await;
    }

    async fn a_call_and_an_event_for_one_order_earn_once(env: &Env) {
        create(&env.client(), "test", waiting_program()).await;
        let member = enroll(&env.client(), "test", customer(1)).await;
        earn(&env.client(), &member, "1", 15).await;
        env.tell("customer", [recorded("1", customer(1), &["a"])]).await;
        env.tell("logistics", [delivered("1", "a", "2026-11-22T00:00:00Z")]).await;
        env.settle().await;
        assert_eq!(points_of(env, customer(1)).await, (15, 0));
        env.tell("customer", [recorded("2", customer(2), &["a"])]).await;
        env.tell("logistics", [delivered("2", "a", "2026-11-22T00:00:00Z")]).await;
        env.settle().await;
        let lot = earn(&env.client(), &member, "2", 5).await.lot.unwrap();
        assert!(lot.active_from.is_some(), "an order that was delivered before it earned waits for nothing");
        env.verify().await;
    }

    async fn a_crash_in_the_middle_loses_and_doubles_nothing(env: &Env) {
        create(&env.client(), "test", waiting_program()).await;
        for batch in 0..4 {
            let numbers = (0..50).map(|n| (batch * 50 + n).to_string());
            let orders = numbers.clone().map(|number| recorded(&number, customer(batch as u128), &["a"]));
            env.tell("customer", orders.collect::<Vec<_>>()).await;
            let arrivals = numbers.map(|number| delivered(&number, "a", "2026-11-10T00:00:00Z"));
            env.tell("logistics", arrivals.collect::<Vec<_>>()).await;
            env.crash_and_start_again().await;
        }
        env.settle().await;
        let figures = figures(&env.client()).await;
        assert_eq!((figures["points_earned"], figures["points_active"], figures["members"]), (2_000, 2_000, 4));
        env.verify().await;
    }
}
