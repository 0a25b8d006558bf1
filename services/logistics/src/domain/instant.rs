//! When an event happened: from what the source says of time to one instant, and how sure that is.
//! The offset that was given counts; else the place's zone, else the carrier's; else UTC, marked as inferred.

use jiff::civil::{DateTime, Time};
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// An event dated further ahead than this is set back to when it arrived.
pub const MAX_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What a source says of the time of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occurred {
    /// Nothing.
    Missing,
    /// An instant.
    Instant(Timestamp),
    /// A local time, with an offset or without.
    Text(String),
}

/// What an instant was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeBasis {
    /// An instant, or a local time with its offset.
    Offset,
    /// A local time in the zone of the place.
    PlaceZone,
    /// A local time in the carrier's zone.
    CarrierZone,
    /// A local time of an unknown zone, taken for UTC.
    Inferred,
}

impl TimeBasis {
    /// Its name, as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offset => "OFFSET",
            Self::PlaceZone => "PLACE_ZONE",
            Self::CarrierZone => "CARRIER_ZONE",
            Self::Inferred => "INFERRED",
        }
    }

    /// The basis of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Offset, Self::PlaceZone, Self::CarrierZone, Self::Inferred].into_iter().find(|b| b.as_str() == name)
    }
}

/// An event's place in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// When it happened, as the source says.
    pub occurred: Timestamp,
    /// The offset from UTC there, in seconds, where it is known.
    pub offset_seconds: Option<i32>,
    /// What the instant was made from.
    pub basis: TimeBasis,
}

/// Why an event has no place in time: it is kept in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unplaced {
    /// It says no time.
    Undated,
    /// What it says is not a time.
    Unreadable,
}

impl Unplaced {
    /// Its name, as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undated => "UNDATED",
            Self::Unreadable => "TIME_UNREADABLE",
        }
    }

    /// The reason of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Undated, Self::Unreadable].into_iter().find(|u| u.as_str() == name)
    }
}

/// Places an event in time. A local hour that comes twice is the first, one that is skipped moves forward by the gap.
///
/// # Errors
/// [`Unplaced`] where there is no time or none that can be read.
pub fn place(occurred: &Occurred, place: Option<&TimeZone>, carrier: Option<&TimeZone>) -> Result<Placed, Unplaced> {
    let text = match occurred {
        Occurred::Missing => return Err(Unplaced::Undated),
        Occurred::Instant(instant) => {
            let offset_seconds = place.map(|zone| zone.to_offset(*instant).seconds());
            return Ok(Placed { occurred: *instant, offset_seconds, basis: TimeBasis::Offset });
        }
        Occurred::Text(text) if text.trim().is_empty() => return Err(Unplaced::Undated),
        Occurred::Text(text) => text.trim(),
    };
    let pieces = Pieces::parse(text).map_err(|_| Unplaced::Unreadable)?;
    let local = DateTime::from_parts(pieces.date(), pieces.time().unwrap_or(Time::midnight()));
    let (zone, basis) = match (pieces.to_numeric_offset(), place, carrier) {
        (Some(offset), _, _) => (TimeZone::fixed(offset), TimeBasis::Offset),
        (None, Some(zone), _) => (zone.clone(), TimeBasis::PlaceZone),
        (None, None, Some(zone)) => (zone.clone(), TimeBasis::CarrierZone),
        (None, None, None) => (TimeZone::UTC, TimeBasis::Inferred),
    };
    let instant = zone.to_ambiguous_timestamp(local).compatible().map_err(|_| Unplaced::Unreadable)?;
    let occurred = guanxi_kernel::clock::truncate(instant);
    let offset_seconds = (basis != TimeBasis::Inferred).then(|| zone.to_offset(occurred).seconds());
    Ok(Placed { occurred, offset_seconds, basis })
}

/// The instant that counts for the fold, and whether it was set back: what is dated more than [`MAX_SKEW`] after it
/// arrived counts as of its arrival.
pub fn effective(occurred: Timestamp, received: Timestamp) -> (Timestamp, bool) {
    if occurred.duration_since(received) > MAX_SKEW { (received, true) } else { (occurred, false) }
}

