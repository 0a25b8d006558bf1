//! Tracking numbers: which package has, or had, a carrier's number. Carriers use numbers again; the package that has one
//! at a time is the last that was given it by then.

use std::collections::HashMap;

use guanxi_kernel::name::PackageId;
use guanxi_kernel::{OrganizationId, Timestamp, Uuid};
use guanxi_store::time::from_column;
use guanxi_store::{Cell, Result, Rows, Tx};
use sea_orm::ConnectionTrait;

use super::entities::tracking_numbers;
use super::rows_of;
use crate::domain::TrackingNumber;

/// A package that has or had a number.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The package.
    pub package: PackageId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Since when.
    pub since: Timestamp,
}

/// The packages of each of these numbers, in the order in which they were given them.
///
/// # Errors
/// The database's.
pub async fn holders(connection: &impl ConnectionTrait, numbers: &[Uuid]) -> Result<HashMap<Uuid, Vec<Holder>>> {
    let select = "SELECT * FROM tracking_numbers";
    let order = " ORDER BY valid_from, package_id";
    let mut found: HashMap<Uuid, Vec<Holder>> = HashMap::new();
    for row in rows_of::<tracking_numbers::Model>(connection, select, "root_id", numbers, order).await? {
        let organization = OrganizationId::from_slug(&row.organization).map_err(guanxi_store::StoreError::row)?;
        found.entry(row.root_id).or_default().push(Holder {
            package: row.package_id.into(),
            organization,
            since: from_column(row.valid_from),
        });
    }
    Ok(found)
}

/// Of the packages of a number that `visible` admits, the one that had it at an instant: the last that was given it by
/// then, else the first. Without an instant: the last.
pub fn at(holders: &[Holder], at: Option<Timestamp>, visible: impl Fn(&Holder) -> bool) -> Option<&Holder> {
    let mut visible = holders.iter().filter(|holder| visible(holder)).peekable();
    let first = visible.peek().copied();
    visible.filter(|holder| at.is_none_or(|at| holder.since <= at)).last().or(first)
}

/// Gives packages their numbers.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &Tx, given: Vec<(TrackingNumber, PackageId, OrganizationId)>) -> Result<()> {
    let mut rows = Rows::new(&tracking_numbers::TABLE);
    for (number, package, organization) in given {
        rows.push([
            number.uuid().into(),
            package.uuid().into(),
            organization.slug().into(),
            number.carrier.into(),
            number.number.into(),
            Cell::Time(tx.now()),
        ]);
    }
    rows.insert(tx).await
}

/// The number of a package, from its columns.
pub fn number(carrier: Option<&str>, number: Option<&str>) -> Option<TrackingNumber> {
    Some(TrackingNumber::new(carrier?, number?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_packages_that_had_it_at_the_time() {
        let holder = |second| Holder {
            package: PackageId::new(),
            organization: OrganizationId::default_organization(),
            since: Timestamp::from_second(second).expect("in range"),
        };
        let holders = [holder(100), holder(200)];
        let had = |second: Option<i64>| {
            let instant = second.map(|s| Timestamp::from_second(s).expect("in range"));
            at(&holders, instant, |_| true).map(|h| h.package)
        };
        assert_eq!(had(Some(50)), Some(holders[0].package), "before anybody had it, the first");
        assert_eq!(had(Some(199)), Some(holders[0].package));
        assert_eq!(had(Some(200)), Some(holders[1].package));
        assert_eq!(had(None), Some(holders[1].package));
        assert!(at(&holders, None, |_| false).is_none());
    }
}
