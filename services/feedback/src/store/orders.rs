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

/// Records orders, each once; those that a review awaited are known from now on. All are locked until the transaction
/// ends, in the order of their ids.
///
/// # Errors
/// The database's.
pub async fn record(tx: &Tx, found: &BTreeMap<Uuid, Order>) -> Result<()> {
    let (mut rows, mut shipments) = (Rows::new(&ORDERS), Rows::new(&SHIPMENTS));
    for (id, order) in found {
        let Order { organization, name, customer, cancelled, .. } = order;
        rows.push(row(*id, "known", organization, name, Some(*customer), *cancelled, tx.now()));
        for (shipment, facts) in &order.shipments {
            shipments.push(shipment_row(*id, *shipment, facts, None));
        }
    }
    let set = "organization = excluded.organization, state = 'known', customer = excluded.customer, \
               cancelled = excluded.cancelled, update_time = excluded.update_time WHERE orders.state = 'awaited'";
    rows.upsert(tx, "root_id", set).await?;
    shipments.insert_new(tx).await.map(|_| ())
}

/// The orders of these ids that are known, locked.
///
/// # Errors
/// The database's.
pub async fn lock(tx: &Tx, ids: &[Uuid]) -> Result<Book> {
    read(tx, ids, Lock::Rows).await
}

/// The orders of these names that are known; the others are awaited from now on, for the organisation named. All are
/// locked, in the order of their ids and by one statement: whoever did it in two, or in another order, would wait for
/// an order that another transaction is recording while that one waits for him.
///
/// # Errors
/// The database's.
pub async fn lock_or_await(tx: &Tx, wanted: &BTreeMap<Uuid, (OrderName, OrganizationId)>) -> Result<Book> {
    let mut rows = Rows::new(&ORDERS);
    for (id, (name, organization)) in wanted {
        rows.push(row(*id, "awaited", organization, name, None, false, tx.now()));
    }
    // Locks what is there, and writes nothing to it.
    rows.upsert(tx, "root_id", "state = excluded.state WHERE false").await?;
    let ids: Vec<Uuid> = wanted.keys().copied().collect();
    read(tx, &ids, Lock::None).await
}

async fn read(tx: &Tx, ids: &[Uuid], lock: Lock) -> Result<Book> {
    let rows: Vec<orders::Model> = by_roots(tx, "orders", ids, lock).await?;
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
