//! The logistics domain as the contracts write it, and back.

use guanxi_contracts::logistics::v1 as proto;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::name::{PackageId, ShipmentId};
use guanxi_kernel::{OrderName, Refuse, Refused, Timestamp};
use guanxi_rpc::convert::{self, to_instant};
use guanxi_store::time::from_column;

use crate::domain::{
    Change, HistoryItem, PackageReference, Promise, Revision, Shipment, SourceKind, Standing, Status, TimeBasis,
    TrackingNumber, Unplaced, Zone,
};
use crate::store::entities::{quarantine, tracking_events};

/// The number of a status in the contracts: its place in milestone order, from 1.
pub fn status(status: Status) -> i32 {
    let at = Status::ALL.iter().position(|&known| known == status);
    at.and_then(|at| i32::try_from(at).ok()).map_or(0, |at| at + 1)
}

/// A promise.
pub fn promise(promise: &Promise) -> proto::Promise {
    let time = |time: jiff::civil::Time| time.strftime("%H:%M").to_string();
    proto::Promise {
        promised_date: promise.date.to_string(),
        window_start: promise.window.map(|(start, _)| time(start)).unwrap_or_default(),
        window_end: promise.window.map(|(_, end)| time(end)).unwrap_or_default(),
        time_zone: promise.zone.name().to_owned(),
        end_time: Some(to_proto(promise.end())),
    }
}

/// A promise that a caller gives.
///
/// # Errors
/// INVALID_ARGUMENT for every part of it that is wrong.
pub fn promise_given(given: &proto::Promise) -> Result<Promise, Refused> {
    let (date, window, zone) = convert::all((
        Promise::day(&given.promised_date).refuse(),
        Promise::window(&given.window_start, &given.window_end).refuse(),
        Zone::new(&given.time_zone).refuse(),
    ))?;
    Promise::of(date, window, zone).refuse()
}

/// A change of a promise.
fn revision(revision: &Revision) -> proto::PromiseRevision {
    proto::PromiseRevision {
        revision: int(revision.number),
        previous: Some(promise(&revision.previous)),
        promise: Some(promise(&revision.promise)),
        cause: revision.cause.clone(),
        actor: revision.actor.clone(),
        tells_customer: revision.tells_customer,
        create_time: Some(to_proto(revision.create_time)),
    }
}

/// What stands for the state of a shipment: a change of it is another.
pub fn etag(shipment: &Shipment) -> String {
    format!("v{}", shipment.version)
}

/// A shipment with the changes of its promise.
pub fn shipment(shipment: &Shipment, revisions: &[Revision]) -> proto::Shipment {
    let promised = shipment.promised.as_ref();
    proto::Shipment {
        name: shipment.id.to_string(),
        organization: shipment.organization.to_string(),
        order: shipment.order.as_ref().map(ToString::to_string).unwrap_or_default(),
        seller: shipment.seller.clone().unwrap_or_default(),
        customer: shipment.customer.map(|customer| customer.to_string()).unwrap_or_default(),
        status: status(shipment.status),
        packages: shipment.packages.iter().map(|package| self::package(shipment, package)).collect(),
        original_promise: promised.map(|promised| promise(&promised.original)),
        promise: promised.map(|promised| promise(&promised.current)),
        promise_revisions: revisions.iter().map(revision).collect(),
        postponements: promised.map_or(0, |promised| int(promised.postponements)),
        needs_person: promised.is_some_and(crate::domain::Promised::needs_person),
        on_time: shipment.on_time(),
        delivered_time: to_instant(shipment.delivered_time()),
        create_time: Some(to_proto(shipment.create_time)),
        update_time: Some(to_proto(shipment.update_time)),
        etag: etag(shipment),
    }
}

fn package(shipment: &Shipment, package: &crate::domain::Package) -> proto::Package {
    let standing = &package.standing;
    proto::Package {
        name: package.id.to_string(),
        shipment: shipment.id.to_string(),
        tracking_number: package.tracking.as_ref().map(number),
        status: status(standing.status),
        sub_status: standing.sub_status.map(|sub| sub.as_str().to_owned()).unwrap_or_default(),
        status_time: to_instant(standing.status_time),
        delivered_time: to_instant(standing.delivered_time),
        delivered_date: standing.delivered_time.map(|at| shipment.local_date(at).to_string()).unwrap_or_default(),
        on_time: shipment.package_on_time(package),
        challenged: standing.challenged,
    }
}

