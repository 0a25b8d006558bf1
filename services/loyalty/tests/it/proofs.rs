//! Proofs of loyalty: who comes back, by tier and beside those who were held out; what a campaign brought in, not how much of
//! it was redeemed; what orders cost in points; and that steady customers can be favoured.

use guanxi_client::{Client, request_id};
use guanxi_contracts::Message;
use guanxi_contracts::common::v1::{GetJobRequest, JobState, Money};
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;

use crate::campaigns::{campaign, creating};
use crate::rules::rule;
use crate::support::*;

/// The campaign runs from here; it is the 22nd.
const START: &str = "2026-11-12T04:42:00Z";

async fn joined(client: &Client, who: u128, since: &str) -> String {
    let request = EnrollMemberRequest {
        request_id: request_id(),
        program: "programs/test".into(),
        customer: customer(who).to_string(),
        enroll_time: Some(to_proto(at(since))),
        ..EnrollMemberRequest::default()
    };
    client.loyalty().members().enroll_member(request).await.unwrap().into_inner().member.unwrap().name
}

async fn buys(client: &Client, member: &str, number: &str, when: &str, minor: i64) -> i64 {
    let request =
        EarnPointsRequest { effective_time: Some(to_proto(at(when))), ..earning(member, number, vec![line(1, minor)]) };
    client.loyalty().points().earn_points(request).await.expect("it earns").into_inner().points
}

/// Whether an order in the campaign's time earns twice: the member is reached then.
async fn is_reached(client: &Client, member: &str) -> bool {
    let request = EstimateEarningRequest {
        program: "programs/test".into(),
        member: member.into(),
        purchase: Some(purchase(vec![line(1, 1_000)])),
        effective_time: Some(to_proto(at("2026-11-15T00:00:00Z"))),
        ..EstimateEarningRequest::default()
    };
    client.loyalty().points().estimate_earning(request).await.unwrap().into_inner().points == 20
}

/// Silver by a hundred points, ever.
fn silver() -> TierPolicy {
    let tier = Tier { id: "silver".into(), display_name: "Silver".into(), threshold: 100, expiry: None };
    let validity = TierValidity { calendar_year: Some(TierYears { additional_years: 0 }), ..TierValidity::default() };
    let (basis, validity) = (TierBasis::PointsEarned.into(), Some(validity));
    TierPolicy { tiers: vec![tier], basis, validity, ..TierPolicy::default() }
}

/// A program whose points are worth a cent each, and a campaign of ten days that holds half of its members out.
async fn prepared(client: &Client) {
    let redemption = Some(Redemption { points: 100, minor_units: 100, ..Redemption::default() });
    create(client, "test", Program { tiers: Some(silver()), redemption, ..program() }).await;
    let double = Campaign { start_time: Some(to_proto(at(START))), holdout_permille: 500, ..campaign() };
    client.loyalty().campaigns().create_campaign(creating("double", double)).await.expect("it is made");
}

async fn report(client: &Client) -> GetCampaignReportResponse {
    let request = GetCampaignReportRequest { name: "campaigns/double".into(), margin_permille: Some(300) };
    client.loyalty().campaigns().get_campaign_report(request).await.expect("it is measured").into_inner()
}

