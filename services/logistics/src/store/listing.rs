//! Lists of shipments: newest first, by the fields that have an index.

use guanxi_kernel::name::{CustomerId, ShipmentId};
use guanxi_kernel::{PageRequest, Refused, Uuid};
use guanxi_store::filter::{self, Field, Holds, Ordering};
use guanxi_store::{Result, Session};
use sea_orm::{QueryFilter, QuerySelect};

use super::entities::shipments::{Column, Entity};
use super::{promises, shipments};
use crate::domain::{Revision, Shipment};

const KEY: Field<Column> =
    Field::new("name", Column::RootId, Holds::Name(|name| Some(name.parse::<ShipmentId>().ok()?.uuid())));

const FIELDS: &[Field<Column>] = &[
    Field::new("order", Column::OrderName, Holds::Text),
    Field::new("customer", Column::CustomerId, Holds::Name(|name| Some(name.parse::<CustomerId>().ok()?.uuid()))),
    Field::new("organization", Column::Organization, Holds::Slug("organizations/")),
    Field::new("create_time", Column::CreateTime, Holds::Time),
    Field::new(
        "status",
        Column::Status,
        Holds::OneOf(&[
            ("CREATED", "CREATED"),
            ("INFO_RECEIVED", "INFO_RECEIVED"),
            ("PICKED_UP", "PICKED_UP"),
            ("IN_TRANSIT", "IN_TRANSIT"),
            ("OUT_FOR_DELIVERY", "OUT_FOR_DELIVERY"),
            ("AVAILABLE_FOR_PICKUP", "AVAILABLE_FOR_PICKUP"),
            ("ATTEMPT_FAILED", "ATTEMPT_FAILED"),
            ("ON_HOLD", "ON_HOLD"),
            ("DELIVERED", "DELIVERED"),
            ("PARTIALLY_DELIVERED", "PARTIALLY_DELIVERED"),
            ("RETURNING", "RETURNING"),
            ("RETURNED", "RETURNED"),
            ("LOST", "LOST"),
            ("DAMAGED", "DAMAGED"),
            ("CANCELLED", "CANCELLED"),
        ]),
    ),
];

/// Checks a filter before anything is read.
///
/// # Errors
/// INVALID_ARGUMENT for a filter that is none.
pub fn check(filter: &str) -> Result<(), Refused> {
    filter::condition(filter, FIELDS).map(|_| ())
}

/// A page of the shipments that the caller may read, each with the changes of its promise, and the key of the next page.
///
/// # Errors
/// INVALID_ARGUMENT for a filter or a page token that is none; the database's errors.
pub async fn list(
    session: &impl Session,
    filter: &str,
    page: &PageRequest,
) -> Result<(Vec<(Shipment, Vec<Revision>)>, Option<Vec<String>>)> {
    let order = Ordering::parse("create_time desc", FIELDS, KEY)?;
    let mut query = session.find::<Entity>().filter(filter::condition(filter, FIELDS)?);
    if let Some(after) = &page.after {
        query = query.filter(order.after(after)?);
    }
    let mut rows = order.apply(query).limit(u64::from(page.size) + 1).all(session.connection()).await?;
    let more = rows.len() > page.size as usize;
    rows.truncate(page.size as usize);
    let ids: Vec<Uuid> = rows.iter().map(|row| row.root_id).collect();
    let mut found = shipments::compose(session.connection(), rows).await?;
    let mut revisions = promises::revisions(session.connection(), &ids).await?;
    let listed: Vec<(Shipment, Vec<Revision>)> = ids
        .into_iter()
        .filter_map(|id| found.remove(&ShipmentId(id)))
        .map(|shipment| {
            let revised = revisions.remove(&shipment.id).unwrap_or_default();
            (shipment, revised)
        })
        .collect();
    let next = listed.last().filter(|_| more);
    let next = next.map(|(shipment, _)| vec![shipment.create_time.to_string(), shipment.id.to_string()]);
    Ok((listed, next))
}
