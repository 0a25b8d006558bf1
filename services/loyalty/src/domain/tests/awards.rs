//! Awards in the ledger, and what orders count for goals as they earn and come back.

use proptest::prelude::*;

use super::super::award::{self, Award, withdrawal};
use super::super::cap::CapPeriod;
use super::super::challenge::{Challenge, ChallengeId, ChallengeTerms};
use super::super::goal::{Goal, Measure, Selection};
use super::super::ledger::Command;
use super::super::lot::Lot;
use super::*;

fn an_award(amount: i64, till: &Till, days: Option<i32>) -> Award {
    Award {
        order: award::order(Uuid::from_u128(7)),
        points: points(amount),
        at: till.now,
        active_from: Some(till.now),
        valid_for: days.map(|count| Period { count, unit: PeriodUnit::Day }),
    }
}

fn awarded(till: &mut Till, award: &Award) {
    till.account.award(&till.program, award, till.now);
    till.keep(());
}

fn withdrawn(till: &mut Till, award: &Award) -> Returned {
    let Command::Return(given) = withdrawal(&award.order, till.now) else { unreachable!("it is a return") };
    let returned = till.account.return_order(&till.program, &given, &[], till.now).expect("it is taken back");
    till.keep(returned)
}

fn lots(till: &Till) -> Vec<(i64, Option<Timestamp>)> {
    let open = till.account.lots.values().filter(|lot| lot.open.is_positive());
    open.map(|lot: &Lot| (lot.open.get(), lot.expires_at)).collect()
}

#[test]
fn an_award_that_is_withdrawn_leaves_lots_as_if_it_had_never_been() {
    let mut till = Till::with(expiring_after(30), OverdraftPolicy::Refuse);
    till.earn("a", 10);
    let before = lots(&till);
    let award = an_award(50, &till, Some(3));
    awarded(&mut till, &award);
    assert_eq!(till.balance(), 60);
    till.after_days(4).expire();
    assert_eq!(till.balance(), 10, "it has an expiry of its own");
    assert_eq!(withdrawn(&mut till, &award).reversed, points(50), "what expired of it counts as reversed");
    assert_eq!(lots(&till), before);
}

#[test]
fn what_was_spent_of_it_is_taken_elsewhere_and_goes_back_there_when_it_comes_back() {
    let mut till = Till::with(ExpiryPolicy::Never, allow(0));
    till.earn("a", 10);
    let award = an_award(50, &till, Some(3));
    awarded(&mut till, &award);
    till.spend_on(Some("b"), 50, false).expect("they are there");
    assert_eq!(withdrawn(&mut till, &award).waived, Points::ZERO);
    assert_eq!((till.balance(), till.deficit()), (-40, 40));
    till.give_all("b");
    assert_eq!((till.balance(), till.open()), (10, vec![10]));
}

#[test]
fn an_award_of_another_moment_expires_by_that() {
    let mut till = Till::with(ExpiryPolicy::Never, OverdraftPolicy::Refuse);
    let award = an_award(50, &till, Some(10));
    awarded(&mut till, &award);
    let before = lots(&till)[0].1.expect("it expires");
    till.after_days(5);
    let later = Award { at: till.now, ..award.clone() };
    till.account.redate_award(&till.program, &later, till.now);
    till.keep(());
    assert_eq!(lots(&till)[0].1, before.checked_add(SignedDuration::from_hours(120)).ok());
    till.after_days(8);
    till.account.redate_award(&till.program, &award, till.now);
    till.keep(());
    assert_eq!(till.balance(), 0, "it is past its new end already");
}

#[test]
fn an_award_pays_a_deficit_first_and_its_reversal_opens_it_again() {
    let mut till = Till::with(ExpiryPolicy::Never, allow(-100));
    till.spend(30).expect("down to the floor");
    let award = an_award(50, &till, None);
    awarded(&mut till, &award);
    assert_eq!((till.balance(), till.deficit()), (20, 0));
    withdrawn(&mut till, &award);
    assert_eq!((till.balance(), till.deficit()), (-30, 30));
}

