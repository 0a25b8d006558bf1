//! Earning rules as messages.

use guanxi_contracts::loyalty::v1 as proto;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::{Timestamp, Violation};
use guanxi_rpc::convert;

use crate::domain::cap::{Cap, CapPeriod};
use crate::domain::condition::Condition;
use crate::domain::points::Points;
use crate::domain::rule::{EarningRule, Effect, Filter, Filters};
use crate::domain::source::Trigger;

/// The rules that a message gives in the list `field`; what is wrong with them is added to `wrong`.
pub fn rules(given: &[proto::EarningRule], field: &str, wrong: &mut Vec<Violation>) -> Vec<EarningRule> {
    given.iter().enumerate().map(|(at, given)| rule(given, &format!("{field}[{at}]"), wrong)).collect()
}

/// The rule that a message gives as `field`; what is wrong with it is added to `wrong`.
pub fn rule(given: &proto::EarningRule, field: &str, wrong: &mut Vec<Violation>) -> EarningRule {
    let filter = |only: &[String], except: &[String]| Filter {
        only: only.iter().cloned().collect(),
        except: except.iter().cloned().collect(),
    };
    EarningRule {
        id: given.id.clone(),
        display_name: given.display_name.clone(),
        trigger: trigger(given.trigger()),
        categories: given.categories.iter().cloned().collect(),
        excluded_categories: given.excluded_categories.iter().cloned().collect(),
        filters: Filters {
            products: filter(&given.products, &given.excluded_products),
            brands: filter(&given.brands, &given.excluded_brands),
            labels: filter(&given.labels, &given.excluded_labels),
        },
        condition: condition(&given.condition, field, wrong),
        priority: given.priority,
        exclusive: given.exclusive,
        stop: given.stop,
        start_time: instant(given.start_time.as_ref(), &format!("{field}.start_time"), wrong),
        end_time: instant(given.end_time.as_ref(), &format!("{field}.end_time"), wrong),
        caps: given.caps.iter().map(cap).collect(),
        effect: effect(given, field, wrong),
    }
}

fn trigger(trigger: proto::RuleTrigger) -> Trigger {
    match trigger {
        proto::RuleTrigger::Unspecified | proto::RuleTrigger::Order => Trigger::Order,
        proto::RuleTrigger::SurveyAnswered => Trigger::SurveyAnswered,
        proto::RuleTrigger::ReviewSubmitted => Trigger::ReviewSubmitted,
        proto::RuleTrigger::ProfileCompleted => Trigger::ProfileCompleted,
        proto::RuleTrigger::SegmentEntered => Trigger::SegmentEntered,
        proto::RuleTrigger::ChurnRiskRaised => Trigger::ChurnRiskRaised,
    }
}

fn to_trigger(trigger: Trigger) -> proto::RuleTrigger {
    match trigger {
        Trigger::Order => proto::RuleTrigger::Order,
        Trigger::SurveyAnswered => proto::RuleTrigger::SurveyAnswered,
        Trigger::ReviewSubmitted => proto::RuleTrigger::ReviewSubmitted,
        Trigger::ProfileCompleted => proto::RuleTrigger::ProfileCompleted,
        Trigger::SegmentEntered => proto::RuleTrigger::SegmentEntered,
        Trigger::ChurnRiskRaised => proto::RuleTrigger::ChurnRiskRaised,
    }
}

/// An instant that a message gives as `field`; that it is none is added to `wrong`.
pub fn instant(given: Option<&prost_types::Timestamp>, field: &str, wrong: &mut Vec<Violation>) -> Option<Timestamp> {
    convert::instant(given, field).unwrap_or_else(|refused| {
        wrong.extend(refused.field_violations().iter().cloned());
        None
    })
}

fn condition(text: &str, field: &str, wrong: &mut Vec<Violation>) -> Option<Condition> {
    if text.trim().is_empty() {
        return None;
    }
    match Condition::compile(text) {
        Ok(condition) => Some(condition),
        Err(error) => {
            let (field, rule) = (format!("{field}.condition"), error.rule().to_owned());
            wrong.push(Violation { field, rule, description: error.to_string() });
            None
        }
    }
}

