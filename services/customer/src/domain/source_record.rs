//! Source records: what a channel says of one of its customers at one moment. They are kept as they came, and never
//! change: a source that says something else makes a new version.

use guanxi_kernel::{Timestamp, Violation};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::identifier::RawIdentifier;
use super::phone::Region;
use super::profile::Stated;

/// The source of what callers declare through the API. Its external ids are the customers' own.
pub const OWN_SOURCE: &str = "guanxi";

/// How a source knows what it says. The order is that of survivorship: the lower survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Basis {
    /// The customer said so.
    Declared,
    /// The source saw it.
    Observed,
    /// The source concluded it.
    Inferred,
}

/// An identifier in a record, with the time in which the source says that it was the customer's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Claim {
    /// The identifier, as written.
    #[serde(flatten)]
    pub identifier: RawIdentifier,
    /// From when, inclusive; the record's event time where it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// Until when, exclusive; still, where it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Timestamp>,
}

/// One version of a source record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourceRecord {
    /// The source.
    pub source: String,
    /// The id that the source gave its customer.
    pub external_id: String,
    /// When the source came to know it.
    pub event_time: Timestamp,
    /// How the source knows it.
    pub basis: Basis,
    /// The country whose writing its telephone numbers follow; empty where the record does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// What it says of the person.
    pub stated: Stated,
    /// What it says the person is recognised by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Claim>,
}

impl SourceRecord {
    /// The region of its telephone numbers: its own, else its address's.
    pub fn phone_region(&self) -> Option<Region> {
        Region::from_code(&self.region)
            .or_else(|| self.stated.address.as_ref().and_then(|address| Region::from_code(&address.region)))
    }

    /// What contradicts itself in the record, all of it. Paths are those of the contract's SourceRecord.
    pub fn contradictions(&self, now: Timestamp) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut say = |field: String, rule: &str, description: String| {
            found.push(Violation { field, rule: rule.to_owned(), description });
        };
        if self.source == OWN_SOURCE {
            say("record.source".into(), "SOURCE_RESERVED", format!("{OWN_SOURCE:?} is for what callers declare"));
        }
        if is_future(self.event_time, now) {
            say(
                "record.event_time".into(),
                "TIMESTAMP_IN_FUTURE",
                format!("{} is more than a day after now", self.event_time),
            );
        }
        if self.stated.birth_date.is_some_and(|date| date.is_future(now)) {
            say("record.birth_date".into(), "BIRTH_DATE_FUTURE", "is after today".into());
        }
        if !self.region.is_empty() && Region::from_code(&self.region).is_none() {
            say("record.region_code".into(), "REGION_UNKNOWN", format!("{:?} is not a region", self.region));
        }
        for (at, claim) in self.claims.iter().enumerate() {
            if let (Some(from), Some(to)) = (claim.valid_from, claim.valid_to)
                && from >= to
            {
                let field = format!("record.identifiers[{at}].valid_to_time");
                say(field, "VALIDITY_EMPTY", format!("{to} is not after valid_from_time {from}"));
            }
            if let Err(fault) = claim.identifier.check_source() {
                say(format!("record.identifiers[{at}].identifier.source"), fault.rule(), fault.to_string());
            }
        }
        found
    }
}

/// Whether what is said to have happened `at` lies further in the future than clocks and zones are apart.
pub fn is_future(at: Timestamp, now: Timestamp) -> bool {
    at.duration_since(now) > SignedDuration::from_hours(24)
}

#[cfg(test)]
mod tests {
    use super::super::identifier::IdentifierKind;
    use super::*;

    #[test]
    fn everything_that_contradicts_itself_is_said_at_once() {
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let claim = |kind, source: &str, from, to| Claim {
            identifier: RawIdentifier { kind, source: source.into(), value: "1".into() },
            valid_from: from,
            valid_to: to,
        };
        let day = Some(at("2024-01-10T00:00:00Z"));
        let record = SourceRecord {
            source: OWN_SOURCE.into(),
            external_id: "1".into(),
            event_time: at("2925-01-01T00:00:00Z"),
            basis: Basis::Observed,
            region: "ZZ".into(),
            stated: Stated {
                birth_date: Some(super::super::profile::BirthDate(Some("2030-01-01".parse().expect("a date")))),
                ..Stated::default()
            },
            claims: vec![
                claim(IdentifierKind::Phone, "", day, day),
                claim(IdentifierKind::ExternalId, "", None, None),
                claim(IdentifierKind::Email, "web", None, None),
            ],
        };
        let rules: Vec<_> = record.contradictions(at("2024-01-01T00:00:00Z")).into_iter().map(|v| v.rule).collect();
        let expected = [
            "SOURCE_RESERVED",
            "TIMESTAMP_IN_FUTURE",
            "BIRTH_DATE_FUTURE",
            "REGION_UNKNOWN",
            "VALIDITY_EMPTY",
            "SOURCE_REQUIRED",
            "SOURCE_MISPLACED",
        ];
        assert_eq!(rules, expected);
    }
}
