//! Coupons under a thousand callers at once, of one process and of three on one database: a limit of N has exactly N
//! winners, and every loser hears why.

use std::collections::BTreeMap;

use futures::future::join_all;
use guanxi_client::{Client, Error};
use guanxi_contracts::loyalty::v1::*;

use crate::coupon_support::*;
use crate::support::*;

/// What so many redemptions came to: how often each reason, the empty one for those that won.
async fn race(clients: &[Client], requests: impl Iterator<Item = RedeemCouponsRequest>) -> BTreeMap<String, usize> {
    let calls = requests.enumerate().map(|(n, request)| {
        let mut coupons = clients[n % clients.len()].loyalty().coupons();
        async move { coupons.redeem_coupons(request).await }
    });
    let mut reasons = BTreeMap::new();
    for answer in join_all(calls).await {
        let reason = answer.map_or_else(|status| Error::from(status).reason, |_| String::new());
        *reasons.entry(reason).or_default() += 1;
    }
    reasons
}

fn won_and(won: usize, reason: &str, lost: usize) -> BTreeMap<String, usize> {
    BTreeMap::from([(String::new(), won), (reason.to_owned(), lost)])
}

guanxi_testkit::matrix! {
    setup().replicas(3);

    async fn l22_of_a_thousand_callers_as_many_win_as_a_code_a_member_and_a_budget_allow(env: &Env) {
        let member = member(env, program()).await;
        let client = env.client();
        batch(&client, "code", limited(CouponLimitScope::Code, CouponLimitPeriod::Ever, 7)).await;
        batch(&client, "member", limited(CouponLimitScope::Customer, CouponLimitPeriod::Day, 3)).await;
        let budget = Some(CouponBudget { amount_minor: Some(11_500), redemption_count: None });
        batch(&client, "budget", CouponBatch { budget, ..ten_per_cent() }).await;
        for (id, code) in [("code", "SHARED"), ("member", "MINE"), ("budget", "POOR")] {
            codes(&client, id, &[code]).await;
        }
        let clients: Vec<Client> = (0..3).map(|replica| env.client_of(replica)).collect();
        let shared = race(&clients, (0..1_000).map(|n| redeeming(&format!("a{n}"), &["SHARED"]))).await;
        assert_eq!(shared, won_and(7, "COUPON_LIMIT_REACHED", 993));
        let mine = (0..1_000).map(|n| RedeemCouponsRequest { member: member.clone(), ..redeeming(&format!("b{n}"), &["MINE"]) });
        assert_eq!(race(&clients, mine).await, won_and(3, "COUPON_LIMIT_REACHED", 997));
        let poor = race(&clients, (0..1_000).map(|n| redeeming(&format!("c{n}"), &["POOR"]))).await;
        assert_eq!(poor, won_and(11, "COUPON_BUDGET_EXHAUSTED", 989));
        let counted: Vec<i64> = join_all(["code", "member", "budget"].map(|id| get_batch(&client, id)))
            .await.into_iter().map(|batch| batch.redeemed_count).collect();
        assert_eq!(counted, [7, 3, 11]);
        env.verify().await;
    }

    async fn l22_one_order_that_many_redeem_for_redeems_once_and_is_rolled_back_once(env: &Env) {
        create(&env.client(), "test", program()).await;
        batch(&env.client(), "free", ten_per_cent()).await;
        codes(&env.client(), "free", &["FREELY", "TOO-1"]).await;
        let clients: Vec<Client> = (0..3).map(|replica| env.client_of(replica)).collect();
        let both = (0..60).map(|n| redeeming("1", &[["FREELY", "TOO-1"][n % 2]]));
        assert_eq!(race(&clients, both).await, won_and(1, "ORDER_HAS_COUPONS", 59));
        let order = redeem(&env.client(), redeeming("2", &["FREELY", "TOO-1"])).await.redemption;
        let calls = (0..60).map(|n| {
            let (mut coupons, request) = (clients[n % 3].loyalty().coupons(), rolling_back(&order));
            async move { coupons.rollback_redemption(request).await }
        });
        let (won, lost): (Vec<_>, Vec<_>) = join_all(calls).await.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 59));
        assert!(lost.into_iter().all(|lost| reason(lost) == "REDEMPTION_ROLLED_BACK"));
        env.verify().await;
    }

    async fn many_codes_of_many_batches_at_once_neither_block_nor_lose_each_other(env: &Env) {
        create(&env.client(), "test", program()).await;
        let clients: Vec<Client> = (0..3).map(|replica| env.client_of(replica)).collect();
        let ids = ["a", "b", "c", "d"];
        for id in ids {
            batch(&env.client(), id, limited(CouponLimitScope::Code, CouponLimitPeriod::Week, 60)).await;
            codes(&env.client(), id, &[&format!("CODE{id}")]).await;
        }
        // Each in its own order of the batches.
        let requests = (0..200_usize).map(|n| {
            let codes: Vec<String> = (0..2).map(|at| format!("CODE{}", ids[(n * 3 + at * (1 + n % 3)) % 4])).collect();
            redeeming(&n.to_string(), &codes.iter().map(String::as_str).collect::<Vec<_>>())
        });
        let reasons = race(&clients, requests).await;
        assert!(reasons.keys().all(|reason| reason.is_empty() || reason == "COUPON_LIMIT_REACHED"), "{reasons:?}");
        env.verify().await;
    }
}
