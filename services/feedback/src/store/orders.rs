//! Orders: what feedback knows of them. A row that is `awaited` stands for an order that only a review speaks of yet; it
//! is what a review and the order's own event lock, so that neither misses the other.

use std::collections::{BTreeMap, HashMap};

use guanxi_kernel::name::{CustomerId, ShipmentId};
use guanxi_kernel::{OrderName, OrganizationId, Timestamp, Uuid};
use guanxi_store::{Cell, Column, Result, Rows, StoreError, Table, Tx};

use super::entities::{order_shipments, orders};
use super::{Lock, by_roots, organization};
use crate::domain::order::{Order, Shipment};

const ORDERS: Table = Table::new(
    "orders",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::text("name"),
        Column::text("state"),
        Column::uuid("customer").nullable(),
        Column::bool("cancelled"),
        Column::bool("invited"),
        Column::time("update_time"),
    ],
);

const SHIPMENTS: Table = Table::new(
    "order_shipments",
    &[
        Column::uuid("root_id"),
        Column::uuid("shipment_id"),
        Column::bool("expected"),
        Column::bool("delivered"),
        Column::bool("late"),
        Column::time("deliver_time").nullable(),
    ],
);

/// An order that is known here, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its facts.
    pub order: Order,
    /// Whether it was asked about.
    pub invited: bool,
}

/// What is known of some orders, by the ids of the orders, locked until the transaction ends.
pub type Book = HashMap<Uuid, Known>;

/// Records orders, each once, and answers those that a review awaited. One statement for each table, unless some are
/// stored already.
///
/// # Errors
/// The database's.
pub async fn record(tx: &Tx, found: &BTreeMap<Uuid, Order>) -> Result<Vec<Uuid>> {
    let known = |id: Uuid, order: &Order| {
        row(id, "known", &order.organization, &order.name, Some(order.customer), order.cancelled, tx.now())
    };
    let (mut rows, mut shipments) = (Rows::new(&ORDERS), Rows::new(&SHIPMENTS));
    for (id, order) in found {
        rows.push(known(*id, order));
        for (shipment, facts) in &order.shipments {
            shipments.push(shipment_row(*id, *shipment, facts, None));
        }
    }
    let new = rows.insert_new(tx).await?;
    shipments.insert_new(tx).await?;
    if new == found.len() as u64 {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = found.keys().copied().collect();
    let stored: Vec<orders::Model> = by_roots(tx, "orders", &ids, Lock::Rows).await?;
    let awaited: Vec<Uuid> = stored.iter().filter(|row| row.state == "awaited").map(|row| row.root_id).collect();
    let mut rows = Rows::new(&ORDERS);
    for id in &awaited {
        rows.push(known(*id, &found[id]));
    }
    rows.update(tx, &["root_id"]).await?;
    Ok(awaited)
}

/// The orders of these ids that are known, locked.
///
/// # Errors
/// The database's.
pub async fn lock(tx: &Tx, ids: &[Uuid]) -> Result<Book> {
    let rows: Vec<orders::Model> = by_roots(tx, "orders", ids, Lock::Rows).await?;
    let known: Vec<Uuid> = rows.iter().filter(|row| row.state == "known").map(|row| row.root_id).collect();
    let mut shipments: HashMap<Uuid, BTreeMap<ShipmentId, Shipment>> = HashMap::new();
    for row in by_roots::<order_shipments::Model>(tx, "order_shipments", &known, Lock::None).await? {
        let facts = Shipment { expected: row.expected, delivered: row.delivered, late: row.late };
        shipments.entry(row.root_id).or_default().insert(ShipmentId(row.shipment_id), facts);
    }
    rows.into_iter()
        .filter(|row| row.state == "known")
        .map(|row| {
            let shipments = shipments.remove(&row.root_id).unwrap_or_default();
            let customer = row.customer.ok_or_else(|| StoreError::Row(format!("{} has no customer", row.name)))?;
            let order = Order {
                name: row.name.parse().map_err(StoreError::row)?,
                organization: organization(&row.organization)?,
                customer: CustomerId(customer),
                cancelled: row.cancelled,
                shipments,
            };
            Ok((row.root_id, Known { order, invited: row.invited }))
        })
        .collect()
}

/// The orders of these names that are known, locked; the others are awaited from now on, for the organisation named.
///
/// # Errors
/// The database's.
pub async fn lock_or_await(tx: &Tx, wanted: &BTreeMap<Uuid, (OrderName, OrganizationId)>) -> Result<Book> {
    let ids: Vec<Uuid> = wanted.keys().copied().collect();
    let mut book = lock(tx, &ids).await?;
    let mut rows = Rows::new(&ORDERS);
    let mut missing = Vec::new();
    for (id, (name, organization)) in wanted.iter().filter(|(id, _)| !book.contains_key(id)) {
        rows.push(row(*id, "awaited", organization, name, None, false, tx.now()));
        missing.push(*id);
    }
    rows.insert_new(tx).await?;
    // What somebody else inserted at the same moment is known by now.
    book.extend(lock(tx, &missing).await?);
    Ok(book)
}

/// Stores what changed of orders: whether they are cancelled, and whether they were asked about.
///
/// # Errors
/// The database's.
pub async fn save<'a>(tx: &Tx, changed: impl IntoIterator<Item = &'a Known>) -> Result<()> {
    const CHANGED: Table = Table::new(
        "orders",
        &[Column::uuid("root_id"), Column::bool("cancelled"), Column::bool("invited"), Column::time("update_time")],
    );
    let mut rows = Rows::new(&CHANGED);
    for Known { order, invited } in changed {
        rows.push([order.name.uuid().into(), order.cancelled.into(), (*invited).into(), tx.now().into()]);
    }
    rows.update(tx, &["root_id"]).await.map(|_| ())
}

/// Stores what became of shipments: the last state of each, and when it was delivered.
///
/// # Errors
/// The database's.
pub async fn save_shipments(tx: &Tx, changed: &BTreeMap<(Uuid, ShipmentId), (Shipment, Timestamp)>) -> Result<()> {
    let mut rows = Rows::new(&SHIPMENTS);
    for ((id, shipment), (facts, delivered)) in changed {
        rows.push(shipment_row(*id, *shipment, facts, Some(*delivered)));
    }
    let set = "delivered = excluded.delivered, late = excluded.late, deliver_time = excluded.deliver_time";
    rows.upsert(tx, "root_id, shipment_id", set).await.map(|_| ())
}

fn row(
    id: Uuid,
    state: &str,
    organization: &OrganizationId,
    name: &OrderName,
    customer: Option<CustomerId>,
    cancelled: bool,
    now: Timestamp,
) -> [Cell; 8] {
    [
        id.into(),
        organization.slug().into(),
        name.as_str().into(),
        state.into(),
        customer.map(CustomerId::uuid).into(),
        cancelled.into(),
        false.into(),
        now.into(),
    ]
}

fn shipment_row(id: Uuid, shipment: ShipmentId, facts: &Shipment, delivered: Option<Timestamp>) -> [Cell; 6] {
    [
        id.into(),
        shipment.uuid().into(),
        facts.expected.into(),
        facts.delivered.into(),
        facts.late.into(),
        delivered.into(),
    ]
}
