//! Cases with known answers, by the number of the rule book.

use super::super::earning::tests::line;
use super::super::entry::EntryKind;
use super::super::hold::HoldState;
use super::super::program::Terms;
use super::super::program::tests::{rule, terms};
use super::super::rule::Effect;
use super::*;

#[test]
fn l01_a_lot_that_expires_sooner_is_spent_first_though_it_was_earned_later() {
    let mut till = Till::plain();
    till.earn_until("a", 100, Some("2027-06-01T00:00:00Z"));
    till.earn_until("b", 100, Some("2027-01-01T00:00:00Z"));
    assert_eq!(till.spend(100), Ok(points(100)));
    let left: Vec<_> = till.account.lots.values().map(|lot| lot.open.get()).collect();
    assert_eq!(left, [100, 0]);
}

#[test]
fn l02_a_lot_that_never_expires_is_spent_last() {
    let mut till = Till::plain();
    till.earn_until("a", 100, None);
    till.earn_until("b", 100, Some("2027-01-01T00:00:00Z"));
    assert_eq!(till.spend(100), Ok(points(100)));
    let left: Vec<_> = till.account.lots.values().map(|lot| lot.open.get()).collect();
    assert_eq!(left, [100, 0]);
}

#[test]
fn l03_a_spend_crosses_lots_in_order_of_expiry() {
    let mut till = Till::plain();
    till.earn_until("feb", 50, Some("2027-02-28T16:00:00Z"));
    till.earn_until("jan", 50, Some("2027-01-31T16:00:00Z"));
    assert_eq!(till.spend(70), Ok(points(70)));
    let open: Vec<_> = till.account.lots.values().filter(|lot| lot.open.is_positive()).collect();
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].open, open[0].order), (points(30), Some((&order("feb")).into())));
}

#[test]
fn l04_a_deficit_is_paid_first_by_the_next_credit() {
    let mut till = Till::with(ExpiryPolicy::Never, allow(-100));
    till.earn("a", 50);
    assert_eq!(till.spend(80), Ok(points(80)));
    assert_eq!((till.balance(), till.deficit()), (-30, 30));
    till.earn("b", 100);
    assert_eq!((till.balance(), till.deficit(), till.open()), (70, 0, vec![70]));
}

#[test]
fn l05_what_expires_is_listed_by_date_and_never_is_left_out() {
    let mut till = Till::plain();
    till.earn_until("a", 100, Some("2026-02-01T00:00:00Z"));
    till.earn_until("b", 200, Some("2026-06-01T00:00:00Z"));
    till.earn_until("c", 50, None);
    let until = |at: &str| {
        let listed = till.account.expiring(till.now, Some(at.parse().expect("an instant")));
        listed.last().map_or(0, |last| last.cumulative.get())
    };
    assert_eq!((until("2026-03-01T00:00:00Z"), until("2026-07-01T00:00:00Z")), (100, 300));
}

#[test]
fn l06_the_expiry_job_writes_each_point_once() {
    let mut till = Till::with(expiring_after(30), OverdraftPolicy::Refuse);
    till.earn("a", 150);
    assert_eq!(till.spend(50), Ok(points(50)));
    till.after_days(32);
    assert_eq!(till.balance(), 0, "the clock decides, not the job");
    assert_eq!((till.expire(), till.expire()), (points(100), Points::ZERO));
    let expired: Vec<_> = till.entries.iter().filter(|entry| entry.kind == EntryKind::Expire).collect();
    assert_eq!(expired.len(), 1);
    assert_eq!(expired[0].points, points(100));
    let lot = till.account.lots.values().next().expect("a lot");
    assert_eq!(Some(expired[0].effective_time), lot.expires_at, "effective when it expired, not when the job ran");
    assert_eq!(till.balance(), 0);
}

#[test]
fn l09_a_hold_that_would_overdraw_fails_at_once() {
    let mut till = Till::plain();
    till.earn("a", 100);
    assert_eq!(till.hold(1, 70), Ok(()));
    assert_eq!(till.hold(2, 50), Err(Insufficient { asked: points(50), available: points(30) }));
    assert_eq!(till.spend(31), Err(Insufficient { asked: points(31), available: points(30) }));
    assert_eq!(till.balance(), 100, "what is held is still the member's");
}

