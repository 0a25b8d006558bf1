//! What is always true, as properties.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::domain::case::{Case, CaseState};
use crate::domain::cause::Cause;
use crate::domain::invitation::Invitation;
use crate::domain::name::ReviewId;
use crate::domain::order::Order;
use crate::domain::rating::Rating;
use crate::domain::reply::{Author, Reply, reply};
use crate::domain::review::{Review, Stars};
use crate::domain::samples::{at, case, delivery, order, order_of, question, submitted, survey};
use crate::domain::score::{Formula, Tally, compare};
use crate::domain::survey::QuestionKind;
use guanxi_kernel::name::CaseId;

/// What can happen to an order of the sellers a, b and c.
#[derive(Debug, Clone)]
enum Happening {
    Delivered(&'static str, Option<bool>),
    Reviewed(u128, i32),
}

fn happening() -> impl Strategy<Value = Happening> {
    let seller = prop::sample::select(vec!["a", "b", "c"]);
    prop_oneof![
        (seller, prop::option::of(any::<bool>())).prop_map(|(seller, on_time)| Happening::Delivered(seller, on_time)),
        (0..4_u128, 1..=5).prop_map(|(id, stars)| Happening::Reviewed(id, stars)),
    ]
}

/// What an order comes to after what happened: its case and its invitation.
fn live(happenings: &[Happening]) -> (Order, Option<Case>, Option<Invitation>) {
    let survey = survey(&[question("nps", QuestionKind::Nps)]);
    let (mut order, mut case, mut invitation): (_, Option<Case>, Option<Invitation>) =
        (order_of(&["a", "b", "c"]), None, None);
    for happening in happenings {
        let cause = match happening {
            Happening::Delivered(seller, on_time) => order.deliver(&delivery(seller, *on_time)),
            Happening::Reviewed(id, stars) => {
                let review = submitted(&id.to_string(), order.name.as_str(), *stars);
                Review::submit(None, review, at(1)).expect("is taken").0.cause()
            }
        };
        if let Some(cause) = cause {
            case.get_or_insert_with(|| order.case(false, at(1))).take(cause, at(1));
        }
        if invitation.is_none() && order.ask().is_ok() {
            assert!(order.shipments.values().all(|shipment| shipment.delivered && !shipment.late));
            invitation = Some(order.invitation(&survey, false, at(1)));
        }
    }
    (order, case, invitation)
}

fn causes(case: &Option<Case>) -> BTreeSet<Cause> {
    case.iter().flat_map(|case| case.causes.iter().map(|taken| taken.cause.clone())).collect()
}

proptest! {
    #[test]
    fn the_case_of_an_order_is_one_whatever_the_sequence_of_its_causes(
        (first, second) in prop::collection::vec(happening(), 0..12)
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
    ) {
        let ((_, one, _), (_, other, _)) = (live(&first), live(&second));
        prop_assert_eq!(one.as_ref().map(|case| case.id), other.as_ref().map(|case| case.id));
        prop_assert_eq!(causes(&one), causes(&other));
        let low = first.iter().any(|h| matches!(h, Happening::Reviewed(_, stars) if *stars <= 2));
        let late = first.iter().any(|h| matches!(h, Happening::Delivered(_, Some(false))));
        prop_assert_eq!(one.is_some(), low || late);
        if let Some(case) = one {
            prop_assert_eq!(case.causes.len(), causes(&Some(case.clone())).len(), "no cause is had twice");
        }
    }

    #[test]
    fn an_order_is_never_asked_about_before_all_of_it_came(all in prop::collection::vec(happening(), 0..12)) {
        let (order, _, invitation) = live(&all);
        if invitation.is_some() {
            prop_assert!(order.shipments.values().all(|shipment| shipment.delivered));
        }
        if order.ask().is_ok() {
            prop_assert!(invitation.is_some());
        }
    }

    #[test]
    fn a_case_moves_only_along_its_states_and_closed_never_moves(
        state in prop::sample::select(CaseState::ALL.to_vec()),
        steps in prop::collection::vec(0..6_usize, 1..20),
    ) {
        let mut it = case(state);
        for step in steps {
            let before = it.clone();
            let author = [Author::Customer, Author::Agent, Author::Automatic].get(step).copied();
            let changed = match (author, step) {
                (Some(author), _) => {
                    reply(&mut it, Reply::new(author, None).expect("a message"), CaseId::new(), at(2)).is_none()
                }
                (None, 3) => it.solve(at(2)).is_ok(),
                (None, 4) => it.reopen(at(2)).is_ok(),
                _ => it.take(Cause::low_rating(ReviewId::new(), at(1)), at(2)),
            };
            prop_assert_eq!(it.revision > before.revision, changed, "a change is a revision, a refusal is none");
            prop_assert_eq!(it.state == CaseState::Closed, before.state == CaseState::Closed);
            if it.state == CaseState::New {
                prop_assert_eq!(before.state, CaseState::New, "nothing is new again");
            }
            if before.state != CaseState::Solved || it.state != CaseState::Solved {
                prop_assert!(it.solve_time.is_none() || it.state == CaseState::Solved);
            }
        }
    }

    #[test]
    fn a_score_lies_on_its_scale_and_the_adjusted_one_within_its_interval(
        formula in prop::sample::select(Formula::ALL.to_vec()),
        counts in prop::collection::vec(0..500_u64, 11),
    ) {
        let scale = formula.question().scale().expect("numbers");
        let tally = Tally::from_iter(scale.zip(counts));
        let bounds = match formula {
            Formula::Nps | Formula::CesNet => (-100.0, 100.0),
            Formula::CsatTopTwo | Formula::CesTopThree => (0.0, 100.0),
            Formula::CesMean => (1.0, 7.0),
        };
        prop_assert_eq!(tally.value(formula).is_none(), tally.n() == 0);
        if let Some(estimate) = tally.estimate(formula) {
            let value: f64 = tally.value(formula).expect("data").parse().expect("a number");
            let slack = 0.000_06;
            prop_assert!(bounds.0 <= estimate.low && estimate.low <= estimate.high && estimate.high <= bounds.1);
            prop_assert!(bounds.0 <= value && value <= bounds.1);
            prop_assert!(estimate.low - slack <= value && value <= estimate.high + slack, "{value} in {estimate:?}");
            if let Some(change) = compare(formula, &tally, &tally) {
                prop_assert_eq!((change.z, change.changed), (0.0, false), "nothing changed from itself");
            }
        }
    }

    #[test]
    fn a_ranked_value_lies_between_the_mean_and_the_mean_of_the_kind(
        own in prop::collection::vec(0..50_u64, 5),
        others in prop::collection::vec(0..50_u64, 5),
    ) {
        let rating = |counts: &[u64]| {
            Rating::from_iter((1..).zip(counts).map(|(stars, count)| (Stars::new(stars).expect("1 to 5"), *count)))
        };
        let all: Vec<u64> = own.iter().zip(&others).map(|(a, b)| a + b).collect();
        let (own, kind) = (rating(&own), rating(&all));
        let number = |text: Option<String>| text.map(|text| text.parse::<f64>().expect("a number"));
        if let (Some(mean), Some(prior), Some(ranked)) = (number(own.mean()), number(kind.mean()), number(own.ranked(&kind))) {
            let slack = 0.000_002;
            prop_assert!(mean.min(prior) - slack <= ranked && ranked <= mean.max(prior) + slack);
        }
    }

    #[test]
    fn submitting_a_review_twice_is_submitting_it_once(stars in 1..=5, again in 1..=5) {
        let subject = order().to_string();
        let (first, _) = Review::submit(None, submitted("r", &subject, stars), at(1)).expect("is taken");
        let (second, _) = Review::submit(Some(&first), submitted("r", &subject, again), at(2)).expect("is taken");
        prop_assert_eq!(first.id, second.id);
        prop_assert_eq!(second.revision == first.revision, stars == again);
    }
}