/// A zone from an IANA name, or from a fixed offset such as `-05:00`; `None` where it is neither.
pub fn zone(name: &str) -> Option<TimeZone> {
    if name.len() == "-05:00".len() && name.starts_with(['+', '-']) {
        let text = format!("1970-01-01T00:00{name}");
        let pieces = Pieces::parse(&text).ok()?;
        return pieces.to_numeric_offset().map(TimeZone::fixed);
    }
    TimeZone::get(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn local(text: &str, place_zone: Option<&str>, carrier: Option<&str>) -> Placed {
        let (place_zone, carrier) = (place_zone.and_then(zone), carrier.and_then(zone));
        place(&Occurred::Text(text.into()), place_zone.as_ref(), carrier.as_ref()).expect("a time")
    }

    #[test]
    fn the_offset_counts_before_the_places_zone_before_the_carriers() {
        let zones = (Some("America/Sao_Paulo"), Some("Asia/Shanghai"));
        let given = local("2018-03-21T18:16:52-02:00", zones.0, zones.1);
        assert_eq!((given.occurred, given.basis), (at("2018-03-21T20:16:52Z"), TimeBasis::Offset));
        let place = local("2018-03-21 18:16:52", zones.0, zones.1);
        assert_eq!((place.occurred, place.offset_seconds), (at("2018-03-21T21:16:52Z"), Some(-10_800)));
        let carrier = local("2018-03-21T18:16:52", None, zones.1);
        assert_eq!((carrier.occurred, carrier.basis), (at("2018-03-21T10:16:52Z"), TimeBasis::CarrierZone));
        let inferred = local("2018-03-21T18:16:52", None, None);
        assert_eq!((inferred.occurred, inferred.offset_seconds), (at("2018-03-21T18:16:52Z"), None));
        assert_eq!(inferred.basis, TimeBasis::Inferred);
    }

    #[test]
    fn a_repeated_hour_is_the_first_and_a_skipped_one_moves_forward_by_the_gap() {
        let new_york = Some("America/New_York");
        assert_eq!(local("2018-11-04T01:30:00", new_york, None).occurred, at("2018-11-04T01:30:00-04:00"));
        assert_eq!(local("2018-03-11T02:30:00", new_york, None).occurred, at("2018-03-11T03:30:00-04:00"));
    }

    #[test]
    fn two_offsets_of_one_day_compare_as_instants() {
        let ready = local("2018-05-01T13:40:00-07:00", None, None).occurred;
        let label = local("2018-05-01T15:30:00-05:00", None, None).occurred;
        assert!(label < ready, "20:30Z is before 20:40Z");
    }

    #[test]
    fn no_time_and_no_readable_time_have_no_place() {
        let placed = |occurred| place(&occurred, None, None);
        assert_eq!(placed(Occurred::Missing), Err(Unplaced::Undated));
        assert_eq!(placed(Occurred::Text(" ".into())), Err(Unplaced::Undated));
        for rubbish in ["yesterday", "2018-13-01T00:00:00", "21/03/2018 18:16"] {
            assert_eq!(placed(Occurred::Text(rubbish.into())), Err(Unplaced::Unreadable), "{rubbish}");
        }
    }

    #[test]
    fn more_than_five_minutes_ahead_is_set_back_to_the_arrival() {
        let received = at("2018-01-01T00:00:00Z");
        assert_eq!(effective(at("2018-01-01T00:05:00Z"), received), (at("2018-01-01T00:05:00Z"), false));
        assert_eq!(effective(at("2018-01-01T00:05:00.000001Z"), received), (received, true));
        assert!(!effective(at("2017-01-01T00:00:00Z"), received).1);
    }

    #[test]
    fn a_zone_is_a_name_or_a_fixed_offset() {
        assert!(zone("America/Sao_Paulo").is_some() && zone("-05:00").is_some() && zone("UTC").is_some());
        assert!(zone("Mars/Olympus").is_none() && zone("+99:00").is_none() && zone("-05:00[x]").is_none());
    }
}
