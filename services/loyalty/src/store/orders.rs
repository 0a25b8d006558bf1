//! Orders as the customer service told of them: whose they are, and which shipments they wait for.

use std::collections::BTreeMap;

use guanxi_kernel::name::{CustomerId, ShipmentId};
use guanxi_kernel::{OrderName, OrganizationId, Timestamp, Uuid};
use guanxi_store::{Cell, Column, Result, Rows, StoreError, Table, Tx, time};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{of_roots, organization};
use crate::domain::delivery::Delivery;

const ORDERS: Table = Table::new(
    "orders",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::text("name"),
        Column::uuid("customer"),
        Column::time("complete_time").nullable(),
    ],
);

const COMPLETED: Table = Table::new("orders", &[Column::uuid("root_id"), Column::time("complete_time")]);

const SHIPMENTS: Table = Table::new(
    "order_shipments",
    &[Column::uuid("root_id"), Column::uuid("shipment_id"), Column::time("deliver_time").nullable()],
);

/// An order that is known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownOrder {
    /// Its name.
    pub name: OrderName,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Who placed it.
    pub customer: CustomerId,
    /// The shipments that it waits for.
    pub delivery: Delivery,
}

#[derive(FromQueryResult)]
struct Row {
    root_id: Uuid,
    organization: String,
    name: String,
    customer: Uuid,
}

#[derive(FromQueryResult)]
struct Shipment {
    root_id: Uuid,
    shipment_id: Uuid,
    deliver_time: Option<DateTimeUtc>,
}

#[derive(FromQueryResult)]
struct Completed {
    root_id: Uuid,
    complete_time: Option<DateTimeUtc>,
}

/// Those of these orders that are known, by their keys, locked: the shipments of one order may be told of at once.
///
/// # Errors
/// The database's.
pub async fn lock(tx: &Tx, orders: &[Uuid]) -> Result<BTreeMap<Uuid, KnownOrder>> {
    let and = format!(" ORDER BY root_id{}", tx.lock("orders", orders).await?);
    let rows = of_roots::<Row>(tx.conn(), "orders", orders, &and).await?;
    let mut shipments = BTreeMap::<Uuid, Vec<(ShipmentId, Option<Timestamp>)>>::new();
    for row in of_roots::<Shipment>(tx.conn(), "order_shipments", orders, "").await? {
        let delivered = row.deliver_time.map(time::from_column);
        shipments.entry(row.root_id).or_default().push((ShipmentId(row.shipment_id), delivered));
    }
    let known = rows.into_iter().map(|row| {
        let order = KnownOrder {
            name: row.name.parse().map_err(StoreError::row)?,
            organization: organization(&row.organization)?,
            customer: CustomerId(row.customer),
            delivery: Delivery::from_kept(shipments.remove(&row.root_id).unwrap_or_default()),
        };
        Ok((row.root_id, order))
    });
    known.collect()
}

/// When the last shipment of each of these orders was delivered; orders of which one is missing are left out.
///
/// # Errors
/// The database's.
pub async fn completed(connection: &impl ConnectionTrait, orders: &[Uuid]) -> Result<BTreeMap<Uuid, Timestamp>> {
    let rows = of_roots::<Completed>(connection, "orders", orders, " AND complete_time IS NOT NULL").await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.root_id, time::from_column(row.complete_time?)))).collect())
}

/// Keeps new orders; those that are known already stay as they are.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &Tx, orders: &BTreeMap<Uuid, KnownOrder>) -> Result<()> {
    let (mut rows, mut shipments) = (Rows::new(&ORDERS), Rows::new(&SHIPMENTS));
    for (root, order) in orders {
        rows.push([
            (*root).into(),
            order.organization.slug().into(),
            order.name.as_str().into(),
            order.customer.uuid().into(),
            order.delivery.completed().into(),
        ]);
        for (shipment, delivered) in order.delivery.shipments() {
            shipments.push([(*root).into(), shipment.uuid().into(), delivered.into()]);
        }
    }
    rows.insert_new(tx).await?;
    shipments.insert_new(tx).await.map(|_| ())
}

/// Keeps shipments that orders wait for besides.
///
/// # Errors
/// The database's.
pub async fn expect(tx: &Tx, shipments: &[(Uuid, ShipmentId)]) -> Result<()> {
    let mut rows = Rows::new(&SHIPMENTS);
    for (root, shipment) in shipments {
        rows.push([(*root).into(), shipment.uuid().into(), Cell::Null]);
    }
    rows.insert_new(tx).await.map(|_| ())
}

/// Keeps that shipments were delivered, and when the last one of an order was.
///
/// # Errors
/// The database's.
pub async fn save_deliveries(
    tx: &Tx,
    delivered: &[(Uuid, ShipmentId, Timestamp)],
    completed: &[(Uuid, Timestamp)],
) -> Result<()> {
    let mut rows = Rows::new(&SHIPMENTS);
    for (root, shipment, at) in delivered {
        rows.push([(*root).into(), shipment.uuid().into(), (*at).into()]);
    }
    rows.upsert(tx, "root_id, shipment_id", "deliver_time = excluded.deliver_time").await?;
    let mut rows = Rows::new(&COMPLETED);
    for (root, at) in completed {
        rows.push([(*root).into(), (*at).into()]);
    }
    rows.update(tx, &["root_id"]).await.map(|_| ())
}