#[test]
fn l10_a_hold_is_captured_once_and_the_rest_is_let_go() {
    let mut till = Till::plain();
    till.earn("a", 123);
    till.hold(1, 123).expect("it is there");
    assert_eq!(till.capture(1, Some(124)), Err(HoldError::Exceeds { asked: points(124), held: points(123) }));
    assert_eq!(till.capture(1, Some(100)), Ok(()));
    assert_eq!((till.balance(), till.account.available(till.now)), (23, points(23)));
    let again = till.capture(1, Some(100)).expect_err("it is resolved");
    assert_eq!(again, HoldError::Resolved { state: HoldState::Captured });
    assert_eq!(again.to_string(), "the hold is already captured");
    assert_eq!(till.void(1), Err(HoldError::Resolved { state: HoldState::Captured }));
}

#[test]
fn l11_of_many_captures_exactly_one_succeeds() {
    let mut till = Till::plain();
    till.earn("a", 1_000);
    till.hold(1, 1_000).expect("it is there");
    let won = (0..100).filter(|_| till.capture(1, None).is_ok()).count();
    assert_eq!((won, till.balance()), (1, 0));
}

#[test]
fn l12_two_debits_against_a_floor_do_not_both_pass() {
    let mut till = Till::with(ExpiryPolicy::Never, allow(-200));
    assert_eq!(till.spend(200), Ok(points(200)));
    assert_eq!(till.spend(200), Err(Insufficient { asked: points(200), available: Points::ZERO }));
    assert_eq!(till.balance(), -200);
}

#[test]
fn l16_a_full_refund_ends_where_it_began() {
    let mut till = Till::plain();
    till.earn("before", 200);
    till.earn("a", 70);
    assert_eq!(till.spend_on(Some("a"), 150, false), Ok(points(150)));
    let returned = till.give_all("a");
    assert_eq!((returned.refunded, returned.reversed, returned.waived), (points(150), points(70), Points::ZERO));
    assert_eq!((till.balance(), till.open()), (200, vec![200]));
}

#[test]
fn l17_two_returns_of_sixty_per_cent_reverse_all_and_no_more() {
    let mut till = Till::plain();
    till.earn("a", 1_000);
    let sixty = || vec![(1, Extent::Amount(60_000))];
    let reversed = ["r1", "r2"].map(|id| till.give("a", id, sixty()).expect("it is returned").reversed.get());
    assert_eq!((reversed, till.balance()), ([600, 400], 0));
}

#[test]
fn l18_what_was_spent_meanwhile_is_waived_or_owed_as_the_program_says() {
    for (overdraft, balance) in
        [(OverdraftPolicy::Clamp, 0), (OverdraftPolicy::Refuse, 0), (allow(0), -100), (allow(-5), -100)]
    {
        let mut till = Till::with(ExpiryPolicy::Never, overdraft);
        till.earn("a", 150);
        assert_eq!(till.spend(100), Ok(points(100)));
        let returned = till.give_all("a");
        assert_eq!(till.balance(), balance, "under {overdraft:?}");
        assert_eq!((returned.reversed + returned.waived, returned.refunded), (points(150), Points::ZERO));
    }
}

#[test]
fn l25_a_return_reverses_what_its_lines_earned() {
    let by = |id: &str, category: &str, points| {
        let mut by = rule(id, Effect::PerAmount { points, step_minor: 1_000, carry: false });
        by.categories.insert(category.into());
        by
    };
    let general = rule("general", Effect::PerAmount { points: 40, step_minor: 4_000, carry: false });
    let mut till = Till::new(Terms { rules: vec![by("a", "x", 10), by("b", "y", 20), general], ..terms() });
    let basket = vec![line(1, "x", 1, 1_000), line(2, "y", 1, 1_000), line(3, "z", 1, 2_000)];
    assert_eq!(till.earn_lines("basket", basket).earning.points, points(70));
    let returned = till.give("basket", "r", vec![(3, Extent::Quantity(1))]).expect("it is returned");
    assert_eq!((returned.reversed, till.balance()), (points(20), 50));
}

