//! Liability and breakage: from the entries alone, what balances add up to at any moment of business and of knowledge.

use guanxi_client::Client;
use guanxi_contracts::common::v1::Money;
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::{Call, Timestamp};
use guanxi_store::sea_orm::ConnectionTrait;

use crate::adjusting::adjusting;
use crate::holds::holding;
use crate::support::*;
use crate::transfers::giving;

async fn liability(client: &Client, as_of: Option<Timestamp>, known_at: Option<Timestamp>) -> GetLiabilityResponse {
    let request = GetLiabilityRequest {
        program: "programs/test".into(),
        as_of: as_of.map(to_proto),
        known_at: known_at.map(to_proto),
        cohort_period: CohortPeriod::Month.into(),
    };
    client.loyalty().ledger().get_liability(request).await.expect("it is reported").into_inner()
}

fn points(sum: &Option<LiabilitySum>) -> i64 {
    sum.as_ref().expect("a sum").points
}

/// Sums over the members: balances with what waits, what waits, what is held.
async fn balances(client: &Client, members: &[String], as_of: Timestamp, known_at: Timestamp) -> [i64; 3] {
    let mut sums = [0; 3];
    for member in members {
        let (as_of, known_at) = (Some(to_proto(as_of)), Some(to_proto(known_at)));
        let request = GetBalanceRequest { member: member.clone(), as_of, known_at };
        let answer = client.loyalty().points().get_balance(request).await.unwrap().into_inner();
        let Balance { balance, pending, held, .. } = answer.balance.unwrap();
        sums = [sums[0] + balance + pending, sums[1] + pending, sums[2] + held];
    }
    sums
}

fn cohort<'a>(report: &'a GetLiabilityResponse, first: &str) -> &'a BreakageCohort {
    report.cohorts.iter().find(|cohort| cohort.start_date == first).expect("there is one")
}

/// A month to use points, which are worth a cent each; a balance may fall to -50.
fn terms() -> Program {
    let redemption = Some(Redemption { points: 100, minor_units: 100, ..Redemption::default() });
    Program { redemption, negative_balance: owing_program(-50).negative_balance, ..expiring_program(30) }
}

