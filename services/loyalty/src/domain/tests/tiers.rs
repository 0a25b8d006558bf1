//! Tiers: known answers, and the law that whatever was counted step by step is what is counted anew.

use std::collections::BTreeMap;

use jiff::civil::Date;
use proptest::prelude::*;

use super::super::earning::tests::{line, purchase};
use super::super::expiry::{ExpiryPolicy, Period, PeriodUnit};
use super::super::ladder::{Amount, Ladder};
use super::super::ranking::{GrantError, History, OrderCount, Ranking};
use super::super::tier::{Basis, Calendar, Downgrade, Tier, TierPolicy, Upgrade, Validity, Window};
use super::*;

fn tier(id: &str, threshold: i64) -> Tier {
    Tier { id: id.into(), display_name: id.to_uppercase(), threshold, expiry: None }
}

/// None, silver at 10,000 and gold at 20,000 of spend, ever, at once, for ever.
fn ladder_of_spend() -> TierPolicy {
    TierPolicy {
        tiers: vec![tier("basic", 0), tier("silver", 10_000), tier("gold", 20_000)],
        basis: Basis::Spend,
        window: Window::Ever,
        validity: None,
        upgrade: Upgrade::AtOnce,
        downgrade: Downgrade::ToEarned,
        grace: None,
    }
}

fn calendar() -> Calendar {
    super::super::program::tests::program(terms()).calendar(noon("2026-01-01"))
}

/// Noon of a day in Shanghai.
fn noon(day: &str) -> Timestamp {
    format!("{day}T04:00:00Z").parse().expect("an instant")
}

/// The local midnight with which a day begins.
fn midnight(day: &str) -> Timestamp {
    calendar().start(day.parse().expect("a date")).expect("in range")
}

fn amounts(of: &[(&str, i64)]) -> Vec<Amount> {
    of.iter().map(|(day, amount)| Amount { at: noon(day), amount: *amount }).collect()
}

fn tier_on(policy: &TierPolicy, of: &[(&str, i64)], at: Timestamp) -> Option<String> {
    let of = amounts(of).into_iter().filter(|amount| amount.at <= at).collect();
    Ladder::count(policy, &calendar(), None, of, at).standing(policy, at).tier
}

fn months(count: i32) -> Period {
    Period { count, unit: PeriodUnit::Month }
}

fn days(count: i32) -> Period {
    Period { count, unit: PeriodUnit::Day }
}

#[test]
fn l19_thresholds_are_reached_at_equality_and_the_current_order_counts() {
    let policy = ladder_of_spend();
    let second = [("2026-02-01", 8_000), ("2026-02-02", 3_000)];
    assert_eq!(tier_on(&policy, &second, noon("2026-02-02")).as_deref(), Some("silver"));
    let third = [("2026-02-01", 18_000), ("2026-02-02", 3_000)];
    assert_eq!(tier_on(&policy, &third, noon("2026-02-02")).as_deref(), Some("gold"));
    assert_eq!(tier_on(&policy, &[("2026-02-01", 10_000)], noon("2026-02-01")).as_deref(), Some("silver"));
    assert_eq!(tier_on(&policy, &[("2026-02-01", 9_999)], noon("2026-02-01")).as_deref(), Some("basic"));
}

#[test]
fn l26_gold_that_falls_on_25_july_with_a_grace_of_a_month_lasts_through_25_august() {
    let policy = TierPolicy {
        window: Window::RollingMonths(1),
        validity: Some(Validity::FromStart(days(4))),
        grace: Some(months(1)),
        ..ladder_of_spend()
    };
    let of = [("2026-07-20", 20_000), ("2026-07-22", -20_000)];
    let on = |at| tier_on(&policy, &of, at);
    assert_eq!(on(noon("2026-07-20")).as_deref(), Some("gold"));
    let now = noon("2026-07-25");
    let mut ladder = Ladder::count(&policy, &calendar(), None, amounts(&of), now);
    assert_eq!(ladder.place.until, Some(midnight("2026-07-25")), "it falls on 25 July");
    assert_eq!(ladder.standing(&policy, now).until, Some(midnight("2026-08-26")));
    let outlook = ladder.outlook(&policy, &calendar(), now);
    assert_eq!(outlook.falls, Some((Some("basic".to_owned()), midnight("2026-08-26"))));
    assert_eq!(outlook.to_stay, 20_000);
    assert_eq!(
        on(midnight("2026-08-26").checked_sub(SignedDuration::from_micros(1)).expect("in range")).as_deref(),
        Some("gold")
    );
    assert_eq!(on(midnight("2026-08-26")).as_deref(), Some("basic"));
}

