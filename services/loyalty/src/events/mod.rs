//! What loyalty does with what the other services tell.

mod churn_risk_raised;
mod customer_created;
mod customer_updated;
mod hearing;
mod order_cancelled;
mod order_promise_broken;
mod order_recorded;
mod order_returned;
mod remedy_approved;
mod review_submitted;
mod segment_entered;
mod segment_left;
mod shipment_created;
mod shipment_delivered;
mod survey_answered;

pub use churn_risk_raised::HearRisks;
pub use customer_created::MeetCustomers;
pub use customer_updated::FollowCustomers;
pub use order_cancelled::CancelOrders;
pub use order_promise_broken::HonourPromises;
pub use order_recorded::RecordOrders;
pub use order_returned::ReturnOrders;
pub use remedy_approved::HonourRemedies;
pub use review_submitted::HearReviews;
pub use segment_entered::EnterSegments;
pub use segment_left::LeaveSegments;
pub use shipment_created::ExpectShipments;
pub use shipment_delivered::DeliverShipments;
pub use survey_answered::HearAnswers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{OrderName, OrganizationId, Uuid};
use guanxi_messaging::{Meta, Outcome};
use guanxi_store::{Result, Tx};

use crate::domain::ledger::{Book, Command};
use crate::domain::program::{Program, ProgramId};
use crate::store::book::{self, Why};
use crate::store::orders::KnownOrder;
use crate::store::programs::Programs;

/// The order that an event names, or what becomes of an event that names none.
fn order(name: &str) -> Result<OrderName, Outcome> {
    name.parse().map_err(|error| Outcome::Dead(format!("order: {error}")))
}

/// A command for a member, with the event that causes it.
struct Caused<'a> {
    member: MemberId,
    command: Command,
    meta: &'a Meta,
}

/// The programs of an organisation.
fn of<'a>(
    programs: &'a BTreeMap<ProgramId, Arc<Program>>,
    organization: &'a OrganizationId,
) -> impl Iterator<Item = &'a Program> {
    programs.values().map(|program| &**program).filter(move |program| program.organization == *organization)
}

/// The programs of the organisations of these orders.
async fn programs_of<'a>(
    tx: &Tx,
    programs: &Programs,
    orders: impl Iterator<Item = &'a KnownOrder>,
) -> Result<BTreeMap<ProgramId, Arc<Program>>> {
    let organizations: BTreeSet<&OrganizationId> = orders.map(|order| &order.organization).collect();
    let organizations: Vec<OrganizationId> = organizations.into_iter().cloned().collect();
    programs.of_organizations(tx.conn(), &organizations).await
}

/// Decides commands on the accounts of those who are members, and writes what changed.
async fn post(tx: &Tx, programs: &Programs, caused: Vec<Caused<'_>>) -> Result<()> {
    if caused.is_empty() {
        return Ok(());
    }
    let wanted: Vec<_> = caused.iter().map(|caused| (caused.member, &caused.command)).collect();
    let mut book = book::load(tx, programs, &wanted).await?;
    decide(tx, &mut book, &caused, &BTreeSet::new()).await
}

/// The same in a book that is loaded, with members that are new.
async fn decide(tx: &Tx, book: &mut Book, caused: &[Caused<'_>], new: &BTreeSet<MemberId>) -> Result<()> {
    let mut why = BTreeMap::new();
    for Caused { member, command, meta } in caused {
        if !book.accounts.contains_key(member) {
            continue;
        }
        // A fact cannot be refused: an order that has earned, or that earns nothing here, stays as it is.
        if let Err(refused) = book.decide(*member, command, tx.now()) {
            tracing::debug!(event = %meta.id, %refused, "an event changes no points");
        }
        let (historical, traceparent) = (meta.historical, meta.traceparent.clone());
        why.entry(*member).or_insert(Why { historical, traceparent });
    }
    book::save(tx, book, new, &why).await
}

/// The keys of orders.
fn keys<'a>(orders: impl Iterator<Item = &'a OrderName>) -> Vec<Uuid> {
    let keys: BTreeSet<Uuid> = orders.map(OrderName::uuid).collect();
    keys.into_iter().collect()
}
