//! Customers who turn out to be one person, and who do not: members are joined and parted, in any order and more than once.

use guanxi_client::{Client, request_id};
use guanxi_contracts::customer::events::v1::{CustomerMerged, CustomerUnmerged};
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{OrganizationId, Uuid};
use guanxi_messaging::event;
use guanxi_store::NewEvent;
use guanxi_testkit::Env;

use crate::coupon_support::{batch, imported, limited, redeeming};
use crate::occasions::{birthday, checking_in};
use crate::support::*;
use crate::tiers::standing;

fn merge(number: u128) -> String {
    format!("customerMerges/{}", Uuid::from_u128(number))
}

pub fn merged(number: u128, survivor: CustomerId, absorbed: CustomerId) -> NewEvent {
    let when = at("2026-11-10T00:00:00Z");
    let message = CustomerMerged {
        merge: merge(number),
        survivor: survivor.to_string(),
        absorbed: absorbed.to_string(),
        merge_time: Some(to_proto(when)),
    };
    event(survivor, 2, &OrganizationId::default_organization(), when, false, &message)
}

fn unmerged(number: u128, survivor: CustomerId, absorbed: CustomerId) -> NewEvent {
    let when = at("2026-11-12T00:00:00Z");
    let message = CustomerUnmerged {
        merge: merge(number),
        survivor: survivor.to_string(),
        absorbed: absorbed.to_string(),
        unmerge_time: Some(to_proto(when)),
    };
    event(survivor, 3, &OrganizationId::default_organization(), when, false, &message)
}

async fn tell(env: &Env, events: Vec<NewEvent>) {
    env.tell("customer", events).await;
    env.settle().await;
}

async fn get(client: &Client, member: &str) -> Member {
    let request = GetMemberRequest { name: member.into() };
    client.loyalty().members().get_member(request).await.expect("there is one").into_inner().member.expect("a member")
}

async fn points(client: &Client, member: &str) -> i64 {
    balance(client, member).await.balance
}

async fn greeted(client: &Client, member: &str) -> Vec<bool> {
    let answer = client.loyalty().members().check_in(checking_in(member)).await.expect("he is greeted");
    answer.into_inner().celebrations.into_iter().map(|one| one.given_now).collect()
}

async fn entries(client: &Client, member: &str, size: i32) -> Vec<Entry> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let (member, page_size) = (member.to_owned(), size);
        let request = ListEntriesRequest { member, page_size, page_token, ..ListEntriesRequest::default() };
        let answer = client.loyalty().points().list_entries(request).await.unwrap().into_inner();
        all.extend(answer.entries);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

fn tiered() -> Program {
    let tier = |id: &str, threshold| Tier { id: id.into(), display_name: id.to_uppercase(), threshold, expiry: None };
    let tiers = TierPolicy {
        tiers: vec![tier("silver", 100), tier("gold", 200)],
        basis: TierBasis::PointsEarned.into(),
        window: Some(TierWindow { calendar_year: Some(CalendarYearWindow {}), ..TierWindow::default() }),
        validity: Some(TierValidity { calendar_year: Some(TierYears::default()), ..TierValidity::default() }),
        ..TierPolicy::default()
    };
    Program { tiers: Some(tiers), ..program() }
}

/// Two members of a program `test`, by their customers 1 and 2.
async fn pair(env: &Env, program: Program) -> (Client, String, String) {
    let one = member(env, program).await;
    let other = enroll(&env.client(), "test", customer(2)).await;
    (env.client(), one, other)
}