#[test]
fn who_reaches_it_again_within_the_grace_has_it_for_a_new_period() {
    let policy = TierPolicy {
        window: Window::RollingMonths(1),
        validity: Some(Validity::FromStart(months(2))),
        grace: Some(months(1)),
        ..ladder_of_spend()
    };
    let of = [("2026-03-10", 20_000), ("2026-05-20", 20_000)];
    let mut ladder = Ladder::count(&policy, &calendar(), None, amounts(&of), noon("2026-05-21"));
    let standing = ladder.standing(&policy, noon("2026-05-21"));
    assert_eq!((standing.tier.as_deref(), standing.since), (Some("gold"), noon("2026-03-10")));
    assert_eq!(standing.until, Some(midnight("2026-07-21")), "two months from 20 May, through 20 July");
}

#[test]
fn a_tier_falls_one_step_or_to_what_is_reached_or_not() {
    let of = [("2026-03-10", 20_000)];
    for (downgrade, left) in [(Downgrade::None, "gold"), (Downgrade::OneStep, "silver"), (Downgrade::ToEarned, "basic")]
    {
        let validity = Some(Validity::CalendarYear(0));
        let policy = TierPolicy { window: Window::CalendarYear, validity, downgrade, ..ladder_of_spend() };
        assert_eq!(tier_on(&policy, &of, noon("2027-06-01")).as_deref(), Some("gold"), "2026 was good enough");
        assert_eq!(tier_on(&policy, &of, noon("2028-01-01")).as_deref(), Some(left), "{downgrade:?}");
    }
}

#[test]
fn what_was_reached_in_a_year_is_good_through_the_next_and_kept_through_the_one_after() {
    let validity = Some(Validity::CalendarYear(1));
    let policy = TierPolicy { window: Window::CalendarYear, validity, ..ladder_of_spend() };
    let of = [("2026-03-10", 20_000), ("2027-05-01", 20_000)];
    let ladder = Ladder::count(&policy, &calendar(), None, amounts(&of), noon("2027-06-01"));
    assert_eq!(ladder.place.until, Some(midnight("2028-01-01")));
    let ladder = Ladder::count(&policy, &calendar(), None, amounts(&of), noon("2028-06-01"));
    assert_eq!((ladder.place.tier.as_deref(), ladder.place.until), (Some("gold"), Some(midnight("2029-01-01"))));
}

#[test]
fn a_member_year_begins_on_the_anniversary() {
    let joined = noon("2024-02-29");
    let calendar = Calendar { joined, ..calendar() };
    let on = |day: &str| day.parse::<Date>().expect("a date");
    let first = |day: &str| Window::MemberYear.first_day(on(day), &calendar).expect("there is one").to_string();
    assert_eq!(first("2026-02-27"), "2025-02-28");
    assert_eq!(first("2026-02-28"), "2026-02-28");
    assert_eq!(first("2028-02-28"), "2027-02-28");
    assert_eq!(first("2028-02-29"), "2028-02-29");
    let end = Validity::MemberYear(0).end(on("2026-03-01"), &calendar).expect("it ends");
    assert_eq!(calendar.day(end).to_string(), "2027-02-28", "through 27 February");
}

#[test]
fn an_upgrade_may_wait_for_the_end_of_the_period() {
    let validity = Some(Validity::CalendarYear(0));
    let upgrade = Upgrade::AtPeriodEnd;
    let policy = TierPolicy { window: Window::CalendarYear, validity, upgrade, ..ladder_of_spend() };
    let of = [("2026-03-10", 20_000)];
    assert_eq!(tier_on(&policy, &of, noon("2026-12-31")).as_deref(), Some("basic"));
    let ladder = Ladder::count(&policy, &calendar(), None, amounts(&of), noon("2026-12-31"));
    let outlook = ladder.outlook(&policy, &calendar(), noon("2026-12-31"));
    assert_eq!(outlook.to_rise, Some(("silver".to_owned(), 0)));
    assert_eq!(tier_on(&policy, &of, midnight("2027-01-01")).as_deref(), Some("gold"));
}

#[test]
fn within_one_moment_what_begins_to_count_does_so_before_a_tier_is_left() {
    let validity = Some(Validity::FromStart(days(9)));
    let policy = TierPolicy { validity, window: Window::Ever, ..ladder_of_spend() };
    let back = Amount { at: noon("2026-03-05"), amount: -20_000 };
    let again = Amount { at: midnight("2026-03-20"), amount: 20_000 };
    let of = vec![Amount { at: noon("2026-03-10"), amount: 20_000 }, back, again];
    // The return is from before: it is as if there had been nothing.
    let ladder = Ladder::count(&policy, &calendar(), None, of, midnight("2026-03-20"));
    assert_eq!((ladder.place.tier.as_deref(), ladder.place.since), (Some("gold"), midnight("2026-03-20")));
}

