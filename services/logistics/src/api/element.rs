//! One element of IngestEvents: a message read, and its answer written.

use guanxi_contracts::logistics::v1 as proto;
use guanxi_kernel::{Kind, Refused, Timestamp};
use guanxi_rpc::{check, convert};

use super::wire;
use crate::domain::{Occurred, Outcome, PackageReference, Report, instant};
use crate::store::intake::{Intake, Taken, What};

/// What an element says.
///
/// # Errors
/// INVALID_ARGUMENT with a violation for each wrong field.
pub fn read(message: &proto::IngestEventsRequest) -> Result<Intake, Refused> {
    check(message)?;
    let (organization, reference, revision_time, occurred, source_kind, zone) = convert::all((
        convert::organization(&message.organization, "organization"),
        wire::reference(message.package.as_ref(), "package"),
        convert::instant(message.source_revision_time.as_ref(), "source_revision_time"),
        occurred(message),
        wire::source_kind(message.source_kind),
        zone(&message.time_zone),
    ))?;
    let carrier = match (&reference, message.carrier.as_str()) {
        (PackageReference::Number(number), "") => &number.carrier,
        (PackageReference::Package(_), "") => &message.source,
        (_, carrier) => carrier,
    };
    let report = Report {
        source: message.source.clone(),
        source_kind,
        source_event_id: Some(message.source_event_id.clone()).filter(|id| !id.is_empty()),
        revision_time,
        occurred,
        zone,
        carrier: carrier.to_owned(),
        feed_version: message.feed_version.clone(),
        status_name: message.status_name.clone(),
        code: message.code.clone(),
        description: message.description.clone(),
        location: message.location.clone(),
        historical: message.historical,
    };
    Ok(Intake { reference, organization, what: What::Report(report) })
}

fn occurred(message: &proto::IngestEventsRequest) -> Result<Occurred, Refused> {
    let at: Option<Timestamp> = convert::instant(message.occurred_time.as_ref(), "occurred_time")?;
    match (at, message.occurred_text.as_str()) {
        (None, "") => Ok(Occurred::Missing),
        (Some(at), "") => Ok(Occurred::Instant(at)),
        (None, written) => Ok(Occurred::Text(written.to_owned())),
        (Some(_), _) => {
            let description = "only one of occurred_time and occurred_text may be given";
            Err(Refused::invalid("occurred_text", "TIME_AMBIGUOUS", description))
        }
    }
}

fn zone(name: &str) -> Result<String, Refused> {
    if !name.is_empty() && instant::zone(name).is_none() {
        let description = format!("{name:?} is no IANA zone and no offset such as -05:00");
        return Err(Refused::invalid("time_zone", "ZONE_UNKNOWN", description));
    }
    Ok(name.to_owned())
}

/// The answer to an event that was taken.
pub fn taken(index: i64, source_event_id: String, taken: Taken) -> proto::IngestEventsResponse {
    let outcome = match taken.outcome {
        None => proto::IngestOutcome::Quarantined,
        Some(Outcome::Accepted) => proto::IngestOutcome::Accepted,
        Some(Outcome::Duplicate) => proto::IngestOutcome::Duplicate,
        Some(Outcome::Revised) => proto::IngestOutcome::Revised,
        Some(Outcome::Anomalous) => proto::IngestOutcome::Anomalous,
    };
    proto::IngestEventsResponse {
        index,
        source_event_id,
        outcome: outcome.into(),
        event: taken.event.map(|name| name.to_string()).unwrap_or_default(),
        parked: taken.outcome.is_some() && taken.event.is_none(),
        status: wire::status(taken.status),
        ..Default::default()
    }
}

/// The answer to an event that was refused.
///
/// # Errors
/// A refusal that is not the event's own, such as a database that is away: the stream ends, and may be sent again.
pub fn rejected(index: i64, source_event_id: String, refused: Refused) -> Result<proto::IngestEventsResponse, Refused> {
    match refused.kind() {
        Kind::InvalidArgument | Kind::NotFound | Kind::PermissionDenied | Kind::FailedPrecondition => {}
        _ => return Err(refused),
    }
    let violation = |v: &guanxi_kernel::Violation| proto::IngestViolation {
        field: v.field.clone(),
        rule: v.rule.clone(),
        description: v.description.clone(),
    };
    Ok(proto::IngestEventsResponse {
        index,
        source_event_id,
        outcome: proto::IngestOutcome::Rejected.into(),
        reason: refused.reason().to_owned(),
        violations: refused.field_violations().iter().map(violation).collect(),
        ..Default::default()
    })
}