fn number(number: &TrackingNumber) -> proto::TrackingNumber {
    proto::TrackingNumber { carrier: number.carrier.clone(), number: number.number.clone() }
}

/// Where a package stands.
pub fn tracking(package: PackageId, shipment: ShipmentId, standing: &Standing) -> proto::Tracking {
    let milestone = |milestone: &crate::domain::Milestone| proto::Milestone {
        status: status(milestone.status),
        reach_time: to_instant(milestone.reached),
    };
    proto::Tracking {
        package: package.to_string(),
        shipment: shipment.to_string(),
        status: status(standing.status),
        sub_status: standing.sub_status.map(|sub| sub.as_str().to_owned()).unwrap_or_default(),
        status_time: to_instant(standing.status_time),
        picked_up_time: to_instant(standing.picked_up_time()),
        delivered_time: to_instant(standing.delivered_time),
        transit_seconds: standing.transit_seconds(),
        challenged: standing.challenged,
        found: standing.found,
        moved_after_cancellation: standing.moved_after_cancellation,
        milestones: standing.milestones().iter().map(milestone).collect(),
        effective_events: int(standing.events),
        anomalous_events: int(standing.anomalous),
    }
}

/// A package that a caller names.
///
/// # Errors
/// INVALID_ARGUMENT for `field` where it is named in no way or in several.
pub fn reference(given: Option<&proto::PackageReference>, field: &str) -> Result<PackageReference, Refused> {
    let given = convert::required(given, field)?;
    match (given.package.as_str(), &given.tracking_number, &given.order_package) {
        ("", Some(number), None) => Ok(PackageReference::Number(TrackingNumber::new(&number.carrier, &number.number))),
        ("", None, Some(place)) => {
            let order: OrderName = convert::name(&place.order, &format!("{field}.order_package.order"))?;
            Ok(PackageReference::Package(order.package(&place.seller, 0)))
        }
        (name, None, None) if !name.is_empty() => {
            Ok(PackageReference::Package(convert::name(name, &format!("{field}.package"))?))
        }
        ("", None, None) => {
            let description = "one of package, tracking_number and order_package is required";
            Err(Refused::invalid(field, "REFERENCE_MISSING", description))
        }
        _ => {
            let description = "only one of package, tracking_number and order_package may be given";
            Err(Refused::invalid(field, "REFERENCE_AMBIGUOUS", description))
        }
    }
}

/// The kind of a source; the contract refuses any other number.
///
/// # Errors
/// INVALID_ARGUMENT for a number without meaning.
pub fn source_kind(number: i32) -> Result<SourceKind, Refused> {
    let kind = i16::try_from(number).ok().and_then(SourceKind::from_priority);
    kind.ok_or_else(|| Refused::invalid("source_kind", "enum.defined_only", format!("{number} is no kind of source")))
}

fn time_basis(name: &str) -> proto::TimeBasis {
    match TimeBasis::from_name(name) {
        Some(TimeBasis::Offset) => proto::TimeBasis::Offset,
        Some(TimeBasis::PlaceZone) => proto::TimeBasis::PlaceZone,
        Some(TimeBasis::CarrierZone) => proto::TimeBasis::CarrierZone,
        Some(TimeBasis::Inferred) => proto::TimeBasis::Inferred,
        None => proto::TimeBasis::Unspecified,
    }
}

