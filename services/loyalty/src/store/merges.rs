//! Merges of customers as they were told, and customers who asked to be forgotten.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{OrganizationId, Timestamp, Uuid, natural_id};
use guanxi_store::{Column, Result, Rows, Table, Tx};
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{of_roots, organization, rows};
use crate::domain::person::Merge;

const MERGES: Table = Table::new(
    "customer_merges",
    &[
        Column::uuid("root_id"),
        Column::uuid("merge_id"),
        Column::text("organization"),
        Column::uuid("survivor"),
        Column::uuid("absorbed"),
        Column::bool("undone"),
        Column::time("merge_time"),
    ],
);

const UNDONE: Table =
    Table::new("customer_merges", &[Column::uuid("root_id"), Column::uuid("merge_id"), Column::bool("undone")]);

const LOCKS: Table = Table::new("merge_locks", &[Column::uuid("root_id"), Column::int("taken")]);

const ERASED: Table = Table::new(
    "erased_customers",
    &[Column::uuid("root_id"), Column::text("organization"), Column::time("erase_time")],
);

#[derive(FromQueryResult)]
struct Row {
    merge_id: Uuid,
    survivor: Uuid,
    absorbed: Uuid,
    undone: bool,
}

#[derive(FromQueryResult)]
struct Root {
    root_id: Uuid,
}

/// A merge with what is kept beside it.
#[derive(Debug, Clone)]
pub struct Told {
    /// The merge.
    pub merge: Merge,
    /// Whose customers.
    pub organization: OrganizationId,
    /// When they were joined.
    pub time: Timestamp,
}

/// Waits until no other transaction works out who is who in these organisations.
///
/// # Errors
/// The database's.
pub async fn lock(tx: &Tx, organizations: &BTreeSet<OrganizationId>) -> Result<()> {
    let mut rows = Rows::new(&LOCKS);
    for organization in organizations {
        rows.push([natural_id("merge-lock", [organization.slug()]).into(), 1_i64.into()]);
    }
    guanxi_store::change::write_all(tx, [rows.upserting("root_id", "taken = merge_locks.taken + 1")]).await
}

/// Keeps merges; those that are known stay as they are.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &Tx, told: &[Told]) -> Result<()> {
    let mut unique = BTreeMap::new();
    for told in told {
        for root in [told.merge.survivor, told.merge.absorbed] {
            unique.insert((root, told.merge.id), told);
        }
    }
    let mut rows = Rows::new(&MERGES);
    for ((root, id), told) in unique {
        rows.push([
            root.uuid().into(),
            id.into(),
            told.organization.slug().into(),
            told.merge.survivor.uuid().into(),
            told.merge.absorbed.uuid().into(),
            false.into(),
            told.time.into(),
        ]);
    }
    rows.insert_new(tx).await.map(drop)
}

/// Keeps that merges were compensated.
///
/// # Errors
/// The database's.
pub async fn undo(tx: &Tx, merges: &[Merge]) -> Result<()> {
    let mut rows = Rows::new(&UNDONE);
    let keys: BTreeSet<(Uuid, Uuid)> =
        merges.iter().flat_map(|merge| [merge.survivor, merge.absorbed].map(|root| (root.uuid(), merge.id))).collect();
    for (root, id) in keys {
        rows.push([root.into(), id.into(), true.into()]);
    }
    rows.update(tx, &["root_id", "merge_id"]).await.map(drop)
}

/// Every merge that these customers have to do with, directly or through others, compensated ones included.
///
/// # Errors
/// The database's.
pub async fn around(
    connection: &impl ConnectionTrait,
    customers: impl IntoIterator<Item = CustomerId>,
) -> Result<Vec<Merge>> {
    let mut merges = BTreeMap::new();
    let mut seen: BTreeSet<Uuid> = customers.into_iter().map(CustomerId::uuid).collect();
    let mut next: Vec<Uuid> = seen.iter().copied().collect();
    // One statement for each step away from them; whoever was absorbed is mostly one step from the survivor.
    while !next.is_empty() {
        let mut found = BTreeSet::new();
        for Row { merge_id, survivor, absorbed, undone } in of_roots(connection, "customer_merges", &next, "").await? {
            let (survivor, absorbed) = (CustomerId(survivor), CustomerId(absorbed));
            merges.insert(merge_id, Merge { id: merge_id, survivor, absorbed, undone });
            found.extend([survivor.uuid(), absorbed.uuid()]);
        }
        next = found.into_iter().filter(|customer| seen.insert(*customer)).collect();
    }
    Ok(merges.into_values().collect())
}

/// Keeps that customers asked to be forgotten. Says which of them had not before.
///
/// # Errors
/// The database's.
pub async fn erase(tx: &Tx, customers: &[(CustomerId, OrganizationId, Timestamp)]) -> Result<BTreeSet<CustomerId>> {
    let keys: Vec<Uuid> = customers.iter().map(|(customer, ..)| customer.uuid()).collect();
    let known = erased(tx.conn(), &keys).await?;
    let mut rows = Rows::new(&ERASED);
    let mut new = BTreeSet::new();
    for (customer, organization, at) in customers {
        if !known.contains(&customer.uuid()) && new.insert(*customer) {
            rows.push([customer.uuid().into(), organization.slug().into(), (*at).into()]);
        }
    }
    rows.insert(tx).await?;
    Ok(new)
}

/// Those of these customers who asked to be forgotten.
///
/// # Errors
/// The database's.
pub async fn erased(connection: &impl ConnectionTrait, customers: &[Uuid]) -> Result<BTreeSet<Uuid>> {
    let found = of_roots::<Root>(connection, "erased_customers", customers, "").await?;
    Ok(found.into_iter().map(|row| row.root_id).collect())
}

#[derive(FromQueryResult)]
struct Merged {
    root_id: Uuid,
    organization: String,
}

/// The next customers who were ever merged, after `after`, each with whose they are.
///
/// # Errors
/// The database's.
pub async fn customers_after(tx: &Tx, after: Uuid, size: i64) -> Result<Vec<(CustomerId, OrganizationId)>> {
    let sql = "SELECT DISTINCT root_id, organization FROM customer_merges WHERE root_id > $1 ORDER BY root_id LIMIT $2";
    let found = rows::<Merged>(tx.conn(), sql.to_owned(), vec![after.into(), size.into()]).await?;
    found.into_iter().map(|row| Ok((CustomerId(row.root_id), organization(&row.organization)?))).collect()
}
