//! Packages as they are found: by name, or by the number that a carrier gave them.

use guanxi_kernel::Refused;
use guanxi_kernel::name::{PackageId, ShipmentId};
use guanxi_store::{Result, Session};
use sea_orm::{ColumnTrait, QueryFilter};

use super::entities::packages::{Column, Entity};
use super::{numbers, read};
use crate::domain::{PackageReference, Status};

/// A package, its shipment, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The package.
    pub id: PackageId,
    /// Its shipment.
    pub shipment: ShipmentId,
    /// Where it stands.
    pub status: Status,
}

/// The package of this name, or that has this number now, among those that the caller may read.
///
/// # Errors
/// NOT_FOUND where there is none; the database's errors.
pub async fn get(session: &impl Session, reference: &PackageReference) -> Result<Found> {
    let not_found = || Refused::not_found("package", reference);
    let id = match reference {
        PackageReference::Package(id) => *id,
        PackageReference::Number(number) => {
            let holders = numbers::holders(session.connection(), &[number.uuid()]).await?;
            let holders = holders.get(&number.uuid()).map_or(&[][..], Vec::as_slice);
            let holder = numbers::at(holders, None, |holder| session.may_read(holder.organization.slug()));
            holder.ok_or_else(not_found)?.package
        }
    };
    let query = session.find::<Entity>().filter(Column::RootId.eq(id.uuid()));
    let row = query.one(session.connection()).await?.ok_or_else(not_found)?;
    Ok(Found { id, shipment: row.shipment_id.into(), status: read(&row.status)? })
}
