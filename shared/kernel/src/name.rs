//! Resource names: `customers/0199…`, `orders/olist:77120`. Collections are unique over the suite, so a bare name is a
//! valid reference from any service.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::id::natural_id;
use crate::refusal::{Refusal, Refused};

/// A text that is not a name of the collection asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{value:?} is not a name of the form {form}")]
pub struct NameError {
    /// What was given.
    pub value: String,
    /// What a name of this kind looks like.
    pub form: &'static str,
}

impl Refusal for NameError {
    fn refusal(&self) -> Refused {
        Refused::invalid("name", "NAME_MALFORMED", self.to_string())
    }
}

/// Declares the identifier of a collection: a UUID in code, `collection/{uuid}` wherever a person or a message sees it.
#[macro_export]
macro_rules! resource_id {
    ($(#[$doc:meta])* $name:ident, $collection:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $crate::Uuid);

        impl $name {
            /// The collection, the first part of the name.
            pub const COLLECTION: &'static str = $collection;

            /// A new identifier.
            pub fn new() -> Self {
                Self($crate::new_id())
            }

            /// The bare UUID: the key of its rows, and the root of its aggregate where it is one.
            pub fn uuid(self) -> $crate::Uuid {
                self.0
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl From<$crate::Uuid> for $name {
            fn from(id: $crate::Uuid) -> Self {
                Self(id)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($collection, "/{}"), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::NameError;

            fn from_str(text: &str) -> Result<Self, $crate::NameError> {
                $crate::name::uuid_of(text, $collection)
                    .map(Self)
                    .ok_or_else(|| $crate::NameError { value: text.to_owned(), form: concat!($collection, "/{uuid}") })
            }
        }
    };
}

/// The UUID of a `collection/{uuid}` name, in the hyphenated form only, so that one thing has one name.
pub fn uuid_of(text: &str, collection: &str) -> Option<Uuid> {
    let id = text.strip_prefix(collection)?.strip_prefix('/')?;
    let uuid = Uuid::try_parse(id).ok()?;
    (id.len() == 36 && !id.bytes().any(|b| b.is_ascii_uppercase())).then_some(uuid)
}

resource_id!(
    /// A customer: the unified view of a person or party.
    CustomerId,
    "customers"
);
resource_id!(
    /// A member of a loyalty program.
    MemberId,
    "members"
);
resource_id!(
    /// A shipment: the goods of an order, or part of one, with one promise.
    ShipmentId,
    "shipments"
);
resource_id!(
    /// A package: what is scanned.
    PackageId,
    "packages"
);
resource_id!(
    /// A case: a question, complaint, repair or return request with an owner.
    CaseId,
    "cases"
);

/// A subsidiary or region of the retailer: `organizations/{slug}`. Every aggregate belongs to one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrganizationId(Arc<str>);

impl OrganizationId {
    /// The collection, the first part of the name.
    pub const COLLECTION: &'static str = "organizations";

    /// The organisation of a retailer that has only one.
    pub fn default_organization() -> Self {
        Self("default".into())
    }

    /// The part after `organizations/`: 1 to 63 of `a-z0-9-`, beginning with a letter.
    pub fn slug(&self) -> &str {
        &self.0
    }

    /// From the bare slug, as tokens and columns hold it.
    ///
    /// # Errors
    /// [`NameError`] where it is not a slug.
    pub fn from_slug(slug: &str) -> Result<Self, NameError> {
        let good = (1..=63).contains(&slug.len())
            && slug.starts_with(|c: char| c.is_ascii_lowercase())
            && slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if good { Ok(Self(slug.into())) } else { Err(NameError { value: slug.to_owned(), form: Self::FORM }) }
    }

    const FORM: &'static str = "organizations/{1 to 63 of a-z, 0-9 and -, beginning with a letter}";
}

impl TryFrom<String> for OrganizationId {
    type Error = NameError;

    fn try_from(slug: String) -> Result<Self, NameError> {
        Self::from_slug(&slug)
    }
}

impl From<OrganizationId> for String {
    fn from(organization: OrganizationId) -> Self {
        organization.slug().to_owned()
    }
}

impl fmt::Display for OrganizationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "organizations/{}", self.0)
    }
}

impl FromStr for OrganizationId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let malformed = || NameError { value: text.to_owned(), form: Self::FORM };
        let slug = text.strip_prefix("organizations/").ok_or_else(malformed)?;
        Self::from_slug(slug).map_err(|_| malformed())
    }
}

