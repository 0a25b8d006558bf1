//! What gives points besides orders, as the other services tell of it: surveys, reviews, profiles, segments, risks, remedies,
//! broken promises; and what is told of customers.

use guanxi_client::{Client, Error, request_id};
use guanxi_contracts::Event;
use guanxi_contracts::customer::events::v1::*;
use guanxi_contracts::feedback::events::v1::*;
use guanxi_contracts::logistics::events::v1::ShipmentCreated;
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{OrganizationId, Uuid};
use guanxi_messaging::event;
use guanxi_store::NewEvent;
use guanxi_testkit::Env;

use crate::coupon_support::{batch, codes, limited, redeem, redeeming, refused};
use crate::support::*;

const WHEN: &str = "2026-11-22T08:00:00Z";

/// An event as its sender writes it.
pub fn told(key: impl std::fmt::Display, version: i64, when: &str, message: &impl Event) -> NewEvent {
    event(key, version, &OrganizationId::default_organization(), at(when), false, message)
}

/// The `n`th UUID of the tests.
fn id(n: u128) -> Uuid {
    Uuid::from_u128(0x0199_0000_0000_7000_9000_0000_0000_0000 + n)
}

fn answered(n: u128, who: CustomerId, order: &str) -> NewEvent {
    let message = SurveyAnswered {
        invitation: format!("invitations/{}", id(n)),
        survey: "surveys/delivery".into(),
        version: 2,
        customer: who.to_string(),
        order: order.into(),
    };
    told(&message.invitation, 2, WHEN, &message)
}

fn reviewed(n: u128, who: &str, subject: &str, rating: i32) -> NewEvent {
    let review = format!("reviews/{}", id(n));
    let message = ReviewSubmitted { review, subject: subject.into(), customer: who.into(), rating };
    told(&message.review, 1, WHEN, &message)
}

pub fn entered(who: CustomerId, segment: &str, version: i64, when: &str) -> NewEvent {
    let (customer, segment) = (who.to_string(), format!("segments/{segment}"));
    let key = format!("{customer}/{segment}");
    told(key, version, when, &SegmentEntered { customer, segment, enter_time: Some(to_proto(at(when))) })
}

fn left(who: CustomerId, segment: &str, version: i64, when: &str) -> NewEvent {
    let (customer, segment) = (who.to_string(), format!("segments/{segment}"));
    let key = format!("{customer}/{segment}");
    told(key, version, when, &SegmentLeft { customer, segment, leave_time: Some(to_proto(at(when))) })
}

pub fn at_risk(who: CustomerId, risk_permille: i32, version: i64, when: &str) -> NewEvent {
    let message = ChurnRiskRaised { customer: who.to_string(), risk_permille, assess_time: Some(to_proto(at(when))) };
    told(format!("{who}/churnRisk"), version, when, &message)
}

pub fn updated(who: CustomerId, version: i64, when: &str, facts: CustomerFacts) -> NewEvent {
    let message = CustomerUpdated { customer: who.to_string(), paths: vec!["birth_date".into()], facts: Some(facts) };
    told(who, version, when, &message)
}

pub fn born(month: i32, day: i32) -> CustomerFacts {
    CustomerFacts { birthday: Some(CustomerBirthday { month, day, ..Default::default() }), ..Default::default() }
}

fn remedy(n: u128, who: CustomerId, points: i64) -> NewEvent {
    let message = RemedyApproved {
        remedy: format!("cases/{}/remedies/{}", id(0), id(n)),
        case: format!("cases/{}", id(0)),
        customer: who.to_string(),
        points,
        reason: "the parcel was late".into(),
        approver: "lead@example.com".into(),
        approve_time: Some(to_proto(at(WHEN))),
        ..RemedyApproved::default()
    };
    told(&message.remedy, 1, WHEN, &message)
}

