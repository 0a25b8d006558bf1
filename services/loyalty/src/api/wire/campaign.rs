//! Campaigns as messages.

use guanxi_contracts::loyalty::v1 as proto;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::{Refused, Timestamp};

use super::rule;
use crate::domain::campaign::{Budget, Campaign, CampaignTerms};
use crate::domain::points::Points;

/// The terms that a message gives. What the terms themselves contradict is said by their own check.
///
/// # Errors
/// INVALID_ARGUMENT with everything that is wrong at once.
pub fn terms(campaign: &proto::Campaign) -> Result<CampaignTerms, Refused> {
    let mut wrong = Vec::new();
    let start_time = rule::instant(campaign.start_time.as_ref(), "campaign.start_time", &mut wrong);
    let end_time = rule::instant(campaign.end_time.as_ref(), "campaign.end_time", &mut wrong);
    let budget = campaign.budget.unwrap_or_default();
    let terms = CampaignTerms {
        display_name: campaign.display_name.clone(),
        start_time: start_time.unwrap_or(Timestamp::MIN),
        end_time: end_time.unwrap_or(Timestamp::MAX),
        rules: rule::rules(&campaign.earning_rules, "campaign.earning_rules", &mut wrong),
        holdout_permille: campaign.holdout_permille.into(),
        points_limit: budget.points.map(Points::new),
        orders_limit: budget.orders,
    };
    if wrong.is_empty() { Ok(terms) } else { Err(Refused::violations(wrong)) }
}

/// A campaign as a message, with what it spent.
pub fn campaign(campaign: &Campaign, budget: &Budget) -> proto::Campaign {
    let terms = &campaign.terms;
    let limits = proto::CampaignBudget { points: terms.points_limit.map(Points::get), orders: terms.orders_limit };
    proto::Campaign {
        name: campaign.id.to_string(),
        program: campaign.program.to_string(),
        display_name: terms.display_name.clone(),
        start_time: Some(to_proto(terms.start_time)),
        end_time: Some(to_proto(terms.end_time)),
        earning_rules: terms.rules.iter().map(rule::to_rule).collect(),
        budget: (limits != proto::CampaignBudget::default()).then_some(limits),
        holdout_permille: i32::try_from(terms.holdout_permille).unwrap_or(i32::MAX),
        spent_points: budget.points.get(),
        spent_orders: budget.orders,
        create_time: Some(to_proto(campaign.create_time)),
        update_time: Some(to_proto(campaign.update_time)),
        etag: etag(campaign),
        organization: campaign.organization.to_string(),
    }
}

/// What changes with every change of a campaign.
pub fn etag(campaign: &Campaign) -> String {
    campaign.version.to_string()
}