fn cap(cap: &proto::RuleCap) -> Cap {
    let period = match cap.period() {
        proto::CapPeriod::Day => CapPeriod::Day,
        proto::CapPeriod::Week => CapPeriod::Week,
        proto::CapPeriod::Month => CapPeriod::Month,
        proto::CapPeriod::Year => CapPeriod::Year,
        proto::CapPeriod::Ever | proto::CapPeriod::Unspecified => CapPeriod::Ever,
    };
    Cap { points: Points::new(cap.points), period }
}

fn effect(given: &proto::EarningRule, field: &str, wrong: &mut Vec<Violation>) -> Effect {
    let effects = [
        given.per_amount.as_ref().map(|e| Effect::PerAmount {
            points: e.points,
            step_minor: e.step_minor,
            carry: e.carry_remainder,
        }),
        given.multiplier.as_ref().map(|e| Effect::Multiplier { factor_milli: e.factor_milli }),
        given.fixed.as_ref().map(|e| Effect::Fixed { points: e.points }),
        given.per_quantity.as_ref().map(|e| Effect::PerQuantity { points: e.points, units: e.units }),
    ];
    let mut effects = effects.into_iter().flatten();
    match (effects.next(), effects.next()) {
        (Some(effect), None) => effect,
        _ => {
            wrong.push(Violation {
                field: field.to_owned(),
                rule: "EXACTLY_ONE".into(),
                description: "exactly one of per_amount, multiplier, fixed, per_quantity must be given".into(),
            });
            Effect::Multiplier { factor_milli: 1_000 }
        }
    }
}

/// A rule as a message.
pub fn to_rule(rule: &EarningRule) -> proto::EarningRule {
    let list = |of: &std::collections::BTreeSet<String>| of.iter().cloned().collect::<Vec<_>>();
    let Filters { products, brands, labels } = &rule.filters;
    let mut message = proto::EarningRule {
        id: rule.id.clone(),
        display_name: rule.display_name.clone(),
        categories: list(&rule.categories),
        excluded_categories: list(&rule.excluded_categories),
        products: list(&products.only),
        excluded_products: list(&products.except),
        brands: list(&brands.only),
        excluded_brands: list(&brands.except),
        labels: list(&labels.only),
        excluded_labels: list(&labels.except),
        condition: rule.condition.as_ref().map(|condition| condition.source().to_owned()).unwrap_or_default(),
        priority: rule.priority,
        exclusive: rule.exclusive,
        stop: rule.stop,
        start_time: rule.start_time.map(to_proto),
        end_time: rule.end_time.map(to_proto),
        caps: rule.caps.iter().map(to_cap).collect(),
        trigger: to_trigger(rule.trigger).into(),
        ..proto::EarningRule::default()
    };
    match rule.effect {
        Effect::PerAmount { points, step_minor, carry } => {
            message.per_amount = Some(proto::PerAmount { points, step_minor, carry_remainder: carry });
        }
        Effect::Multiplier { factor_milli } => message.multiplier = Some(proto::Multiplier { factor_milli }),
        Effect::Fixed { points } => message.fixed = Some(proto::FixedPoints { points }),
        Effect::PerQuantity { points, units } => message.per_quantity = Some(proto::PerQuantity { points, units }),
    }
    message
}

fn to_cap(cap: &Cap) -> proto::RuleCap {
    let period = match cap.period {
        CapPeriod::Day => proto::CapPeriod::Day,
        CapPeriod::Week => proto::CapPeriod::Week,
        CapPeriod::Month => proto::CapPeriod::Month,
        CapPeriod::Year => proto::CapPeriod::Year,
        CapPeriod::Ever => proto::CapPeriod::Ever,
    };
    proto::RuleCap { points: cap.points.get(), period: period.into() }
}
