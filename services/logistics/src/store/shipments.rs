//! Shipments with their packages: loaded, locked and saved as one.

use std::collections::{BTreeMap, HashMap};

use guanxi_kernel::name::{CustomerId, PackageId, ShipmentId};
use guanxi_kernel::{OrganizationId, Refused, Uuid};
use guanxi_store::time::from_column;
use guanxi_store::{Cell, Column, Result, Rows, Session, StoreError, Table, Tx};
use sea_orm::ConnectionTrait;
use sea_orm::prelude::DateTimeUtc;

use super::entities::{packages, shipment_changes, shipments};
use super::{numbers, promises, read, rows_of};
use crate::domain::{Change, Package, Promised, Revision, Shipment, Standing, Status};

/// The shipments with these identifiers that exist.
///
/// # Errors
/// The database's.
pub async fn load(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<BTreeMap<ShipmentId, Shipment>> {
    read_all(connection, ids, "").await
}

/// The same, locked until the transaction ends, in the order of their identifiers: whoever changes a package of a
/// shipment holds it.
///
/// # Errors
/// The database's.
pub async fn lock(tx: &Tx, ids: &[Uuid]) -> Result<BTreeMap<ShipmentId, Shipment>> {
    let suffix = format!(" ORDER BY root_id{}", tx.lock("shipments", ids).await?);
    read_all(tx.conn(), ids, &suffix).await
}

/// A shipment that the caller may read, with the changes of its promise.
///
/// # Errors
/// NOT_FOUND where there is none; the database's errors.
pub async fn get(session: &impl Session, id: ShipmentId) -> Result<(Shipment, Vec<Revision>)> {
    let found = load(session.connection(), &[id.uuid()]).await?.remove(&id);
    let shipment = found
        .filter(|shipment| session.may_read(shipment.organization.slug()))
        .ok_or_else(|| Refused::not_found("shipment", id))?;
    let revisions = promises::revisions(session.connection(), &[id.uuid()]).await?.remove(&id);
    Ok((shipment, revisions.unwrap_or_default()))
}

async fn read_all(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
    suffix: &str,
) -> Result<BTreeMap<ShipmentId, Shipment>> {
    let rows: Vec<shipments::Model> = rows_of(connection, "SELECT * FROM shipments", "root_id", ids, suffix).await?;
    compose(connection, rows).await
}

/// Shipments from their rows, with their packages.
///
/// # Errors
/// The database's.
pub async fn compose(
    connection: &impl ConnectionTrait,
    rows: Vec<shipments::Model>,
) -> Result<BTreeMap<ShipmentId, Shipment>> {
    let found: Vec<Uuid> = rows.iter().map(|row| row.root_id).collect();
    let order = " ORDER BY position";
    let mut contents: HashMap<Uuid, Vec<Package>> = HashMap::new();
    let select = "SELECT * FROM packages";
    for row in rows_of::<packages::Model>(connection, select, "shipment_id", &found, order).await? {
        contents.entry(row.shipment_id).or_default().push(package(row)?);
    }
    rows.into_iter()
        .map(|row| {
            let packages = contents.remove(&row.root_id).unwrap_or_default();
            shipment(row, packages).map(|shipment| (shipment.id, shipment))
        })
        .collect()
}

fn shipment(row: shipments::Model, packages: Vec<Package>) -> Result<Shipment> {
    let original = promises::Columns {
        date: row.original_date,
        start: row.original_start,
        end: row.original_end,
        zone: row.original_zone,
    };
    let current = promises::Columns {
        date: row.promised_date,
        start: row.promised_start,
        end: row.promised_end,
        zone: row.promised_zone,
    };
    let count = |n: i64| u32::try_from(n).map_err(StoreError::row);
    let promised = match (original.promise()?, current.promise()?, row.told_date) {
        (Some(original), Some(current), Some(told)) => Some(Promised {
            original,
            current,
            told: read(&told)?,
            revisions: count(row.promise_revisions)?,
            postponements: count(row.postponements)?,
        }),
        _ => None,
    };
    Ok(Shipment {
        id: row.root_id.into(),
        organization: OrganizationId::from_slug(&row.organization).map_err(StoreError::row)?,
        order: row.order_name.as_deref().map(read).transpose()?,
        seller: row.seller,
        customer: row.customer_id.map(CustomerId),
        packages,
        promised,
        status: read(&row.status)?,
        version: row.version,
        create_time: from_column(row.create_time),
        update_time: from_column(row.update_time),
    })
}

fn package(row: packages::Model) -> Result<Package> {
    let status: Status = read(&row.status)?;
    let count = |n: i64| u32::try_from(n).map_err(StoreError::row);
    let instant = |at: Option<DateTimeUtc>| at.map(from_column);
    let standing = Standing {
        status,
        sub_status: row.sub_status.and_then(|name| status.sub_status(&name)),
        status_time: instant(row.status_time),
        delivered_time: instant(row.delivered_time),
        challenged: row.challenged,
        found: row.found,
        moved_after_cancellation: row.moved_after_cancellation,
        events: count(row.events)?,
        anomalous: count(row.anomalous)?,
        last_time: instant(row.last_time),
        reached: [
            row.created_time,
            row.info_received_time,
            row.picked_up_time,
            row.in_transit_time,
            row.out_for_delivery_time,
            row.reported_delivered_time,
        ]
        .map(instant),
    };
    let tracking = numbers::number(row.carrier.as_deref(), row.number.as_deref());
    Ok(Package { id: row.root_id.into(), tracking, standing })
}

/// Writes new shipments with their packages.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &Tx, new: &[Shipment]) -> Result<()> {
    let mut rows = Rows::new(&shipments::TABLE);
    let mut contents = Rows::new(&packages::TABLE);
    for shipment in new {
        let promised = shipment.promised.as_ref();
        let [original_date, original_start, original_end, original_zone] =
            promises::cells(promised.map(|promised| &promised.original));
        let [promised_date, promised_start, promised_end, promised_zone] =
            promises::cells(promised.map(|promised| &promised.current));
        rows.push([
            shipment.id.uuid().into(),
            shipment.organization.slug().into(),
            shipment.order.as_ref().map(ToString::to_string).into(),
            shipment.seller.clone().into(),
            shipment.customer.map(CustomerId::uuid).into(),
            shipment.status.as_str().into(),
            original_date,
            original_start,
            original_end,
            original_zone,
            promised_date,
            promised_start,
            promised_end,
            promised_zone,
            promised.map(|promised| promised.told.to_string()).into(),
            promised.map_or(0, |promised| promised.revisions).into(),
            promised.map_or(0, |promised| promised.postponements).into(),
            shipment.version.into(),
            shipment.create_time.into(),
            shipment.update_time.into(),
        ]);
        for (position, package) in (0_i64..).zip(&shipment.packages) {
            let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s] = standing(shipment, package);
            contents.push([
                shipment.organization.slug().into(),
                shipment.id.uuid().into(),
                position.into(),
                package.tracking.as_ref().map(|tracking| tracking.carrier.clone()).into(),
                package.tracking.as_ref().map(|tracking| tracking.number.clone()).into(),
                a,
                b,
                c,
                d,
                e,
                f,
                g,
                h,
                i,
                j,
                k,
                l,
                m,
                n,
                o,
                p,
                q,
                r,
                s,
            ]);
        }
    }
    rows.insert(tx).await?;
    contents.insert(tx).await
}

