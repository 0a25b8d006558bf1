//! A tracking event: what a source reports, its natural key, and what counts of it once it has its place in time.

use std::sync::Arc;

use guanxi_kernel::natural_id;
use jiff::Timestamp;
use uuid::Uuid;

use super::instant::Occurred;
use super::status::{Status, SubStatus};

/// How near a source stands to the package. At one instant and milestone the nearer one is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// Repeats what carriers say.
    Aggregator = 1,
    /// The carrier itself.
    Carrier = 2,
    /// A scanner that held the package.
    Scanner = 3,
}

impl SourceKind {
    /// The kind of this priority, 1 to 3.
    pub fn from_priority(priority: i16) -> Option<Self> {
        [Self::Aggregator, Self::Carrier, Self::Scanner].into_iter().find(|kind| kind.priority() == priority)
    }

    /// Its priority, 1 to 3: the greater is believed.
    pub fn priority(self) -> i16 {
        self as i16
    }
}

/// The digest of an event's raw fields: the first half of a SHA-256, as a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub Uuid);

/// How the source names the event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceId {
    /// By an id of its own.
    Given(String),
    /// Not at all: the raw fields stand for it.
    Raw(Digest),
}

/// The natural key of an event of a package: what makes it the same event when it comes again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey {
    /// Who reports it.
    pub source: String,
    /// How the source names it.
    pub id: SourceId,
}

impl EventKey {
    /// The key as an identifier: the same key has the same for ever.
    pub fn uuid(&self) -> Uuid {
        match &self.id {
            SourceId::Given(id) => natural_id("tracking-event", [self.source.as_str(), id]),
            SourceId::Raw(digest) => {
                natural_id("tracking-event-raw", [self.source.as_str(), &digest.0.simple().to_string()])
            }
        }
    }

    /// The source's own id; `None` where it gave none.
    pub fn given(&self) -> Option<&str> {
        match &self.id {
            SourceId::Given(id) => Some(id),
            SourceId::Raw(_) => None,
        }
    }
}

/// What a source reports of a package, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Who reports it.
    pub source: String,
    /// How near the source stands to the package.
    pub source_kind: SourceKind,
    /// The source's id of the event; `None` where it gives none.
    pub source_event_id: Option<String>,
    /// When the source last changed the event.
    pub revision_time: Option<Timestamp>,
    /// What it says of the time.
    pub occurred: Occurred,
    /// The IANA zone of the place; empty where that is not known.
    pub zone: String,
    /// The carrier whose code it is.
    pub carrier: String,
    /// The version of the carrier's feed; may be empty.
    pub feed_version: String,
    /// The source's first-level name; may be empty.
    pub status_name: String,
    /// The carrier's code; may be empty.
    pub code: String,
    /// The source's words; may be empty. Personal.
    pub description: String,
    /// Where, in the source's words; may be empty. Personal.
    pub location: String,
    /// Whether it is imported history, of which nobody is told.
    pub historical: bool,
}

impl Report {
    /// The digest of every field that says something about the event: reports that differ in none are one report.
    pub fn digest(&self) -> Digest {
        let occurred = match &self.occurred {
            Occurred::Missing => String::new(),
            Occurred::Instant(instant) => format!("@{}", instant.as_microsecond()),
            Occurred::Text(text) => text.clone(),
        };
        let revision = self.revision_time.map_or_else(String::new, |at| at.as_microsecond().to_string());
        let kind = self.source_kind.priority().to_string();
        Digest(natural_id(
            "tracking-report",
            [
                self.source.as_str(),
                &kind,
                self.source_event_id.as_deref().unwrap_or_default(),
                &revision,
                &occurred,
                &self.zone,
                &self.carrier,
                &self.feed_version,
                &self.status_name,
                &self.code,
                &self.description,
                &self.location,
            ],
        ))
    }

    /// The natural key; `digest` is this report's own.
    pub fn key(&self, digest: Digest) -> EventKey {
        let id = match &self.source_event_id {
            Some(id) => SourceId::Given(id.clone()),
            None => SourceId::Raw(digest),
        };
        EventKey { source: self.source.clone(), id }
    }
}

/// What counts of one revision of an event, once it has a place in time and a status. Never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What makes it the same event when it comes again.
    pub key: Arc<EventKey>,
    /// What makes it the same revision.
    pub digest: Digest,
    /// When the source last changed it; of revisions the latest counts, then the greatest digest.
    pub revision_time: Option<Timestamp>,
    /// How near the source stands.
    pub source_kind: SourceKind,
    /// When it happened, for the fold: fixed when the revision was first received.
    pub effective_time: Timestamp,
    /// What the code map makes of it.
    pub status: Status,
    /// The sub-status.
    pub sub_status: Option<SubStatus>,
    /// When it was stored.
    pub create_time: Timestamp,
}

impl Event {
    /// The order in which events are folded; ties only between revisions of one event.
    pub fn place(&self) -> Place {
        Place {
            effective_time: self.effective_time,
            status: self.status,
            source_kind: self.source_kind,
            key: self.key.clone(),
            digest: self.digest,
        }
    }

    /// What makes one revision count before another of the same event.
    pub fn rank(&self) -> (Option<Timestamp>, Digest) {
        (self.revision_time, self.digest)
    }
}

/// An event's place in the fold: by instant, then milestone, then nearness of the source, then key, all ascending.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    effective_time: Timestamp,
    status: Status,
    source_kind: SourceKind,
    key: Arc<EventKey>,
    digest: Digest,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            source: "ups".into(),
            source_kind: SourceKind::Carrier,
            source_event_id: None,
            revision_time: None,
            occurred: Occurred::Text("2018-01-01T00:00:00Z".into()),
            zone: String::new(),
            carrier: "ups".into(),
            feed_version: String::new(),
            status_name: String::new(),
            code: "D".into(),
            description: String::new(),
            location: String::new(),
            historical: false,
        }
    }

    #[test]
    fn an_event_without_an_id_is_named_by_its_raw_fields() {
        let (one, other) = (report(), Report { code: "I".into(), ..report() });
        assert_eq!(one.key(one.digest()), report().key(report().digest()));
        assert_ne!(one.key(one.digest()).uuid(), other.key(other.digest()).uuid());
    }

    #[test]
    fn an_event_with_an_id_keeps_its_key_when_its_fields_change() {
        let one = Report { source_event_id: Some("7".into()), ..report() };
        let other = Report { code: "I".into(), ..one.clone() };
        assert_eq!(one.key(one.digest()).uuid(), other.key(other.digest()).uuid());
        assert_ne!(one.digest(), other.digest());
        let foreign = Report { source: "dhl".into(), ..one.clone() };
        assert_ne!(one.key(one.digest()).uuid(), foreign.key(foreign.digest()).uuid());
    }

    #[test]
    fn whether_it_is_history_is_no_part_of_the_report() {
        assert_eq!(report().digest(), Report { historical: true, ..report() }.digest());
    }
}
