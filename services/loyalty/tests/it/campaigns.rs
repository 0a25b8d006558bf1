//! Campaigns: made, changed, never overshot, and measured against those who were held out.

use futures::future::join_all;
use guanxi_client::{Client, request_id};
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;
use prost_types::FieldMask;

use crate::rules::rule;
use crate::support::*;

/// A campaign of all time that doubles what orders of programs/test earn.
pub fn campaign() -> Campaign {
    let multiplier = Some(Multiplier { factor_milli: 2_000 });
    Campaign {
        program: "programs/test".into(),
        display_name: "Double".into(),
        start_time: Some(to_proto(at("2020-01-01T00:00:00Z"))),
        end_time: Some(to_proto(at("2040-01-01T00:00:00Z"))),
        earning_rules: vec![EarningRule {
            per_amount: None,
            multiplier,
            trigger: RuleTrigger::Order.into(),
            ..rule("double")
        }],
        ..Campaign::default()
    }
}

pub fn creating(id: &str, campaign: Campaign) -> CreateCampaignRequest {
    CreateCampaignRequest { request_id: request_id(), campaign_id: id.into(), campaign: Some(campaign) }
}

async fn make(client: &Client, id: &str, campaign: Campaign) -> Campaign {
    let answer = client.loyalty().campaigns().create_campaign(creating(id, campaign)).await.expect("it is made");
    answer.into_inner().campaign.expect("a campaign")
}

async fn read(client: &Client, id: &str) -> Campaign {
    let request = GetCampaignRequest { name: format!("campaigns/{id}") };
    client.loyalty().campaigns().get_campaign(request).await.unwrap().into_inner().campaign.unwrap()
}

fn budget(points: Option<i64>, orders: Option<i64>) -> Option<CampaignBudget> {
    Some(CampaignBudget { points, orders })
}

/// Orders of 10.00 by as many members, all at once. Says what each earned.
async fn rush(client: &Client, members: &[String]) -> Vec<i64> {
    let calls = members.iter().enumerate().map(|(n, member)| {
        let (mut points, request) =
            (client.loyalty().points(), earning(member, &format!("rush-{n}"), vec![line(1, 1_000)]));
        async move { points.earn_points(request).await.unwrap().into_inner().points }
    });
    join_all(calls).await
}

async fn enrolled(client: &Client, count: u128) -> Vec<String> {
    let mut members = Vec::new();
    for who in 0..count {
        members.push(enroll(client, "test", customer(who)).await);
    }
    members
}

