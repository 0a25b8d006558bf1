//! Identifiers: typed, normalised keys that a customer can be recognised by, and those that recognise nobody.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use guanxi_kernel::{OrganizationId, Uuid, natural_id};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

use super::email;
use super::phone::{self, Line, Region};

/// The kind of an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IdentifierKind {
    /// A telephone number, E.164.
    Phone,
    /// An e-mail address.
    Email,
    /// The number of a member card.
    Card,
    /// The id that a source gave: an account.
    ExternalId,
}

impl IdentifierKind {
    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "PHONE",
            Self::Email => "EMAIL",
            Self::Card => "CARD",
            Self::ExternalId => "EXTERNAL_ID",
        }
    }

    /// Whether it is a point of contact: people share those, and they change hands, so it is read at a moment and never
    /// joins two records by itself. Cards and accounts are one customer's for ever.
    pub fn is_contact_point(self) -> bool {
        matches!(self, Self::Phone | Self::Email)
    }
}

impl fmt::Display for IdentifierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for IdentifierKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Phone, Self::Email, Self::Card, Self::ExternalId]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not a kind of identifier"))
    }
}

/// A normalised identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    /// Its kind.
    pub kind: IdentifierKind,
    /// The source that gave it; empty unless it is an external id.
    pub source: String,
    /// Its normalised value.
    pub value: String,
}

impl Identifier {
    /// The external id that `source` gave. Its writing is the source's own: case and all.
    pub fn external(source: &str, id: &str) -> Self {
        Self { kind: IdentifierKind::ExternalId, source: source.to_owned(), value: id.to_owned() }
    }

    /// The key of its edges: within one organisation, an identifier is one thing.
    pub fn id(&self, organization: &OrganizationId) -> Uuid {
        natural_id("identifier", [organization.slug(), self.kind.as_str(), &self.source, &self.value])
    }
}

/// An identifier as somebody wrote it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RawIdentifier {
    /// Its kind.
    pub kind: IdentifierKind,
    /// The source that gave it; empty unless it is an external id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Its value, as written.
    pub value: String,
}

/// What a written identifier comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// It recognises a customer.
    Personal(Identifier),
    /// It is not valid.
    Invalid,
    /// It is valid and never identifies a person.
    Impersonal,
    /// It is on the deny list.
    Denied,
}

/// Why an identifier recognises nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unrecognised {
    /// An external id without the source that gave it.
    #[error("an external id needs the source that gave it")]
    SourceRequired,
    /// A source where there is none to name.
    #[error("only an external id has a source")]
    SourceMisplaced,
    /// It is not valid.
    #[error("is not a valid {0}")]
    Invalid(IdentifierKind),
    /// It is valid and never identifies a person.
    #[error("never identifies a person")]
    Impersonal,
    /// It is on the deny list.
    #[error("is on the deny list")]
    Denied,
}

impl Unrecognised {
    /// The stable name of the rule that it breaks.
    pub fn rule(self) -> &'static str {
        match self {
            Self::SourceRequired => "SOURCE_REQUIRED",
            Self::SourceMisplaced => "SOURCE_MISPLACED",
            Self::Invalid(_) => "IDENTIFIER_INVALID",
            Self::Impersonal => "IDENTIFIER_IMPERSONAL",
            Self::Denied => "IDENTIFIER_DENIED",
        }
    }

    /// The part of the identifier that is wrong.
    pub fn part(self) -> &'static str {
        match self {
            Self::SourceRequired | Self::SourceMisplaced => "source",
            Self::Invalid(_) | Self::Impersonal | Self::Denied => "value",
        }
    }
}

impl RawIdentifier {
    /// Refuses an external id without a source, and anything else with one.
    ///
    /// # Errors
    /// [`Unrecognised::SourceRequired`], [`Unrecognised::SourceMisplaced`].
    pub fn check_source(&self) -> Result<(), Unrecognised> {
        match (self.kind, self.source.is_empty()) {
            (IdentifierKind::ExternalId, true) => Err(Unrecognised::SourceRequired),
            (IdentifierKind::ExternalId, false) | (_, true) => Ok(()),
            (_, false) => Err(Unrecognised::SourceMisplaced),
        }
    }
}

/// How identifiers are read.
#[derive(Debug, Clone)]
pub struct Reader {
    region: Region,
    denied: BTreeSet<(IdentifierKind, String)>,
}

/// Values that people type to get past a form.
const ALWAYS_DENIED: [(IdentifierKind, &str); 3] = [
    (IdentifierKind::Phone, "13800138000"),
    (IdentifierKind::Phone, "13888888888"),
    (IdentifierKind::Email, "test@test.com"),
];

impl Reader {
    /// A reader for numbers of `region`, that denies `denied` (the shop's own numbers, for one) besides the usual
    /// dummies.
    pub fn new(region: Region, denied: impl IntoIterator<Item = (IdentifierKind, String)>) -> Self {
        let mut reader = Self { region, denied: BTreeSet::new() };
        let dummies = ALWAYS_DENIED.iter().map(|(kind, value)| (*kind, (*value).to_owned()));
        let keys: Vec<_> = dummies
            .map(|(kind, value)| (kind, value, Region::CN))
            .chain(denied.into_iter().map(|(kind, value)| (kind, value, region)))
            .filter_map(|(kind, value, region)| reader.normalise(kind, &value, region).map(|(value, _)| (kind, value)))
            .collect();
        reader.denied.extend(keys);
        reader
    }