#[test]
fn a_lot_that_expires_while_held_is_good_until_the_hold_ends() {
    let mut till = Till::with(expiring_after(1), OverdraftPolicy::Refuse);
    till.earn("a", 100);
    for hold in [1, 2] {
        let place =
            PlaceHold { id: hold_id(hold), points: points(50), order: None, ttl: SignedDuration::from_hours(96) };
        let placed = till.account.place_hold(&till.program, &place, till.now);
        till.keep(placed).expect("it is there");
    }
    till.after_days(3);
    assert_eq!((till.expire(), till.balance()), (Points::ZERO, 100));
    assert_eq!(till.capture(1, None), Ok(()));
    assert_eq!(till.balance(), 50);
    assert_eq!(till.void(2), Ok(()));
    assert_eq!(
        (till.balance(), till.account.totals.expired),
        (0, points(50)),
        "voided after its date: expired at once"
    );
}

#[test]
fn a_hold_lets_go_by_itself_and_says_so() {
    let mut till = Till::plain();
    till.earn("a", 100);
    till.hold(1, 100).expect("it is there");
    till.now = till.now.checked_add(DEFAULT_TTL).expect("in range");
    assert_eq!(till.account.balance(till.now).available, points(100), "the clock decides");
    assert_eq!(till.spend(100), Ok(points(100)));
    assert_eq!(till.capture(1, None), Err(HoldError::Resolved { state: HoldState::TimedOut }));
}

#[test]
fn pending_points_are_not_spent_and_expiry_runs_from_activation() {
    let mut till = Till::with(expiring_after(30), OverdraftPolicy::Refuse).waits_for_delivery();
    till.earn("a", 100);
    assert_eq!(till.spend(1).expect_err("it waits").available, Points::ZERO);
    till.after_days(40);
    assert_eq!(till.account.balance(till.now).pending, points(100));
    assert_eq!(till.deliver("a"), points(100));
    assert_eq!(till.deliver("a"), Points::ZERO, "told twice");
    till.after_days(30);
    assert_eq!(till.balance(), 100);
    till.after_days(1);
    assert_eq!(till.balance(), 0);
}

#[test]
fn a_reversed_order_is_not_activated_afterwards() {
    let mut till = Till::plain().waits_for_delivery();
    till.earn("a", 100);
    assert_eq!(till.give_all("a").reversed, points(100));
    assert_eq!((till.deliver("a"), till.balance()), (Points::ZERO, 0));
}

#[test]
fn an_order_earns_once_and_a_return_counts_once() {
    let mut till = Till::plain();
    till.earn("a", 10);
    let earn = Earn { order: order("a"), purchase: purchase(vec![line(1, "", 1, 500)]), effective_time: till.now };
    let before = till.account.clone();
    let again =
        till.account.earn(&till.program, &earn, None, &mut Budgets::new(), till.now).expect_err("it has earned");
    assert_eq!((again.to_string().as_str(), &till.account), ("orders/test:a has earned 10 points", &before));
    let given = Return {
        order: order("a"),
        return_id: "r".into(),
        lines: vec![ReturnedLine { line: 1, extent: Extent::Quantity(1) }],
        effective_time: till.now,
        source: Source::Asked,
    };
    let again = till.account.return_order(&till.program, &given, &[1], till.now);
    assert!(matches!(again, Err(ReturnError::AlreadyRecorded { .. })));
    let told = Return { source: Source::Told, ..given.clone() };
    let told = till.account.return_order(&till.program, &told, &[1], till.now);
    assert_eq!(told, Ok(Returned::default()), "a fact that is told twice changes nothing");
    let more = Return { lines: vec![ReturnedLine { line: 1, extent: Extent::Quantity(2) }], ..given };
    let more = till.account.return_order(&till.program, &more, &[], till.now);
    assert_eq!(more, Err(ReturnError::Exceeds { line: 1, asked: 2, bought: 1, returned: 0 }));
    assert_eq!(till.balance(), 10);
}