#[test]
fn what_is_needed_to_stay_and_to_rise_is_said_before_it_is_too_late() {
    let validity = Some(Validity::CalendarYear(0));
    let policy = TierPolicy { window: Window::CalendarYear, validity, ..ladder_of_spend() };
    let of = [("2026-11-10", 12_000), ("2027-02-01", 4_000)];
    let now = noon("2027-03-01");
    let mut ladder = Ladder::count(&policy, &calendar(), None, amounts(&of), now);
    let standing = ladder.standing(&policy, now);
    assert_eq!((standing.tier.as_deref(), standing.until), (Some("silver"), Some(midnight("2028-01-01"))));
    let outlook = ladder.outlook(&policy, &calendar(), now);
    assert_eq!((outlook.counted, outlook.to_stay), (4_000, 6_000));
    assert_eq!(outlook.to_rise, Some(("gold".to_owned(), 16_000)));
    assert_eq!(outlook.falls, Some((Some("basic".to_owned()), midnight("2028-01-01"))));
}

#[test]
fn tiers_that_contradict_themselves_are_refused_all_at_once() {
    let mut wrong = terms();
    wrong.expiry = ExpiryPolicy::Sliding(months(1));
    wrong.tiers = Some(TierPolicy {
        tiers: vec![tier("a", 5), Tier { expiry: Some(ExpiryPolicy::Never), ..tier("a", 5) }],
        basis: Basis::Balance,
        window: Window::CalendarYear,
        upgrade: Upgrade::AtPeriodEnd,
        grace: Some(days(1)),
        ..ladder_of_spend()
    });
    let rules: Vec<_> = wrong.check().expect_err("wrong").0.into_iter().map(|v| v.rule).collect();
    assert_eq!(
        rules,
        [
            "TIER_REPEATED",
            "THRESHOLDS_NOT_RISING",
            "TIER_EXPIRY_SLIDES",
            "WINDOW_OF_BALANCE",
            "TIERS_NEVER_FALL",
            "PERIOD_NEVER_ENDS"
        ]
    );
}

#[test]
fn a_change_of_the_tiers_takes_nobody_what_he_has_while_its_time_lasts() {
    let validity = Some(Validity::CalendarYear(0));
    let policy = TierPolicy { window: Window::CalendarYear, validity, ..ladder_of_spend() };
    let program = super::super::program::tests::program(Terms { tiers: Some(policy.clone()), ..terms() });
    let mut till = Till::plain();
    till.program = program;
    till.account.ranking = Some(Ranking::new(till.now));
    till.earn("1", 200);
    till.account.ranking.as_mut().expect("it is there").history = Some(history(&till));
    till.account.rank(&till.program, till.now);
    assert_eq!(ranked(&till), Some("gold"));
    let mut higher = policy;
    higher.tiers[2].threshold = 90_000;
    till.program =
        till.program.update(Terms { tiers: Some(higher), ..till.program.terms.clone() }, till.now).expect("good");
    till.after_days(1);
    till.account.ranking.as_mut().expect("it is there").history = Some(history(&till));
    till.account.rank(&till.program, till.now);
    assert_eq!(ranked(&till), Some("gold"));
    till.after_days(365);
    till.account.rank(&till.program, till.now);
    assert_eq!(ranked(&till), Some("silver"), "20,000 of 2026 are silver by the new terms");
}

fn ranked(till: &Till) -> Option<&str> {
    till.account.ranking.as_ref().and_then(Ranking::tier)
}

/// What a store would load of a till's orders; all of them were at the till's first moment or later.
fn history(till: &Till) -> History {
    let from = |id: &super::super::entry::OrderId| {
        till.account.lots.values().find(|lot| lot.order == Some(*id)).map(|lot| (lot.effective_time, lot.active_from))
    };
    let of = till.account.orders.iter().filter(|(_, record)| record.earned.is_some()).filter_map(|(id, record)| {
        let (effective_time, active_from) = from(id)?;
        Some((*id, OrderCount::of(record, effective_time, active_from)))
    });
    History { orders: of.collect::<BTreeMap<_, _>>(), entries: till.entries.clone() }
}

