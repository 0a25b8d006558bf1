//! Purchases and explanations as messages.

use guanxi_contracts::loyalty::v1 as proto;
use guanxi_kernel::{Refuse, Refused};
use guanxi_rpc::convert;

use crate::domain::condition::Fault;
use crate::domain::explanation::{CampaignExplanation, CampaignOutcome, Explanation, RuleExplanation, RuleOutcome};
use crate::domain::points::Points;
use crate::domain::purchase::{Purchase, PurchaseLine, Setting};

/// The purchase that a message gives.
///
/// # Errors
/// INVALID_ARGUMENT where it is absent, its currency is none, or it contradicts itself.
pub fn purchase(message: Option<&proto::Purchase>) -> Result<Purchase, Refused> {
    let message = convert::required(message, "purchase")?;
    let currency = convert::currency(&message.currency_code, "purchase.currency_code")?;
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    let line = |line: &proto::PurchaseLine| PurchaseLine {
        line: line.line,
        category: text(&line.category),
        product: text(&line.product),
        brand: text(&line.brand),
        labels: line.labels.clone(),
        quantity: line.quantity,
        price_minor: line.price_minor,
        tax_minor: line.tax_minor,
        delivery_minor: line.delivery_minor,
    };
    let setting = Setting {
        channel: message.channel.clone(),
        store: message.store.clone(),
        coupons: message.coupons.clone(),
        segments: message.customer_segments.clone(),
    };
    let purchase = Purchase::new(currency, message.lines.iter().map(line).collect(), message.discount_minor);
    Ok(purchase.refuse()?.at(setting))
}

/// An explanation as a message.
pub fn explanation(explanation: &Explanation) -> proto::Explanation {
    let lines = explanation.lines.iter();
    proto::Explanation {
        rules: explanation.rules.iter().map(rule).collect(),
        lines: lines.map(|line| proto::LinePoints { line: line.line, points: line.points.get() }).collect(),
        campaigns: explanation.campaigns.iter().map(campaign).collect(),
        stopped_by: explanation.stopped_by.clone().unwrap_or_default(),
    }
}

fn rule(rule: &RuleExplanation) -> proto::RuleExplanation {
    let lines = rule.lines.iter().map(|line| proto::RuleLine {
        line: line.line,
        delivery: line.delivery,
        base_minor: line.base_minor,
        points: line.points.get(),
    });
    let outcome = match rule.outcome {
        RuleOutcome::Fired => proto::RuleOutcome::Fired,
        RuleOutcome::Capped => proto::RuleOutcome::Capped,
        RuleOutcome::Silenced => proto::RuleOutcome::Silenced,
        RuleOutcome::Faulted => proto::RuleOutcome::Faulted,
    };
    let fault = match rule.fault {
        None => proto::RuleFault::Unspecified,
        Some(Fault::DivisionByZero) => proto::RuleFault::DivisionByZero,
        Some(Fault::Overflow) => proto::RuleFault::Overflow,
        Some(Fault::Other) => proto::RuleFault::Other,
    };
    proto::RuleExplanation {
        rule: rule.rule.clone(),
        lines: lines.collect(),
        factor_milli: rule.factor_milli,
        campaign: rule.campaign.as_deref().map(named).unwrap_or_default(),
        outcome: outcome.into(),
        asked_points: rule.asked.map(Points::get),
        granted_points: rule.granted.map(Points::get),
        carried_minor: rule.carried_minor.unwrap_or_default(),
        fault: fault.into(),
    }
}

fn campaign(campaign: &CampaignExplanation) -> proto::CampaignExplanation {
    let outcome = match campaign.outcome {
        CampaignOutcome::Granted => proto::CampaignOutcome::Granted,
        CampaignOutcome::BudgetUsedUp => proto::CampaignOutcome::BudgetUsedUp,
        CampaignOutcome::HeldOut => proto::CampaignOutcome::HeldOut,
    };
    proto::CampaignExplanation {
        campaign: named(&campaign.campaign),
        outcome: outcome.into(),
        asked_points: campaign.asked.get(),
        granted_points: campaign.granted.get(),
    }
}

fn named(slug: &str) -> String {
    format!("campaigns/{slug}")
}
