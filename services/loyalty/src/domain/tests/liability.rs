//! Liability and breakage: cases with known answers, and what is always true of both, over histories of every kind.

use std::collections::BTreeMap;

use jiff::civil::Date;
use proptest::prelude::*;

use super::super::entry::{EntryKind, LedgerAccount};
use super::super::liability::{Cohort, CohortPeriod, Liability, LotSum, MemberSum, Term};
use super::super::lot::LotId;
use super::super::redemption::Redemption;
use super::always::{doing, expiry, overdraft, run};
use super::*;

/// What entries add up to, one by one: what the store has the database add up.
fn sum(entries: &[&Entry], at: Timestamp) -> MemberSum {
    let mut lots = BTreeMap::<LotId, LotSum>::new();
    let mut deficit = 0;
    let mut over = BTreeMap::<HoldId, bool>::new();
    for entry in entries {
        let points = entry.points;
        let moved = |account| match (entry.from == account, entry.to == account) {
            (true, false) => -points,
            (false, true) => points,
            _ => Points::ZERO,
        };
        if let (EntryKind::Hold, Some(hold)) = (entry.kind, entry.hold) {
            over.insert(hold, entry.expires_at.is_some_and(|until| until <= at));
        }
        let Some(id) = entry.lot else {
            deficit -= moved(LedgerAccount::Deficit).get() + moved(LedgerAccount::Held).get();
            continue;
        };
        if entry.opens_lot() {
            let received = if entry.from == LedgerAccount::Transit { points } else { Points::ZERO };
            let lot = LotSum {
                id,
                effective_time: entry.effective_time,
                active_from: None,
                expires_at: None,
                issued: points - received,
                received,
                open: Points::ZERO,
                held: Points::ZERO,
                redeemed: Points::ZERO,
                expired: Points::ZERO,
                reversed: Points::ZERO,
                taken: Points::ZERO,
                sent: Points::ZERO,
                covered: Points::ZERO,
            };
            lots.insert(id, lot);
        }
        let Some(lot) = lots.get_mut(&id) else { continue };
        if entry.opens_lot() || matches!(entry.kind, EntryKind::Activate | EntryKind::Extend) {
            (lot.active_from, lot.expires_at) = (entry.active_from, entry.expires_at);
        }
        let held = moved(LedgerAccount::Held);
        let let_go = entry.hold.is_some_and(|hold| over.get(&hold).copied().unwrap_or(false));
        *(if let_go { &mut lot.open } else { &mut lot.held }) += held;
        lot.open += moved(LedgerAccount::Open);
        lot.redeemed += moved(LedgerAccount::Redeemed);
        lot.expired += moved(LedgerAccount::Breakage);
        lot.covered += moved(LedgerAccount::Deficit);
        deficit -= moved(LedgerAccount::Deficit).get();
        if !entry.opens_lot() {
            lot.reversed += moved(LedgerAccount::Issued);
            lot.taken += moved(LedgerAccount::Adjusted);
            lot.sent += moved(LedgerAccount::Transit);
        }
    }
    MemberSum { lots: lots.into_values().collect(), deficit: points(deficit) }
}

/// What the program owes its one member at a moment, by the entries that were effective by then.
fn owed(till: &Till, at: Timestamp) -> Liability {
    let known: Vec<&Entry> = till.entries.iter().filter(|entry| entry.effective_time <= at).collect();
    let mut liability = Liability::new(&till.program, at, CohortPeriod::Month);
    liability.add(sum(&known, at));
    liability
}

fn buckets(found: &Liability) -> (Vec<i64>, Vec<i64>) {
    let owed = |buckets: &[super::super::liability::Bucket]| buckets.iter().map(|bucket| bucket.owed.get()).collect();
    (owed(&found.by_age), owed(&found.by_expiry))
}

fn cohort(found: &Liability, first: &str) -> Cohort {
    let first: Date = first.parse().expect("a day");
    *found.cohorts().find(|(day, _)| *day == first).expect("there is one").1
}

