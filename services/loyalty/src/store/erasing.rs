//! Forgetting a person: what says something about him goes, the ledger's facts stay without him.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_contracts::loyalty::events::v1::CustomerErasureCompleted;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{OrganizationId, Uuid};
use guanxi_messaging::event;
use guanxi_store::{NewEvent, Result, Tx, dialect, time};
use sea_orm::{ConnectionTrait, Statement, Value};

use super::entities::members::Model as MemberRow;
use super::kin::update;
use super::programs::Programs;
use super::{book, customers, of_roots};
use crate::domain::forgetting::FORGOTTEN;
use crate::domain::ledger::Command;

/// Statements over rows whose root is a member, in their order.
const OF_MEMBERS: &[&str] = &[
    "DELETE FROM member_occasions WHERE {roots}",
    "DELETE FROM member_tiers WHERE {roots}",
    "DELETE FROM shared_gifts WHERE {roots}",
    "UPDATE tier_grants SET reason = '' WHERE {roots}",
    // What was answered to calls about a member names what they said of him.
    "DELETE FROM idempotency WHERE {roots}",
];

/// Forgets everyone who is a member in a program of this organisation by one of these customers.
///
/// # Errors
/// The database's.
pub async fn forget(
    tx: &Tx,
    programs: &Programs,
    organization: &OrganizationId,
    people: &BTreeSet<CustomerId>,
) -> Result<()> {
    let roots: Vec<Uuid> = people.iter().map(|customer| customer.uuid()).collect();
    customers::forget(tx, &roots).await?;
    let of = programs.of_organizations(tx.conn(), std::slice::from_ref(organization)).await?;
    let candidates = of.values().flat_map(|program| people.iter().map(|one| program.id.member(*one).uuid()));
    let candidates: BTreeSet<Uuid> = candidates.collect();
    let candidates: Vec<Uuid> = candidates.into_iter().collect();
    let found = of_roots::<MemberRow>(tx.conn(), "members", &candidates, " AND erase_time IS NULL").await?;
    let roots: Vec<Uuid> = found.iter().map(|row| row.root_id).collect();
    if roots.is_empty() {
        return Ok(());
    }
    let sweep = Command::Sweep;
    let wanted: Vec<_> = roots.iter().map(|root| (MemberId(*root), &sweep)).collect();
    let mut book = book::load(tx, programs, &wanted).await?;
    for root in &roots {
        if let Some(account) = book.accounts.get_mut(&MemberId(*root)) {
            account.forget(tx.now());
            // His tier goes with him, and nobody is told of it.
            account.ranking = None;
        }
    }
    book::save(tx, &mut book, &BTreeSet::new(), &BTreeMap::new()).await?;
    for sql in OF_MEMBERS {
        update(tx, sql, &roots, vec![]).await?;
    }
    let reasons = "UPDATE adjustments SET reason = '' WHERE reason <> $1 AND {roots}";
    update(tx, reasons, &roots, vec![FORGOTTEN.into()]).await?;
    let now: Value = time::to_column(tx.now()).into();
    let keys: BTreeSet<Uuid> = found.iter().filter_map(|row| row.kin).collect();
    let keys: Vec<Uuid> = keys.into_iter().collect();
    let (gone, value) = dialect::any_uuid(tx.backend(), "member", 1, &roots);
    update(tx, &format!("DELETE FROM member_kin WHERE {gone} AND {{roots}}"), &keys, vec![value]).await?;
    update(tx, "UPDATE accounts SET erase_time = $1, kin = NULL WHERE {roots}", &roots, vec![now.clone()]).await?;
    let members = "UPDATE members SET erase_time = $1, kin = NULL, survivor = NULL WHERE {roots}";
    update(tx, members, &roots, vec![now.clone()]).await?;
    let cards = "UPDATE member_cards SET number = NULL, end_time = COALESCE(end_time, $1) WHERE ";
    of_member(tx, cards, &roots, now.clone()).await?;
    // His coupons are good no longer: nobody can prove to be their owner.
    let coupons = "UPDATE coupons SET expire_time = $1, remind_time = NULL WHERE expire_time > $1 AND ";
    of_member(tx, coupons, &roots, now).await
}

async fn of_member(tx: &Tx, sql: &str, members: &[Uuid], now: Value) -> Result<()> {
    let (condition, value) = dialect::any_uuid(tx.backend(), "member", 2, members);
    let statement = Statement::from_sql_and_values(tx.backend(), format!("{sql}{condition}"), [now, value]);
    tx.conn().execute_raw(statement).await?;
    Ok(())
}

/// What the customer service hears of it.
pub fn completed(tx: &Tx, customer: CustomerId, organization: &OrganizationId) -> NewEvent {
    let message = CustomerErasureCompleted {
        customer: customer.to_string(),
        service: "loyalty".to_owned(),
        complete_time: Some(to_proto(tx.now())),
    };
    event(customer, 1, organization, tx.now(), false, &message)
}
