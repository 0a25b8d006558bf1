//! Back-tests: what the orders of the past would have earned under a draft of a rule, beside what they earn under the rules
//! as they are. Both sides are worked out by the code that earns.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::account::EarnedOrder;
use super::cap::Standing;
use super::earning::{Budgets, Earning, Occasion, earning};
use super::expiry::ExpiryPolicy;
use super::order::OrderRecord;
use super::points::Points;
use super::program::{Program, Terms};
use super::rule::EarningRule;

/// The orders that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// From this moment on, by the business; `None` means from the first.
    pub start: Option<Timestamp>,
    /// Before this moment; `None` means to the last.
    pub end: Option<Timestamp>,
}

impl Span {
    /// Whether an order of this moment counts.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= at) && self.end.is_none_or(|end| at < end)
    }
}

/// What a draft changes for one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Difference {
    /// Orders that count.
    pub orders: i64,
    /// Orders that earn something else with the draft.
    pub changed_orders: i64,
    /// Points as it is.
    pub points: i64,
    /// Points with the draft.
    pub draft_points: i64,
    /// How much more would be owed now.
    pub liability: i64,
    /// Orders that do not earn at all, by either side.
    pub left_out: i64,
}

/// The terms with a draft in the place of the rule of its id, or behind all others.
pub fn drafted(terms: &Terms, draft: EarningRule) -> Terms {
    let mut terms = terms.clone();
    match terms.rules.iter_mut().find(|rule| rule.id == draft.id) {
        Some(rule) => *rule = draft,
        None => terms.rules.push(draft),
    }
    terms
}

/// What the draft changes for a member with these orders. Caps and what is carried begin empty, campaigns take no part.
pub fn compare(
    program: &Program,
    draft: &Program,
    mut orders: Vec<(EarnedOrder, Option<OrderRecord>)>,
    now: Timestamp,
) -> Difference {
    orders.sort_by_key(|(order, _)| (order.effective_time, order.order));
    let mut difference = Difference::default();
    let (mut standing, mut drafted) = (Standing::default(), Standing::default());
    for (order, record) in &orders {
        difference.orders += 1;
        let (Some(before), Some(after)) = (again(program, order, &mut standing), again(draft, order, &mut drafted))
        else {
            difference.left_out += 1;
            continue;
        };
        difference.points += before.points.get();
        difference.draft_points += after.points.get();
        difference.changed_orders += i64::from(before.points != after.points);
        difference.liability += owed(draft, order, record.as_ref(), &after, now);
        difference.liability -= owed(program, order, record.as_ref(), &before, now);
    }
    difference
}

fn again(program: &Program, order: &EarnedOrder, standing: &mut Standing) -> Option<Earning> {
    let occasion = Occasion {
        purchase: &order.purchase,
        source: &order.source,
        effective_time: order.effective_time,
        member: Some(order.member.clone()),
    };
    let earning = earning(program, &occasion, standing, &Budgets::new()).ok()?;
    earning.grants.iter().for_each(|grant| standing.add(grant));
    Some(earning)
}

/// What is left now of what an order earned: what did not come back, unless it has expired. Points that wait for delivery
/// are owed, whatever may end the wait.
fn owed(
    program: &Program,
    order: &EarnedOrder,
    record: Option<&OrderRecord>,
    earning: &Earning,
    now: Timestamp,
) -> i64 {
    let start = program.start(order.effective_time, None);
    let ends = |own: Option<&ExpiryPolicy>| {
        start.active_from.and_then(|from| program.expires_at_in(own, order.member.tier.as_deref(), from))
    };
    let is_over = |own| ends(own).is_some_and(|at| at <= now);
    let (common_is_over, own_is_over) =
        (is_over(None), earning.own.iter().map(|part| is_over(Some(&part.expiry))).collect::<Vec<_>>());
    let lines = earning.explanation.lines.iter().enumerate().map(|(at, line)| {
        let own = earning.own.iter().zip(&own_is_over).map(|(part, over)| (part.lines[at], *over));
        let common = line.points - earning.own.iter().map(|part| part.lines[at]).sum();
        let good = std::iter::once((common, common_is_over)).chain(own).filter(|(_, over)| !over);
        let good: Points = good.map(|(points, _)| points).sum();
        let recorded = record.and_then(|record| record.detail.lines.iter().find(|kept| kept.line == line.line));
        let back = match recorded {
            Some(_) if record.is_some_and(|record| record.returned_whole) => good,
            Some(recorded) => recorded.returned_share(good),
            None => Points::ZERO,
        };
        (good - back).get()
    });
    lines.sum()
}
