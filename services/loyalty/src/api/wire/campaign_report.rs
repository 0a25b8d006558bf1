//! What a campaign cost and did, as a message.

use guanxi_contracts::loyalty::v1 as proto;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::{Money, Timestamp};
use guanxi_rpc::convert;

use crate::domain::campaign::{Budget, Campaign};
use crate::domain::lift::{Arm, Lift, lift};
use crate::domain::program::Program;
use crate::domain::redemption::Redemption;
use crate::domain::retention::{Increment, Retention, Trade, Windows};
use crate::store::campaign_report::Counted;
use crate::store::campaigns::Bought;

/// Everything that a report is made of. Where there are two, of those who were reached, and of those who were held out.
#[derive(Debug)]
pub struct Found<'a> {
    /// The program.
    pub program: &'a Program,
    /// The campaign.
    pub campaign: &'a Campaign,
    /// What it gave.
    pub budget: Budget,
    /// What members bought by it.
    pub bought: [Bought; 2],
    /// The times that are compared.
    pub windows: Windows,
    /// What members did.
    pub counted: Counted,
}

/// The report at `now`, with the margin that was asked with.
pub fn report(found: &Found<'_>, margin_permille: Option<i32>, now: Timestamp) -> proto::GetCampaignReportResponse {
    let Found { program, budget, bought: [reached, held_out], windows, counted, .. } = found;
    let worth = program.terms.redemption.as_ref();
    let [of_reached, of_held_out] = counted.members;
    let value = |bought: &Bought, members| Arm { members, sum: bought.value_minor, squares: bought.value_squares };
    let orders = |bought: &Bought, members| Arm { members, sum: bought.orders, squares: bought.order_squares };
    let value_lift = lift(&value(reached, of_reached), &value(held_out, of_held_out));
    let order_lift = lift(&orders(reached, of_reached), &orders(held_out, of_held_out));
    let cost = worth.map(|worth| worth.value(budget.points));
    let increment = value_lift.map(|lift| Increment::new(&lift, of_reached, cost, margin_permille));
    proto::GetCampaignReportResponse {
        name: found.campaign.id.to_string(),
        as_of: Some(to_proto(now)),
        points: budget.points.get(),
        rewarded_orders: budget.orders,
        reached: Some(arm(reached, of_reached)),
        held_out: Some(arm(held_out, of_held_out)),
        value_lift: value_lift.map(to_lift),
        order_lift: order_lift.map(to_lift),
        cost: cost.map(|minor| convert::to_money(Money::new(minor, program.currency))),
        increment: increment.map(to_increment),
        before: Some(period(windows.before, windows.start, &counted.before, worth)),
        during: Some(period(windows.start, windows.end, &counted.during, worth)),
        tiers: tiers(program, counted),
    }
}

fn arm(bought: &Bought, members: i64) -> proto::CampaignArm {
    proto::CampaignArm {
        members,
        buyers: bought.buyers,
        orders: bought.orders,
        qualified_orders: bought.qualified,
        value_minor: bought.value_minor,
    }
}

fn to_lift(lift: Lift) -> proto::CampaignLift {
    let Lift { reached_milli, held_out_milli, difference_milli, lower_milli, upper_milli } = lift;
    proto::CampaignLift { reached_milli, held_out_milli, difference_milli, lower_milli, upper_milli }
}

fn to_increment(increment: Increment) -> proto::CampaignIncrement {
    let [value_minor, lower_minor, upper_minor] = increment.value;
    proto::CampaignIncrement {
        value_minor,
        lower_minor,
        upper_minor,
        margin_minor: increment.margin.map(|[margin, ..]| margin),
        margin_lower_minor: increment.margin.map(|[_, lower, _]| lower),
        margin_upper_minor: increment.margin.map(|[.., upper]| upper),
    }
}

fn period(
    start: Timestamp,
    end: Timestamp,
    [reached, held_out]: &[Trade; 2],
    worth: Option<&Redemption>,
) -> proto::CampaignPeriod {
    let trade = |trade: &Trade| proto::CampaignTrade {
        buyers: trade.buyers,
        repeat_buyers: trade.repeat_buyers,
        orders: trade.orders,
        points: trade.points.get(),
        cost_per_order_milli: worth.and_then(|worth| trade.cost_per_order_milli(worth)),
    };
    proto::CampaignPeriod {
        start_time: Some(to_proto(start)),
        end_time: Some(to_proto(end)),
        reached: Some(trade(reached)),
        held_out: Some(trade(held_out)),
    }
}

/// By tier, the lowest first; those that the program has no more go first.
fn tiers(program: &Program, counted: &Counted) -> Vec<proto::CampaignTier> {
    let policy = program.terms.tiers.as_ref();
    let mut found: Vec<_> = counted.tiers.iter().collect();
    found.sort_by_key(|(tier, _)| policy.map_or(0, |policy| policy.rank(tier.as_deref())));
    let retention = |of: &Retention| proto::CampaignRetention {
        members: of.members,
        bought_before: of.bought_before,
        retained: of.retained,
        buyers: of.buyers,
        repeat_buyers: of.repeat_buyers,
    };
    let tier = |(tier, [reached, held_out]): (&Option<String>, &[Retention; 2])| proto::CampaignTier {
        tier: tier.clone().unwrap_or_default(),
        reached: Some(retention(reached)),
        held_out: Some(retention(held_out)),
        retention_lift: Retention::retention_lift(reached, held_out).map(to_lift),
        repeat_lift: Retention::repeat_lift(reached, held_out).map(to_lift),
    };
    found.into_iter().map(tier).collect()
}
