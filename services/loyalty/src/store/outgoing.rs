//! What others hear of a member's points.

use guanxi_contracts::loyalty::events::v1::{
    PointsActivated, PointsEarned, PointsExpired, PointsReversed, PointsSpent,
};
use guanxi_contracts::time::to_proto;
use guanxi_messaging::event;
use guanxi_store::NewEvent;

use crate::domain::account::Account;
use crate::domain::fact::{Fact, FactKind};

/// A fact as an event. Its version is the ledger's: one for the enrolment, one more for each entry.
pub fn told(account: &Account, fact: &Fact, historical: bool) -> NewEvent {
    let (member, customer) = (account.member.to_string(), account.customer.to_string());
    let program = account.program.to_string();
    let order = fact.order.and_then(|order| account.orders.get(&order));
    let order = order.map(|record| record.order.to_string()).unwrap_or_default();
    let points = fact.points.get();
    let (version, organization, at) = (fact.entry + 1, &account.organization, fact.effective_time);
    match fact.kind {
        FactKind::Earned { active_from, expires_at } => {
            let (active_from, expires_at) = (active_from.map(to_proto), expires_at.map(to_proto));
            let pending = active_from.is_none();
            let message = PointsEarned { member, customer, program, order, points, pending, active_from, expires_at };
            event(account.member, version, organization, at, historical, &message)
        }
        FactKind::Activated { active_from, expires_at } => {
            let (active_from, expires_at) = (Some(to_proto(active_from)), expires_at.map(to_proto));
            let message = PointsActivated { member, customer, program, order, points, active_from, expires_at };
            event(account.member, version, organization, at, historical, &message)
        }
        FactKind::Spent => {
            let message = PointsSpent { member, customer, program, order, points };
            event(account.member, version, organization, at, historical, &message)
        }
        FactKind::Reversed => {
            let message = PointsReversed { member, customer, program, order, points };
            event(account.member, version, organization, at, historical, &message)
        }
        FactKind::Expired { pending } => {
            let expire_time = Some(to_proto(at));
            let message = PointsExpired { member, customer, program, points, expire_time, pending };
            event(account.member, version, organization, at, historical, &message)
        }
    }
}