guanxi_testkit::matrix! {
    setup();

    async fn liability_is_what_balances_add_up_to_at_any_moment_of_business_and_of_knowledge(env: &Env) {
        let client = env.client();
        let start = at("2026-01-10T04:00:00Z");
        let day = |days: i64| start + jiff::SignedDuration::from_hours(24 * days);
        env.clock().set(start);
        create(&client, "test", terms()).await;
        let mut members = Vec::new();
        for who in 1..=3 {
            members.push(enroll(&client, "test", customer(who)).await);
        }
        let [one, two, three] = [0, 1, 2].map(|at| members[at].clone());
        let mut points_of = client.loyalty().points();
        earn(&client, &one, "1", 100).await;
        earn(&client, &two, "2", 60).await;
        env.clock().set(day(5));
        points_of.spend_points(SpendPointsRequest { order: order("paid").to_string(), ..spending(&one, 30) }).await.unwrap();
        points_of.spend_points(spending(&three, 40)).await.unwrap();
        points_of.place_hold(holding(&two, 25)).await.unwrap();
        env.clock().set(day(12));
        let late = EarnPointsRequest { effective_time: Some(to_proto(day(2))), ..earning(&two, "late", vec![line(1, 2_000)]) };
        points_of.earn_points(late).await.unwrap();
        points_of.adjust_points(adjusting(&three, 70)).await.unwrap();
        points_of.transfer_points(giving(&one, &three, 15)).await.unwrap();
        points_of.adjust_points(adjusting(&one, -5)).await.unwrap();
        env.clock().set(day(20));
        points_of.return_order(return_all(&two, "2")).await.unwrap();
        earn(&client, &one, "3", 500).await;
        env.clock().set(day(70));
        env.run_jobs().await;
        let now = day(71);
        env.clock().set(now);
        let moments = [0, 4, 5, 6, 12, 19, 20, 33, 45, 60, 71, 90].map(day);
        for as_of in moments {
            for known_at in [day(4), day(13), now] {
                let report = liability(&client, Some(as_of), Some(known_at)).await;
                let found = report.liability.as_ref().unwrap();
                let owed = points(&found.owed);
                let net = owed - points(&found.deficit);
                let expected = balances(&client, &members, as_of, known_at).await;
                let what = format!("as of {as_of}, known at {known_at}: {found:?}");
                assert_eq!([net, points(&found.pending), points(&found.held)], expected, "{what}");
                assert_eq!(points(&found.pending) + points(&found.active) + points(&found.held), owed, "{what}");
                for buckets in [&report.by_age, &report.by_expiry] {
                    assert_eq!(buckets.iter().map(|bucket| points(&bucket.owed)).sum::<i64>(), owed, "{what}");
                }
                let all = report.all.clone().unwrap();
                let became = all.redeemed + all.expired + all.reversed + all.taken + all.sent + all.covered + all.open;
                assert_eq!((all.issued + all.received, all.open), (became, owed), "{what}");
                assert_eq!(report.cohorts.iter().map(|cohort| cohort.open).sum::<i64>(), owed, "{what}");
            }
        }
        env.verify().await;
    }

    async fn breakage_is_told_by_cohort_and_what_points_are_worth_in_money(env: &Env) {
        env.clock().set(at("2026-01-10T04:00:00Z"));
        let member = member(env, terms()).await;
        let client = env.client();
        earn(&client, &member, "1", 200).await;
        client.loyalty().points().spend_points(spending(&member, 80)).await.unwrap();
        env.clock().set(at("2026-03-20T04:00:00Z"));
        earn(&client, &member, "2", 50).await;
        for swept in [false, true] {
            if swept {
                env.run_jobs().await;
            }
            let report = liability(&client, None, None).await;
            let january = cohort(&report, "2026-01-01");
            assert_eq!((january.issued, january.redeemed, january.expired, january.open), (200, 80, 120, 0), "{swept}");
            assert_eq!((january.matured, january.breakage_permille, january.expected_breakage), (200, Some(600), Some(0)));
            let march = cohort(&report, "2026-03-01");
            assert_eq!((march.open, march.matured, march.breakage_permille), (50, 0, None));
            assert_eq!(march.expected_breakage, Some(30), "six tenths of 50");
            let all = report.all.clone().unwrap();
            assert_eq!((all.start_date.as_str(), all.breakage_permille, all.expected_breakage), ("", Some(600), Some(30)));
            let owed = report.liability.unwrap();
            assert_eq!((owed.members, owed.lots), (1, 1));
            let value = Money { currency_code: "CNY".into(), minor_units: 50 };
            assert_eq!(owed.owed.unwrap(), LiabilitySum { points: 50, value: Some(value) });
            // 50 expire at the end of 19 April in Shanghai, which is within a month of the 20th.
            let dated: Vec<_> = report.by_expiry.iter().map(|bucket| points(&bucket.owed)).collect();
            assert_eq!(dated, [50, 0, 0, 0, 0, 0, 0, 0]);
            assert_eq!(report.by_age[0].owed.as_ref().unwrap().points, 50);
        }
        let quarters = GetLiabilityRequest {
            program: "programs/test".into(),
            cohort_period: CohortPeriod::Quarter.into(),
            ..GetLiabilityRequest::default()
        };
        let report = client.loyalty().ledger().get_liability(quarters).await.unwrap().into_inner();
        let firsts: Vec<_> = report.cohorts.iter().map(|cohort| (cohort.start_date.as_str(), cohort.issued)).collect();
        assert_eq!(firsts, [("2026-01-01", 250)]);
        let missing = GetLiabilityRequest { program: "programs/none".into(), ..GetLiabilityRequest::default() };
        assert_eq!(reason(client.loyalty().ledger().get_liability(missing).await), "NOT_FOUND");
        env.verify().await;
    }

    async fn a_lot_that_entries_do_not_bear_out_is_found(env: &Env) {
        create(&env.client(), "test", program()).await;
        let mut members = Vec::new();
        for who in 1..=2 {
            let member = enroll(&env.client(), "test", customer(who)).await;
            earn(&env.client(), &member, &who.to_string(), 10).await;
            members.push(member);
        }
        env.verify().await;
        let (db, call) = (env.database("loyalty"), Call::internal("test"));
        let forged = db.slice(&call, |tx| async move {
            let sql = "UPDATE lots SET open_points = open_points + 1 WHERE root_id = \
                       (SELECT root_id FROM lots ORDER BY root_id LIMIT 1)";
            tx.conn().execute_unprepared(sql).await?;
            Ok(())
        });
        forged.await.unwrap();
        let found = env.violations().await;
        let wrong: Vec<_> = found.iter().filter(|found| found.invariant == "liability-equals-open-lots").collect();
        assert_eq!(wrong.len(), 1, "{found:?}");
        assert!(members.contains(&wrong[0].subject), "{wrong:?}");
    }
}
