//! Shipments: the least progress of their packages, judged by the promise given first. Every change has a number, so
//! that a watcher misses none, and tells the facts that other services live on.

use guanxi_kernel::name::{CustomerId, PackageId, ShipmentId};
use guanxi_kernel::{OrderName, OrganizationId, Refusal, Refused};
use jiff::Timestamp;
use jiff::civil::Date;
use thiserror::Error;

use super::fold::Standing;
use super::promise::{Promise, PromiseError, Promised, Revision};
use super::reference::TrackingNumber;
use super::status::Status;

/// A package of a shipment.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    /// What it is called.
    pub id: PackageId,
    /// The carrier and its number.
    pub tracking: Option<TrackingNumber>,
    /// Where it stands.
    pub standing: Standing,
}

/// The goods of an order, or part of one, under one promise.
#[derive(Debug, Clone, PartialEq)]
pub struct Shipment {
    /// What it is called.
    pub id: ShipmentId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// The order that it carries.
    pub order: Option<OrderName>,
    /// Who sends it, in the shop system's word.
    pub seller: Option<String>,
    /// Who waits for it.
    pub customer: Option<CustomerId>,
    /// Its packages, in the order in which they were given.
    pub packages: Vec<Package>,
    /// What was promised.
    pub promised: Option<Promised>,
    /// Where it stands.
    pub status: Status,
    /// The number of its last change; 1 when it is made.
    pub version: i64,
    /// When it was recorded here.
    pub create_time: Timestamp,
    /// When it last changed here.
    pub update_time: Timestamp,
}

/// One numbered change of a shipment, as watchers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The shipment.
    pub shipment: ShipmentId,
    /// Its number within the shipment: 1, 2, 3 …
    pub number: i64,
    /// The package that changed and where it stands; `None` where the shipment itself changed.
    pub package: Option<(PackageId, Status, Option<super::status::SubStatus>)>,
    /// Where the shipment stands after it.
    pub status: Status,
    /// The date that is promised after it.
    pub promised: Option<Date>,
}

/// What others hear of a shipment.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// It exists.
    Created,
    /// Its status changed.
    StatusChanged {
        /// The status before.
        from: Status,
        /// The status now.
        to: Status,
        /// When what changed it happened.
        effective_time: Timestamp,
    },
    /// All packages that count are delivered.
    Delivered {
        /// When the last one was.
        delivered_time: Timestamp,
        /// The local date of that at the destination; of UTC where no zone is known.
        delivered_date: Date,
        /// Whether that was in time; `None` where nothing was promised.
        on_time: Option<bool>,
    },
    /// The promise was changed.
    PromiseRevised(Box<Revision>),
}

/// Why a shipment cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ShipmentError {
    /// The promise cannot be changed so.
    #[error(transparent)]
    Promise(#[from] PromiseError),
    /// It is over: there is nothing left to promise.
    #[error("the shipment is {0}")]
    Ended(Status),
}

impl Refusal for ShipmentError {
    fn refusal(&self) -> Refused {
        match self {
            Self::Promise(error) => error.refusal(),
            Self::Ended(status) => Refused::precondition("SHIPMENT_ENDED", self.to_string()).with("status", status),
        }
    }
}

/// The status of a shipment whose packages stand so: the least progress of those that are not cancelled; DELIVERED where
/// all of these are, PARTIALLY_DELIVERED where some.
pub fn status_of(packages: &[Package]) -> Status {
    let counted = || packages.iter().map(|package| package.standing.status).filter(|&s| s != Status::Cancelled);
    let delivered = counted().filter(|&status| status == Status::Delivered).count();
    match counted().min() {
        None if packages.is_empty() => Status::Created,
        None => Status::Cancelled,
        Some(_) if delivered == counted().count() => Status::Delivered,
        Some(_) if delivered > 0 => Status::PartiallyDelivered,
        Some(least) => least,
    }
}

impl Shipment {
    /// A package of it.
    pub fn package(&self, id: PackageId) -> Option<&Package> {
        self.packages.iter().find(|package| package.id == id)
    }

    /// When the last package was delivered; `None` unless it is DELIVERED.
    pub fn delivered_time(&self) -> Option<Timestamp> {
        (self.status == Status::Delivered)
            .then(|| self.packages.iter().filter_map(|package| package.standing.delivered_time).max())
            .flatten()
    }

