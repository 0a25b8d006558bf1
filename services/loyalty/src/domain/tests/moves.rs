//! Points that move between two members, and by hand: cases with known answers, and what is always true of both.

use proptest::prelude::*;

use super::super::adjusting::Direction;
use super::super::entry::EntryKind;
use super::always::{doing, expiry, overdraft, run};
use super::*;

/// A till and that of another member of the same program.
fn two(till: Till) -> (Till, Till) {
    let mut other = till.clone();
    other.account.member = MemberId(Uuid::from_u128(3));
    (till, other)
}

fn give(from: &mut Till, to: &mut Till, amount: i64) -> Result<Transferred, TransferError> {
    to.now = from.now;
    let given = transfer(&mut from.account, &mut to.account, points(amount), from.now);
    from.keep(());
    to.keep(given)
}

#[test]
fn l08_the_receiver_gets_slices_that_keep_their_expiry() {
    let (mut sender, mut receiver) = two(Till::plain());
    sender.earn_until("a", 200, Some("2027-02-01T00:00:00Z"));
    sender.earn_until("b", 20, Some("2027-01-01T00:00:00Z"));
    let given = give(&mut sender, &mut receiver, 100).expect("they are given");
    let expiry_of = |till: &Till, lot: usize| till.account.lots.values().nth(lot).and_then(|lot| lot.expires_at);
    let slices: Vec<_> = given.lots.iter().map(|lot| (lot.open, lot.expires_at)).collect();
    assert_eq!(slices, [(points(20), expiry_of(&sender, 1)), (points(80), expiry_of(&sender, 0))]);
    assert_eq!((sender.open(), receiver.open()), (vec![120], vec![20, 80]));
    assert_eq!((sender.account.totals.sent, receiver.account.totals.received), (points(100), points(100)));
}

#[test]
fn a_gift_is_no_earning_and_slides_nothing() {
    let days = Period { count: 10, unit: PeriodUnit::Day };
    let (mut sender, mut receiver) = two(Till::with(ExpiryPolicy::Sliding(days), OverdraftPolicy::Refuse));
    sender.earn("a", 50);
    receiver.earn("b", 5);
    let before = sender.account.lots.values().next().and_then(|lot| lot.expires_at);
    sender.after_days(3);
    give(&mut sender, &mut receiver, 20).expect("they are given");
    let slides = |till: &Till| till.entries.iter().any(|entry| entry.kind == EntryKind::Extend);
    assert!(!slides(&sender) && !slides(&receiver));
    assert_eq!(receiver.account.totals.earned, points(5));
    // An earning of the receiver's moves what he was given like what he earned.
    receiver.earn("c", 1);
    let moved: Vec<_> = receiver.account.lots.values().map(|lot| lot.expires_at).collect();
    assert!(moved.iter().all(|at| *at > before), "{moved:?}");
}

#[test]
fn points_by_hand_are_neither_earned_nor_spent() {
    let mut till = Till::plain();
    till.earn("a", 10);
    till.adjust(15, Some(5), false).expect("they are credited");
    assert_eq!(till.adjust(-20, None, false), Ok(points(-20)));
    let totals = till.account.totals;
    assert_eq!((totals.earned, totals.spent, totals.adjusted), (points(10), Points::ZERO, points(-5)));
    assert_eq!(till.open(), [5], "what expires sooner was taken first, and the rest of what was earned");
    assert_eq!(till.adjust(-6, None, true), Ok(points(-5)));
    let goodwill = Adjust {
        points: points(1),
        direction: Direction::Credit { goodwill: true, expires_at: None },
        reason: "why".into(),
        subject: "who".into(),
    };
    let lot = till.account.adjust(&till.program, &goodwill, till.now).expect("it is credited").1;
    till.keep(());
    let opened = till.entries.iter().find(|entry| entry.lot == lot).expect("an entry opened it");
    assert_eq!(opened.kind, EntryKind::Goodwill);
}

proptest! {
    /// Whatever two members do and give each other: each ledger verifies after each command (the tills see to it), nothing
    /// is lost between them, and a replay gives both accounts.
    #[test]
    fn what_is_sent_is_received(
        doings in prop::collection::vec((0..12_i64, any::<bool>(), prop::option::of(1..60_i64), doing()), 1..40),
        expiry in expiry(),
        overdraft in overdraft(),
        pending in any::<bool>(),
    ) {
        let till = Till::with(expiry, overdraft);
        let (mut one, mut other) = two(if pending { till.waits_for_delivery() } else { till });
        for (number, (days, first, gift, doing)) in doings.iter().enumerate() {
            one.after_days(*days);
            other.now = one.now;
            let (from, to) = if *first { (&mut one, &mut other) } else { (&mut other, &mut one) };
            run(from, number, doing);
            if let Some(amount) = gift {
                let before = (from.account.balance(from.now), to.account.balance(to.now));
                let owed = (from.deficit(), to.deficit());
                let given = give(from, to, *amount);
                let after = (from.account.balance(from.now), to.account.balance(to.now));
                match given {
                    Ok(given) => {
                        prop_assert_eq!(after.0.balance, before.0.balance - points(*amount));
                        prop_assert_eq!(after.1.balance, before.1.balance + points(*amount));
                        prop_assert!(given.lots.iter().all(|lot| !lot.has_expired(from.now)));
                        prop_assert!(from.deficit() <= owed.0 && to.deficit() <= owed.1, "a gift makes nobody owe");
                    }
                    Err(_) => prop_assert_eq!(after, before, "a refused gift changes nothing"),
                }
            }
        }
        let (sent, received) = (
            one.account.totals.sent + other.account.totals.sent,
            one.account.totals.received + other.account.totals.received,
        );
        prop_assert_eq!(sent, received);
        for till in [&mut one, &mut other] {
            till.account.settle(till.now);
            till.keep(());
            let replayed = till.account.replay(&till.entries);
            prop_assert_eq!(replayed.balance(till.now), till.account.balance(till.now));
        }
    }

    /// Whoever gives points to whom, on every later day there are as many of them as without any gift.
    #[test]
    fn giving_to_and_fro_makes_no_point_last_longer(
        earned in prop::collection::vec((any::<bool>(), 1..60_i64, prop::option::of(1..40_i32)), 1..6),
        gifts in prop::collection::vec((0..8_i64, any::<bool>(), 1..60_i64), 1..12),
    ) {
        let (mut one, mut other) = two(Till::plain());
        for (number, (first, amount, days)) in earned.into_iter().enumerate() {
            let till = if first { &mut one } else { &mut other };
            till.program.terms.expiry = days.map_or(ExpiryPolicy::Never, expiring_after);
            till.earn(&number.to_string(), amount);
        }
        let start = one.now;
        let on = |till: &Till, day: i64| {
            let at = start.checked_add(SignedDuration::from_hours(24 * day)).expect("in range");
            till.account.balance(at).balance
        };
        let untouched = (one.clone(), other.clone());
        let mut today = 0;
        for (days, first, amount) in gifts {
            today += days;
            one.after_days(days);
            other.now = one.now;
            let (from, to) = if first { (&mut one, &mut other) } else { (&mut other, &mut one) };
            let _refused = give(from, to, amount);
        }
        for day in today..today + 50 {
            let without = on(&untouched.0, day) + on(&untouched.1, day);
            prop_assert_eq!(on(&one, day) + on(&other, day), without, "on day {}", day);
        }
    }
}
