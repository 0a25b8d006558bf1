//! Cases with known answers that no other file of these tests has, over every combination of database, bus and transport.

use guanxi_client::{Client, request_id};
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::{from_proto, to_proto};
use guanxi_kernel::Timestamp;

use crate::adjusting::adjusting;
use crate::coupon_support::{batch, codes, item, redeem, ten_per_cent};
use crate::rules::rule;
use crate::support::*;
use crate::tiers::standing;

/// Credits points that expire then, or never.
async fn credit(client: &Client, member: &str, points: i64, expires: Option<&str>) {
    let expire_time = expires.map(|expires| to_proto(at(expires)));
    let request = AdjustPointsRequest { expire_time, ..adjusting(member, points) };
    client.loyalty().points().adjust_points(request).await.expect("they are credited");
}

/// What is left of lots that expire, and all that can be spent.
async fn left(client: &Client, member: &str) -> (Vec<(Timestamp, i64)>, i64) {
    let request = ListExpiringRequest { member: member.into(), until: None };
    let listed = client.loyalty().points().list_expiring(request).await.expect("they are listed").into_inner();
    let lots = listed.expiring.iter().map(|one| (one.expires_at.as_ref().and_then(from_proto).unwrap(), one.points));
    (lots.collect(), balance(client, member).await.available)
}

async fn spend(client: &Client, member: &str, points: i64) {
    client.loyalty().points().spend_points(spending(member, points)).await.expect("they are spent");
}

async fn estimated(env: &guanxi_testkit::Env, rules: Vec<EarningRule>) -> i64 {
    let id = format!("p-{}", request_id());
    create(&env.client(), &id, Program { earning_rules: rules, delivery_earns: true, ..program() }).await;
    let red = PurchaseLine { category: "red".into(), delivery_minor: 4_000, ..line(1, 1_200) };
    let blue = PurchaseLine { category: "blue".into(), ..line(2, 10_000) };
    let request = EstimateEarningRequest {
        program: format!("programs/{id}"),
        purchase: Some(purchase(vec![red, blue])),
        ..EstimateEarningRequest::default()
    };
    env.client().loyalty().points().estimate_earning(request).await.expect("it is estimated").into_inner().points
}

