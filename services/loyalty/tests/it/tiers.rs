//! Tiers: reached by what counts, given, kept and left; by calls, by events and by the clock alone.

use guanxi_client::{Client, Error, request_id};
use guanxi_contracts::loyalty::events::v1::TierChanged;
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::Call;
use guanxi_store::sea_orm::ConnectionTrait;
use guanxi_testkit::Env;

use crate::support::*;

fn tier(id: &str, threshold: i64) -> Tier {
    Tier { id: id.into(), display_name: id.to_uppercase(), threshold, expiry: None }
}

/// Silver at 100 and gold at 200 points, within a calendar year and good through it.
pub fn tiers() -> TierPolicy {
    let year = TierYears { additional_years: 0 };
    TierPolicy {
        tiers: vec![tier("silver", 100), tier("gold", 200)],
        basis: TierBasis::PointsEarned.into(),
        window: Some(TierWindow { calendar_year: Some(CalendarYearWindow {}), ..TierWindow::default() }),
        validity: Some(TierValidity { calendar_year: Some(year), ..TierValidity::default() }),
        ..TierPolicy::default()
    }
}

fn tiered(tiers: TierPolicy) -> Program {
    Program { tiers: Some(tiers), ..program() }
}

pub async fn standing(client: &Client, member: &str) -> TierStanding {
    let request = GetTierStandingRequest { member: member.into() };
    let answer = client.loyalty().members().get_tier_standing(request).await.expect("he stands somewhere");
    answer.into_inner().standing.expect("a standing")
}

pub fn granting(member: &str, tier: &str, until_date: &str) -> GrantTierRequest {
    GrantTierRequest {
        request_id: request_id(),
        member: member.into(),
        tier: tier.into(),
        until_date: until_date.into(),
        reason: "a friend of the house".into(),
    }
}

/// The changes that others heard of, as from and to. Those from before the last week may be forgotten.
async fn told(env: &Env) -> Vec<(String, String)> {
    env.settle().await;
    let told = env.events_of::<TierChanged>("loyalty").await;
    told.into_iter().map(|told| (told.previous_tier, told.tier)).collect()
}

async fn last_told(env: &Env) -> Vec<(String, String)> {
    told(env).await.pop().into_iter().collect()
}

fn changes(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
}

