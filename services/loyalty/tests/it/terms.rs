//! Waiting and its ends, expiries of rules, tax: the terms of points.

use guanxi_client::{Error, request_id};
use guanxi_contracts::customer::events::v1::{OrderLine, OrderRecorded};
use guanxi_contracts::loyalty::events::v1::{PointsActivated, PointsEarned, PointsExpired};
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::{from_proto, to_proto};
use guanxi_kernel::OrganizationId;
use guanxi_messaging::event;
use guanxi_testkit::Env;
use jiff::SignedDuration;

use crate::support::*;

fn waiting(days: i32, action: TimeoutAction) -> Program {
    let timeout = Some(DeliveryTimeout { days, action: action.into() });
    let pending = PendingPolicy { delivered: Some(UntilDelivered { timeout }), ..PendingPolicy::default() };
    Program { pending: Some(pending), ..program() }
}

fn good_for(count: i32, unit: PeriodUnit) -> ExpiryPolicy {
    let period = Some(PeriodExpiry { period: Some(Period { count, unit: unit.into() }), extend_to: 0 });
    ExpiryPolicy { period, ..ExpiryPolicy::default() }
}

fn never() -> ExpiryPolicy {
    ExpiryPolicy { never: Some(NeverExpiry {}), ..ExpiryPolicy::default() }
}

fn on(dates: &[(i32, i32)]) -> Vec<MonthDay> {
    dates.iter().map(|&(month, day)| MonthDay { month, day }).collect()
}

/// The program's rule for all but `own`, and one for `own` with an expiry of its own.
fn with_own(expiry: ExpiryPolicy) -> Program {
    let mut rules = program().earning_rules;
    let own =
        EarningRule { id: "own".into(), categories: vec!["own".into()], expiry: Some(expiry), ..rules[0].clone() };
    rules[0].excluded_categories = vec!["own".into()];
    rules.push(own);
    Program { earning_rules: rules, ..program() }
}

fn of(category: &str, line: PurchaseLine) -> PurchaseLine {
    PurchaseLine { category: category.into(), ..line }
}

async fn there(env: &Env, member: &str) -> (i64, i64) {
    let balance = balance(&env.client(), member).await;
    (balance.balance, balance.pending)
}

async fn first_member(env: &Env) -> String {
    let request = ListMembersRequest { customer: customer(1).to_string(), ..ListMembersRequest::default() };
    env.client().loyalty().members().list_members(request).await.unwrap().into_inner().members[0].name.clone()
}

async fn kinds(env: &Env, member: &str) -> Vec<EntryKind> {
    let request = ListEntriesRequest { member: member.into(), ..ListEntriesRequest::default() };
    let entries = env.client().loyalty().points().list_entries(request).await.unwrap().into_inner().entries;
    entries.iter().rev().map(Entry::kind).collect()
}