fn counting(measure: Measure, minimum_minor: i64) -> Till {
    let mut till = Till::plain();
    let id = ChallengeId::from_slug("goal").expect("a slug");
    till.program.challenges.push(Challenge {
        goal_id: id.uuid(),
        id,
        organization: till.program.organization.clone(),
        program: till.program.id.clone(),
        terms: ChallengeTerms {
            display_name: "Goal".into(),
            selection: Selection { minimum_minor, ..Selection::any() },
            goal: Goal::Count { measure, target: 1, period: CapPeriod::Ever },
            start_time: till.now,
            end_time: till.now.checked_add(SignedDuration::from_hours(240)).ok(),
            points: points(1),
            valid_for: None,
            reward: None,
        },
        version: 1,
        create_time: till.now,
        update_time: till.now,
    });
    till
}

fn amounts(till: &Till) -> Vec<i64> {
    till.account.counted.iter().map(|counted| counted.amount).collect()
}

#[test]
fn an_order_counts_what_is_left_of_it() {
    for (measure, expected) in [
        (Measure::Purchases, [1, 1, 0]),
        (Measure::Spend, [1_000, 667, 0]),
        (Measure::Pieces, [3, 2, 0]),
        (Measure::Points, [10, 7, 0]),
    ] {
        let mut till = counting(measure, 500);
        let mut seen = Vec::new();
        till.earn_lines("a", vec![line(1, "", 3, 1_000)]);
        seen.extend(amounts(&till));
        for number in ["1", "2"] {
            till.give("a", number, vec![(1, Extent::Quantity(1))]).expect("it comes back");
            seen.extend(amounts(&till));
        }
        assert_eq!(seen, expected, "{measure:?}: a third is below the minimum");
    }
}

#[test]
fn what_is_before_or_after_its_time_or_costs_nothing_does_not_count() {
    let mut till = counting(Measure::Purchases, 0);
    till.earn_lines("free", vec![line(1, "", 1, 0)]);
    till.after_days(-1).earn("early", 1);
    till.after_days(11).earn("late", 1);
    assert_eq!(amounts(&till), [0; 0], "the end is excluded");
    till.after_days(-1).earn("last-day", 1);
    assert_eq!(amounts(&till), [1]);
}

proptest! {
    /// However an order comes back, what it counts never grows, is never below zero, and nothing is left when all of it is.
    #[test]
    fn what_counts_only_shrinks_and_ends_at_nothing(
        lines in prop::collection::vec((1..5_i64, 0..900_i64), 1..4),
        returns in prop::collection::vec((0..4_usize, 0..3_i64), 0..8),
        measure in prop::sample::select(vec![Measure::Purchases, Measure::Spend, Measure::Pieces, Measure::Points]),
        minimum in 0..1_500_i64,
    ) {
        let mut till = counting(measure, minimum);
        let bought = (1..).zip(&lines).map(|(number, (quantity, price))| line(number, "", *quantity, *price));
        till.earn_lines("a", bought.collect());
        let mut before = amounts(&till);
        for (number, (at, quantity)) in returns.into_iter().enumerate() {
            let line = i32::try_from(at % lines.len()).expect("few lines") + 1;
            // More than there is of it is refused, and changes nothing.
            drop(till.give("a", &number.to_string(), vec![(line, Extent::Quantity(quantity))]));
            let now = amounts(&till);
            prop_assert_eq!(now.len(), before.len());
            prop_assert!(now.iter().zip(&before).all(|(now, before)| (0..=*before).contains(now)));
            before = now;
        }
        till.give("a", "all", vec![]).expect("the rest comes back");
        prop_assert!(amounts(&till).iter().all(|amount| *amount == 0));
    }
}