    /// Reads an identifier. `region` is the record's, where it has one.
    pub fn read(&self, raw: &RawIdentifier, region: Option<Region>) -> Reading {
        let Some((value, personal)) = self.normalise(raw.kind, &raw.value, region.unwrap_or(self.region)) else {
            return Reading::Invalid;
        };
        let key = (raw.kind, value);
        if self.denied.contains(&key) {
            Reading::Denied
        } else if !personal {
            Reading::Impersonal
        } else {
            Reading::Personal(Identifier { kind: raw.kind, source: raw.source.clone(), value: key.1 })
        }
    }

    /// Reads an identifier that must recognise a customer.
    ///
    /// # Errors
    /// [`Unrecognised`] where it does not.
    pub fn recognise(&self, raw: &RawIdentifier, region: Option<Region>) -> Result<Identifier, Unrecognised> {
        raw.check_source()?;
        match self.read(raw, region) {
            Reading::Personal(identifier) => Ok(identifier),
            Reading::Invalid => Err(Unrecognised::Invalid(raw.kind)),
            Reading::Impersonal => Err(Unrecognised::Impersonal),
            Reading::Denied => Err(Unrecognised::Denied),
        }
    }

    fn normalise(&self, kind: IdentifierKind, value: &str, region: Region) -> Option<(String, bool)> {
        match kind {
            IdentifierKind::Phone => {
                phone::read(value, region).map(|phone| (phone.e164, phone.line != Line::Impersonal))
            }
            IdentifierKind::Email => email::read(value).map(|email| (email.address, !email.role)),
            IdentifierKind::Card => card(value).map(|card| (card, true)),
            IdentifierKind::ExternalId => {
                let id = value.trim();
                (!id.is_empty()).then(|| (id.to_owned(), true))
            }
        }
    }
}

/// A card number: 4 to 32 letters and digits, not all the same; spaces, dots and hyphens do not count.
fn card(value: &str) -> Option<String> {
    let number: String = value
        .nfkc()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.' | '‐' | '–' | '—'))
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let good = (4..=32).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_alphanumeric());
    let first = number.bytes().next();
    (good && number.bytes().any(|b| Some(b) != first)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: IdentifierKind, value: &str) -> Reading {
        let raw = RawIdentifier { kind, source: String::new(), value: value.to_owned() };
        Reader::new(Region::CN, [(IdentifierKind::Phone, "025 8441 8888".to_owned())]).read(&raw, None)
    }

    fn personal(kind: IdentifierKind, value: &str) -> Reading {
        Reading::Personal(Identifier { kind, source: String::new(), value: value.to_owned() })
    }

    #[test]
    fn c08_the_dummy_of_all_forms_is_denied_however_it_is_written() {
        for text in ["13800138000", "0086 138 0013 8000", "１３８００１３８０００", "tel:+86-138-0013-8000"]
        {
            assert_eq!(read(IdentifierKind::Phone, text), Reading::Denied, "{text}");
        }
        assert_eq!(read(IdentifierKind::Email, "TEST@test.com"), Reading::Denied);
    }

    #[test]
    fn c09_service_numbers_and_role_mailboxes_identify_nobody() {
        assert_eq!(read(IdentifierKind::Phone, "400-812-3456"), Reading::Impersonal);
        assert_eq!(read(IdentifierKind::Phone, "10086"), Reading::Invalid);
        assert_eq!(read(IdentifierKind::Email, "info@shop.cn"), Reading::Impersonal);
    }

    #[test]
    fn the_shops_own_number_is_denied() {
        assert_eq!(read(IdentifierKind::Phone, "+86 25 84418888"), Reading::Denied);
        assert_eq!(read(IdentifierKind::Phone, "025-84418889"), personal(IdentifierKind::Phone, "+862584418889"));
    }

    #[test]
    fn a_card_is_its_letters_and_digits() {
        assert_eq!(read(IdentifierKind::Card, "6200 1234-５678"), personal(IdentifierKind::Card, "620012345678"));
        for wrong in ["", "123", "0000 0000", "62001234*", "1".repeat(33).as_str()] {
            assert_eq!(read(IdentifierKind::Card, wrong), Reading::Invalid, "{wrong}");
        }
    }

    #[test]
    fn an_identifier_is_another_thing_in_another_organisation() {
        let id = Identifier::external("pos", "1");
        let org = |slug| OrganizationId::from_slug(slug).expect("a slug");
        assert_eq!(id.id(&org("cn")), id.id(&org("cn")));
        assert_ne!(id.id(&org("cn")), id.id(&org("hk")));
        assert_ne!(id.id(&org("cn")), Identifier::external("po", "s1").id(&org("cn")));
    }
}