guanxi_testkit::matrix! {
    setup().replicas(2);

    async fn a_campaign_is_made_read_listed_and_changed(env: &Env) {
        create(&env.client(), "test", program()).await;
        let asked = Campaign { budget: budget(Some(100), None), holdout_permille: 50, ..campaign() };
        let made = make(&env.client(), "double", asked.clone()).await;
        assert_eq!((made.name.as_str(), made.organization.as_str()), ("campaigns/double", "organizations/default"));
        assert_eq!((&made.earning_rules, &made.budget, made.spent_points), (&asked.earning_rules, &asked.budget, 0));
        assert_eq!(read(&env.client(), "double").await, made);
        let mut campaigns = env.client().loyalty().campaigns();
        assert_eq!(reason(campaigns.create_campaign(creating("double", campaign())).await), "ALREADY_EXISTS");
        let lost = Campaign { program: "programs/none".into(), ..campaign() };
        assert_eq!(reason(campaigns.create_campaign(creating("lost", lost)).await), "NOT_FOUND");
        make(&env.client(), "another", campaign()).await;
        let listed = ListCampaignsRequest { program: "programs/test".into(), page_size: 1, ..ListCampaignsRequest::default() };
        let first = campaigns.list_campaigns(listed.clone()).await.unwrap().into_inner();
        let next = ListCampaignsRequest { page_token: first.next_page_token.clone(), ..listed };
        let second = campaigns.list_campaigns(next).await.unwrap().into_inner();
        let names: Vec<_> = first.campaigns.iter().chain(&second.campaigns).map(|found| found.name.as_str()).collect();
        assert_eq!((names, second.next_page_token.as_str()), (vec!["campaigns/another", "campaigns/double"], ""));
        let update = UpdateCampaignRequest {
            request_id: request_id(),
            campaign: Some(Campaign { display_name: "New".into(), holdout_permille: 0, ..made.clone() }),
            update_mask: Some(FieldMask { paths: vec!["display_name".into()] }),
        };
        let changed = campaigns.update_campaign(update.clone()).await.unwrap().into_inner().campaign.unwrap();
        assert_eq!((changed.display_name.as_str(), changed.holdout_permille), ("New", 50));
        let stale = UpdateCampaignRequest { request_id: request_id(), ..update };
        assert_eq!(reason(campaigns.update_campaign(stale).await), "ETAG_MISMATCH");
        let mut wrong = Campaign { end_time: campaign().start_time, ..campaign() };
        wrong.earning_rules[0].multiplier = Some(Multiplier { factor_milli: 500 });
        let error = campaigns.create_campaign(creating("wrong", wrong)).await.expect_err("it is refused");
        let fields: Vec<_> = guanxi_client::Error::from(error).violations.into_iter().map(|wrong| wrong.rule).collect();
        assert_eq!(fields, ["WINDOW_EMPTY", "CAMPAIGN_TAKES_AWAY"]);
    }

    async fn a_budget_of_points_is_never_overshot_and_returns_give_back_to_it(env: &Env) {
        create(&env.client(), "test", program()).await;
        let members = enrolled(&env.client(), 40).await;
        make(&env.client(), "double", Campaign { budget: budget(Some(95), None), ..campaign() }).await;
        let mut given = rush(&env.client(), &members).await;
        given.sort_unstable();
        assert_eq!(given.iter().sum::<i64>(), 40 * 10 + 95);
        assert_eq!((given[29], given[30], given[31]), (10, 15, 20), "nine in full, one what was left");
        let after = read(&env.client(), "double").await;
        assert_eq!((after.spent_points, after.spent_orders), (95, 10));
        env.verify().await;
        let lower = |points, orders| UpdateCampaignRequest {
            request_id: request_id(),
            campaign: Some(Campaign { name: "campaigns/double".into(), budget: budget(points, orders), ..campaign() }),
            update_mask: Some(FieldMask { paths: vec!["budget".into()] }),
        };
        let mut campaigns = env.client().loyalty().campaigns();
        let error = guanxi_client::Error::from(campaigns.update_campaign(lower(Some(94), None)).await.expect_err("below"));
        assert_eq!((error.reason.as_str(), error.metadata["points"].as_str()), ("BUDGET_BELOW_SPENT", "95"));
        assert_eq!(reason(campaigns.update_campaign(lower(None, Some(9))).await), "BUDGET_BELOW_SPENT");
        let mut points = env.client().loyalty().points();
        for (n, member) in members.iter().enumerate() {
            points.return_order(return_all(member, &format!("rush-{n}"))).await.unwrap();
        }
        let after = read(&env.client(), "double").await;
        assert_eq!((after.spent_points, after.spent_orders), (0, 10));
        env.verify().await;
        let request = earning(&members[0], "again", vec![line(1, 1_000)]);
        assert_eq!(points.earn_points(request).await.unwrap().into_inner().points, 20);
        assert_eq!(read(&env.client(), "double").await.spent_points, 10);
        env.verify().await;
    }

    async fn a_budget_of_orders_is_never_overshot(env: &Env) {
        create(&env.client(), "test", program()).await;
        let members = enrolled(&env.client(), 30).await;
        make(&env.client(), "double", Campaign { budget: budget(None, Some(7)), ..campaign() }).await;
        let given = rush(&env.client(), &members).await;
        assert_eq!(given.iter().filter(|points| **points == 20).count(), 7);
        assert_eq!(given.iter().filter(|points| **points == 10).count(), 23);
        env.verify().await;
    }

    async fn a_campaign_is_measured_against_those_it_held_out(env: &Env) {
        create(&env.client(), "test", program()).await;
        make(&env.client(), "double", Campaign { holdout_permille: 300, ..campaign() }).await;
        let orders = (0..200_u32).map(|n| recorded(&n.to_string(), customer(u128::from(n % 100)), &["a"]));
        env.tell("customer", orders.collect::<Vec<_>>()).await;
        env.settle().await;
        enroll(&env.client(), "test", customer(500)).await;
        let request = GetCampaignReportRequest { name: "campaigns/double".into(), margin_permille: None };
        let report = env.client().loyalty().campaigns().get_campaign_report(request).await.unwrap().into_inner();
        let (reached, held_out) = (report.reached.unwrap(), report.held_out.unwrap());
        assert_eq!(reached.members + held_out.members, 101, "who bought nothing counts");
        assert!((15..45).contains(&held_out.buyers), "{held_out:?}");
        assert_eq!((reached.buyers + held_out.buyers, reached.orders), (100, 2 * reached.buyers));
        assert_eq!(held_out.qualified_orders, held_out.orders, "they would have earned by it");
        assert_eq!((reached.value_minor, report.points), (2_000 * reached.buyers, 20 * reached.buyers));
        assert_eq!(report.rewarded_orders, reached.orders);
        let lift = report.value_lift.unwrap();
        assert!(lift.lower_milli <= lift.difference_milli && lift.difference_milli <= lift.upper_milli, "{lift:?}");
        assert!(lift.lower_milli <= 0 && 0 <= lift.upper_milli, "all bought the same, so it shows nothing: {lift:?}");
        assert_eq!(figures(&env.client()).await["points_earned"], 200 * 10 + report.points);
        env.verify().await;
    }
}