guanxi_testkit::matrix! {
    setup();

    async fn a36_who_came_back_is_told_by_tier_beside_those_who_were_held_out(env: &Env) {
        let client = env.client();
        prepared(&client).await;
        // Half of them are silver. All bought in the ten days before; the campaign brings back those of silver whom it reached,
        // twice, and the others come anyway, once.
        for who in 0..60_u128 {
            let member = joined(&client, who, "2026-01-01T00:00:00Z").await;
            let is_silver = who % 2 == 0;
            if is_silver {
                buys(&client, &member, &format!("{who}-old"), "2026-03-01T00:00:00Z", 15_000).await;
            }
            buys(&client, &member, &format!("{who}-before"), "2026-11-05T00:00:00Z", 1_000).await;
            match (is_silver, is_reached(&client, &member).await) {
                (true, true) => {
                    for (number, day) in [("a", "2026-11-15T00:00:00Z"), ("b", "2026-11-16T00:00:00Z")] {
                        buys(&client, &member, &format!("{who}-{number}"), day, 1_000).await;
                    }
                }
                (true, false) => {}
                (false, _) => drop(buys(&client, &member, &format!("{who}-a"), "2026-11-15T00:00:00Z", 1_000).await),
            }
        }
        // One who has not bought yet, and belongs to no cohort.
        joined(&client, 100, "2026-11-20T00:00:00Z").await;
        let report = report(&client).await;
        let [without, silver] = report.tiers.as_slice() else { panic!("{:?}", report.tiers) };
        assert_eq!((without.tier.as_str(), silver.tier.as_str()), ("", "silver"));
        let arms = |tier: &CampaignTier| (tier.reached.unwrap(), tier.held_out.unwrap());
        let (reached, held_out) = arms(silver);
        assert_eq!(reached.members + held_out.members, 30);
        assert!(reached.members >= 5 && held_out.members >= 5, "about half: {reached:?} {held_out:?}");
        let all = CampaignRetention {
            members: reached.members,
            bought_before: reached.members,
            retained: reached.members,
            buyers: reached.members,
            repeat_buyers: reached.members,
        };
        assert_eq!(reached, all);
        assert_eq!((held_out.bought_before, held_out.retained, held_out.buyers), (held_out.members, 0, 0));
        let lift = silver.retention_lift.unwrap();
        assert_eq!((lift.reached_milli, lift.held_out_milli, lift.lower_milli), (1_000, 0, 1_000));
        assert_eq!(silver.repeat_lift, None, "nobody who was held out bought");
        let (reached, held_out) = arms(without);
        assert_eq!(reached.members + held_out.members, 31);
        assert_eq!((reached.retained, held_out.retained), (reached.bought_before, held_out.bought_before));
        assert_eq!(reached.bought_before + held_out.bought_before, 30);
        assert_eq!(without.retention_lift.unwrap().difference_milli, 0, "they come anyway");
        assert_eq!((without.repeat_lift.unwrap().reached_milli, reached.repeat_buyers), (0, 0));
        env.verify().await;
    }

    async fn a44_lift_is_measured_against_those_held_out_and_not_by_how_much_was_redeemed(env: &Env) {
        let client = env.client();
        prepared(&client).await;
        // Everybody buys what he would have bought; the campaign doubles the points of each order that it reaches.
        let mut number_reached = 0;
        for who in 0..60_u128 {
            let member = joined(&client, who, "2026-01-01T00:00:00Z").await;
            number_reached += i64::from(is_reached(&client, &member).await);
            for order in 0..1 + who % 3 {
                buys(&client, &member, &format!("{who}-{order}"), "2026-11-15T00:00:00Z", 1_000).await;
            }
        }
        let bribes = report(&client).await;
        assert_eq!(bribes.rewarded_orders, bribes.reached.unwrap().orders, "redemption counts look splendid");
        assert!(bribes.points >= 10 * number_reached);
        let lift = bribes.value_lift.unwrap();
        assert!(lift.lower_milli < 0 && 0 < lift.upper_milli, "and it brought nothing that can be told: {lift:?}");
        let increment = bribes.increment.unwrap();
        assert!(increment.lower_minor < 0 && 0 < increment.upper_minor, "{increment:?}");
        assert!(increment.margin_lower_minor.unwrap() < -bribes.cost.unwrap().minor_units, "it cost what it gave");
        env.verify().await;
    }

    async fn a77_what_an_order_costs_in_points_before_and_during_and_whether_it_paid(env: &Env) {
        let client = env.client();
        prepared(&client).await;
        let mut counts = [0_i64; 2];
        for who in 0..40_u128 {
            let member = joined(&client, who, "2026-01-01T00:00:00Z").await;
            buys(&client, &member, &format!("{who}-before"), "2026-11-05T00:00:00Z", 1_000).await;
            buys(&client, &member, &format!("{who}-long-ago"), "2026-11-01T00:00:00Z", 7_000).await;
            // Whom it reaches buys for three times as much.
            let reached = is_reached(&client, &member).await;
            counts[usize::from(!reached)] += 1;
            buys(&client, &member, &format!("{who}-a"), "2026-11-15T00:00:00Z", if reached { 3_000 } else { 1_000 }).await;
        }
        let report = report(&client).await;
        let [reached, held_out] = counts;
        let (before, during) = (report.before.unwrap(), report.during.unwrap());
        assert_eq!((before.start_time, before.end_time), (Some(to_proto(at("2026-11-02T04:42:00Z"))), Some(to_proto(at(START)))));
        assert_eq!(during.end_time, report.as_of);
        let trade = |orders: i64, points: i64, cost: i64| CampaignTrade {
            buyers: orders,
            repeat_buyers: 0,
            orders,
            points: orders * points,
            cost_per_order_milli: Some(cost),
        };
        assert_eq!((before.reached.unwrap(), before.held_out.unwrap()), (trade(reached, 10, 10_000), trade(held_out, 10, 10_000)));
        assert_eq!((during.reached.unwrap(), during.held_out.unwrap()), (trade(reached, 60, 60_000), trade(held_out, 10, 10_000)));
        let cost = Money { currency_code: "CNY".into(), minor_units: 30 * reached };
        assert_eq!((report.points, report.cost), (30 * reached, Some(cost)), "what it gave beside what orders earn anyway");
        let increment = report.increment.unwrap();
        assert_eq!(increment.value_minor, 2_000 * reached, "of 30.00 each, 20.00 would not have been spent");
        assert_eq!((increment.lower_minor, increment.upper_minor), (increment.value_minor, increment.value_minor));
        assert_eq!(increment.margin_minor, Some(600 * reached - 30 * reached), "three tenths of it, less its points");
        env.verify().await;
    }

    async fn a29_a_rule_favours_those_who_are_members_for_long_and_buy_often(env: &Env) {
        let steady = EarningRule {
            condition: "member.tenure_days >= 365 && member.order_count >= 2".into(),
            per_amount: None,
            multiplier: Some(Multiplier { factor_milli: 2_000 }),
            ..rule("steady")
        };
        let rules = vec![rule("base"), steady.clone()];
        create(&env.client(), "test", Program { earning_rules: rules, ..program() }).await;
        let client = env.client();
        let old = joined(&client, 1, "2025-11-22T00:00:00Z").await;
        let new = joined(&client, 2, "2025-11-23T00:00:00Z").await;
        let number = |of: i32, member: &str| format!("{member}-{of}").replace('/', "-");
        for (member, expected) in [(&old, [10, 10, 20, 20]), (&new, [10, 10, 10, 10])] {
            // The first by a call, two more in one commit, which count for each other; then an estimate.
            let request = earning(member, &number(1, member), vec![line(1, 1_000)]);
            let mut points_of = client.loyalty().points();
            assert_eq!(points_of.earn_points(request).await.unwrap().into_inner().points, expected[0]);
            let commands = [2, 3].map(|of| PostCommand {
                key: of.to_string(),
                earn: Some(PostEarn {
                    member: member.clone(),
                    order: order(&number(of, member)).to_string(),
                    purchase: Some(purchase(vec![line(1, 1_000)])),
                    effective_time: None,
                }),
                ..PostCommand::default()
            });
            let request = BatchPostRequest { request_id: request_id(), commands: commands.to_vec() };
            let posted = client.loyalty().points().batch_post(request).await.unwrap().into_inner();
            let points: Vec<_> = posted.results.iter().map(|result| result.earned.as_ref().unwrap().points).collect();
            assert_eq!(points, expected[1..3]);
            let estimate = EstimateEarningRequest {
                program: "programs/test".into(),
                member: member.clone(),
                purchase: Some(purchase(vec![line(1, 1_000)])),
                ..EstimateEarningRequest::default()
            };
            let estimated = client.loyalty().points().estimate_earning(estimate).await.unwrap().into_inner();
            assert_eq!(estimated.points, expected[3]);
        }
        // A draft knows of the orders before each, though no rule had asked when they earned.
        let draft = EarningRule { condition: "member.tenure_days < 365 && member.order_count >= 1".into(), ..steady };
        let request = BacktestRuleRequest {
            request_id: request_id(),
            program: "programs/test".into(),
            rule: Some(draft),
            start_time: None,
            end_time: None,
        };
        let job = client.loyalty().programs().backtest_rule(request).await.unwrap().into_inner().job.unwrap();
        env.run_jobs().await;
        let job = env.client().jobs("loyalty").get_job(GetJobRequest { name: job.name }).await.unwrap().into_inner().job.unwrap();
        assert_eq!(job.state(), JobState::Succeeded, "{}", job.error);
        let result = BacktestRuleResult::decode(job.result.unwrap().value.as_slice()).unwrap();
        assert_eq!((result.orders, result.points, result.draft_points), (6, 70, 80), "10 less of the old, 20 more of the new");
        env.verify().await;
    }
}
