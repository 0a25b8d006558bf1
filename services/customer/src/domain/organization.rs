//! Organisations (subsidiaries and regions of the retailer) and their stores.

use std::fmt;
use std::str::FromStr;

use guanxi_kernel::{Currency, NameError, OrganizationId, Refused, Timestamp, Uuid, Violation, natural_id, tz};

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Which.
    pub id: OrganizationId,
    /// The name to show.
    pub display_name: String,
    /// Its IANA zone.
    pub time_zone: String,
    /// Its currency.
    pub currency: Currency,
    /// When it was made.
    pub create_time: Timestamp,
}

/// The key of an organisation's row.
pub fn root(id: &OrganizationId) -> Uuid {
    natural_id("organization", [id.slug()])
}

/// A store's name: `organizations/{slug}/stores/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoreName {
    /// Whose.
    pub organization: OrganizationId,
    /// The last part: 1 to 63 of a-z, 0-9 and -, beginning with a letter or digit.
    pub id: String,
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/stores/{}", self.organization, self.id)
    }
}

impl FromStr for StoreName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let malformed = || NameError { value: text.to_owned(), form: "organizations/{slug}/stores/{id}" };
        let (organization, id) = text.split_once("/stores/").ok_or_else(malformed)?;
        let good = (1..=63).contains(&id.len())
            && !id.starts_with('-')
            && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let organization = organization.parse().map_err(|_| malformed())?;
        if good { Ok(Self { organization, id: id.to_owned() }) } else { Err(malformed()) }
    }
}

/// A store of an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Which.
    pub name: StoreName,
    /// The name to show.
    pub display_name: String,
    /// The city; empty where it is not known.
    pub locality: String,
    /// Its IANA zone; empty where it is the organisation's.
    pub time_zone: String,
    /// When it was made.
    pub create_time: Timestamp,
}

/// Refuses a zone that is not an IANA zone; `field` is where it was said.
///
/// # Errors
/// INVALID_ARGUMENT `ZONE_UNKNOWN`.
pub fn check_zone(zone: &str, field: &str) -> Result<(), Refused> {
    if tz::TimeZone::get(zone).is_ok() {
        return Ok(());
    }
    Err(Refused::violations(vec![Violation {
        field: field.to_owned(),
        rule: "ZONE_UNKNOWN".into(),
        description: format!("{zone:?} is not an IANA zone"),
    }]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_has_one_name() {
        let name: StoreName = "organizations/cn/stores/nanjing-1".parse().expect("a name");
        assert_eq!((name.organization.slug(), name.id.as_str()), ("cn", "nanjing-1"));
        assert_eq!(name.to_string(), "organizations/cn/stores/nanjing-1");
        for wrong in ["stores/1", "organizations/cn/stores/", "organizations/cn/stores/A", "organizations/CN/stores/a"]
        {
            assert!(wrong.parse::<StoreName>().is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn a_zone_must_be_known() {
        assert!(check_zone("Asia/Shanghai", "z").is_ok());
        for wrong in ["", "Shanghai", "Mars/Olympus", "../etc/passwd"] {
            assert!(check_zone(wrong, "z").is_err(), "{wrong:?} was taken");
        }
    }
}