#[test]
fn a_granted_tier_is_a_floor_until_its_date() {
    let mut till = Till::new(Terms { tiers: Some(ladder_of_spend()), ..terms() });
    till.program.terms.tiers_version = 1;
    till.account.ranking = Some(Ranking::new(till.now));
    let until: Date = "2026-01-10".parse().expect("a date");
    till.account.grant_tier(&till.program, "gold", until, till.now).expect("it is given");
    assert_eq!(ranked(&till), Some("gold"));
    let standing = till.account.ranking.as_ref().and_then(|ranking| ranking.standing.clone()).expect("there is one");
    assert_eq!((standing.granted, standing.until), (true, Some(midnight("2026-01-11"))));
    till.earn("1", 100);
    till.account.ranking.as_mut().expect("it is there").history = Some(history(&till));
    till.account.rank(&till.program, till.now);
    let ladder = till.account.ranking.as_ref().and_then(|ranking| ranking.ladder.clone()).expect("there is one");
    let calendar = till.program.calendar(ladder.joined);
    let outlook = ladder.outlook(&ladder_of_spend(), &calendar, till.now);
    assert_eq!(outlook.falls, Some((Some("silver".to_owned()), midnight("2026-01-11"))));
    till.after_days(10);
    till.account.rank(&till.program, till.now);
    assert_eq!(ranked(&till), Some("silver"));
    let past = till.account.grant_tier(&till.program, "gold", until, till.now);
    assert!(matches!(past, Err(GrantError::Past { .. })), "{past:?}");
    let unknown = till.account.grant_tier(&till.program, "lead", "2026-12-01".parse().expect("a date"), till.now);
    assert!(matches!(unknown, Err(GrantError::UnknownTier { .. })), "{unknown:?}");
}

#[test]
fn spent_points_do_not_lower_what_was_earned_and_pending_ones_count_when_they_are_active() {
    let tiers = TierPolicy { tiers: vec![tier("gold", 100)], basis: Basis::PointsEarned, ..ladder_of_spend() };
    let mut till = Till::new(Terms { tiers: Some(tiers), ..terms() }).waits_for_delivery();
    till.program.terms.tiers_version = 1;
    till.account.ranking = Some(Ranking::new(till.now));
    till.earn("1", 100);
    till.account.rank(&till.program, till.now);
    assert_eq!(ranked(&till), None);
    till.deliver("1");
    till.account.ranking.as_mut().expect("it is there").history = Some(history(&till));
    till.account.rank(&till.program, till.now);
    assert_eq!(ranked(&till), Some("gold"));
    till.spend(100).expect("they are there");
    till.account.rank(&till.program, till.now);
    assert_eq!(ranked(&till), Some("gold"));
}

/// Something that happens to a member of a program with tiers.
#[derive(Debug, Clone)]
enum Step {
    Earn(i64),
    Spend(i64),
    Return(usize),
    Nothing,
}

fn steps() -> impl Strategy<Value = Vec<(i64, Step)>> {
    let step = prop_oneof![
        5 => (1..120_i64).prop_map(Step::Earn),
        2 => (1..100_i64).prop_map(Step::Spend),
        1 => (0..8_usize).prop_map(Step::Return),
        2 => Just(Step::Nothing),
    ];
    prop::collection::vec((0..70_i64, step), 1..25)
}

fn policy() -> impl Strategy<Value = TierPolicy> {
    let basis = prop_oneof![Just(Basis::Spend), Just(Basis::PointsEarned), Just(Basis::Balance)];
    let window = prop_oneof![
        Just(Window::Ever),
        Just(Window::CalendarYear),
        Just(Window::MemberYear),
        (1..14).prop_map(Window::RollingMonths)
    ];
    let validity = prop_oneof![
        Just(None),
        (1..14).prop_map(|count| Some(Validity::FromStart(months(count)))),
        (0..2).prop_map(|years| Some(Validity::MemberYear(years))),
        (0..2).prop_map(|years| Some(Validity::CalendarYear(years))),
    ];
    let upgrade = prop_oneof![3 => Just(Upgrade::AtOnce), 1 => Just(Upgrade::AtPeriodEnd)];
    let downgrade = prop_oneof![Just(Downgrade::None), Just(Downgrade::OneStep), Just(Downgrade::ToEarned)];
    let grace = prop_oneof![Just(None), (1..40).prop_map(|count| Some(days(count)))];
    (basis, window, validity, upgrade, downgrade, grace).prop_map(
        |(basis, window, validity, upgrade, downgrade, grace)| {
            let unit = if basis == Basis::Spend { 100 } else { 1 };
            TierPolicy {
                tiers: vec![tier("a", 50 * unit), tier("b", 120 * unit), tier("c", 240 * unit)],
                basis,
                window: if basis == Basis::Balance { Window::Ever } else { window },
                validity,
                upgrade: if validity.is_none() { Upgrade::AtOnce } else { upgrade },
                downgrade,
                grace: grace.filter(|_| validity.is_some() && downgrade != Downgrade::None),
            }
        },
    )
}

