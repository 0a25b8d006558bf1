//! How events name packages, and where they wait while the package is not known.

use std::fmt;
use std::str::FromStr;

use guanxi_kernel::name::{PackageId, uuid_of};
use guanxi_kernel::{NameError, OrganizationId, natural_id};
use uuid::Uuid;

/// A carrier's number of a package. Carriers use numbers again: it is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackingNumber {
    /// The carrier.
    pub carrier: String,
    /// The number, in capitals.
    pub number: String,
}

impl TrackingNumber {
    /// The carrier's number; letters are read in either case.
    pub fn new(carrier: &str, number: &str) -> Self {
        Self { carrier: carrier.to_owned(), number: number.to_ascii_uppercase() }
    }

    /// The key of its rows.
    pub fn uuid(&self) -> Uuid {
        natural_id("tracking-number", [self.carrier.as_str(), &self.number])
    }
}

impl fmt::Display for TrackingNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.carrier, self.number)
    }
}

/// How an event names its package. One named by order and seller is named by the identifier that follows from them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PackageReference {
    /// By its identifier.
    Package(PackageId),
    /// By the carrier's number.
    Number(TrackingNumber),
}

impl PackageReference {
    /// Where what is reported of it waits until the package is known: a root of its own for each organisation, so that
    /// nobody writes into the packages of another. `None` is for whichever organisation the package turns out to have.
    pub fn parking(&self, organization: Option<&OrganizationId>) -> Uuid {
        let key = match self {
            Self::Package(id) => id.uuid(),
            Self::Number(number) => number.uuid(),
        };
        natural_id("parking", [organization.map_or("", OrganizationId::slug), key.simple().to_string().as_str()])
    }
}

impl fmt::Display for PackageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package(id) => id.fmt(f),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// The name of an event: `packages/{uuid}/events/{uuid}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventName {
    /// Its package.
    pub package: PackageId,
    /// Its natural key's identifier.
    pub event: Uuid,
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/events/{}", self.package, self.event)
    }
}

impl FromStr for EventName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let malformed = || NameError { value: text.to_owned(), form: "packages/{uuid}/events/{uuid}" };
        let at = text.find("/events/").ok_or_else(malformed)?;
        let package = text[..at].parse().map_err(|_| malformed())?;
        let event = uuid_of(&text[at + 1..], "events").ok_or_else(malformed)?;
        Ok(Self { package, event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_name_reads_back_as_itself() {
        let name = EventName { package: PackageId::new(), event: guanxi_kernel::new_id() };
        assert_eq!(name.to_string().parse(), Ok(name));
        assert!("packages/x/events/y".parse::<EventName>().is_err());
        assert!(name.package.to_string().parse::<EventName>().is_err());
    }

    #[test]
    fn each_organisation_waits_in_a_place_of_its_own() {
        let reference = PackageReference::Number(TrackingNumber::new("sf", "sf1234"));
        let hk = OrganizationId::from_slug("hk").expect("a slug");
        assert_ne!(reference.parking(None), reference.parking(Some(&hk)));
        let same = PackageReference::Number(TrackingNumber::new("sf", "SF1234"));
        assert_eq!(reference.parking(Some(&hk)), same.parking(Some(&hk)));
    }
}