/// A revision of an event, with the marks that the fold gives it.
pub fn event(row: tracking_events::Model, item: &HistoryItem) -> proto::TrackingEvent {
    let instant = |at| Some(to_proto(from_column(at)));
    proto::TrackingEvent {
        name: format!("{}/events/{}", PackageId(row.root_id), row.event_id),
        source: row.source,
        source_event_id: row.source_event_id.unwrap_or_default(),
        source_kind: item.event.source_kind.priority().into(),
        source_revision_time: to_instant(item.event.revision_time),
        payload_hash: row.digest.simple().to_string(),
        carrier: row.carrier,
        feed_version: row.feed_version,
        status_name: row.status_name,
        code: row.code,
        description: row.description,
        location: row.location,
        status: status(item.event.status),
        sub_status: item.event.sub_status.map(|sub| sub.as_str().to_owned()).unwrap_or_default(),
        code_map: row.code_map,
        occurred_time: instant(row.occurred_time),
        occurred_offset_seconds: row.offset_seconds.and_then(|offset| i32::try_from(offset).ok()),
        effective_time: Some(to_proto(item.event.effective_time)),
        receive_time: instant(row.receive_time),
        create_time: instant(row.create_time),
        time_basis: time_basis(&row.time_basis).into(),
        clamped: row.clamped,
        effective: item.effective,
        retract_time: to_instant(item.retracted),
        anomalous: item.anomalous,
        historical: row.historical,
    }
}

/// An event that is held back.
pub fn quarantined(row: quarantine::Model) -> proto::QuarantinedEvent {
    let reason = match Unplaced::from_name(&row.reason) {
        Some(Unplaced::Undated) => proto::QuarantineReason::Undated,
        Some(Unplaced::Unreadable) => proto::QuarantineReason::TimeUnreadable,
        None => proto::QuarantineReason::Unspecified,
    };
    let organization = match row.organization.as_str() {
        "" => String::new(),
        slug => format!("organizations/{slug}"),
    };
    let tracking_number = row
        .reference_carrier
        .zip(row.reference_number)
        .map(|(carrier, number)| proto::TrackingNumber { carrier, number });
    let package = match (&tracking_number, row.package_id) {
        (None, Some(id)) => PackageId(id).to_string(),
        _ => String::new(),
    };
    proto::QuarantinedEvent {
        name: format!("quarantine/{}", row.id),
        organization,
        reason: reason.into(),
        package: Some(proto::PackageReference { package, tracking_number, order_package: None }),
        source: row.source,
        source_event_id: row.source_event_id.unwrap_or_default(),
        carrier: row.carrier,
        status_name: row.status_name,
        code: row.code,
        description: row.description,
        occurred_text: row.occurred_text,
        receive_time: Some(to_proto(from_column(row.receive_time))),
    }
}

/// A numbered change.
pub fn change(change: &Change, stored: Timestamp) -> proto::ShipmentChange {
    let package = change.package;
    proto::ShipmentChange {
        name: format!("{}/changes/{}", change.shipment, change.number),
        shipment: change.shipment.to_string(),
        number: change.number,
        package: package.map(|(id, ..)| id.to_string()).unwrap_or_default(),
        package_status: package.map_or(0, |(_, status, _)| self::status(status)),
        package_sub_status: package.and_then(|(.., sub)| sub).map(|sub| sub.as_str().to_owned()).unwrap_or_default(),
        shipment_status: status(change.status),
        promised_date: change.promised.map(|date| date.to_string()).unwrap_or_default(),
        create_time: Some(to_proto(stored)),
    }
}

/// A number that a caller gives.
pub fn number_given(given: &proto::TrackingNumber) -> TrackingNumber {
    TrackingNumber::new(&given.carrier, &given.number)
}

fn int(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_number_in_the_contract() {
        for known in Status::ALL {
            let written = proto::TrackingStatus::try_from(status(known)).expect("a number of the contract");
            assert_eq!(written.as_str_name(), format!("TRACKING_STATUS_{known}"));
        }
    }

    #[test]
    fn a_package_is_named_in_exactly_one_way() {
        let package = PackageId::new().to_string();
        let number = Some(proto::TrackingNumber { carrier: "sf".into(), number: "SF1234".into() });
        let place = Some(proto::OrderPackage { order: "orders/olist:1".into(), seller: "a".into() });
        let given = |package: &str, tracking_number, order_package| {
            let given = proto::PackageReference { package: package.into(), tracking_number, order_package };
            reference(Some(&given), "package").map_err(|refused| refused.field_violations()[0].rule.clone())
        };
        assert!(given(&package, None, None).is_ok() && given("", number.clone(), None).is_ok());
        assert!(given("", None, place.clone()).is_ok());
        assert_eq!(given("", None, None), Err("REFERENCE_MISSING".to_owned()));
        assert_eq!(given(&package, number, place), Err("REFERENCE_AMBIGUOUS".to_owned()));
    }
}