#[test]
fn what_is_owed_is_told_by_age_and_by_expiry() {
    let mut till = Till::plain();
    till.earn_until("a", 10, None);
    till.after_days(40).earn_until("b", 20, Some("2026-03-01T00:00:00Z"));
    till.after_days(1).earn_until("c", 40, Some("2026-12-01T00:00:00Z"));
    till.spend(5).expect("b is there");
    till.hold(1, 20).expect("b and c are");
    till.program.terms.pending = PendingPolicy::UntilDelivered;
    till.earn("d", 80);
    let found = owed(&till, till.now);
    assert_eq!((found.pending, found.active, found.held), (points(80), points(45), points(20)));
    assert_eq!((found.owed(), found.members, found.lots), (points(145), 1, 4));
    // Within 1, 3, 6, 12, 24 months, and older; within 1, 3, 6, 12, 24 months, later, never, waiting.
    assert_eq!(buckets(&found), (vec![135, 10, 0, 0, 0, 0], vec![15, 0, 0, 40, 0, 0, 10, 80]));
    assert_eq!(found.by_age[0].start, Some("2026-01-11T04:00:00Z".parse().expect("an instant")));
    assert_eq!((found.by_age[0].end, found.by_age[5].start, found.by_expiry[5].end), (None, None, None));
    let terms: Vec<Term> = found.by_expiry.iter().map(|bucket| bucket.term).collect();
    assert_eq!(terms[5..], [Term::Dated, Term::Never, Term::Waiting]);
    // The clock alone: the hold is over after half an hour, b has expired by March, and nothing was written.
    let later = owed(&till, "2026-04-01T00:00:00Z".parse().expect("an instant"));
    assert_eq!((later.pending, later.active, later.held), (points(80), points(50), Points::ZERO));
    assert_eq!(cohort(&later, "2026-02-01").expired, points(15));
}

#[test]
fn a_bound_belongs_to_the_younger_age_and_to_the_sooner_expiry() {
    let mut till = Till::plain();
    till.now = "2026-01-01T00:00:00Z".parse().expect("an instant");
    till.earn_until("a", 1, Some("2026-03-01T00:00:00Z"));
    let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
    assert_eq!(till.account.lots.values().next().and_then(|lot| lot.expires_at), Some(at("2026-03-01T16:00:00Z")));
    assert_eq!(buckets(&owed(&till, at("2026-02-01T00:00:00Z"))).0, [1, 0, 0, 0, 0, 0]);
    assert_eq!(buckets(&owed(&till, at("2026-02-01T00:00:01Z"))).0, [0, 1, 0, 0, 0, 0]);
    assert_eq!(buckets(&owed(&till, at("2026-02-01T16:00:00Z"))).1[..2], [1, 0]);
    assert_eq!(buckets(&owed(&till, at("2026-02-01T15:59:59Z"))).1[..2], [0, 1]);
}

#[test]
fn breakage_is_the_share_of_matured_points_that_expired() {
    let mut till = Till::with(expiring_after(60), OverdraftPolicy::Refuse);
    till.earn("a", 100);
    till.earn("back", 50);
    till.give_all("back");
    till.spend(70).expect("a is there");
    till.after_days(40).earn("b", 200);
    till.spend(50).expect("a and b are there");
    // 2 March, local: a matured with nothing left of it that had not been spent.
    till.after_days(30);
    let early = owed(&till, till.now);
    let january = cohort(&early, "2026-01-01");
    assert_eq!((january.issued, january.redeemed, january.reversed), (points(150), points(100), points(50)));
    assert_eq!((january.matured, january.breakage_permille()), (points(100), Some(0)));
    let february = cohort(&early, "2026-02-01");
    assert_eq!((february.issued, february.open, february.matured), (points(200), points(180), Points::ZERO));
    assert_eq!(february.breakage_permille(), None, "its last day is not over");
    assert_eq!(february.expected_breakage(&early.all()), Some(Points::ZERO), "nothing ever broke");
    // By May b has expired, and c is open: 180 of 300 matured points broke.
    till.after_days(50).earn("c", 99);
    let late = owed(&till, till.now);
    assert_eq!(cohort(&late, "2026-02-01").breakage_permille(), Some(900));
    assert_eq!((late.all().matured, late.all().breakage_permille()), (points(300), Some(600)));
    let may = cohort(&late, "2026-05-01");
    assert_eq!((may.exposed, may.expected_breakage(&late.all())), (points(99), Some(points(59))), "59.4");
    till.spend(60).expect("c is there");
    let may = cohort(&owed(&till, till.now), "2026-05-01");
    assert_eq!(may.expected_breakage(&late.all()), Some(points(39)), "no more than is open");
}