guanxi_testkit::matrix! {
    setup();

    async fn l01_what_expires_sooner_is_spent_first_though_it_was_earned_later(env: &Env) {
        let (member, client) = (member(env, program()).await, env.client());
        credit(&client, &member, 100, Some("2027-06-01T00:00:00Z")).await;
        credit(&client, &member, 100, Some("2027-01-01T00:00:00Z")).await;
        spend(&client, &member, 100).await;
        assert_eq!(left(&client, &member).await, (vec![(at("2027-06-01T00:00:00Z"), 100)], 100));
        env.verify().await;
    }

    async fn l02_what_never_expires_is_spent_last(env: &Env) {
        let (member, client) = (member(env, program()).await, env.client());
        credit(&client, &member, 100, None).await;
        credit(&client, &member, 100, Some("2027-01-01T00:00:00Z")).await;
        spend(&client, &member, 100).await;
        assert_eq!(left(&client, &member).await, (vec![], 100));
        env.verify().await;
    }

    async fn l03_a_spend_crosses_lots_in_order_of_expiry(env: &Env) {
        let (member, client) = (member(env, program()).await, env.client());
        credit(&client, &member, 50, Some("2027-01-31T16:00:00Z")).await;
        credit(&client, &member, 50, Some("2027-02-28T16:00:00Z")).await;
        spend(&client, &member, 70).await;
        assert_eq!(left(&client, &member).await, (vec![(at("2027-02-28T16:00:00Z"), 30)], 30));
        env.verify().await;
    }

    async fn l07_a_month_from_31_january_is_through_28_february_local(env: &Env) {
        let month = Some(Period { count: 1, unit: PeriodUnit::Month.into() });
        let period = Some(PeriodExpiry { period: month, extend_to: PeriodEnd::Unspecified.into() });
        let expiry = Some(ExpiryPolicy { period, ..ExpiryPolicy::default() });
        env.clock().set(at("2026-01-25T04:00:00Z"));
        let (member, client) = (member(env, Program { expiry, ..program() }).await, env.client());
        earn(&client, &member, "1", 25).await;
        env.clock().set(at("2026-01-31T04:00:00Z"));
        earn(&client, &member, "2", 31).await;
        let expected = vec![(at("2026-02-25T16:00:00Z"), 25), (at("2026-02-28T16:00:00Z"), 31)];
        assert_eq!(left(&client, &member).await, (expected, 56));
        for (when, available) in [
            ("2026-02-25T15:59:59Z", 56),
            ("2026-02-25T16:00:00Z", 31),
            ("2026-02-28T15:59:59Z", 31),
            ("2026-02-28T16:00:00Z", 0),
        ] {
            env.clock().set(at(when));
            assert_eq!(balance(&client, &member).await.available, available, "{when}");
        }
        env.verify().await;
    }

    async fn l13_a_cart_earns_by_category_with_delivery_and_by_multiplier(env: &Env) {
        let per_amount = Some(PerAmount { points: 4, step_minor: 100, ..PerAmount::default() });
        let four = || EarningRule { per_amount, ..rule("base") };
        assert_eq!(estimated(env, vec![four()]).await, 608);
        let without_blue = EarningRule { excluded_categories: vec!["blue".into()], ..four() };
        assert_eq!(estimated(env, vec![without_blue]).await, 208);
        let only_red = EarningRule { categories: vec!["red".into()], ..four() };
        assert_eq!(estimated(env, vec![only_red.clone()]).await, 48);
        let multiplier = Some(Multiplier { factor_milli: 3_000 });
        let triple = EarningRule { id: "triple".into(), per_amount: None, multiplier, ..only_red };
        assert_eq!(estimated(env, vec![four(), triple]).await, 704);
    }

    async fn l20_a_gift_card_a_share_and_an_amount_each_in_its_turn(env: &Env) {
        create(&env.client(), "test", program()).await;
        for (id, on_initial_amount, payable) in [("left", false, 151_920), ("initial", true, 151_900)] {
            let percent_off = Some(PercentOff { basis_points: 2_000, maximum_minor: 0 });
            let share = CouponBatch {
                discount: Some(CouponDiscount { percent_off, ..CouponDiscount::default() }),
                stacking: Some(CouponStacking { priority: 5, on_initial_amount, ..CouponStacking::default() }),
                ..ten_per_cent()
            };
            let amount_off = Some(AmountOff { amount_minor: 8_000 });
            let amount = CouponBatch {
                discount: Some(CouponDiscount { amount_off, ..CouponDiscount::default() }),
                ..ten_per_cent()
            };
            for (kind, terms) in [("share", share), ("amount", amount)] {
                batch(&env.client(), &format!("{id}-{kind}"), terms).await;
                codes(&env.client(), &format!("{id}-{kind}"), &[&format!("{id}-{kind}")]).await;
            }
            let request = RedeemCouponsRequest {
                request_id: request_id(),
                order: order(id).to_string(),
                purchase: Some(purchase(vec![line(1, 200_000)])),
                items: ["amount", "share"].map(|kind| item(&format!("{id}-{kind}"))).to_vec(),
                tenders: vec![CouponTender { priority: 9, amount_minor: 100 }],
                ..RedeemCouponsRequest::default()
            };
            let totals = redeem(&env.client(), request).await.totals.unwrap();
            assert_eq!((totals.payable_minor, totals.tendered_minor), (payable, 100));
        }
        env.verify().await;
    }

    async fn l21_a_share_of_what_is_left_three_times(env: &Env) {
        create(&env.client(), "test", program()).await;
        for id in ["one", "two", "three"] {
            batch(&env.client(), id, ten_per_cent()).await;
            codes(&env.client(), id, &[&format!("CODE-{id}")]).await;
        }
        let request = RedeemCouponsRequest {
            request_id: request_id(),
            order: order("1").to_string(),
            purchase: Some(purchase(vec![line(1, 30_000)])),
            items: ["one", "two", "three"].map(|id| item(&format!("CODE-{id}"))).to_vec(),
            ..RedeemCouponsRequest::default()
        };
        let redeemed = redeem(&env.client(), request).await;
        let mut left = 30_000;
        let after: Vec<i64> = redeemed
            .verdicts
            .iter()
            .map(|verdict| {
                left -= verdict.discount_minor;
                left
            })
            .collect();
        assert_eq!((after, redeemed.totals.unwrap().payable_minor), (vec![27_000, 24_300, 21_870], 21_870));
        env.verify().await;
    }

    async fn l26_gold_that_falls_on_25_july_with_a_grace_of_a_month_lasts_through_25_august(env: &Env) {
        // What counts is what was spent since the last anniversary of his enrolment, 23 July; gold is good for four days more.
        let validity = TierValidity {
            from_start: Some(Period { count: 4, unit: PeriodUnit::Day.into() }),
            ..TierValidity::default()
        };
        let policy = TierPolicy {
            tiers: vec![Tier { id: "gold".into(), display_name: "Gold".into(), threshold: 20_000, expiry: None }],
            basis: TierBasis::Spend.into(),
            window: Some(TierWindow { member_year: Some(MemberYearWindow {}), ..TierWindow::default() }),
            validity: Some(validity),
            grace: Some(Period { count: 1, unit: PeriodUnit::Month.into() }),
            ..TierPolicy::default()
        };
        env.clock().set(at("2026-07-20T04:00:00Z"));
        create(&env.client(), "test", Program { tiers: Some(policy), ..program() }).await;
        let client = env.client();
        let request = EnrollMemberRequest {
            request_id: request_id(),
            program: "programs/test".into(),
            customer: customer(1).to_string(),
            enroll_time: Some(to_proto(at("2025-07-23T04:00:00Z"))),
            ..EnrollMemberRequest::default()
        };
        let member = client.loyalty().members().enroll_member(request).await.unwrap().into_inner().member.unwrap().name;
        earn(&client, &member, "1", 200).await;
        let reached = standing(&client, &member).await;
        assert_eq!((reached.tier.as_str(), reached.since_time), ("gold", Some(to_proto(at("2026-07-20T04:00:00Z")))));
        env.clock().set(at("2026-07-25T04:00:00Z"));
        let falling = standing(&client, &member).await;
        let through_25_august = Some(to_proto(at("2026-08-25T16:00:00Z")));
        assert_eq!((falling.tier.as_str(), falling.until_time, falling.fall_time), ("gold", through_25_august, through_25_august));
        assert_eq!((falling.falls_to.as_str(), falling.needed_to_stay), ("", 20_000));
        for (when, tier) in [("2026-08-25T15:59:59Z", "gold"), ("2026-08-25T16:00:00Z", "")] {
            env.clock().set(at(when));
            assert_eq!(standing(&client, &member).await.tier, tier, "{when}");
        }
        env.verify().await;
    }
}
