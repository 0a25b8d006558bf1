//! Purchases and explanations as messages.

use guanxi_contracts::loyalty::v1 as proto;
use guanxi_kernel::{Refuse, Refused};
use guanxi_rpc::convert;

use crate::domain::earning::{Explanation, Purchase, PurchaseLine, RuleExplanation};

/// The purchase that a message gives.
///
/// # Errors
/// INVALID_ARGUMENT where it is absent, its currency is none, or it contradicts itself.
pub fn purchase(message: Option<&proto::Purchase>) -> Result<Purchase, Refused> {
    let message = convert::required(message, "purchase")?;
    let currency = convert::currency(&message.currency_code, "purchase.currency_code")?;
    let line = |line: &proto::PurchaseLine| PurchaseLine {
        line: line.line,
        category: (!line.category.is_empty()).then(|| line.category.clone()),
        quantity: line.quantity,
        price_minor: line.price_minor,
        delivery_minor: line.delivery_minor,
    };
    Purchase::new(currency, message.lines.iter().map(line).collect(), message.discount_minor).refuse()
}

/// An explanation as a message.
pub fn explanation(explanation: &Explanation) -> proto::Explanation {
    let lines = explanation.lines.iter();
    proto::Explanation {
        rules: explanation.rules.iter().map(rule).collect(),
        lines: lines.map(|line| proto::LinePoints { line: line.line, points: line.points.get() }).collect(),
    }
}

fn rule(rule: &RuleExplanation) -> proto::RuleExplanation {
    let lines = rule.lines.iter().map(|line| proto::RuleLine {
        line: line.line,
        delivery: line.delivery,
        base_minor: line.base_minor,
        points: line.points.get(),
    });
    proto::RuleExplanation { rule: rule.rule.clone(), lines: lines.collect(), factor_milli: rule.factor_milli }
}