    /// Whether it came in time, judged by the original promise: `false` as soon as a package is lost, damaged or
    /// returned, `None` while it is open and where nothing was promised.
    pub fn on_time(&self) -> Option<bool> {
        let promise = &self.promised.as_ref()?.original;
        let gone = |p: &Package| matches!(p.standing.status, Status::Lost | Status::Damaged | Status::Returned);
        let late = |p: &Package| p.standing.delivered_time.is_some_and(|at| !promise.kept_at(at));
        if self.packages.iter().any(|package| gone(package) || late(package)) {
            return Some(false);
        }
        self.delivered_time().map(|at| promise.kept_at(at))
    }

    /// The local date at the destination; the date of UTC where no zone is known.
    pub fn local_date(&self, at: Timestamp) -> Date {
        match &self.promised {
            Some(promised) => promised.original.zone.date(at),
            None => jiff::tz::TimeZone::UTC.to_datetime(at).date(),
        }
    }

    /// Whether a package came in time; `None` where it is not delivered, or nothing was promised.
    pub fn package_on_time(&self, package: &Package) -> Option<bool> {
        Some(self.promised.as_ref()?.original.kept_at(package.standing.delivered_time?))
    }

    /// The facts and the first change of a shipment that is recorded now, its packages standing where they stand.
    pub fn open(&mut self, now: Timestamp) -> (Vec<Change>, Vec<Fact>) {
        self.version = 1;
        let mut changes = vec![self.change(None)];
        let mut facts = vec![Fact::Created];
        let reported: Vec<PackageId> =
            self.packages.iter().filter(|p| p.standing.events > 0).map(|package| package.id).collect();
        let (more, told) = self.settle(&reported, now);
        changes.extend(more);
        facts.extend(told);
        (changes, facts)
    }

    /// Takes over where its packages stand by now. `moved` are those whose standing changed.
    pub fn settle(&mut self, moved: &[PackageId], now: Timestamp) -> (Vec<Change>, Vec<Fact>) {
        if moved.is_empty() {
            return (Vec::new(), Vec::new());
        }
        let from = std::mem::replace(&mut self.status, status_of(&self.packages));
        self.update_time = now;
        let mut changes = Vec::with_capacity(moved.len());
        for &id in moved {
            self.version += 1;
            changes.push(self.change(Some(id)));
        }
        let mut facts = Vec::new();
        if from != self.status {
            let moved_at = moved.iter().filter_map(|&id| self.package(id)?.standing.status_time).max();
            facts.push(Fact::StatusChanged { from, to: self.status, effective_time: moved_at.unwrap_or(now) });
        }
        if let (false, Some(delivered_time)) = (from == Status::Delivered, self.delivered_time()) {
            let delivered_date = self.local_date(delivered_time);
            facts.push(Fact::Delivered { delivered_time, delivered_date, on_time: self.on_time() });
        }
        (changes, facts)
    }

    /// Changes the promise.
    ///
    /// # Errors
    /// [`ShipmentError`] where there is none to change, it is the one that stands, or the shipment is over.
    pub fn revise_promise(
        &mut self,
        promise: Promise,
        cause: String,
        actor: String,
        now: Timestamp,
    ) -> Result<(Change, Revision), ShipmentError> {
        if matches!(self.status, Status::Delivered | Status::Returned | Status::Cancelled) {
            return Err(ShipmentError::Ended(self.status));
        }
        let promised = self.promised.as_mut().ok_or(PromiseError::Missing)?;
        let revision = promised.revise(promise, cause, actor, now)?;
        self.version += 1;
        self.update_time = now;
        Ok((self.change(None), revision))
    }

    fn change(&self, package: Option<PackageId>) -> Change {
        let package = package.and_then(|id| self.package(id));
        Change {
            shipment: self.id,
            number: self.version,
            package: package.map(|p| (p.id, p.standing.status, p.standing.sub_status)),
            status: self.status,
            promised: self.promised.as_ref().map(|promised| promised.current.date),
        }
    }
}

#[cfg(test)]
#[path = "shipment_tests.rs"]
mod tests;
