//! Events on both sides of the bus: what a producer emits, and what a handler is given.

use std::fmt::Display;
use std::sync::Arc;

use guanxi_contracts::common::v1::EventEnvelope;
use guanxi_contracts::{Event, time};
use guanxi_kernel::{OrganizationId, Timestamp, Uuid};
use guanxi_store::NewEvent;
use guanxi_store::outbox::{NumberedEvent, Position, StoredEvent};

/// What an event says beside its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The event's id.
    pub id: Uuid,
    /// The name of the aggregate that it is about.
    pub key: String,
    /// The aggregate's version after the write.
    pub version: i64,
    /// Whose it is.
    pub organization: OrganizationId,
    /// When it happened, by the business.
    pub occurred: Timestamp,
    /// When it was committed.
    pub recorded: Timestamp,
    /// Whether it tells of imported history: it makes facts, and sends no message to anybody.
    pub historical: bool,
    /// The W3C trace context of the call that caused it; passed on with what its handling emits.
    pub traceparent: Option<Arc<str>>,
}

/// An event as its handler gets it.
#[derive(Debug, Clone)]
pub struct Delivered<E> {
    /// The message.
    pub event: E,
    /// What is said beside it.
    pub meta: Meta,
}

/// An event to emit: `key` is the aggregate's name, `version` its version after the write.
pub fn event<E: Event>(
    key: impl Display,
    version: i64,
    organization: &OrganizationId,
    occurred: Timestamp,
    historical: bool,
    event: &E,
) -> NewEvent {
    NewEvent {
        event_type: E::TYPE,
        key: key.to_string(),
        version,
        organization: organization.clone(),
        occurred,
        historical,
        payload: event.encode_to_vec(),
    }
}

pub(crate) fn meta(event: &StoredEvent) -> Option<Meta> {
    Some(Meta {
        id: event.id,
        key: event.key.clone(),
        version: event.version,
        organization: OrganizationId::from_slug(&event.organization).ok()?,
        occurred: Timestamp::from_microsecond(event.occurred_micros).ok()?,
        recorded: Timestamp::from_microsecond(event.record_micros).ok()?,
        historical: event.historical,
        traceparent: event.traceparent.as_deref().map(Arc::from),
    })
}

/// An event as the contracts write it.
pub fn to_envelope(producer: &str, partition: u32, numbered: NumberedEvent) -> EventEnvelope {
    let NumberedEvent { position, event } = numbered;
    let instant = |micros| Timestamp::from_microsecond(micros).map(time::to_proto).ok();
    EventEnvelope {
        id: event.id.to_string(),
        r#type: event.event_type,
        producer: producer.to_owned(),
        key: event.key,
        aggregate_version: event.version,
        organization: format!("{}/{}", OrganizationId::COLLECTION, event.organization),
        occurred_time: instant(event.occurred_micros),
        record_time: instant(event.record_micros),
        historical: event.historical,
        traceparent: event.traceparent.unwrap_or_default(),
        partition: i32::try_from(partition).expect("partitions are few"),
        epoch: position.epoch,
        number: position.number,
        payload: event.payload.into(),
    }
}

/// An event from how the contracts write it; `None` where it is not a whole one.
pub fn from_envelope(envelope: EventEnvelope) -> Option<NumberedEvent> {
    let micros = |at: &Option<_>| at.as_ref().and_then(time::from_proto).map(Timestamp::as_microsecond);
    Some(NumberedEvent {
        position: Position { epoch: envelope.epoch, number: envelope.number },
        event: StoredEvent {
            id: envelope.id.parse().ok()?,
            occurred_micros: micros(&envelope.occurred_time)?,
            record_micros: micros(&envelope.record_time)?,
            event_type: envelope.r#type,
            key: envelope.key,
            version: envelope.aggregate_version,
            organization: envelope.organization.strip_prefix("organizations/")?.to_owned(),
            historical: envelope.historical,
            traceparent: (!envelope.traceparent.is_empty()).then_some(envelope.traceparent),
            payload: envelope.payload.into(),
        },
    })
}
