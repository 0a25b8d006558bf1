//! What references lead to: the packages that are known, and for the others the places where their events wait.

use std::collections::HashMap;

use guanxi_kernel::name::{PackageId, ShipmentId};
use guanxi_kernel::{Access, Call, OrganizationId, Refused, Timestamp, Uuid};
use guanxi_store::{Result, StoreError, Tx, dialect};
use sea_orm::FromQueryResult;

use super::Intake;
use crate::domain::PackageReference;
use crate::store::numbers::{self, Holder};
use crate::store::rows_of;

/// What is written under one root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The package's identifier, or that of the place where its events wait.
    pub root: Uuid,
    /// The package and its shipment; `None` while it is not known.
    pub known: Option<(PackageId, ShipmentId)>,
    /// Whose it is; `None` for whichever organisation the package turns out to have.
    pub organization: Option<OrganizationId>,
}

#[derive(Debug, FromQueryResult)]
struct Row {
    root_id: Uuid,
    shipment_id: Uuid,
    organization: String,
}

/// The packages and numbers that some references name, as far as they are known.
#[derive(Debug, Default)]
pub struct Found {
    packages: HashMap<Uuid, (ShipmentId, OrganizationId)>,
    numbers: HashMap<Uuid, Vec<Holder>>,
}

impl Found {
    /// Finds what these references name. Those that name nothing are locked, and looked for once more: a package that
    /// is recorded at this moment is either found, or finds what is written for it here.
    ///
    /// # Errors
    /// The database's.
    pub async fn find(tx: &Tx, items: &[(&Call, &Intake)]) -> Result<Self> {
        let mut found = Self::default();
        let references: Vec<&PackageReference> = items.iter().map(|(_, intake)| &intake.reference).collect();
        found.look(tx, &references).await?;
        let waits = |(call, intake): &&(&Call, &Intake)| {
            found.place(call, intake, None).is_ok_and(|place| place.known.is_none())
        };
        let unknown: Vec<&PackageReference> = items.iter().filter(waits).map(|(_, intake)| &intake.reference).collect();
        if !unknown.is_empty() {
            dialect::lock_keys(tx.conn(), &keys(unknown.iter().copied())).await?;
            found.look(tx, &unknown).await?;
        }
        Ok(found)
    }

    async fn look(&mut self, tx: &Tx, references: &[&PackageReference]) -> Result<()> {
        let (mut packages, mut named) = (Vec::new(), Vec::new());
        for reference in references {
            match reference {
                PackageReference::Package(id) => packages.push(id.uuid()),
                PackageReference::Number(number) => named.push(number.uuid()),
            }
        }
        self.numbers.extend(numbers::holders(tx.conn(), &distinct(named)).await?);
        packages.extend(self.numbers.values().flatten().map(|holder| holder.package.uuid()));
        let select = "SELECT root_id, shipment_id, organization FROM packages";
        for row in rows_of::<Row>(tx.conn(), select, "root_id", &distinct(packages), "").await? {
            let organization = OrganizationId::from_slug(&row.organization).map_err(StoreError::row)?;
            self.packages.insert(row.root_id, (row.shipment_id.into(), organization));
        }
        Ok(())
    }

    /// Where what a caller says of a package at an instant belongs. A package that the caller may not even read is to
    /// it as one that is not known.
    ///
    /// # Errors
    /// PERMISSION_DENIED and NOT_FOUND where the caller may not write; FAILED_PRECONDITION where it names another
    /// organisation than the package's.
    pub fn place(&self, call: &Call, intake: &Intake, at: Option<Timestamp>) -> Result<Place, Refused> {
        let access = &call.caller.organizations;
        let package = match &intake.reference {
            PackageReference::Package(id) => Some(*id),
            PackageReference::Number(number) => {
                let holders = self.numbers.get(&number.uuid()).map_or(&[][..], Vec::as_slice);
                let visible = |holder: &Holder| {
                    access.may_read(&holder.organization)
                        && intake.organization.as_ref().is_none_or(|named| *named == holder.organization)
                };
                numbers::at(holders, at, visible).map(|holder| holder.package)
            }
        };
        let known = package.and_then(|id| {
            let (shipment, organization) = self.packages.get(&id.uuid())?;
            access.may_read(organization).then_some((id, *shipment, organization))
        });
        match known {
            Some((id, shipment, organization)) => {
                if let Some(named) = intake.organization.as_ref().filter(|named| *named != organization) {
                    let message = format!("{id} is not of {named}");
                    return Err(Refused::precondition("ORGANIZATION_MISMATCH", message).with("package", id));
                }
                call.may_write(organization)?;
                Ok(Place { root: id.uuid(), known: Some((id, shipment)), organization: Some(organization.clone()) })
            }
            None => {
                let organization = match (&intake.organization, &**access) {
                    (None, Access::All) => None,
                    (named, _) => Some(call.organization(named.clone())?),
                };
                let root = intake.reference.parking(organization.as_ref());
                Ok(Place { root, known: None, organization })
            }
        }
    }
}

/// The keys to hold while it is decided whether references name anything.
pub fn keys<'a>(references: impl IntoIterator<Item = &'a PackageReference>) -> Vec<String> {
    references.into_iter().map(|reference| format!("tracking/{reference}")).collect()
}

fn distinct(mut ids: Vec<Uuid>) -> Vec<Uuid> {
    ids.sort_unstable();
    ids.dedup();
    ids
}