/// Where a package stands, in the columns of [`packages::STANDING`].
fn standing(shipment: &Shipment, package: &Package) -> [Cell; 19] {
    let standing = &package.standing;
    let delivered_date = standing.delivered_time.map(|at| shipment.local_date(at).to_string());
    let [created, info_received, picked_up, in_transit, out_for_delivery, delivered] = standing.reached;
    [
        package.id.uuid().into(),
        standing.status.as_str().into(),
        standing.sub_status.map(|sub| sub.as_str()).into(),
        standing.status_time.into(),
        standing.delivered_time.into(),
        delivered_date.into(),
        shipment.package_on_time(package).map(i64::from).into(),
        standing.challenged.into(),
        standing.found.into(),
        standing.moved_after_cancellation.into(),
        standing.events.into(),
        standing.anomalous.into(),
        standing.last_time.into(),
        created.into(),
        info_received.into(),
        picked_up.into(),
        in_transit.into(),
        out_for_delivery.into(),
        delivered.into(),
    ]
}

/// Saves where packages of shipments stand.
///
/// # Errors
/// The database's.
pub async fn save_packages<'a>(tx: &Tx, stood: impl Iterator<Item = (&'a Shipment, PackageId)>) -> Result<()> {
    let mut rows = Rows::new(&packages::STANDING);
    for (shipment, id) in stood {
        let package = shipment.package(id).ok_or_else(|| StoreError::row(format!("{id} is not of {}", shipment.id)))?;
        rows.push(standing(shipment, package));
    }
    rows.update(tx, &["root_id"]).await.map(|_| ())
}

const STATE: Table = Table::new(
    "shipments",
    &[Column::uuid("root_id"), Column::text("status"), Column::int("version"), Column::time("update_time")],
);

/// Saves where shipments stand.
///
/// # Errors
/// The database's.
pub async fn save<'a>(tx: &Tx, changed: impl Iterator<Item = &'a Shipment>) -> Result<()> {
    let mut rows = Rows::new(&STATE);
    for shipment in changed {
        let status = shipment.status.as_str();
        rows.push([shipment.id.uuid().into(), status.into(), shipment.version.into(), shipment.update_time.into()]);
    }
    rows.update(tx, &["root_id"]).await.map(|_| ())
}

/// Writes down numbered changes, for those who watch.
///
/// # Errors
/// The database's.
pub async fn log(tx: &Tx, changes: Vec<Change>) -> Result<()> {
    let mut rows = Rows::new(&shipment_changes::TABLE);
    for change in changes {
        let package = change.package;
        rows.push([
            change.shipment.uuid().into(),
            change.number.into(),
            package.map(|(id, ..)| id.uuid()).into(),
            package.map(|(_, status, _)| status.as_str()).into(),
            package.and_then(|(.., sub)| sub).map(|sub| sub.as_str()).into(),
            change.status.as_str().into(),
            change.promised.map(|date| date.to_string()).into(),
            Cell::Time(tx.now()),
        ]);
    }
    rows.insert(tx).await
}
