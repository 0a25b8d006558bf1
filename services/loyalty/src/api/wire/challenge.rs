//! Challenges as messages.

use guanxi_contracts::loyalty::v1 as proto;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::{Refused, Timestamp, Violation};
use guanxi_rpc::convert;

use super::expiry::{period, to_period};
use super::rule;
use crate::domain::challenge::{Challenge, ChallengeTerms};
use crate::domain::goal::{Goal, Measure, Progress, Selection};
use crate::domain::points::Points;
use crate::domain::reward::{RewardId, redemption_name};
use crate::domain::rule::{Filter, Filters};
use crate::store::goals::awards::{Given, RewardState};

/// What counts, as a message gives it; what is wrong with it is added to `wrong`. Absent lets anything in.
pub(super) fn selection(given: Option<&proto::OrderFilter>, field: &str, wrong: &mut Vec<Violation>) -> Selection {
    let mut selection = Selection::any();
    let Some(given) = given else { return selection };
    let filter = |only: &[String], except: &[String]| Filter {
        only: only.iter().cloned().collect(),
        except: except.iter().cloned().collect(),
    };
    selection.minimum_minor = given.minimum_minor;
    selection.lets_in.categories = given.categories.iter().cloned().collect();
    selection.lets_in.excluded_categories = given.excluded_categories.iter().cloned().collect();
    selection.lets_in.filters = Filters {
        products: filter(&given.products, &given.excluded_products),
        brands: filter(&given.brands, &given.excluded_brands),
        labels: filter(&given.labels, &given.excluded_labels),
    };
    selection.lets_in.condition = rule::condition(&given.condition, field, wrong);
    selection
}

/// What counts as a message; absent where anything does.
pub(super) fn to_filter(selection: &Selection) -> Option<proto::OrderFilter> {
    let list = |of: &std::collections::BTreeSet<String>| of.iter().cloned().collect::<Vec<_>>();
    let Filters { products, brands, labels } = &selection.lets_in.filters;
    let condition = selection.lets_in.condition.as_ref();
    (*selection != Selection::any()).then(|| proto::OrderFilter {
        categories: list(&selection.lets_in.categories),
        excluded_categories: list(&selection.lets_in.excluded_categories),
        products: list(&products.only),
        excluded_products: list(&products.except),
        brands: list(&brands.only),
        excluded_brands: list(&brands.except),
        labels: list(&labels.only),
        excluded_labels: list(&labels.except),
        condition: condition.map(|condition| condition.source().to_owned()).unwrap_or_default(),
        minimum_minor: selection.minimum_minor,
    })
}

/// The terms that a message gives at `now`. What the terms themselves contradict is said by their own check.
///
/// # Errors
/// INVALID_ARGUMENT with everything that is wrong at once.
pub fn terms(given: &proto::Challenge, now: Timestamp) -> Result<ChallengeTerms, Refused> {
    let mut wrong = Vec::new();
    let start_time = rule::instant(given.start_time.as_ref(), "challenge.start_time", &mut wrong);
    let reward = convert::optional_name::<RewardId>(&given.reward, "challenge.reward").unwrap_or_else(|refused| {
        wrong.extend(refused.field_violations().iter().cloned());
        None
    });
    let terms = ChallengeTerms {
        display_name: given.display_name.clone(),
        selection: selection(given.filter.as_ref(), "challenge.filter", &mut wrong),
        goal: goal(given, &mut wrong),
        start_time: start_time.unwrap_or(now),
        end_time: rule::instant(given.end_time.as_ref(), "challenge.end_time", &mut wrong),
        points: Points::new(given.points),
        valid_for: given.valid_for.as_ref().map(|given| period(Some(given))),
        reward: reward.map(|reward| reward.slug().to_owned()),
    };
    if wrong.is_empty() { Ok(terms) } else { Err(Refused::violations(wrong)) }
}

fn goal(given: &proto::Challenge, wrong: &mut Vec<Violation>) -> Goal {
    let count = given.count.as_ref().map(|count| Goal::Count {
        measure: measure(count.measure()),
        target: count.target,
        period: rule::period(count.period()),
    });
    let streak = given.streak.as_ref().map(|streak| Goal::Streak {
        period: rule::period(streak.period()),
        length: usize::try_from(streak.length).unwrap_or(usize::MAX),
        repeats: streak.repeats,
    });
    let milestone = given.milestone.as_ref().map(|milestone| Goal::Milestone {
        basis: measure(milestone.basis()),
        mark: milestone.mark,
        period: rule::period(milestone.period()),
    });
    let mut goals = [count, streak, milestone].into_iter().flatten();
    match (goals.next(), goals.next()) {
        (Some(goal), None) => goal,
        _ => {
            wrong.push(Violation {
                field: "challenge".to_owned(),
                rule: "EXACTLY_ONE".to_owned(),
                description: "exactly one of count, streak, milestone must be given".to_owned(),
            });
            Goal::Count { measure: Measure::Purchases, target: 1, period: crate::domain::cap::CapPeriod::Ever }
        }
    }
}