proptest! {
    /// What was counted step by step is what is counted anew, and a look in between changes nothing.
    #[test]
    fn a_standing_equals_its_replay(policy in policy(), steps in steps(), looks in prop::collection::vec(any::<bool>(), 25)) {
        let mut till = Till::new(Terms { tiers: Some(policy.clone()), ..terms() });
        till.program.terms.tiers_version = 1;
        let joined = till.now;
        till.account.ranking = Some(Ranking::new(joined));
        let mut earned = Vec::new();
        for (at, (days, step)) in steps.iter().enumerate() {
            till.after_days(*days);
            let anew = matches!(step, Step::Return(_)) || policy.basis == Basis::Balance;
            match step {
                Step::Earn(points) => {
                    earned.push(at.to_string());
                    till.program.terms.tiers = Some(policy.clone());
                    let bought = purchase(vec![line(1, "", 1, points * 100)]);
                    let earn = Earn { order: order(&at.to_string()), purchase: bought, effective_time: till.now };
                    till.account.earn(&till.program, &earn, None, &mut till.budgets, till.now).expect("it earns");
                }
                Step::Spend(points) => drop(till.account.spend(
                    &till.program,
                    &Spend { points: Points::new(*points), order: None, clamp: true, order_amount: None },
                    till.now,
                )),
                Step::Return(which) => {
                    if let Some(number) = earned.get(*which) {
                        let given = Return {
                            order: order(number),
                            return_id: at.to_string(),
                            lines: vec![],
                            effective_time: till.now,
                            source: Source::Told,
                        };
                        till.account.return_order(&till.program, &given, &[], till.now).expect("it is returned");
                    }
                }
                Step::Nothing => {}
            }
            if anew {
                let kept = history(&till);
                till.account.ranking.as_mut().expect("it is there").history = Some(kept);
            }
            if anew || matches!(step, Step::Earn(_)) || looks[at] {
                till.account.rank(&till.program, till.now);
            }
            till.keep(());
            let ranking = till.account.ranking.take().expect("it is there");
            // As it comes from the store the next time.
            let (ladder, standing) = (ranking.ladder, ranking.standing);
            till.account.ranking = Some(Ranking::kept(joined, ladder, standing, 1, 0));
        }
        if policy.basis == Basis::Balance {
            let kept = history(&till);
            till.account.ranking.as_mut().expect("it is there").history = Some(kept);
        }
        till.account.rank(&till.program, till.now);
        let by_steps = till.account.ranking.clone().expect("it is there");
        let mut anew = Ranking::new(joined);
        anew.history = Some(history(&till));
        till.account.ranking = Some(anew);
        till.account.rank(&till.program, till.now);
        let anew = till.account.ranking.clone().expect("it is there");
        prop_assert_eq!(&by_steps.standing, &anew.standing);
        let (by_steps, anew) = (by_steps.ladder.expect("counted"), anew.ladder.expect("counted"));
        let calendar = till.program.calendar(joined);
        prop_assert_eq!(by_steps.essence(&policy, &calendar, till.now), anew.essence(&policy, &calendar, till.now));
    }

    /// A full return leaves the tier as if the order had never been.
    #[test]
    fn a_full_return_leaves_the_tier_as_if_the_order_had_never_been(
        policy in policy(),
        before in prop::collection::vec((0..60_i64, 1..120_i64), 0..8),
        points in 1..300_i64,
        after in prop::collection::vec((0..60_i64, 1..120_i64), 0..8),
        wait in 0..400_i64,
    ) {
        let run = |with: bool| {
            let mut till = Till::new(Terms { tiers: Some(policy.clone()), ..terms() });
            till.program.terms.tiers_version = 1;
            let joined = till.now;
            for (at, (days, points)) in before.iter().enumerate() {
                till.after_days(*days);
                till.earn(&format!("b{at}"), *points);
            }
            if with {
                till.earn("x", points);
            }
            for (at, (days, points)) in after.iter().enumerate() {
                till.after_days(*days);
                till.earn(&format!("a{at}"), *points);
            }
            till.after_days(wait);
            if with {
                till.give_all("x");
            }
            let mut ranking = Ranking::new(joined);
            ranking.history = Some(history(&till));
            till.account.ranking = Some(ranking);
            till.account.rank(&till.program, till.now);
            till.account.ranking.and_then(|ranking| ranking.standing)
        };
        prop_assert_eq!(run(true), run(false));
    }
}
