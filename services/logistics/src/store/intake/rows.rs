//! What is taken in, as the rows that keep it: fields as they came, but for what says something about people.

use guanxi_kernel::{Call, OrganizationId, Timestamp};
use guanxi_store::time::to_column;

use super::found::Place;
use super::prepared::{Dated, Reported};
use crate::domain::redact::redact;
use crate::domain::{CodeMap, Event, EventKey, Occurred, PackageReference, Report, SourceId, Unplaced};
use crate::store::entities::{quarantine, retractions, tracking_events};
use crate::store::quarantine as kept;

fn slug(organization: Option<&OrganizationId>) -> String {
    organization.map_or_else(String::new, |organization| organization.slug().to_owned())
}

fn occurred_text(report: &Report) -> String {
    match &report.occurred {
        Occurred::Text(text) => text.clone(),
        Occurred::Instant(_) | Occurred::Missing => String::new(),
    }
}

/// A revision of an event.
pub fn revision(place: &Place, event: &Event, report: &Report, dated: &Dated) -> tracking_events::Model {
    tracking_events::Model {
        root_id: place.root,
        event_id: event.key.uuid(),
        digest: event.digest.0,
        organization: slug(place.organization.as_ref()),
        source: report.source.clone(),
        source_event_id: report.source_event_id.clone(),
        source_kind: report.source_kind.priority().into(),
        carrier: report.carrier.clone(),
        feed_version: report.feed_version.clone(),
        status_name: report.status_name.clone(),
        code: report.code.clone(),
        description: redact(&report.description),
        location: redact(&report.location),
        occurred_text: occurred_text(report),
        zone: report.zone.clone(),
        revision_time: event.revision_time.map(to_column),
        occurred_time: to_column(dated.placed.occurred),
        offset_seconds: dated.placed.offset_seconds.map(i64::from),
        time_basis: dated.placed.basis.as_str().to_owned(),
        effective_time: to_column(event.effective_time),
        clamped: dated.clamped,
        status: event.status.as_str().to_owned(),
        sub_status: event.sub_status.map(|sub| sub.as_str().to_owned()),
        code_map: CodeMap::built_in().version().to_owned(),
        historical: report.historical,
        receive_time: to_column(event.create_time),
        create_time: to_column(event.create_time),
    }
}

/// A retraction.
pub fn retraction(place: &Place, key: EventKey, reason: &str, call: &Call, now: Timestamp) -> retractions::Model {
    retractions::Model {
        root_id: place.root,
        event_id: key.uuid(),
        organization: slug(place.organization.as_ref()),
        source_event_id: key.given().map(str::to_owned),
        digest: match key.id {
            SourceId::Raw(digest) => Some(digest.0),
            SourceId::Given(_) => None,
        },
        source: key.source,
        reason: redact(reason),
        actor: call.caller.subject.chars().take(128).collect(),
        create_time: to_column(now),
    }
}

/// An event that has no place in time.
pub fn held_back(
    place: &Place,
    reference: &PackageReference,
    report: &Report,
    reported: &Reported,
    why: Unplaced,
    now: Timestamp,
) -> quarantine::Model {
    let (root_id, event_id, digest) = (place.root, reported.key.uuid(), reported.digest.0);
    let (package_id, number) = match reference {
        PackageReference::Package(id) => (Some(*id), None),
        PackageReference::Number(number) => (place.known.map(|(id, _)| id), Some(number)),
    };
    quarantine::Model {
        root_id,
        event_id,
        digest,
        id: kept::id(root_id, event_id, digest),
        organization: slug(place.organization.as_ref()),
        package_id: package_id.map(|id| id.uuid()),
        reference_carrier: number.map(|number| number.carrier.clone()),
        reference_number: number.map(|number| number.number.clone()),
        reason: why.as_str().to_owned(),
        source: report.source.clone(),
        source_event_id: report.source_event_id.clone(),
        source_kind: report.source_kind.priority().into(),
        carrier: report.carrier.clone(),
        feed_version: report.feed_version.clone(),
        status_name: report.status_name.clone(),
        code: report.code.clone(),
        description: redact(&report.description),
        location: redact(&report.location),
        occurred_text: occurred_text(report),
        zone: report.zone.clone(),
        historical: report.historical,
        receive_time: to_column(now),
    }
}