/// An order, named by the shop system that took it: `orders/{source}:{number}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderName {
    text: Arc<str>,
    colon: usize,
}

impl OrderName {
    const FORM: &'static str =
        "orders/{source}:{number}, source 1 to 32 of a-z, 0-9, - and _, number 1 to 64 of letters, digits, - _ . ~";

    /// The order that `source` calls `number`.
    ///
    /// # Errors
    /// [`NameError`] where either is empty, too long or has other characters.
    pub fn new(source: &str, number: &str) -> Result<Self, NameError> {
        let good_source = (1..=32).contains(&source.len())
            && source.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        let good_number = (1..=64).contains(&number.len())
            && number.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b));
        if !good_source || !good_number {
            return Err(NameError { value: format!("orders/{source}:{number}"), form: Self::FORM });
        }
        Ok(Self { text: format!("orders/{source}:{number}").into(), colon: "orders/".len() + source.len() })
    }

    /// The shop system.
    pub fn source(&self) -> &str {
        &self.text["orders/".len()..self.colon]
    }

    /// The number that the shop system gave it.
    pub fn number(&self) -> &str {
        &self.text[self.colon + 1..]
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The key of its rows in every service: the natural id of source and number.
    pub fn uuid(&self) -> Uuid {
        natural_id("order", [self.source(), self.number()])
    }

    /// The shipment that carries what `seller` sends of this order.
    pub fn shipment(&self, seller: &str) -> ShipmentId {
        ShipmentId(natural_id("shipment", [self.as_str(), seller]))
    }

    /// The package number `index` (from 0) of the shipment that carries what `seller` sends of this order.
    pub fn package(&self, seller: &str, index: u32) -> PackageId {
        PackageId(natural_id("package", [self.as_str(), seller, &index.to_string()]))
    }
}

impl fmt::Display for OrderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for OrderName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let malformed = || NameError { value: text.to_owned(), form: Self::FORM };
        let (source, number) =
            text.strip_prefix("orders/").and_then(|rest| rest.split_once(':')).ok_or_else(malformed)?;
        Self::new(source, number).map_err(|_| malformed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_as_itself() {
        let id = CustomerId::new();
        assert_eq!(id.to_string().parse(), Ok(id));
        let order: OrderName = "orders/olist:a4591c".parse().expect("a name");
        assert_eq!(
            (order.source(), order.number(), order.to_string().as_str()),
            ("olist", "a4591c", "orders/olist:a4591c")
        );
        let org: OrganizationId = "organizations/hk".parse().expect("a name");
        assert_eq!((org.slug(), org.to_string().as_str()), ("hk", "organizations/hk"));
    }

    #[test]
    fn one_thing_has_one_name() {
        let id = CustomerId::new();
        for other in [
            id.to_string().to_uppercase(),
            format!("customers/{}", id.0.simple()),
            format!("members/{}", id.0),
            format!("customers/{{{}}}", id.0),
            id.0.to_string(),
        ] {
            assert!(other.parse::<CustomerId>().is_err(), "{other} was taken");
        }
        for other in ["orders/olist", "orders/:1", "orders/a b:1", "orders/olist:", "orders/OLIST:1", "orders/o:1/2"] {
            assert!(other.parse::<OrderName>().is_err(), "{other} was taken");
        }
    }
}