guanxi_testkit::matrix! {
    setup();

    async fn terms_are_answered_as_they_were_given(env: &Env) {
        let mut given = with_own(never());
        given.tax_earns = true;
        for pending in [
            PendingPolicy { delay: Some(DelayDays { days: 3 }), ..PendingPolicy::default() },
            PendingPolicy { delivered: Some(UntilDelivered::default()), ..PendingPolicy::default() },
            waiting(9, TimeoutAction::Activate).pending.unwrap(),
            PendingPolicy {
                fixed_dates: Some(FixedDatesPending { dates: on(&[(2, 1), (2, 29)]) }),
                ..PendingPolicy::default()
            },
        ] {
            given.pending = Some(pending);
            let id = format!("p-{}", request_id());
            let made = create(&env.client(), &id, given.clone()).await;
            let rules: Vec<_> = made.earning_rules.iter().map(|rule| rule.expiry.clone()).collect();
            assert_eq!((&made.pending, made.tax_earns, rules), (&given.pending, true, vec![None, Some(never())]));
        }
    }

    async fn terms_that_contradict_themselves_are_refused(env: &Env) {
        let mut wrong = with_own(ExpiryPolicy {
            sliding: Some(SlidingExpiry { period: good_for(1, PeriodUnit::Day).period.unwrap().period }),
            ..ExpiryPolicy::default()
        });
        wrong.earning_rules.push(EarningRule {
            id: "times".into(),
            multiplier: Some(Multiplier { factor_milli: 2_000 }),
            expiry: Some(never()),
            ..EarningRule::default()
        });
        wrong.pending = Some(PendingPolicy {
            fixed_dates: Some(FixedDatesPending { dates: on(&[(2, 30)]) }),
            ..PendingPolicy::default()
        });
        let request = CreateProgramRequest { request_id: request_id(), program_id: "wrong".into(), program: Some(wrong) };
        let error = Error::from(env.client().loyalty().programs().create_program(request).await.expect_err("wrong"));
        let said: Vec<_> = error.violations.iter().map(|v| (v.field.as_str(), v.rule.as_str())).collect();
        assert_eq!(said, [
            ("program.pending.fixed_dates.dates[0]", "DATE_NEVER"),
            ("program.earning_rules[1].expiry", "RULE_EXPIRY_SLIDES"),
            ("program.earning_rules[2].expiry", "EXPIRY_WITHOUT_POINTS"),
        ]);
    }

    async fn a_wait_in_vain_is_over_by_the_clock_and_written_by_the_sweep(env: &Env) {
        let member = member(env, waiting(10, TimeoutAction::Cancel)).await;
        let earned = earn(&env.client(), &member, "1", 100).await;
        let lot = earned.lot.unwrap();
        let end = at("2026-11-22T04:42:00Z") + SignedDuration::from_hours(240);
        assert_eq!((lot.active_from, lot.expires_at, lot.cancel_time), (None, None, Some(to_proto(end))));
        assert_eq!((there(env, &member).await, figures(&env.client()).await["points_pending"]), ((0, 100), 100));
        env.clock().set(end);
        assert_eq!((there(env, &member).await, figures(&env.client()).await["points_pending"]), ((0, 0), 0));
        assert_eq!(kinds(env, &member).await, [EntryKind::Earn], "nobody wrote it yet");
        env.clock().advance(SignedDuration::from_hours(50));
        for _ in 0..2 {
            env.run_jobs().await;
            assert_eq!(kinds(env, &member).await, [EntryKind::Earn, EntryKind::Cancel]);
        }
        env.settle().await;
        let told = env.events_of::<PointsExpired>("loyalty").await;
        assert_eq!((told.len(), told[0].points, told[0].pending, &told[0].expire_time), (1, 100, true, &Some(to_proto(end))));
        let mut points = env.client().loyalty().points();
        let returned = points.return_order(return_all(&member, "1")).await.unwrap().into_inner();
        assert_eq!((returned.reversed_points, returned.waived_points), (100, 0));
        env.verify().await;
    }

    async fn a_delivery_counts_by_when_it_was_and_not_by_when_it_is_told(env: &Env) {
        for (id, action) in [("cancels", TimeoutAction::Cancel), ("activates", TimeoutAction::Activate)] {
            create(&env.client(), id, waiting(5, action)).await;
        }
        // Placed on 1 November, told three weeks later: the wait is over for long.
        let [in_time, late] = ["1", "2"];
        env.tell("customer", [recorded(in_time, customer(1), &["a"]), recorded(late, customer(2), &["a"])]).await;
        env.settle().await;
        env.run_jobs().await;
        let of = async |who, program: &str| {
            let request = ListMembersRequest { customer: customer(who).to_string(), ..ListMembersRequest::default() };
            let members = env.client().loyalty().members().list_members(request).await.unwrap().into_inner().members;
            let member = members.into_iter().find(|member| member.program == format!("programs/{program}"));
            there(env, &member.unwrap().name).await
        };
        assert_eq!((of(1, "cancels").await, of(1, "activates").await), ((0, 0), (10, 0)));
        env.tell("logistics", [
            delivered(in_time, "a", "2026-11-05T23:59:59Z"),
            delivered(late, "a", "2026-11-06T00:00:00Z"),
        ]).await;
        env.settle().await;
        assert_eq!((of(1, "cancels").await, of(1, "activates").await), ((10, 0), (10, 0)));
        assert_eq!((of(2, "cancels").await, of(2, "activates").await), ((0, 0), (10, 0)));
        let activated = env.events_of::<PointsActivated>("loyalty").await;
        let from: Vec<_> = activated.iter().map(|told| told.active_from.as_ref().and_then(from_proto).unwrap()).collect();
        assert_eq!(from, [at("2026-11-05T23:59:59Z"); 2]);
        env.run_jobs().await;
        assert_eq!(of(1, "cancels").await, (10, 0));
        env.verify().await;
    }

    async fn a_wait_that_ends_early_counts_for_a_tier_once(env: &Env) {
        let tier = |id: &str, threshold| Tier {
            id: id.into(),
            display_name: id.into(),
            threshold,
            ..Tier::default()
        };
        let tiers = Some(TierPolicy {
            tiers: vec![tier("silver", 10), tier("gold", 20)],
            basis: TierBasis::PointsEarned.into(),
            ..TierPolicy::default()
        });
        create(&env.client(), "test", Program { tiers, ..waiting(60, TimeoutAction::Activate) }).await;
        env.tell("customer", [recorded("1", customer(1), &["a"])]).await;
        env.settle().await;
        let member = first_member(env).await;
        let standing = async || {
            let request = GetTierStandingRequest { member: member.clone() };
            let standing = env.client().loyalty().members().get_tier_standing(request).await.unwrap().into_inner();
            let standing = standing.standing.unwrap();
            (standing.tier, standing.counted)
        };
        assert_eq!(standing().await, (String::new(), 0));
        env.tell("logistics", [delivered("1", "a", "2026-11-05T00:00:00Z")]).await;
        env.settle().await;
        assert_eq!(standing().await, ("silver".to_owned(), 10));
        env.clock().advance(SignedDuration::from_hours(24 * 60));
        env.run_jobs().await;
        assert_eq!(standing().await, ("silver".to_owned(), 10), "the end of the wait adds nothing");
        env.verify().await;
    }

    async fn points_wait_for_the_first_date_after_the_order(env: &Env) {
        let dates = Some(FixedDatesPending { dates: on(&[(12, 1), (3, 1)]) });
        let pending = Some(PendingPolicy { fixed_dates: dates, ..PendingPolicy::default() });
        let member = member(env, Program { pending, ..program() }).await;
        earn(&env.client(), &member, "1", 100).await;
        env.clock().set(at("2026-11-30T15:59:59Z"));
        assert_eq!(there(env, &member).await, (0, 100));
        env.clock().set(at("2026-11-30T16:00:00Z"));
        assert_eq!(there(env, &member).await, (100, 0));
        earn(&env.client(), &member, "2", 10).await;
        assert_eq!(there(env, &member).await, (100, 10), "the day itself is not after");
        env.verify().await;
    }

    async fn each_expiry_is_a_lot_and_a_return_by_line_takes_from_its_own(env: &Env) {
        let member = member(env, with_own(good_for(10, PeriodUnit::Day))).await;
        let bought = vec![line(1, 3_000), PurchaseLine { quantity: 3, ..of("own", line(2, 1_000)) }];
        let mut points = env.client().loyalty().points();
        let earned = points.earn_points(earning(&member, "1", bought)).await.unwrap().into_inner();
        let lots: Vec<_> = earned.lots.iter().map(|lot| (lot.points, lot.expires_at.is_some())).collect();
        assert_eq!((lots, earned.lot.as_ref()), (vec![(30, false), (10, true)], earned.lots.first()));
        env.settle().await;
        let told = env.events_of::<PointsEarned>("loyalty").await;
        assert_eq!(told.iter().map(|told| told.points).collect::<Vec<_>>(), [30, 10]);
        let expiring = async || {
            let request = ListExpiringRequest { member: member.clone(), until: None };
            let mut points = env.client().loyalty().points();
            points.list_expiring(request).await.unwrap().into_inner().points
        };
        for (id, left) in [("r1", 7), ("r2", 4), ("r3", 0)] {
            let lines = vec![ReturnLine { line: 2, quantity: 1, amount_minor: 0 }];
            let back = ReturnOrderRequest { return_id: id.into(), lines, ..return_all(&member, "1") };
            points.return_order(back).await.unwrap();
            assert_eq!((expiring().await, there(env, &member).await), (left, (30 + left, 0)));
        }
        env.verify().await;
        points.return_order(return_all(&member, "1")).await.unwrap();
        assert_eq!(there(env, &member).await, (0, 0));
        env.verify().await;
    }

    async fn tax_in_prices_earns_where_the_program_says_so(env: &Env) {
        let taxed = PurchaseLine { tax_minor: 1_300, ..line(1, 11_300) };
        for (id, tax_earns, earned) in [("net", false, 100), ("gross", true, 113)] {
            create(&env.client(), id, Program { tax_earns, ..program() }).await;
            let member = enroll(&env.client(), id, customer(1)).await;
            let mut points = env.client().loyalty().points();
            let answer = points.earn_points(earning(&member, "1", vec![taxed.clone()])).await.unwrap().into_inner();
            assert_eq!(answer.points, earned);
            assert_eq!(answer.explanation.unwrap().rules[0].lines[0].base_minor, earned * 100);
            let all_tax = PurchaseLine { tax_minor: 11_301, ..line(1, 11_300) };
            let error = points.earn_points(earning(&member, "2", vec![all_tax])).await.expect_err("more tax than price");
            assert_eq!(Error::from(error).violations[0].rule, "TAX_TOO_HIGH");
        }
        let when = at("2026-11-20T00:00:00Z");
        let message = OrderRecorded {
            order: order("3").to_string(),
            customer: customer(3).to_string(),
            order_time: Some(to_proto(when)),
            lines: vec![OrderLine { line: 1, quantity: 1, price_minor: 11_300, tax_minor: 1_300, ..OrderLine::default() }],
            currency_code: "CNY".into(),
            ..OrderRecorded::default()
        };
        let organization = OrganizationId::default_organization();
        env.tell("customer", [event(&message.order, 1, &organization, when, false, &message)]).await;
        env.settle().await;
        let told = env.events_of::<PointsEarned>("loyalty").await;
        let mut recorded: Vec<_> = told.iter().filter(|told| told.order == message.order).map(|told| told.points).collect();
        recorded.sort_unstable();
        assert_eq!(recorded, [100, 113]);
        env.verify().await;
    }

    async fn l05_what_expires_by_a_day_adds_up_and_never_is_left_out(env: &Env) {
        let member = member(env, program()).await;
        let mut points = env.client().loyalty().points();
        for (amount, expires) in [(100, Some("2027-02-01T00:00:00Z")), (200, Some("2027-06-01T00:00:00Z")), (50, None)] {
            let request = AdjustPointsRequest {
                request_id: request_id(),
                member: member.clone(),
                points: amount,
                reason: "l05".into(),
                expire_time: expires.map(|expires| to_proto(at(expires))),
                ..AdjustPointsRequest::default()
            };
            points.adjust_points(request).await.unwrap();
        }
        for (until, sum) in [("2027-01-31T23:59:59Z", 0), ("2027-02-01T00:00:00Z", 100), ("2027-03-01T00:00:00Z", 100), ("2027-07-01T00:00:00Z", 300)] {
            let request = ListExpiringRequest { member: member.clone(), until: Some(to_proto(at(until))) };
            assert_eq!(points.list_expiring(request).await.unwrap().into_inner().points, sum, "until {until}");
        }
    }

    async fn l06_the_expiry_job_runs_twice_and_writes_once(env: &Env) {
        let member = member(env, expiring_program(10)).await;
        earn(&env.client(), &member, "1", 150).await;
        env.client().loyalty().points().spend_points(spending(&member, 50)).await.unwrap();
        env.clock().advance(SignedDuration::from_hours(24 * 12));
        for _ in 0..2 {
            env.run_jobs().await;
            assert_eq!(kinds(env, &member).await, [EntryKind::Earn, EntryKind::Spend, EntryKind::Expire]);
        }
        assert_eq!(there(env, &member).await, (0, 0));
    }

    async fn l07_a_month_from_31_january_is_through_28_february(env: &Env) {
        let member = member(env, Program { expiry: Some(good_for(1, PeriodUnit::Month)), ..program() }).await;
        let mut points = env.client().loyalty().points();
        for (number, day, end) in [("1", "2026-01-31", "2026-02-28"), ("2", "2026-01-25", "2026-02-25")] {
            let mut request = earning(&member, number, vec![line(1, 1_000)]);
            request.effective_time = Some(to_proto(at(&format!("{day}T04:00:00Z"))));
            let lot = points.earn_points(request).await.unwrap().into_inner().lot.unwrap();
            let end = at(&format!("{end}T16:00:00Z"));
            assert_eq!(lot.expires_at, Some(to_proto(end)), "through {end} in Shanghai");
        }
    }
}