fn measure(given: proto::ChallengeMeasure) -> Measure {
    match given {
        proto::ChallengeMeasure::Spend => Measure::Spend,
        proto::ChallengeMeasure::Pieces => Measure::Pieces,
        proto::ChallengeMeasure::Points => Measure::Points,
        proto::ChallengeMeasure::Purchases | proto::ChallengeMeasure::Unspecified => Measure::Purchases,
    }
}

fn to_measure(measure: Measure) -> i32 {
    match measure {
        Measure::Purchases => proto::ChallengeMeasure::Purchases,
        Measure::Spend => proto::ChallengeMeasure::Spend,
        Measure::Pieces => proto::ChallengeMeasure::Pieces,
        Measure::Points => proto::ChallengeMeasure::Points,
    }
    .into()
}

/// A challenge as a message.
pub fn challenge(challenge: &Challenge) -> proto::Challenge {
    let terms = &challenge.terms;
    let mut message = proto::Challenge {
        name: challenge.id.to_string(),
        organization: challenge.organization.to_string(),
        program: challenge.program.to_string(),
        display_name: terms.display_name.clone(),
        filter: to_filter(&terms.selection),
        start_time: Some(to_proto(terms.start_time)),
        end_time: terms.end_time.map(to_proto),
        points: terms.points.get(),
        valid_for: terms.valid_for.as_ref().map(to_period),
        reward: terms.reward_id().map(|reward| reward.to_string()).unwrap_or_default(),
        create_time: Some(to_proto(challenge.create_time)),
        update_time: Some(to_proto(challenge.update_time)),
        etag: etag(challenge),
        ..proto::Challenge::default()
    };
    match terms.goal {
        Goal::Count { measure, target, period } => {
            let (measure, period) = (to_measure(measure), rule::to_period(period).into());
            message.count = Some(proto::CountGoal { measure, target, period });
        }
        Goal::Streak { period, length, repeats } => {
            let (period, length) = (rule::to_period(period).into(), i32::try_from(length).unwrap_or(i32::MAX));
            message.streak = Some(proto::StreakGoal { period, length, repeats });
        }
        Goal::Milestone { basis, mark, period } => {
            let (basis, period) = (to_measure(basis), rule::to_period(period).into());
            message.milestone = Some(proto::MilestoneGoal { basis, mark, period });
        }
    }
    message
}

/// What changes with every change of a challenge.
pub fn etag(challenge: &Challenge) -> String {
    challenge.version.to_string()
}

/// How far somebody is, as a message.
pub fn progress(challenge: &Challenge, progress: &Progress) -> proto::ChallengeProgress {
    proto::ChallengeProgress {
        challenge: challenge.id.to_string(),
        display_name: challenge.terms.display_name.clone(),
        done: progress.done,
        needed: progress.needed,
        until_time: progress.until.map(to_proto),
        reached: i64::try_from(progress.reached).unwrap_or(i64::MAX),
    }
}

/// An award as a message.
pub fn award(given: &Given) -> proto::ChallengeAward {
    let state = given.reward.as_ref().map_or(proto::ChallengeRewardState::Unspecified, |(_, state)| match state {
        RewardState::Due => proto::ChallengeRewardState::Due,
        RewardState::Granted => proto::ChallengeRewardState::Granted,
        RewardState::Recalled => proto::ChallengeRewardState::Recalled,
        RewardState::Withdrawn => proto::ChallengeRewardState::Withdrawn,
        RewardState::Kept => proto::ChallengeRewardState::Kept,
    });
    let redemption = given.reward.as_ref().zip(given.redemption).map(|((reward, _), id)| redemption_name(reward, id));
    proto::ChallengeAward {
        id: given.id.to_string(),
        challenge: given.challenge.to_string(),
        member: given.member.to_string(),
        key: given.key.clone(),
        points: given.points.get(),
        order: if given.points.is_positive() { given.order().to_string() } else { String::new() },
        reach_time: Some(to_proto(given.reach_time)),
        create_time: Some(to_proto(given.create_time)),
        withdraw_time: given.withdraw_time.map(to_proto),
        reward: given.reward.as_ref().map(|(reward, _)| reward.to_string()).unwrap_or_default(),
        reward_state: state.into(),
        redemption: redemption.unwrap_or_default(),
    }
}
