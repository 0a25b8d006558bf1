//! What changed of shipments since a place in their numbered changes.

use std::collections::BTreeMap;

use guanxi_kernel::name::{CustomerId, PackageId, ShipmentId};
use guanxi_kernel::{Timestamp, Uuid};
use guanxi_store::time::{from_column, to_column};
use guanxi_store::{Result, Session, Tx};
use sea_orm::{ColumnTrait, ConnectionTrait, QueryFilter, QueryOrder, QuerySelect, Statement};

use super::entities::{packages, shipment_changes, shipments};
use super::{read, rows_of};
use crate::domain::{Change, Status};

/// A change, and when it was stored.
pub type Stored = (Change, Timestamp);

/// The number of the last change of a shipment; `None` where the caller may read none of this name.
///
/// # Errors
/// The database's.
pub async fn head(session: &impl Session, id: ShipmentId) -> Result<Option<i64>> {
    let query = session.find::<shipments::Entity>().filter(shipments::Column::RootId.eq(id.uuid()));
    Ok(query.one(session.connection()).await?.map(|row| row.version))
}

/// The shipment of a package; `None` where the caller may read none of this name.
///
/// # Errors
/// The database's.
pub async fn shipment_of(session: &impl Session, id: PackageId) -> Result<Option<ShipmentId>> {
    let query = session.find::<packages::Entity>().filter(packages::Column::RootId.eq(id.uuid()));
    Ok(query.one(session.connection()).await?.map(|row| row.shipment_id.into()))
}

/// The shipments of a customer, oldest first, with the numbers of their last changes; at most `limit`.
///
/// # Errors
/// The database's.
pub async fn heads_of(session: &impl Session, customer: CustomerId, limit: u64) -> Result<Vec<(ShipmentId, i64)>> {
    let rows: Vec<(Uuid, i64)> = session
        .find::<shipments::Entity>()
        .filter(shipments::Column::CustomerId.eq(customer.uuid()))
        .order_by_asc(shipments::Column::CreateTime)
        .order_by_asc(shipments::Column::RootId)
        .select_only()
        .columns([shipments::Column::RootId, shipments::Column::Version])
        .limit(limit)
        .into_tuple()
        .all(session.connection())
        .await?;
    Ok(rows.into_iter().map(|(id, version)| (id.into(), version)).collect())
}

/// The changes of shipments after their places, in order for each. A shipment whose changes are not all kept any more
/// comes back without any.
///
/// # Errors
/// The database's.
pub async fn changes(
    connection: &impl ConnectionTrait,
    after: &BTreeMap<ShipmentId, i64>,
) -> Result<BTreeMap<ShipmentId, Vec<Stored>>> {
    let ids: Vec<Uuid> = after.keys().map(|id| id.uuid()).collect();
    let least = after.values().min().copied().unwrap_or_default();
    let suffix = format!(" AND number > {least} ORDER BY root_id, number");
    let rows: Vec<shipment_changes::Model> =
        rows_of(connection, "SELECT * FROM shipment_changes", "root_id", &ids, &suffix).await?;
    let mut found: BTreeMap<ShipmentId, Vec<Stored>> = after.keys().map(|id| (*id, Vec::new())).collect();
    for row in rows {
        let id = ShipmentId(row.root_id);
        let changes = found.entry(id).or_default();
        if row.number > after.get(&id).copied().unwrap_or_default() {
            changes.push(change(row)?);
        }
    }
    for (id, changes) in &mut found {
        let next = after.get(id).copied().unwrap_or_default() + 1;
        if changes.first().is_some_and(|(first, _)| first.number != next) {
            changes.clear();
        }
    }
    Ok(found)
}

fn change(row: shipment_changes::Model) -> Result<Stored> {
    let package = match (row.package_id, row.package_status.as_deref()) {
        (Some(id), Some(status)) => {
            let status: Status = read(status)?;
            let sub = row.package_sub_status.as_deref().and_then(|name| status.sub_status(name));
            Some((PackageId(id), status, sub))
        }
        _ => None,
    };
    let change = Change {
        shipment: row.root_id.into(),
        number: row.number,
        package,
        status: read(&row.status)?,
        promised: row.promised_date.as_deref().map(read).transpose()?,
    };
    Ok((change, from_column(row.create_time)))
}

/// Forgets up to `most` changes that were stored before `before`, and says how many that were.
///
/// # Errors
/// The database's.
pub async fn forget(tx: &Tx, before: Timestamp, most: u64) -> Result<u64> {
    let sql = "DELETE FROM shipment_changes WHERE (root_id, number) IN \
               (SELECT root_id, number FROM shipment_changes WHERE create_time < $1 ORDER BY create_time LIMIT $2)";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let values = [to_column(before).into(), most.into()];
    let done = tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
    Ok(done.rows_affected())
}