guanxi_testkit::matrix! {
    setup();

    async fn members_who_are_one_answer_to_either_name_and_are_parted_as_they_were(env: &Env) {
        let (client, one, other) = pair(env, tiered()).await;
        earn(&client, &one, "1", 120).await;
        earn(&client, &other, "2", 90).await;
        let tiers = async |name: &str| standing(&client, name).await.tier;
        assert_eq!((tiers(&one).await, tiers(&other).await), ("silver".to_owned(), String::new()));
        let before = [entries(&client, &one, 50).await, entries(&client, &other, 50).await];

        tell(env, vec![merged(1, customer(1), customer(2)), merged(1, customer(1), customer(2))]).await;
        for name in [&one, &other] {
            assert_eq!(points(&client, name).await, 210);
            assert_eq!(tiers(name).await, "gold", "what both earned counts");
        }
        let absorbed = get(&client, &other).await;
        assert_eq!((absorbed.merged_into, absorbed.customer), (one.clone(), customer(1).to_string()));
        assert_eq!(get(&client, &one).await.merged_into, "");
        assert_eq!(entries(&client, &other, 1).await.len(), 2, "the history of both");
        let again = EnrollMemberRequest {
            request_id: request_id(),
            program: "programs/test".into(),
            customer: customer(2).to_string(),
            enroll_time: None,
            card_number: String::new(),
            referral_code: String::new(),
        };
        assert_eq!(reason(client.loyalty().members().enroll_member(again).await), "ALREADY_EXISTS");
        env.verify().await;

        tell(env, vec![unmerged(1, customer(1), customer(2)), unmerged(1, customer(1), customer(2))]).await;
        assert_eq!((points(&client, &one).await, points(&client, &other).await), (120, 90));
        assert_eq!((tiers(&one).await, tiers(&other).await), ("silver".to_owned(), String::new()));
        assert_eq!([entries(&client, &one, 50).await, entries(&client, &other, 50).await], before, "nothing was moved");
        let alone = get(&client, &other).await;
        assert_eq!((alone.merged_into, alone.customer), (String::new(), customer(2).to_string()));
        env.verify().await;
    }

    async fn a40_one_person_gets_one_gift_for_a_birthday_whatever_becomes_of_the_records(env: &Env) {
        env.clock().set(at("2026-12-01T04:00:00Z"));
        let occasion = OccasionRule {
            id: "birthday".into(),
            display_name: "Birthday".into(),
            kind: OccasionKind::Birthday.into(),
            points: 88,
            valid_for: None,
        };
        let (client, one, other) = pair(env, Program { occasions: vec![occasion], ..program() }).await;
        for name in [&one, &other] {
            let request = birthday(name, 3, 8, BirthdaySource::Member);
            client.loyalty().members().set_birthday(request).await.unwrap();
        }
        tell(env, vec![merged(1, customer(1), customer(2))]).await;
        env.clock().set(at("2027-03-07T16:00:00Z"));
        // In Shanghai it is the day. Whether the till gives or the job, which is as quick, there is one gift.
        assert_eq!(greeted(&client, &other).await.len(), 1);
        assert_eq!(greeted(&client, &one).await, [false]);
        env.clock().set(at("2027-03-08T06:00:00Z"));
        env.run_jobs().await;
        assert_eq!((points(&client, &one).await, points(&client, &other).await), (88, 88));

        tell(env, vec![unmerged(1, customer(1), customer(2))]).await;
        env.clock().set(at("2027-03-08T07:00:00Z"));
        env.run_jobs().await;
        assert_eq!((greeted(&client, &one).await, greeted(&client, &other).await), (vec![false], vec![false]));
        assert_eq!((points(&client, &one).await, points(&client, &other).await), (88, 0), "the day was kept");
        tell(env, vec![merged(2, customer(1), customer(2))]).await;
        assert_eq!(greeted(&client, &other).await, [false]);
        assert_eq!(points(&client, &other).await, 88);
        env.verify().await;
        // Next year they are one again, and it is one gift again.
        env.clock().set(at("2028-03-07T16:00:00Z"));
        assert_eq!(greeted(&client, &one).await.len(), 1);
        assert_eq!(greeted(&client, &other).await, [false]);
        assert_eq!(points(&client, &other).await, 176);
        env.verify().await;
    }

    async fn what_was_spent_and_held_together_is_each_ones_own_when_they_are_parted(env: &Env) {
        let (client, one, other) = pair(env, program()).await;
        earn(&client, &one, "1", 30).await;
        earn(&client, &other, "2", 70).await;
        tell(env, vec![merged(1, customer(1), customer(2))]).await;
        let mut calls = client.loyalty().points();
        let spend = SpendPointsRequest { order: order("goods").to_string(), ..spending(&other, 50) };
        let answer = calls.spend_points(spend.clone()).await.unwrap().into_inner();
        assert_eq!((answer.points, answer.balance.unwrap().balance), (50, 50));
        assert_eq!(calls.spend_points(spend.clone()).await.unwrap().into_inner().points, 50, "the same request again");
        let hold = calls.place_hold(crate::holds::holding(&one, 45)).await.unwrap().into_inner().hold.unwrap();
        assert_eq!(reason(calls.spend_points(spending(&one, 6)).await), "POINTS_INSUFFICIENT");
        assert_eq!(reason(calls.transfer_points(crate::transfers::giving(&one, &other, 1)).await), "TRANSFER_TO_SELF");
        env.verify().await;

        tell(env, vec![unmerged(1, customer(1), customer(2))]).await;
        let capture = CaptureHoldRequest { request_id: request_id(), name: hold.name, points: Some(40) };
        let captured = calls.capture_hold(capture).await.unwrap().into_inner().hold.unwrap();
        assert_eq!((captured.points, captured.captured_points), (45, 40));
        assert_eq!(points(&client, &one).await + points(&client, &other).await, 10);
        calls.return_order(return_all(&one, "goods")).await.expect("by either name");
        assert_eq!(points(&client, &one).await + points(&client, &other).await, 60);
        assert_eq!(reason(calls.return_order(return_all(&other, "goods")).await), "RETURN_ALREADY_RECORDED");
        assert_eq!(calls.spend_points(spend).await.unwrap().into_inner().points, 50, "and the same request still");
        env.verify().await;
    }

    async fn merges_come_in_any_order_and_before_anyone_is_a_member(env: &Env) {
        create(&env.client(), "test", program()).await;
        let client = env.client();
        // The compensation of a merge that is not known yet waits for it.
        tell(env, vec![unmerged(1, customer(1), customer(2))]).await;
        assert_eq!(env.flow().await.iter().map(|flow| flow.parked).sum::<i64>(), 1);
        tell(env, vec![merged(2, customer(2), customer(3)), merged(1, customer(1), customer(2))]).await;
        assert_eq!(env.flow().await.iter().map(|flow| flow.parked).sum::<i64>(), 0);
        tell(env, vec![recorded("1", customer(1), &["a"]), recorded("3", customer(3), &["a", "b"])]).await;
        let of = async |who: CustomerId| {
            let request = ListMembersRequest { customer: who.to_string(), ..ListMembersRequest::default() };
            client.loyalty().members().list_members(request).await.unwrap().into_inner().members
        };
        assert_eq!(of(customer(1)).await.len(), 1);
        let third = of(customer(2)).await;
        assert_eq!(third.len(), 1, "his customer is the one who survived, who is no member himself");
        assert_eq!(points(&client, &third[0].name).await, 20);
        tell(env, vec![recorded("2", customer(2), &["a"])]).await;
        let second = of(customer(2)).await.into_iter().find(|member| member.merged_into.is_empty()).expect("he is one");
        assert_eq!(points(&client, &second.name).await, 30);
        assert_eq!(get(&client, &third[0].name).await.merged_into, second.name, "his is the name that goes on");
        // A third record, by a merge of the absorbed: all are one.
        tell(env, vec![merged(3, customer(1), customer(3))]).await;
        for member in [&second.name, &third[0].name] {
            assert_eq!(points(&client, member).await, 40);
        }
        tell(env, vec![returned("3", customer(3), "r", &[1]), cancelled("2", customer(2))]).await;
        assert_eq!(points(&client, &second.name).await, 20);
        tell(env, vec![unmerged(3, customer(1), customer(3)), unmerged(2, customer(2), customer(3))]).await;
        let mut alone = Vec::new();
        for who in 1..=3 {
            alone.push(points(&client, &of(customer(who)).await[0].name).await);
        }
        assert_eq!(alone, [10, 0, 10]);
        assert_eq!(env.flow().await.iter().map(|flow| flow.dead_letters).sum::<i64>(), 0);
        env.verify().await;
    }

    async fn caps_and_coupons_count_what_one_person_had_by_all_names(env: &Env) {
        let mut capped = program();
        capped.earning_rules[0].caps = vec![RuleCap { points: 50, period: CapPeriod::Year.into() }];
        let (client, one, other) = pair(env, capped).await;
        let per_customer = limited(CouponLimitScope::Customer, CouponLimitPeriod::Ever, 2);
        batch(&client, "winter", per_customer).await;
        let own = |code: &str, member: &str| ImportCouponsRequest {
            batch: "couponBatches/winter".into(),
            code: code.into(),
            member: member.into(),
            ..ImportCouponsRequest::default()
        };
        let all = vec![own("AAAA1111", &one), own("BBBB2222", &other), own("CCCC3333", &other), own("DDDD4444", &one)];
        assert!(imported(&client, all).await.iter().all(|answer| answer.reason.is_empty()));
        let redeem = async |number: &str, code: &str, member: &str| {
            let request = RedeemCouponsRequest { member: member.into(), ..redeeming(number, &[code]) };
            client.loyalty().coupons().redeem_coupons(request).await
        };
        earn(&client, &one, "1", 30).await;
        assert_eq!(reason(redeem("r0", "BBBB2222", &one).await), "COUPON_NOT_OWNED");
        redeem("r1", "BBBB2222", &other).await.unwrap();
        tell(env, vec![merged(1, customer(1), customer(2))]).await;
        let request = earning(&other, "2", vec![line(1, 3_000)]);
        let estimate = EstimateEarningRequest {
            program: "programs/test".into(),
            purchase: Some(purchase(vec![line(1, 3_000)])),
            member: other.clone(),
            ..EstimateEarningRequest::default()
        };
        let estimated = client.loyalty().points().estimate_earning(estimate).await.unwrap().into_inner().points;
        let earned = client.loyalty().points().earn_points(request).await.unwrap().into_inner().points;
        assert_eq!((estimated, earned), (20, 20), "a cap is one person's");
        let request = ListCouponsRequest { member: one.clone(), ..ListCouponsRequest::default() };
        assert_eq!(client.loyalty().coupons().list_coupons(request).await.unwrap().into_inner().coupons.len(), 4);
        redeem("r2", "CCCC3333", &one).await.expect("what was the absorbed one's is his");
        assert_eq!(reason(redeem("r3", "DDDD4444", &other).await), "COUPON_LIMIT_REACHED", "two in all");
        tell(env, vec![unmerged(1, customer(1), customer(2))]).await;
        redeem("r4", "DDDD4444", &one).await.expect("one of them was his own");
        assert_eq!(reason(redeem("r5", "AAAA1111", &one).await), "COUPON_LIMIT_REACHED");
        env.verify().await;
    }
}
