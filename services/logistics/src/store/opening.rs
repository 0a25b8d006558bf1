//! Shipments as they are recorded. What was reported of their packages before waits under their references; it is taken
//! over in the transaction that makes them known.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use guanxi_kernel::name::{CustomerId, PackageId, ShipmentId};
use guanxi_kernel::{OrderName, OrganizationId, Refused, Uuid};
use guanxi_store::{Result, Tx, dialect};
use sea_orm::FromQueryResult;

use super::entities::{retractions, tracking_events};
use super::intake::found::keys;
use super::{numbers, read, rows_of, shipments, tracks};
use crate::domain::{Outcome, Package, PackageReference, Promise, Promised, Shipment, Status, Track, TrackingNumber};
use crate::events::outgoing;

/// A shipment to record.
#[derive(Debug, Clone)]
pub struct NewShipment {
    /// What it is called.
    pub id: ShipmentId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// The order that it carries.
    pub order: Option<OrderName>,
    /// Who sends it.
    pub seller: Option<String>,
    /// Who waits for it.
    pub customer: Option<CustomerId>,
    /// What was promised.
    pub promise: Option<Promise>,
    /// Its packages, in order.
    pub packages: Vec<(PackageId, Option<TrackingNumber>)>,
    /// Whether it is imported history.
    pub historical: bool,
    /// The trace of what caused it.
    pub traceparent: Option<Arc<str>>,
}

/// What became of one: recorded, or there already.
#[derive(Debug, Clone, PartialEq)]
pub enum Opened {
    /// It is recorded.
    New(Box<Shipment>),
    /// It was recorded before, and stays as it is.
    Exists,
}

#[derive(Debug, FromQueryResult)]
struct Id {
    root_id: Uuid,
}

/// Records shipments; an answer for each.
///
/// # Errors
/// FAILED_PRECONDITION where a number is in use; the database's errors.
pub async fn open(tx: &Tx, new: Vec<NewShipment>) -> Result<Vec<Opened>> {
    let named: Vec<PackageReference> = new.iter().flat_map(|shipment| shipment.references()).collect();
    dialect::lock_keys(tx.conn(), &keys(&named)).await?;
    let ids: Vec<Uuid> = new.iter().map(|shipment| shipment.id.uuid()).collect();
    let select = "SELECT root_id FROM shipments";
    let existing = rows_of::<Id>(tx.conn(), select, "root_id", &ids, "").await?;
    let mut taken: HashSet<Uuid> = existing.into_iter().map(|row| row.root_id).collect();
    let fresh: Vec<bool> = ids.iter().map(|&id| taken.insert(id)).collect();
    refuse_used_numbers(tx, new.iter().zip(&fresh).filter(|(_, fresh)| **fresh).map(|(shipment, _)| shipment)).await?;

    let mut waiting = Waiting::load(tx, &new).await?;
    let (mut opened, mut recorded, mut changes, mut given) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (shipment, fresh) in new.into_iter().zip(fresh) {
        if !fresh {
            opened.push(Opened::Exists);
            continue;
        }
        let (historical, traceparent) = (shipment.historical, shipment.traceparent.clone());
        for (package, number) in &shipment.packages {
            given.extend(number.clone().map(|number| (number, *package, shipment.organization.clone())));
        }
        let mut history = true;
        let packages = shipment.packages.iter().map(|(id, tracking)| {
            let (track, old) = waiting.adopt(&shipment, *id, tracking.as_ref())?;
            history &= old;
            Ok(Package { id: *id, tracking: tracking.clone(), standing: track.standing().clone() })
        });
        let packages = packages.collect::<Result<Vec<_>>>()?;
        let mut shipment = shipment.into_shipment(packages, tx);
        let (more, facts) = shipment.open(tx.now());
        changes.extend(more);
        let (created, reported) = facts.split_at(1);
        outgoing::tell(tx, &shipment, created, historical, traceparent.as_ref());
        outgoing::tell(tx, &shipment, reported, history, traceparent.as_ref());
        opened.push(Opened::New(Box::new(shipment.clone())));
        recorded.push(shipment);
    }
    shipments::insert(tx, &recorded).await?;
    numbers::insert(tx, given).await?;
    shipments::log(tx, changes).await?;
    waiting.save(tx).await?;
    Ok(opened)
}

impl NewShipment {
    fn references(&self) -> impl Iterator<Item = PackageReference> {
        self.packages.iter().flat_map(|(id, number)| references(*id, number.as_ref()))
    }

    fn into_shipment(self, packages: Vec<Package>, tx: &Tx) -> Shipment {
        Shipment {
            id: self.id,
            organization: self.organization,
            order: self.order,
            seller: self.seller,
            customer: self.customer,
            packages,
            promised: self.promise.map(Promised::first),
            status: Status::Created,
            version: 0,
            create_time: tx.now(),
            update_time: tx.now(),
        }
    }
}