guanxi_testkit::matrix! {
    setup();

    async fn l19_a_tier_is_reached_at_once_and_a_full_return_leaves_it_as_it_was(env: &Env) {
        let member = member(env, tiered(tiers())).await;
        let client = env.client();
        assert_eq!(standing(&client, &member).await.tier, "");
        earn(&client, &member, "1", 80).await;
        let low = standing(&client, &member).await;
        assert_eq!((low.tier.as_str(), low.next_tier.as_str(), low.needed_to_rise), ("", "silver", 20));
        earn(&client, &member, "2", 20).await;
        let silver = standing(&client, &member).await;
        assert_eq!((silver.tier.as_str(), silver.display_name.as_str(), silver.counted), ("silver", "SILVER", 100));
        earn(&client, &member, "3", 120).await;
        client.loyalty().points().spend_points(spending(&member, 150)).await.unwrap();
        let gold = standing(&client, &member).await;
        assert_eq!((gold.tier.as_str(), gold.counted, gold.next_tier.as_str()), ("gold", 220, ""));
        let end = Some(to_proto(at(&format!("{}-12-31T16:00:00Z", year(env)))));
        assert_eq!((gold.until_time, gold.fall_time.is_some()), (end, true));
        client.loyalty().points().return_order(return_all(&member, "3")).await.unwrap();
        let after = standing(&client, &member).await;
        assert_eq!((after.tier.as_str(), after.since_time, after.counted), ("silver", silver.since_time, 100));
        assert_eq!(told(env).await, changes(&[("", "silver"), ("silver", "gold"), ("gold", "silver")]));
        env.verify().await;
    }

    async fn the_clock_alone_ends_a_tier_and_a_job_that_was_down_catches_up_once(env: &Env) {
        env.clock().set(at("2026-06-01T04:00:00Z"));
        let grace = Some(Period { count: 1, unit: PeriodUnit::Month.into() });
        let member = member(env, tiered(TierPolicy { grace, downgrade: TierDowngrade::OneStep.into(), ..tiers() })).await;
        let client = env.client();
        earn(&client, &member, "1", 250).await;
        assert_eq!(told(env).await, changes(&[("", "gold")]));
        // 2027 begins: it falls, and is kept through 1 February.
        env.clock().set(at("2027-12-31T16:00:00Z"));
        let kept = standing(&client, &member).await;
        assert_eq!((kept.tier.as_str(), kept.falls_to.as_str()), ("gold", "silver"));
        assert_eq!(kept.fall_time, Some(to_proto(at("2028-02-01T16:00:00Z"))));
        assert_eq!(kept.needed_to_stay, 200);
        env.clock().set(at("2028-02-01T16:00:00Z"));
        assert_eq!(standing(&client, &member).await.tier, "silver", "nothing ran, the clock decides");
        // Nobody looks for years: all that fell in between is one change.
        env.clock().set(at("2032-01-01T04:00:00Z"));
        env.run_jobs().await;
        assert_eq!(last_told(env).await, changes(&[("gold", "")]));
        env.clock().advance(jiff::SignedDuration::from_hours(1));
        env.run_jobs().await;
        assert_eq!(told(env).await.iter().filter(|(from, _)| from == "gold").count(), 1, "once");
        assert_eq!(standing(&client, &member).await.tier, "");
        env.verify().await;
    }

    async fn a_granted_tier_is_a_floor_through_its_day(env: &Env) {
        env.clock().set(at("2026-06-01T04:00:00Z"));
        let member = member(env, tiered(tiers())).await;
        let client = env.client();
        let mut members = client.loyalty().members();
        let grant = granting(&member, "gold", "2026-06-30");
        let first = members.grant_tier(grant.clone()).await.unwrap().into_inner().standing.unwrap();
        assert_eq!((first.tier.as_str(), first.granted), ("gold", true));
        assert_eq!(first.until_time, Some(to_proto(at("2026-06-30T16:00:00Z"))));
        let again = members.grant_tier(grant).await.unwrap().into_inner().standing.unwrap();
        assert_eq!(again, first, "the same request, the same answer");
        earn(&client, &member, "1", 100).await;
        let now = standing(&client, &member).await;
        assert_eq!((now.tier.as_str(), now.falls_to.as_str(), now.needed_to_stay), ("gold", "silver", 100));
        env.clock().set(at("2026-06-30T16:00:00Z"));
        assert_eq!(standing(&client, &member).await.tier, "silver");
        env.run_jobs().await;
        assert_eq!(last_told(env).await, changes(&[("gold", "silver")]));
        let violation = |error: Error| (error.violations[0].field.clone(), error.violations[0].rule.clone());
        for (tier, until, field, rule) in
            [("lead", "2026-12-31", "tier", "TIER_UNKNOWN"), ("gold", "2026-06-30", "until_date", "DATE_PAST")]
        {
            let refused = members.grant_tier(granting(&member, tier, until)).await.expect_err("it is refused");
            assert_eq!(violation(Error::from(refused)), (field.to_owned(), rule.to_owned()));
        }
        for _ in 0..20 {
            members.grant_tier(granting(&member, "silver", "2026-07-31")).await.unwrap();
        }
        let more = members.grant_tier(granting(&member, "silver", "2026-07-31")).await;
        assert_eq!(reason(more), "TIER_GRANTS_TOO_MANY");
        env.verify().await;
    }

    async fn rules_and_expiry_may_depend_on_the_tier(env: &Env) {
        let mut terms = tiered(tiers());
        terms.earning_rules.push(EarningRule {
            id: "gold".into(),
            condition: "member.tier == 'gold'".into(),
            multiplier: Some(Multiplier { factor_milli: 2_000 }),
            ..EarningRule::default()
        });
        let year = Some(PeriodExpiry {
            period: Some(Period { count: 1, unit: PeriodUnit::Year.into() }),
            extend_to: PeriodEnd::Unspecified.into(),
        });
        terms.tiers.as_mut().unwrap().tiers[1].expiry = Some(ExpiryPolicy { period: year, ..ExpiryPolicy::default() });
        let member = member(env, terms).await;
        let client = env.client();
        let first = earn(&client, &member, "1", 200).await;
        assert_eq!(first.lot.unwrap().expires_at, None, "he had no tier before");
        let estimate = EstimateEarningRequest {
            program: "programs/test".into(),
            member: member.clone(),
            purchase: Some(purchase(vec![line(1, 1_000)])),
            ..EstimateEarningRequest::default()
        };
        let mut points = client.loyalty().points();
        assert_eq!(points.estimate_earning(estimate).await.unwrap().into_inner().points, 20);
        let second = points.earn_points(earning(&member, "2", vec![line(1, 1_000)])).await.unwrap().into_inner();
        assert_eq!((second.points, second.lot.unwrap().expires_at.is_some()), (20, true));
        env.verify().await;
    }

    async fn old_orders_that_come_late_and_in_disorder_count_where_they_belong(env: &Env) {
        env.clock().set(at("2026-11-10T04:00:00Z"));
        let spend = TierPolicy {
            tiers: vec![tier("silver", 2_000), tier("gold", 3_000)],
            basis: TierBasis::Spend.into(),
            ..tiers()
        };
        create(&env.client(), "test", tiered(spend)).await;
        let orders = ["3", "1", "2"].map(|number| recorded(number, customer(1), &["a"]));
        env.tell("customer", orders).await;
        env.settle().await;
        let found = env.client().loyalty().members().list_members(ListMembersRequest::default()).await.unwrap();
        let member = found.into_inner().members[0].name.clone();
        let client = env.client();
        assert_eq!(standing(&client, &member).await.tier, "gold");
        env.tell("customer", [returned("1", customer(1), "r", &[1])]).await;
        env.settle().await;
        assert_eq!(standing(&client, &member).await.tier, "silver");
        let early = EarnPointsRequest {
            effective_time: Some(to_proto(at("2025-12-31T15:59:59Z"))),
            ..earning(&member, "9", vec![line(1, 500_000)])
        };
        client.loyalty().points().earn_points(early).await.unwrap();
        assert_eq!(standing(&client, &member).await.tier, "silver", "it was another year, before he joined");
        env.verify().await;
    }

    async fn points_that_wait_count_once_they_are_delivered(env: &Env) {
        env.clock().set(at("2026-11-10T04:00:00Z"));
        let low = TierPolicy { tiers: vec![tier("silver", 10)], ..tiers() };
        create(&env.client(), "test", Program { tiers: Some(low), ..waiting_program() }).await;
        env.tell("customer", [recorded("1", customer(1), &["a"])]).await;
        env.settle().await;
        let found = env.client().loyalty().members().list_members(ListMembersRequest::default()).await.unwrap();
        let member = found.into_inner().members[0].name.clone();
        assert_eq!(standing(&env.client(), &member).await.tier, "");
        env.tell("logistics", [delivered("1", "a", "2026-11-05T00:00:00Z")]).await;
        env.settle().await;
        let silver = standing(&env.client(), &member).await;
        assert_eq!((silver.tier.as_str(), silver.since_time), ("silver", Some(to_proto(at("2026-11-05T00:00:00Z")))));
        env.verify().await;
    }

    async fn a_balance_counts_with_what_is_spent_and_expires(env: &Env) {
        env.clock().set(at("2026-06-01T04:00:00Z"));
        let days = Some(Period { count: 10, unit: PeriodUnit::Day.into() });
        let balance = TierPolicy {
            basis: TierBasis::Balance.into(),
            window: None,
            validity: Some(TierValidity { from_start: days, ..TierValidity::default() }),
            ..tiers()
        };
        let member = member(env, Program { tiers: Some(balance), ..expiring_program(30) }).await;
        let client = env.client();
        earn(&client, &member, "1", 150).await;
        assert_eq!(standing(&client, &member).await.tier, "silver");
        client.loyalty().points().spend_points(spending(&member, 30)).await.unwrap();
        assert_eq!(standing(&client, &member).await.counted, 120);
        env.clock().set(at("2026-07-20T04:00:00Z"));
        let after = standing(&client, &member).await;
        assert_eq!((after.tier.as_str(), after.counted), ("", 0), "expired on 2 July, not kept when the time ended");
        env.run_jobs().await;
        assert_eq!(last_told(env).await, changes(&[("silver", "")]));
        env.verify().await;
    }

    async fn a_program_that_gets_tiers_has_its_members_ranked_and_one_that_drops_them_not(env: &Env) {
        let member = member(env, program()).await;
        let client = env.client();
        earn(&client, &member, "1", 150).await;
        let request = GetTierStandingRequest { member: member.clone() };
        let none = client.loyalty().members().get_tier_standing(request).await;
        assert_eq!(reason(none), "PROGRAM_WITHOUT_TIERS");
        assert_eq!(reason(client.loyalty().members().grant_tier(granting(&member, "gold", "2999-01-01")).await), "PROGRAM_WITHOUT_TIERS");
        let update = |tiers: Option<TierPolicy>| UpdateProgramRequest {
            request_id: request_id(),
            program: Some(Program { name: "programs/test".into(), tiers, ..program() }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["tiers".into()] }),
        };
        let mut programs = client.loyalty().programs();
        let read = programs.update_program(update(Some(tiers()))).await.unwrap().into_inner().program.unwrap();
        assert_eq!(read.tiers, Some(TierPolicy { upgrade: 1, downgrade: 3, ..tiers() }));
        assert_eq!(standing(&client, &member).await.tier, "silver", "before any job ran");
        env.clock().advance(jiff::SignedDuration::from_hours(1));
        env.run_jobs().await;
        assert_eq!(told(env).await, changes(&[("", "silver")]));
        let mut higher = tiers();
        higher.tiers[0].threshold = 180;
        programs.update_program(update(Some(higher))).await.unwrap();
        env.clock().advance(jiff::SignedDuration::from_hours(1));
        env.run_jobs().await;
        assert_eq!(standing(&client, &member).await.tier, "silver", "his while its time lasts");
        env.verify().await;
        programs.update_program(update(None)).await.unwrap();
        env.clock().advance(jiff::SignedDuration::from_hours(1));
        env.run_jobs().await;
        assert_eq!(told(env).await, changes(&[("", "silver"), ("silver", "")]));
        env.verify().await;
    }

    async fn a_standing_that_was_changed_behind_its_back_is_found(env: &Env) {
        let member = member(env, tiered(tiers())).await;
        earn(&env.client(), &member, "1", 150).await;
        let (db, call) = (env.database("loyalty"), Call::internal("test"));
        let forged = db.slice(&call, |tx| async move {
            let sql = "UPDATE member_tiers SET ladder = REPLACE(ladder, '\"tier\":\"silver\"', '\"tier\":\"gold\"')";
            tx.conn().execute_unprepared(sql).await?;
            Ok(())
        });
        forged.await.unwrap();
        let found = env.violations().await;
        let found: Vec<_> = found.iter().map(|wrong| wrong.invariant.as_str()).collect();
        assert_eq!(found, ["tiers-equal-their-replay"]);
    }
}

/// The year of the clock in Shanghai.
fn year(env: &Env) -> i16 {
    use guanxi_kernel::Clock as _;
    env.clock().now().to_zoned(jiff::tz::TimeZone::get("Asia/Shanghai").unwrap()).year()
}