#[test]
fn points_that_never_expire_break_nothing_and_those_that_wait_will_if_the_program_says_so() {
    let mut till = Till::with(expiring_after(10), OverdraftPolicy::Refuse);
    till.earn("a", 10);
    till.after_days(20);
    till.program.terms.expiry = ExpiryPolicy::Never;
    till.earn("b", 30);
    till.program.terms.pending = PendingPolicy::UntilDelivered;
    till.earn("c", 50);
    let all = |till: &Till| {
        let found = owed(till, till.now);
        (found.all().breakage_permille(), cohort(&found, "2026-01-01").expected_breakage(&found.all()))
    };
    assert_eq!(all(&till), (Some(1_000), Some(Points::ZERO)));
    till.program.terms.expiry = expiring_after(10);
    assert_eq!(all(&till), (Some(1_000), Some(points(50))));
}

#[test]
fn a_quarter_begins_with_its_first_local_day() {
    let mut till = Till::plain();
    till.now = "2026-03-31T15:59:59Z".parse().expect("an instant");
    till.earn("a", 1);
    till.now = "2026-03-31T16:00:00Z".parse().expect("an instant");
    till.earn("b", 2);
    let mut found = Liability::new(&till.program, till.now, CohortPeriod::Quarter);
    found.add(sum(&till.entries.iter().collect::<Vec<_>>(), till.now));
    let quarters: Vec<_> = found.cohorts().map(|(first, of)| (first.to_string(), of.issued.get())).collect();
    assert_eq!(quarters, [("2026-01-01".to_owned(), 1), ("2026-04-01".to_owned(), 2)]);
}

#[test]
fn points_are_worth_what_the_program_says_half_up() {
    let worth = Redemption {
        points: points(100),
        minor_units: 33,
        step: points(100),
        minimum: Points::ZERO,
        maximum_permille: 1_000,
    };
    let values = [0, 1, 2, 50, 100, -50].map(|of| worth.value(points(of)));
    assert_eq!(values, [0, 0, 1, 17, 33, -17], "0.33, 0.66, 16.5, 33 and -16.5");
}

proptest! {
    /// Liability is the sum of the open lots at every moment, past, present and future; nothing of a lot is lost; and what is
    /// owed less what members owe is what their balances add up to, with what waits.
    #[test]
    fn liability_is_the_sum_of_open_lots(
        doings in prop::collection::vec((0..12_i64, doing()), 1..40),
        expiry in expiry(),
        overdraft in overdraft(),
        pending in any::<bool>(),
        looks in prop::collection::vec(0..400_i64, 3),
    ) {
        let till = Till::with(expiry, overdraft);
        let mut till = if pending { till.waits_for_delivery() } else { till };
        let start = till.now;
        for (number, (days, doing)) in doings.iter().enumerate() {
            till.after_days(*days);
            run(&mut till, number, doing);
        }
        // What a hold that timed out lets go may be due to a reversal: that is not in the entries until it is settled.
        till.account.settle(till.now);
        till.keep(());
        let moments = looks.iter().map(|days| start.checked_add(SignedDuration::from_hours(24 * days)).expect("in range"));
        for at in moments.chain([till.now]) {
            let known: Vec<&Entry> = till.entries.iter().filter(|entry| entry.effective_time <= at).collect();
            let member = sum(&known, at);
            prop_assert!(member.lots.iter().all(|lot| lot.imbalance().is_zero()), "{:?}", member);
            let found = owed(&till, at);
            let all = found.all();
            let became = all.redeemed + all.expired + all.reversed + all.taken + all.sent + all.covered + all.open;
            prop_assert_eq!(all.issued + all.received, became);
            prop_assert_eq!(found.owed(), all.open);
            let (by_age, by_expiry) = buckets(&found);
            prop_assert_eq!(by_age.iter().sum::<i64>(), found.owed().get());
            prop_assert_eq!(by_expiry.iter().sum::<i64>(), found.owed().get());
            let then = till.account.replay(known.iter().copied());
            // A reversal is kept beside the entries: what is owed to it shows in the present account alone.
            let balance = if at == till.now { till.account.balance(at) } else { then.balance(at) };
            prop_assert_eq!(found.owed() - found.deficit, balance.balance + balance.pending);
            prop_assert_eq!(found.pending, balance.pending);
        }
    }
}
