//! The code map: what carriers' names, codes and words mean, as versioned data that is compiled in. What it does not
//! know becomes UNKNOWN and counts as a gap of the map; it is never guessed.

use std::collections::HashMap;
use std::sync::LazyLock;

use jiff::tz::TimeZone;

use super::event::Report;
use super::instant;
use super::status::{Status, SubStatus};

/// What a report means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapped {
    /// The status.
    pub status: Status,
    /// The sub-status, where the source says so much.
    pub sub_status: Option<SubStatus>,
}

impl Mapped {
    fn new(status: Status) -> Self {
        Self { status, sub_status: None }
    }

    fn unknown(sub_status: &str) -> Self {
        Self { status: Status::Unknown, sub_status: Status::Unknown.sub_status(sub_status) }
    }

    /// Whether the map did not know what the source says: a gap to close with the next version.
    pub fn is_gap(self) -> bool {
        self == Self::unknown("unmapped_code")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Level {
    Name,
    Code,
}

/// Names and codes by (carrier, feed version), words by carrier, and the carriers' own zones.
#[derive(Debug)]
pub struct CodeMap {
    version: &'static str,
    exact: HashMap<(String, String, Level, String), Mapped>,
    texts: Vec<(String, String, Mapped)>,
    zones: HashMap<String, TimeZone>,
}

static BUILT_IN: LazyLock<CodeMap> = LazyLock::new(|| {
    CodeMap::read("v1", include_str!("../../data/code_map.v1.csv"), include_str!("../../data/carriers.v1.csv"))
        .expect("the compiled code map is read by a test")
});

impl CodeMap {
    /// The map of this release.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// Its version, kept with every event that it was read by.
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// The zone of a carrier whose feed writes local times without one.
    pub fn zone(&self, carrier: &str) -> Option<&TimeZone> {
        self.zones.get(carrier)
    }

    /// What a report means: by its first-level name, else its code, else its words. Guanxi's own names are known from
    /// every source. A code that says more about the same status gives the sub-status.
    pub fn map(&self, report: &Report) -> Mapped {
        let name = normalise(&report.status_name);
        let code = report.code.trim().to_uppercase();
        let by_code = || self.find(report, Level::Code, &code);
        if let Some(mut mapped) = self.find(report, Level::Name, &name).or_else(|| own(&name)) {
            if mapped.sub_status.is_none() {
                let own_word = mapped.status.sub_status(&report.code.trim().to_lowercase());
                let refined = by_code().filter(|by_code| by_code.status == mapped.status);
                mapped.sub_status = own_word.or(refined.and_then(|by_code| by_code.sub_status));
            }
            return mapped;
        }
        if let Some(mapped) = by_code() {
            return mapped;
        }
        let words = report.description.trim().to_lowercase();
        let by_text = self
            .texts
            .iter()
            .find(|(carrier, text, _)| (carrier == "*" || *carrier == report.carrier) && words.contains(text));
        match by_text {
            Some((.., mapped)) => *mapped,
            None if name.is_empty() && code.is_empty() && words.is_empty() => Mapped::unknown("no_data"),
            None => Mapped::unknown("unmapped_code"),
        }
    }

    fn find(&self, report: &Report, level: Level, source: &str) -> Option<Mapped> {
        if source.is_empty() {
            return None;
        }
        let feeds = [(report.carrier.as_str(), report.feed_version.as_str()), (&report.carrier, ""), ("*", "")];
        feeds.into_iter().find_map(|(carrier, feed)| {
            self.exact.get(&(carrier.to_owned(), feed.to_owned(), level, source.to_owned())).copied()
        })
    }

    /// Reads the data files.
    fn read(version: &'static str, codes: &str, carriers: &str) -> Result<Self, String> {
        let mut map = Self { version, exact: HashMap::new(), texts: Vec::new(), zones: HashMap::new() };
        for line in rows(codes) {
            let [carrier, feed, level, source, status, sub_status] = columns(line)?;
            let status: Status = status.parse().map_err(|e| format!("{line}: {e}"))?;
            let sub = status.sub_status(sub_status);
            if status == Status::PartiallyDelivered || (sub.is_none() && !sub_status.is_empty()) {
                return Err(format!("{line}: no status of a package"));
            }
            let mapped = Mapped { status, sub_status: sub };
            let level = match level {
                "name" => Level::Name,
                "code" => Level::Code,
                "text" => {
                    map.texts.push((carrier.to_owned(), source.to_lowercase(), mapped));
                    continue;
                }
                _ => return Err(format!("{line}: no level")),
            };
            let key = (carrier.to_owned(), feed.to_owned(), level, source.to_owned());
            if map.exact.insert(key, mapped).is_some() {
                return Err(format!("{line}: is there twice"));
            }
        }
        for line in rows(carriers) {
            let [carrier, zone] = columns(line)?;
            let zone = instant::zone(zone).ok_or_else(|| format!("{line}: no zone"))?;
            map.zones.insert(carrier.to_owned(), zone);
        }
        Ok(map)
    }
}

/// The lines after the heading, without comments.
fn rows(file: &str) -> impl Iterator<Item = &str> {
    file.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).skip(1)
}

fn columns<const N: usize>(line: &str) -> Result<[&str; N], String> {
    let columns: Vec<&str> = line.split(',').collect();
    columns.try_into().map_err(|_| format!("{line}: not {N} columns"))
}

/// Names as the map holds them: capitals, words joined by underscores.
fn normalise(name: &str) -> String {
    name.trim().to_uppercase().replace([' ', '-'], "_")
}

fn own(name: &str) -> Option<Mapped> {
    let status: Status = name.parse().ok()?;
    match status {
        Status::PartiallyDelivered => None,
        Status::Unknown => Some(Mapped::unknown("no_data")),
        status => Some(Mapped::new(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::SourceKind;
    use crate::domain::instant::Occurred;

    fn mapped(carrier: &str, name: &str, code: &str, words: &str) -> (Status, &'static str) {
        let report = Report {
            source: "t".into(),
            source_kind: SourceKind::Carrier,
            source_event_id: None,
            revision_time: None,
            occurred: Occurred::Missing,
            zone: String::new(),
            carrier: carrier.into(),
            feed_version: String::new(),
            status_name: name.into(),
            code: code.into(),
            description: words.into(),
            location: String::new(),
            historical: false,
        };
        let mapped = CodeMap::built_in().map(&report);
        (mapped.status, mapped.sub_status.map_or("", SubStatus::as_str))
    }

    #[test]
    fn every_line_of_the_data_is_read() {
        let map = CodeMap::built_in();
        assert!(map.exact.len() > 60 && map.texts.len() > 10 && map.zone("sf").is_some());
    }

    #[test]
    fn names_come_before_codes_and_codes_before_words() {
        assert_eq!(mapped("aftership", "InTransit", "", "out for delivery"), (Status::InTransit, ""));
        assert_eq!(mapped("sf", "", "44", "已签收"), (Status::OutForDelivery, "courier_assigned"));
        assert_eq!(mapped("sf", "", "", "快件已签收,签收人:本人"), (Status::Delivered, ""));
        assert_eq!(mapped("17track", "InTransit", "InTransit_Departure", ""), (Status::InTransit, "departed"));
    }

    #[test]
    fn our_own_names_are_known_from_every_source() {
        assert_eq!(mapped("anyone", "out for delivery", "", ""), (Status::OutForDelivery, ""));
        assert_eq!(mapped("anyone", "IN_TRANSIT", "arrived", ""), (Status::InTransit, "arrived"));
        assert_eq!(mapped("anyone", "PARTIALLY_DELIVERED", "", "").0, Status::Unknown);
    }

    #[test]
    fn what_the_map_does_not_know_is_unknown_and_never_guessed() {
        assert_eq!(mapped("sf", "", "9999", "something"), (Status::Unknown, "unmapped_code"));
        assert_eq!(mapped("sf", "", "", ""), (Status::Unknown, "no_data"));
        assert_eq!(mapped("dhl", "", "44", ""), (Status::Unknown, "unmapped_code"));
    }

    #[test]
    fn a_line_that_is_wrong_is_refused() {
        let read = |line: &str| CodeMap::read("t", &format!("h\n{line}\n"), "h\n").map(|_| ());
        assert!(read("a,,code,1,DELIVERED,collected").is_ok());
        for wrong in ["a,,code,1,DELIVERED", "a,,code,1,GONE,", "a,,code,1,DELIVERED,arrived", "a,,x,1,DELIVERED,"] {
            assert!(read(wrong).is_err(), "{wrong} was taken");
        }
        assert!(read("a,,code,1,DELIVERED,\na,,code,1,RETURNED,").is_err());
    }
}