#[test]
fn spent_points_go_back_to_their_lots_with_their_expiry() {
    let mut till = Till::plain();
    till.earn_until("soon", 100, Some("2026-02-01T00:00:00Z"));
    till.earn_until("late", 100, Some("2026-12-01T00:00:00Z"));
    assert_eq!(till.spend_on(Some("x"), 150, false), Ok(points(150)));
    till.after_days(60);
    let returned = till.give_all("x");
    assert_eq!((returned.refunded, till.balance()), (points(150), 100), "the sooner ones expired at once");
    assert_eq!(till.account.totals.expired, points(100));
}

#[test]
fn points_that_come_back_to_a_reversed_lot_go_where_its_reversal_drew() {
    let mut till = Till::plain();
    till.earn_until("a", 100, Some("2026-06-01T00:00:00Z"));
    till.earn_until("b", 60, None);
    assert_eq!(till.spend_on(Some("x"), 100, false), Ok(points(100)));
    let reversed = till.give_all("a");
    assert_eq!((reversed.reversed, reversed.waived, till.balance()), (points(60), points(40), 0));
    assert_eq!(till.give_all("x").refunded, points(100));
    assert_eq!((till.balance(), till.open()), (60, vec![60]), "40 completed the reversal, 60 went back to b");
}

#[test]
fn points_that_come_back_to_a_paid_deficit_go_to_the_lots_that_paid_it() {
    let mut till = Till::with(ExpiryPolicy::Never, allow(-100));
    till.earn("a", 50);
    assert_eq!(till.spend_on(Some("x"), 80, false), Ok(points(80)));
    till.earn("b", 100);
    assert_eq!((till.balance(), till.open()), (70, vec![70]));
    till.give_all("x");
    assert_eq!((till.balance(), till.open()), (150, vec![50, 100]));
}

#[test]
fn a_balance_can_be_asked_for_by_business_time_and_by_what_was_known() {
    let mut till = Till::plain();
    let first = till.now;
    till.earn("a", 100);
    till.after_days(10);
    let late = Earn { order: order("late"), purchase: purchase(vec![line(1, "", 1, 4_000)]), effective_time: first };
    let earned = till.account.earn(&till.program, &late, None, &mut Budgets::new(), till.now);
    till.keep(earned).expect("it earns");
    till.spend(30).expect("it is there");
    let at = |as_of: Timestamp, known_at: Timestamp| {
        let known = till.entries.iter().filter(|e| e.effective_time <= as_of && e.create_time <= known_at);
        till.account.replay(known).balance(as_of).balance.get()
    };
    assert_eq!(
        (at(first, first), at(first, till.now), at(till.now, first), at(till.now, till.now)),
        (100, 140, 100, 110)
    );
}

#[test]
fn each_earning_and_spend_moves_sliding_lots_that_are_good() {
    let mut till =
        Till::with(ExpiryPolicy::Sliding(Period { count: 30, unit: PeriodUnit::Day }), OverdraftPolicy::Refuse);
    till.earn("a", 100);
    till.after_days(20).earn("b", 10);
    till.after_days(20).spend(1).expect("a is still good");
    till.after_days(30);
    assert_eq!(till.balance(), 109);
    till.after_days(1);
    assert_eq!(till.balance(), 0);
    till.earn("c", 5);
    assert_eq!(till.balance(), 5, "what had expired does not come back");
}

#[test]
fn a_program_that_clamps_spends_what_there_is() {
    let mut till = Till::with(ExpiryPolicy::Never, OverdraftPolicy::Clamp);
    till.earn("a", 30);
    assert_eq!((till.spend(50), till.spend(50)), (Ok(points(30)), Ok(Points::ZERO)));
    assert!(till.hold(1, 1).is_err(), "a hold is never clamped");
    let mut till = Till::plain();
    till.earn("a", 30);
    assert_eq!(till.spend_on(None, 50, true), Ok(points(30)), "so does a caller who asks for it");
}
