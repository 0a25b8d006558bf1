//! Counting: what an order of a member counts for the goals of his program, when it earns and when some of it comes back. What
//! follows from it is worked out later: what counts anew makes its goal due.

use guanxi_kernel::{OrderName, Uuid};

use super::account::Account;
use super::award;
use super::entry::OrderId;
use super::facts::{Facts, MemberFacts};
use super::goal::{Counted, Measure, Selection};
use super::program::Program;
use super::spending::Earn;

impl Program {
    /// Whether orders count for anything in it, or ever did.
    pub fn counts(&self) -> bool {
        !self.challenges.is_empty() || self.terms.referral_version > 0
    }

    /// Whether whose member was brought matters to what he does.
    pub fn refers(&self) -> bool {
        self.terms.referral.is_some()
    }

    /// The goals for which an order counts: key, what is let in, what is counted.
    fn goals(&self, earn: &Earn, referred: bool) -> impl Iterator<Item = (Uuid, &Selection, Measure)> {
        let at = earn.effective_time;
        let open = self.challenges.iter().filter(move |challenge| challenge.covers(at));
        let challenges = open.map(|open| (open.goal_id, &open.terms.selection, open.terms.goal.measure()));
        let referral = self.terms.referral.iter().filter(move |_| referred);
        challenges.chain(referral.map(|terms| (self.id.referral_goal(), &terms.selection, Measure::Purchases)))
    }
}

impl Account {
    /// Counts an order that has just earned.
    pub(crate) fn count_for_goals(&mut self, program: &Program, earn: &Earn, member: &MemberFacts) {
        let mut goals = program.goals(earn, self.referred).peekable();
        if goals.peek().is_none() {
            return;
        }
        let order = OrderId::from(&earn.order);
        let Some(record) = self.orders.get(&order) else { return };
        let (source, at) = (earn.order.source(), earn.effective_time);
        let facts = Facts::new(&earn.purchase, source, at, &program.zone, Some(member.clone()));
        let counted: Vec<Counted> = goals
            .filter_map(|(goal, selection, measure)| Counted::of(goal, selection, measure, &facts, order, record))
            .collect();
        self.changes.goals_due.extend(counted.iter().map(|counted| counted.goal));
        self.changes.counted.extend(counted.iter().cloned());
        self.counted.extend(counted);
    }

    /// Counts an order anew of which some came back. Needs what it counted before.
    pub(crate) fn recount(&mut self, order: OrderId) {
        let Some(record) = self.orders.get(&order) else { return };
        for counted in self.counted.iter_mut().filter(|counted| counted.order == order) {
            let amount = counted.how.amount(record);
            if amount != counted.amount {
                counted.amount = amount;
                self.changes.goals_due.insert(counted.goal);
                self.changes.recounted.retain(|other| (other.goal, other.order) != (counted.goal, order));
                self.changes.recounted.push(counted.clone());
            }
        }
    }

    /// An order of somebody who was brought was delivered: what was paid for it need not wait any longer.
    pub(crate) fn referral_delivered(&mut self, program: &Program, order: &OrderName) {
        if self.referred && order.source() != award::SOURCE && program.terms.pending.awaits_delivery() {
            self.changes.goals_due.insert(program.id.referral_goal());
        }
    }
}