fn broken(number: &str, who: CustomerId, voided: bool, compensation_points: i64, version: i64) -> NewEvent {
    let message = OrderPromiseBroken {
        order: order(number).to_string(),
        customer: who.to_string(),
        promise: "price".into(),
        break_time: Some(to_proto(at("2026-11-05T00:00:00Z"))),
        voided,
        reason: "price_raised".into(),
        compensation_points,
        ..OrderPromiseBroken::default()
    };
    told(&message.order, version, "2026-11-05T00:00:00Z", &message)
}

fn shipped(number: &str, seller: &str) -> NewEvent {
    let order = order(number);
    let shipment = order.shipment(seller);
    let message = ShipmentCreated { shipment: shipment.to_string(), order: order.to_string(), ..Default::default() };
    told(shipment, 1, "2026-11-02T00:00:00Z", &message)
}

/// A rule that gives so many points for something else than an order.
pub fn heard(id: &str, trigger: RuleTrigger, points: i64, condition: &str) -> EarningRule {
    EarningRule {
        id: id.into(),
        fixed: Some(FixedPoints { points }),
        trigger: trigger.into(),
        condition: condition.into(),
        ..EarningRule::default()
    }
}

fn listening(rules: Vec<EarningRule>) -> Program {
    let mut program = program();
    program.earning_rules.extend(rules);
    program
}

async fn entries(client: &Client, member: &str) -> Vec<Entry> {
    let request = ListEntriesRequest { member: member.into(), ..ListEntriesRequest::default() };
    client.loyalty().points().list_entries(request).await.expect("they are listed").into_inner().entries
}

async fn points(client: &Client, member: &str) -> i64 {
    balance(client, member).await.balance
}

/// Earns with one line of so much, and whatever the rules add.
async fn earns(client: &Client, member: &str, number: &str, price_minor: i64) -> i64 {
    let request = earning(member, number, vec![line(1, price_minor)]);
    client.loyalty().points().earn_points(request).await.expect("it earns").into_inner().points
}

async fn parked(env: &Env) -> i64 {
    env.flow().await.iter().map(|flow| flow.parked).sum()
}

async fn dead(env: &Env) -> i64 {
    env.flow().await.iter().map(|flow| flow.dead_letters).sum()
}