/// Every way in which a package may have been named before it was known.
fn references(id: PackageId, number: Option<&TrackingNumber>) -> impl Iterator<Item = PackageReference> {
    let number = number.cloned().map(PackageReference::Number);
    std::iter::once(PackageReference::Package(id)).chain(number)
}

/// Refuses a number that another package of the organisation has and is still under way with.
async fn refuse_used_numbers(tx: &Tx, new: impl Iterator<Item = &NewShipment>) -> Result<()> {
    #[derive(Debug, FromQueryResult)]
    struct Under {
        root_id: Uuid,
        status: String,
    }
    let mut wanted: BTreeMap<Uuid, (&TrackingNumber, &OrganizationId)> = BTreeMap::new();
    let used = |number: &TrackingNumber| {
        let message = format!("{number} is the number of a package that is still under way");
        Refused::precondition("TRACKING_NUMBER_IN_USE", message).with("tracking_number", number)
    };
    for shipment in new {
        for number in shipment.packages.iter().filter_map(|(_, number)| number.as_ref()) {
            if wanted.insert(number.uuid(), (number, &shipment.organization)).is_some() {
                return Err(used(number).into());
            }
        }
    }
    let ids: Vec<Uuid> = wanted.keys().copied().collect();
    let holders = numbers::holders(tx.conn(), &ids).await?;
    let had: Vec<Uuid> = holders.values().flatten().map(|holder| holder.package.uuid()).collect();
    let select = "SELECT root_id, status FROM packages";
    let mut open = HashSet::new();
    for row in rows_of::<Under>(tx.conn(), select, "root_id", &had, "").await? {
        let status: Status = read(&row.status)?;
        if !status.holds() && !matches!(status, Status::Cancelled | Status::Lost) {
            open.insert(row.root_id);
        }
    }
    for (id, (number, organization)) in wanted {
        let mut holders = holders.get(&id).into_iter().flatten();
        if holders.any(|h| h.organization == *organization && open.contains(&h.package.uuid())) {
            return Err(used(number).into());
        }
    }
    Ok(())
}

/// What was reported of packages before they were known, by the places where it waits.
struct Waiting {
    revisions: HashMap<Uuid, Vec<tracking_events::Model>>,
    retracted: HashMap<Uuid, Vec<retractions::Model>>,
    left: Vec<Uuid>,
    moved: (Vec<tracking_events::Model>, Vec<retractions::Model>),
}

impl Waiting {
    async fn load(tx: &Tx, new: &[NewShipment]) -> Result<Self> {
        let places = |shipment: &NewShipment, reference: PackageReference| {
            [reference.parking(None), reference.parking(Some(&shipment.organization))]
        };
        let roots: Vec<Uuid> = new.iter().flat_map(|s| s.references().flat_map(move |r| places(s, r))).collect();
        let mut waiting =
            Self { revisions: HashMap::new(), retracted: HashMap::new(), left: Vec::new(), moved: Default::default() };
        for row in tracks::revisions(tx.conn(), &roots).await? {
            waiting.revisions.entry(row.root_id).or_default().push(row);
        }
        let select = "SELECT * FROM retractions";
        for row in rows_of::<retractions::Model>(tx.conn(), select, "root_id", &roots, "").await? {
            waiting.retracted.entry(row.root_id).or_default().push(row);
        }
        Ok(waiting)
    }

    /// The track of a package that becomes known, and whether all of it is imported history.
    fn adopt(
        &mut self,
        shipment: &NewShipment,
        package: PackageId,
        number: Option<&TrackingNumber>,
    ) -> Result<(Track, bool)> {
        let mut track = Track::default();
        let mut history = true;
        for reference in references(package, number) {
            for organization in [None, Some(&shipment.organization)] {
                let root = reference.parking(organization);
                let revisions = self.revisions.remove(&root).unwrap_or_default();
                let retracted = self.retracted.remove(&root).unwrap_or_default();
                if !(revisions.is_empty() && retracted.is_empty()) {
                    self.left.push(root);
                }
                for mut row in revisions {
                    let event = tracks::event(&row)?;
                    if track.receive(event) == Outcome::Duplicate {
                        continue;
                    }
                    history &= row.historical;
                    row.root_id = package.uuid();
                    row.organization = shipment.organization.slug().to_owned();
                    self.moved.0.push(row);
                }
                for mut row in retracted {
                    let (key, time) = tracks::retraction(&row);
                    if track.retract(key, time) {
                        history = false;
                        row.root_id = package.uuid();
                        row.organization = shipment.organization.slug().to_owned();
                        self.moved.1.push(row);
                    }
                }
            }
        }
        Ok((track, history))
    }

    async fn save(self, tx: &Tx) -> Result<()> {
        let (revisions, retracted) = self.moved;
        tracks::insert(tx, revisions).await?;
        tracks::insert_retractions(tx, retracted).await?;
        if self.left.is_empty() { Ok(()) } else { tracks::clear(tx, &self.left).await }
    }
}
