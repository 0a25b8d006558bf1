//! Instants and dates between the contracts and the domain.

use jiff::Timestamp;
use jiff::civil::Date;

/// An instant as the contracts write it.
pub fn to_proto(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }.normalized()
}

/// An instant from a contract, cut to microseconds; `None` where it is out of range, or its nanoseconds are no part of a
/// second.
pub fn from_proto(at: &prost_types::Timestamp) -> Option<Timestamp> {
    if !(0..1_000_000_000).contains(&at.nanos) {
        return None;
    }
    let full = Timestamp::new(at.seconds, at.nanos).ok()?;
    Timestamp::from_microsecond(full.as_microsecond()).ok()
}

/// A civil date from `YYYY-MM-DD`; `None` where it is not one.
pub fn date(text: &str) -> Option<Date> {
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_survives_the_way_there_and_back() {
        for micros in [0, 1, -1, 1_511_111_111_123_456, -62_135_596_800_000_000] {
            let at = Timestamp::from_microsecond(micros).expect("in range");
            let proto = to_proto(at);
            assert!(proto.nanos >= 0, "nanos are never negative on the wire");
            assert_eq!(from_proto(&proto), Some(at));
        }
    }

    #[test]
    fn nanoseconds_are_a_part_of_a_second() {
        for nanos in [i32::MIN, -1, 1_000_000_000, i32::MAX] {
            assert_eq!(from_proto(&prost_types::Timestamp { seconds: 1, nanos }), None);
        }
    }
}