guanxi_testkit::matrix! {
    setup();

    async fn a45_surveys_and_reviews_give_what_the_rules_say_once_each(env: &Env) {
        env.clock().set(at("2026-12-01T00:00:00Z"));
        let day = RuleCap { points: 25, period: CapPeriod::Day.into() };
        let rules = vec![
            EarningRule {
                caps: vec![day],
                ..heard("answer", RuleTrigger::SurveyAnswered, 10, "event.survey == 'surveys/delivery' && event.survey_version >= 2")
            },
            heard("review", RuleTrigger::ReviewSubmitted, 30, "event.rating <= 2 || event.subject.startsWith('products/')"),
        ];
        let member = member(env, listening(rules)).await;
        let (client, who) = (env.client(), customer(1));
        env.tell("feedback", [
            answered(1, who, ""),
            answered(1, who, ""),
            reviewed(2, &who.to_string(), "products/kettle", 5),
            reviewed(3, &who.to_string(), "stores/sh-1", 4),
            reviewed(4, "", "products/kettle", 5),
            reviewed(5, &customer(9).to_string(), "products/kettle", 5),
        ]).await;
        env.settle().await;
        assert_eq!(points(&client, &member).await, 40);
        // The cap of a day leaves 15 for two more.
        env.tell("feedback", [answered(6, who, ""), answered(7, who, "")]).await;
        env.settle().await;
        assert_eq!(points(&client, &member).await, 55);
        let entries = entries(&client, &member).await;
        let given: Vec<_> = entries.iter().map(|entry| (entry.kind(), entry.points, entry.source.clone())).collect();
        let by = |kind: &str, n: u128| format!("{kind}/{}", id(n));
        assert_eq!(given, [
            (EntryKind::Earn, 5, by("invitations", 7)),
            (EntryKind::Earn, 10, by("invitations", 6)),
            (EntryKind::Earn, 30, by("reviews", 2)),
            (EntryKind::Earn, 10, by("invitations", 1)),
        ]);
        let why = entries[0].explanation.clone().expect("rules gave it");
        assert_eq!((why.rules.len(), why.rules[0].rule.as_str(), why.rules[0].granted_points), (1, "answer", Some(5)));
        assert!(entries.iter().all(|entry| entry.effective_time == Some(to_proto(at(WHEN)))));
        // Told anew under another event: the natural name says that it was.
        env.tell("feedback", [answered(1, who, ""), reviewed(2, &who.to_string(), "products/kettle", 5)]).await;
        env.settle().await;
        assert_eq!((points(&client, &member).await, dead(env).await), (55, 0));
        env.verify().await;
    }

    async fn a_review_of_an_order_waits_for_it_where_a_rule_listens(env: &Env) {
        let terms = listening(vec![heard("review", RuleTrigger::ReviewSubmitted, 30, "")]);
        create(&env.client(), "test", terms).await;
        let (name, who) = (order("1").to_string(), customer(1));
        env.tell("feedback", [reviewed(1, &who.to_string(), &name, 5), answered(2, who, &name)]).await;
        env.settle().await;
        assert_eq!(parked(env).await, 1, "no rule listens to surveys");
        env.tell("customer", [recorded("1", who, &["a"])]).await;
        env.settle().await;
        assert_eq!(parked(env).await, 0);
        let request = ListMembersRequest { customer: who.to_string(), ..ListMembersRequest::default() };
        let members = env.client().loyalty().members().list_members(request).await.unwrap().into_inner().members;
        assert_eq!(points(&env.client(), &members[0].name).await, 40);
        env.verify().await;
    }

    async fn a_campaign_gives_for_reviews_until_its_budget_is_used_up(env: &Env) {
        let client = env.client();
        create(&client, "test", program()).await;
        let campaign = Campaign {
            earning_rules: vec![heard("review", RuleTrigger::ReviewSubmitted, 40, "")],
            budget: Some(CampaignBudget { points: Some(100), orders: None }),
            ..crate::campaigns::campaign()
        };
        client.loyalty().campaigns().create_campaign(crate::campaigns::creating("wom", campaign)).await.unwrap();
        let mut members = Vec::new();
        for who in 1..=4_u128 {
            members.push(enroll(&client, "test", customer(who)).await);
        }
        let reviews = (1..=4_u128).map(|who| reviewed(who, &customer(who).to_string(), "products/kettle", 5));
        env.tell("feedback", reviews.collect::<Vec<_>>()).await;
        env.settle().await;
        let mut given = Vec::new();
        for member in &members {
            given.push(points(&client, member).await);
        }
        given.sort_unstable();
        assert_eq!(given, [0, 20, 40, 40], "overshoot is zero");
        // Orders go on as before: they are no part of it, nor is it of them.
        earn(&client, &members[0], "1", 7).await;
        let request = GetCampaignReportRequest { name: "campaigns/wom".into(), margin_permille: None };
        let report = client.loyalty().campaigns().get_campaign_report(request).await.unwrap().into_inner();
        assert_eq!((report.points, report.rewarded_orders, report.reached.unwrap().orders), (100, 3, 1));
        env.verify().await;
    }

    async fn what_is_no_purchase_counts_for_no_tier_of_purchases(env: &Env) {
        let client = env.client();
        let terms = Program {
            tiers: Some(crate::tiers::tiers()),
            ..listening(vec![heard("review", RuleTrigger::ReviewSubmitted, 300, "member.tier == ''")])
        };
        let member = member(env, terms).await;
        env.tell("feedback", [reviewed(1, &customer(1).to_string(), "products/kettle", 5)]).await;
        env.settle().await;
        assert_eq!(points(&client, &member).await, 300);
        let tier = async || {
            let request = GetTierStandingRequest { member: member.clone() };
            let answer = client.loyalty().members().get_tier_standing(request).await.expect("he stands somewhere");
            answer.into_inner().standing.expect("a standing").tier
        };
        assert_eq!(tier().await, "");
        earn(&client, &member, "1", 100).await;
        assert_eq!(tier().await, "silver");
        env.verify().await;
    }

    async fn a_rule_for_something_else_than_orders_asks_nothing_of_orders(env: &Env) {
        let wrong = |rule: EarningRule| {
            let client = env.client();
            async move {
                let program = Some(listening(vec![rule]));
                let request = CreateProgramRequest { request_id: request_id(), program_id: "test".into(), program };
                let refused = client.loyalty().programs().create_program(request).await.expect_err("it contradicts");
                let wrong = Error::from(refused).violations.into_iter();
                wrong.map(|wrong| (wrong.field, wrong.rule)).collect::<Vec<_>>()
            }
        };
        let said = |part: &str| vec![(format!("program.earning_rules[1].{part}"), "TRIGGER_CONTRADICTS".to_owned())];
        let fitting = heard("r", RuleTrigger::SegmentEntered, 1, "");
        let multiplier = Some(Multiplier { factor_milli: 2_000 });
        assert_eq!(wrong(EarningRule { fixed: None, multiplier, ..fitting.clone() }).await, said("trigger"));
        assert_eq!(wrong(EarningRule { categories: vec!["toys".into()], ..fitting.clone() }).await, said("trigger"));
        let condition = "order.value_minor > 0".to_owned();
        assert_eq!(wrong(EarningRule { condition, ..fitting }).await, said("condition"));
    }

    async fn a_profile_that_is_complete_gives_once_for_ever(env: &Env) {
        let client = env.client();
        let member = member(env, listening(vec![heard("profile", RuleTrigger::ProfileCompleted, 50, "")])).await;
        let complete = || CustomerFacts { profile_complete: true, ..CustomerFacts::default() };
        env.tell("customer", [
            updated(customer(1), 2, WHEN, CustomerFacts::default()),
            updated(customer(1), 3, WHEN, complete()),
            updated(customer(1), 4, WHEN, CustomerFacts::default()),
            updated(customer(1), 5, WHEN, complete()),
        ]).await;
        env.settle().await;
        assert_eq!(points(&client, &member).await, 50);
        assert_eq!(entries(&client, &member).await[0].source, format!("{}/profile", customer(1)));
        env.verify().await;
    }

    async fn segments_are_known_without_the_caller_saying_so(env: &Env) {
        let client = env.client();
        let vip = EarningRule {
            id: "vip".into(),
            fixed: Some(FixedPoints { points: 100 }),
            condition: "'vip' in customer.segments".into(),
            ..EarningRule::default()
        };
        let rules = vec![vip, heard("welcome", RuleTrigger::SegmentEntered, 5, "event.segment == 'vip'")];
        // Of a customer who is no member yet, it is known too.
        env.tell("customer", [entered(customer(1), "vip", 1, "2026-11-01T00:00:00Z")]).await;
        env.settle().await;
        let member = member(env, listening(rules)).await;
        assert_eq!(earns(&client, &member, "1", 100).await, 101);
        let estimate = EstimateEarningRequest {
            program: "programs/test".into(),
            member: member.clone(),
            purchase: Some(purchase(vec![line(1, 100)])),
            ..EstimateEarningRequest::default()
        };
        let estimated = client.loyalty().points().estimate_earning(estimate).await.unwrap().into_inner();
        assert_eq!(estimated.points, 101, "the very code of the real path");
        // The third version comes before the second: he is in it again, and each time gives once.
        env.tell("customer", [
            entered(customer(1), "vip", 3, "2026-11-20T00:00:00Z"),
            left(customer(1), "vip", 2, "2026-11-10T00:00:00Z"),
            entered(customer(1), "other", 1, "2026-11-20T00:00:00Z"),
        ]).await;
        env.settle().await;
        assert_eq!(points(&client, &member).await, 106, "what entered before he was a member gave nothing");
        assert_eq!(earns(&client, &member, "2", 100).await, 101);
        env.tell("customer", [left(customer(1), "vip", 4, "2026-11-21T00:00:00Z")]).await;
        env.settle().await;
        assert_eq!(earns(&client, &member, "3", 100).await, 1);
        env.verify().await;
    }

    async fn a_risk_is_kept_and_sets_rules_off(env: &Env) {
        let client = env.client();
        let back = EarningRule {
            id: "back".into(),
            fixed: Some(FixedPoints { points: 9 }),
            condition: "customer.churn_risk_permille >= 700".into(),
            ..EarningRule::default()
        };
        let rules = vec![back, heard("stay", RuleTrigger::ChurnRiskRaised, 20, "event.risk_permille >= 700")];
        let member = member(env, listening(rules)).await;
        env.tell("customer", [at_risk(customer(1), 600, 1, WHEN), at_risk(customer(1), 800, 2, "2026-11-23T00:00:00Z")]).await;
        env.settle().await;
        assert_eq!(points(&client, &member).await, 20);
        assert_eq!(earns(&client, &member, "1", 100).await, 10);
        env.tell("customer", [at_risk(customer(1), 0, 3, "2026-11-24T00:00:00Z")]).await;
        env.settle().await;
        assert_eq!(earns(&client, &member, "2", 100).await, 1);
        env.verify().await;
    }

    async fn a_reward_may_be_for_some_members(env: &Env) {
        let client = env.client();
        let member = member(env, program()).await;
        earn(&client, &member, "1", 10).await;
        let reward = Reward {
            program: "programs/test".into(),
            display_name: "Tasting".into(),
            points: 5,
            eligible_segments: vec!["vip".into()],
            ..Reward::default()
        };
        let request = CreateRewardRequest { request_id: request_id(), reward_id: "tasting".into(), reward: Some(reward) };
        let made = client.loyalty().rewards().create_reward(request).await.unwrap().into_inner().reward.unwrap();
        assert_eq!(made.eligible_segments, ["vip"]);
        let redeem = || RedeemRewardRequest {
            request_id: request_id(),
            reward: "rewards/tasting".into(),
            member: member.clone(),
            claimed_points: 0,
        };
        assert_eq!(reason(client.loyalty().rewards().redeem_reward(redeem()).await), "REWARD_NOT_ELIGIBLE");
        env.tell("customer", [entered(customer(1), "vip", 1, WHEN)]).await;
        env.settle().await;
        client.loyalty().rewards().redeem_reward(redeem()).await.expect("he is in it now");
        let tiers = Reward { name: "rewards/tasting".into(), eligible_tiers: vec!["gold".into()], ..made };
        let update = UpdateRewardRequest {
            request_id: request_id(),
            reward: Some(Reward { etag: String::new(), ..tiers }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["eligible_tiers".into()] }),
        };
        let changed = client.loyalty().rewards().update_reward(update).await.unwrap().into_inner().reward.unwrap();
        assert_eq!((changed.eligible_segments.len(), changed.eligible_tiers.len()), (1, 1));
        assert_eq!(reason(client.loyalty().rewards().redeem_reward(redeem()).await), "REWARD_NOT_ELIGIBLE");
        assert_eq!(points(&client, &member).await, 5);
        env.verify().await;
    }

    async fn a_remedy_gives_goodwill_once_and_waits_for_the_customer_to_be_a_member(env: &Env) {
        let client = env.client();
        env.tell("feedback", [remedy(1, customer(1), 200), remedy(2, customer(1), 0), remedy(1, customer(1), 200)]).await;
        env.settle().await;
        assert_eq!((parked(env).await, dead(env).await), (2, 0), "two tell of one remedy");
        let member = member(env, program()).await;
        env.settle().await;
        assert_eq!((parked(env).await, points(&client, &member).await), (0, 200));
        env.tell("feedback", [remedy(3, customer(1), 50)]).await;
        env.settle().await;
        let entries = entries(&client, &member).await;
        let said: Vec<_> = entries
            .iter()
            .map(|e| (e.kind(), e.points, e.reason.as_str(), e.adjusted_by.as_str(), e.explanation.is_some()))
            .collect();
        let late = |points| (EntryKind::AdjustGoodwill, points, "the parcel was late", "lead@example.com", false);
        assert_eq!(said, [late(50), late(200)]);
        assert_eq!(entries[1].source, format!("cases/{}/remedies/{}", id(0), id(1)));
        // In the other program of the organisation, nothing.
        create(&client, "other", program()).await;
        let other = enroll(&client, "other", customer(1)).await;
        env.tell("feedback", [remedy(3, customer(1), 50), remedy(4, customer(1), 1)]).await;
        env.settle().await;
        assert_eq!(points(&client, &member).await + points(&client, &other).await, 251);
        env.verify().await;
    }

    async fn a67_a_broken_promise_gives_points_and_coupons_back_exactly_once(env: &Env) {
        let client = env.client();
        let member = member(env, program()).await;
        earn(&client, &member, "before", 300).await;
        batch(&client, "winter", limited(CouponLimitScope::Code, CouponLimitPeriod::Ever, 1)).await;
        codes(&client, "winter", &["LAPTOP10"]).await;
        env.tell("customer", [broken("2999", customer(1), true, 200, 3)]).await;
        env.settle().await;
        assert_eq!(parked(env).await, 1, "the order is not known");
        env.tell("customer", [recorded("1", customer(1), &["a"])]).await;
        env.settle().await;
        let spend = SpendPointsRequest { order: order("1").to_string(), ..spending(&member, 250) };
        client.loyalty().points().spend_points(spend).await.expect("they are there");
        redeem(&client, redeeming("1", &["LAPTOP10"])).await;
        assert_eq!(points(&client, &member).await, 60);
        // A promise that is broken while the order stands gives back nothing.
        env.tell("customer", [broken("1", customer(1), false, 0, 2)]).await;
        env.settle().await;
        assert_eq!(points(&client, &member).await, 60);
        env.tell("customer", [broken("1", customer(1), true, 200, 3), cancelled("1", customer(1))]).await;
        env.settle().await;
        assert_eq!(points(&client, &member).await, 300 + 200, "what was spent is back, what it earned is gone");
        redeem(&client, redeeming("2", &["LAPTOP10"])).await;
        env.tell("customer", [cancelled("1", customer(1)), broken("1", customer(1), true, 200, 3)]).await;
        env.settle().await;
        assert_eq!(points(&client, &member).await, 500);
        assert_eq!(refused(&client, redeeming("3", &["LAPTOP10"])).await, "COUPON_LIMIT_REACHED", "it is used");
        env.tell("customer", [recorded("2999", customer(1), &["a"])]).await;
        env.settle().await;
        assert_eq!((parked(env).await, dead(env).await), (0, 0));
        assert_eq!(points(&client, &member).await, 700, "a void order earns nothing, and is made good");
        env.verify().await;
    }

    async fn points_wait_for_every_shipment_that_is_known(env: &Env) {
        create(&env.client(), "test", waiting_program()).await;
        let member = enroll(&env.client(), "test", customer(1)).await;
        // The second one is told of before the order is.
        env.tell("logistics", [shipped("1", "a"), shipped("1", "a-second")]).await;
        env.settle().await;
        assert_eq!(parked(env).await, 0, "the order will wait for them");
        env.tell("customer", [recorded("1", customer(1), &["a"])]).await;
        env.tell("logistics", [delivered("1", "a", "2026-11-03T00:00:00Z")]).await;
        env.settle().await;
        assert_eq!(parked(env).await, 0);
        assert_eq!(balance(&env.client(), &member).await.pending, 10, "one is on its way");
        env.tell("logistics", [delivered("1", "a-second", "2026-11-04T00:00:00Z")]).await;
        env.settle().await;
        env.tell("logistics", [shipped("1", "late"), delivered("1", "never-told", "2026-11-09T00:00:00Z")]).await;
        env.settle().await;
        let now = balance(&env.client(), &member).await;
        assert_eq!((now.balance, now.pending), (10, 0), "and what is active stays so");
        env.verify().await;
    }
}
