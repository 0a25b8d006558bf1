//! Waiting with its ends, and expiries of rules.

use super::super::earning::tests::line;
use super::super::entry::EntryKind;
use super::super::expiry::MonthDay;
use super::super::program::tests::{rule, terms};
use super::super::rule::{EarningRule, Effect};
use super::super::tier::{Basis, Downgrade, Tier, TierPolicy, Upgrade, Window};
use super::*;

fn within(days: i32, otherwise: TimedOut) -> Till {
    Till::with(expiring_after(30), OverdraftPolicy::Refuse).waits(PendingPolicy::DeliveredWithin { days, otherwise })
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// What is active and what waits.
fn there(till: &Till) -> (i64, i64) {
    let balance = till.account.balance(till.now);
    (balance.balance.get(), balance.pending.get())
}

fn kinds(till: &Till) -> Vec<EntryKind> {
    till.entries.iter().map(|entry| entry.kind).collect()
}

/// A program's own rule, and one for lines of `own` whose points are good for so many days.
fn with_own(expiry: ExpiryPolicy, own: i32) -> Till {
    let mut till = Till::with(expiry, OverdraftPolicy::Refuse);
    till.program.terms.rules = rules(Some(expiring_after(own)));
    till
}

fn rules(expiry: Option<ExpiryPolicy>) -> Vec<EarningRule> {
    let [mut base, mut own] =
        ["base", "own"].map(|id| rule(id, Effect::PerAmount { points: 1, step_minor: 100, carry: false }));
    base.excluded_categories.insert("own".into());
    own.categories.insert("own".into());
    own.expiry = expiry;
    vec![base, own]
}

#[test]
fn points_wait_for_the_first_date_after_the_order() {
    let dates = vec![MonthDay { month: 4, day: 1 }, MonthDay { month: 2, day: 1 }];
    let mut till = Till::with(expiring_after(10), OverdraftPolicy::Refuse).waits(PendingPolicy::FixedDates(dates));
    till.earn("a", 100);
    assert_eq!(there(&till), (0, 100));
    till.now = "2026-01-31T15:59:59Z".parse().expect("an instant");
    assert_eq!((there(&till), till.spend(1).is_err()), ((0, 100), true));
    till.now = "2026-01-31T16:00:00Z".parse().expect("an instant");
    assert_eq!((there(&till), till.spend(1)), ((100, 0), Ok(points(1))), "1 February has begun in Shanghai");
    till.now = "2026-02-11T15:59:59Z".parse().expect("an instant");
    assert_eq!(till.balance(), 99, "expiry runs from activation");
    till.after_days(1);
    assert_eq!(till.balance(), 0);
}

#[test]
fn a_wait_in_vain_is_over_by_the_clock_and_is_written_once_at_its_own_time() {
    let mut till = within(10, TimedOut::Cancel);
    till.earn("a", 100);
    let end = till.now.checked_add(days(10)).expect("in range");
    till.after_days(9);
    assert_eq!(there(&till), (0, 100));
    till.after_days(5);
    assert_eq!(there(&till), (0, 0), "nobody has looked yet");
    assert!(till.account.expiring(Timestamp::UNIX_EPOCH, None).is_empty(), "what waits is not listed");
    assert_eq!((till.expire(), till.expire()), (points(100), Points::ZERO));
    assert_eq!(kinds(&till), [EntryKind::Earn, EntryKind::Cancel]);
    assert_eq!(till.entries[1].effective_time, end);
    assert_eq!(till.deliver("a"), Points::ZERO, "a delivery after it changes nothing");
    assert_eq!(kinds(&till).len(), 2);
    let returned = till.give("a", "r1", vec![(1, Extent::Amount(6_000))]).expect("it is returned");
    assert_eq!(
        (returned.reversed, returned.waived),
        (points(60), Points::ZERO),
        "what was cancelled counts as reversed"
    );
    assert_eq!((till.give_all("a").reversed, till.account.totals.reversed), (points(40), points(100)));
    assert_eq!((there(&till), till.account.totals.expired), ((0, 0), Points::ZERO));
}

#[test]
fn a_delivery_in_time_that_is_told_late_brings_back_what_did_not_come_back_itself() {
    let (mut late, mut live) = (within(10, TimedOut::Cancel), within(10, TimedOut::Cancel));
    late.earn("a", 100);
    live.earn("a", 100);
    let at = late.now.checked_add(days(4)).expect("in range");
    late.after_days(12);
    assert_eq!(late.expire(), points(100));
    late.give("a", "r1", vec![(1, Extent::Amount(6_000))]).expect("it is returned");
    assert_eq!(late.deliver_at("a", at), points(40));
    live.now = at;
    live.deliver("a");
    live.now = late.now;
    live.give("a", "r1", vec![(1, Extent::Amount(6_000))]).expect("it is returned");
    let lots = |till: &Till| -> Vec<_> {
        till.account.lots.values().map(|lot| (lot.open, lot.active_from, lot.expires_at)).collect()
    };
    assert_eq!((there(&late), lots(&late)), ((40, 0), lots(&live)));
    assert_eq!(late.deliver_at("a", at), Points::ZERO, "told twice");
    // What was known when, about when.
    let then = late.account.replay(late.entries.iter().filter(|entry| entry.effective_time <= at));
    assert_eq!(then.balance(at).balance, points(100), "by then it was delivered, and nothing was back");
}

#[test]
fn a_time_out_that_activates_needs_nobody_to_write_it() {
    let mut till = within(10, TimedOut::Activate);
    till.earn("a", 100);
    till.after_days(9);
    assert_eq!((there(&till), till.spend(1).is_err()), ((0, 100), true));
    till.after_days(1);
    assert_eq!((there(&till), till.spend(40)), ((100, 0), Ok(points(40))));
    assert_eq!(till.deliver("a"), Points::ZERO, "a delivery after it changes nothing");
    till.after_days(29);
    assert_eq!(till.balance(), 60, "expiry runs from the end of the wait");
    till.after_days(2);
    assert_eq!((till.balance(), till.expire()), (0, points(60)));
}

#[test]
fn a_delivery_before_the_time_out_activates_at_once_even_where_it_is_told_later() {
    for told in [3, 12, 35, 60] {
        let mut till = within(10, TimedOut::Activate);
        till.earn("a", 100);
        let at = till.now.checked_add(days(3)).expect("in range");
        till.after_days(told);
        till.expire();
        till.deliver_at("a", at);
        till.expire();
        let lot = till.account.lots.values().next().expect("a lot");
        let good_until = till.program.expires_at(at);
        assert_eq!((lot.active_from, lot.expires_at), (Some(at), good_until), "told after {told} days");
        let left = if told < 33 { 100 } else { 0 };
        assert_eq!(
            (there(&till), till.account.totals.expired.get()),
            ((left, 0), 100 - left),
            "told after {told} days"
        );
        assert_eq!(till.deliver_at("a", at), Points::ZERO);
    }
}

#[test]
fn each_expiry_of_an_order_is_a_lot() {
    let mut till = with_own(expiring_after(100), 10);
    till.program.terms.rules.push(rule("twice", Effect::Multiplier { factor_milli: 2_000 }));
    let earned = till.earn_lines("a", vec![line(1, "", 1, 3_000), line(2, "own", 1, 2_000)]);
    assert_eq!((earned.earning.points, earned.lots.len()), (points(100), 2));
    let lots: Vec<_> = earned.lots.iter().map(|lot| till.account.lot(*lot).points.get()).collect();
    assert_eq!(lots, [60, 40], "a multiplier adds to the points that it multiplies");
    till.after_days(11);
    assert_eq!((till.balance(), till.expire()), (60, points(40)));
}

#[test]
fn a_rules_expiry_goes_before_the_tiers_which_goes_before_the_programs() {
    let tiers = TierPolicy {
        tiers: vec![Tier {
            id: "gold".into(),
            display_name: "Gold".into(),
            threshold: 0,
            expiry: Some(expiring_after(20)),
        }],
        basis: Basis::PointsEarned,
        window: Window::Ever,
        validity: None,
        upgrade: Upgrade::AtOnce,
        downgrade: Downgrade::ToEarned,
        grace: None,
    };
    let own =
        |expiry| Terms { expiry: expiring_after(10), tiers: Some(tiers.clone()), rules: rules(expiry), ..terms() };
    let program = program(own(Some(ExpiryPolicy::Never)));
    let noon: Timestamp = "2026-01-01T04:00:00Z".parse().expect("an instant");
    let good = |own: Option<&ExpiryPolicy>, tier| {
        program.expires_at_in(own, tier, noon).map(|at| at.duration_since(noon).as_hours() / 24)
    };
    assert_eq!(good(None, None), Some(10));
    assert_eq!(good(None, Some("gold")), Some(20));
    assert_eq!(good(Some(&expiring_after(5)), Some("gold")), Some(5));
    assert_eq!(good(Some(&ExpiryPolicy::Never), Some("gold")), None, "a rule's points may outlast all others");
}

#[test]
fn a_return_by_line_takes_from_the_lots_of_that_line() {
    let mut till = with_own(ExpiryPolicy::Never, 10);
    till.earn_lines("a", vec![line(1, "", 1, 3_000), line(2, "own", 3, 1_000)]);
    let open = |till: &Till| -> Vec<i64> { till.account.lots.values().map(|lot| lot.open.get()).collect() };
    let mut left = Vec::new();
    for piece in ["1", "2", "3"] {
        till.give("a", piece, vec![(2, Extent::Quantity(1))]).expect("it is returned");
        left.push(open(&till));
    }
    assert_eq!(left, [[30, 7], [30, 4], [30, 0]], "3, 3 and 4, all of the second lot");
    assert_eq!(till.give_all("a").reversed, points(30));
    assert_eq!(open(&till), [0, 0]);
}

#[test]
fn a_line_that_two_expiries_share_gives_back_of_both_in_proportion() {
    let mut till = Till::plain();
    let mut bonus = rule("bonus", Effect::PerQuantity { points: 5, units: 3 });
    bonus.expiry = Some(expiring_after(10));
    till.program.terms.rules.push(bonus);
    till.earn_lines("a", vec![line(1, "", 3, 1_000)]);
    let mut taken = Vec::new();
    for piece in ["1", "2", "3"] {
        let returned = till.give("a", piece, vec![(1, Extent::Quantity(1))]).expect("it is returned");
        taken.push((returned.reversed.get(), till.open()));
    }
    assert_eq!(taken, [(5, vec![7, 3]), (5, vec![3, 2]), (5, vec![])]);
}

#[test]
fn points_with_an_expiry_of_their_own_wait_and_are_dated_by_it() {
    let mut till = with_own(ExpiryPolicy::Never, 10).waits_for_delivery();
    till.earn_lines("a", vec![line(1, "", 1, 3_000), line(2, "own", 1, 2_000)]);
    till.after_days(20);
    assert_eq!((there(&till), till.deliver("a")), ((0, 50), points(50)));
    till.after_days(9);
    assert_eq!(till.balance(), 50);
    till.after_days(2);
    assert_eq!(till.balance(), 30);
}

#[test]
fn points_that_come_back_past_a_reversal_go_to_who_lent_them() {
    // The lot of the second line is spent on another order, then its line comes back: the first lot lends, is due itself
    // then, and borrows of a third.
    let mut till = with_own(ExpiryPolicy::Never, 10);
    till.earn_lines("a", vec![line(1, "", 1, 3_000), line(2, "own", 1, 2_000)]);
    till.earn("c", 40);
    assert_eq!(till.spend_on(Some("b"), 20, false), Ok(points(20)), "those that expire first");
    till.give("a", "r1", vec![(2, Extent::Quantity(1))]).expect("it is returned");
    assert_eq!(till.open(), [10, 40]);
    till.give("a", "r2", vec![(1, Extent::Quantity(1))]).expect("it is returned");
    assert_eq!(till.open(), [20]);
    till.give_all("b");
    assert_eq!(till.open(), [40], "as if neither order had ever been");
}
