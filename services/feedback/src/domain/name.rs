//! The names of what feedback owns: reviews, invitations, surveys.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use guanxi_kernel::{NameError, OrderName, OrganizationId, Uuid, natural_id, resource_id};

use crate::domain::words::words;

resource_id!(
    /// A review: named by its source, its id there and its subject.
    ReviewId,
    "reviews"
);
resource_id!(
    /// An invitation to a survey.
    InvitationId,
    "invitations"
);

/// A survey: `surveys/{slug}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SurveyId(Arc<str>);

impl SurveyId {
    const FORM: &'static str = "surveys/{1 to 63 of a-z, 0-9 and -, beginning with a letter}";

    /// From the bare slug.
    ///
    /// # Errors
    /// [`NameError`] where it is not a slug.
    pub fn from_slug(slug: &str) -> Result<Self, NameError> {
        // An organisation's slug has the same form.
        OrganizationId::from_slug(slug)
            .map(|_| Self(slug.into()))
            .map_err(|_| NameError { value: slug.to_owned(), form: Self::FORM })
    }

    /// The part after `surveys/`.
    pub fn slug(&self) -> &str {
        &self.0
    }

    /// The key of its rows.
    pub fn uuid(&self) -> Uuid {
        natural_id("survey", [self.slug()])
    }
}

impl fmt::Display for SurveyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "surveys/{}", self.0)
    }
}

impl FromStr for SurveyId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let malformed = || NameError { value: text.to_owned(), form: Self::FORM };
        text.strip_prefix("surveys/").and_then(|slug| Self::from_slug(slug).ok()).ok_or_else(malformed)
    }
}

words! {
    /// What sort of thing is reviewed; the word is its collection.
    pub enum SubjectKind {
        /// Buying and delivery as a whole.
        Order = "orders",
        /// A product.
        Product = "products",
        /// A store.
        Store = "stores",
        /// One delivery.
        Shipment = "shipments",
    }
}

/// What is reviewed: the name of an order, a product, a store or a shipment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    kind: SubjectKind,
    name: Arc<str>,
    order: Option<OrderName>,
}

impl Subject {
    const FORM: &'static str = "orders/{source}:{number}, products/…, stores/… or shipments/…";

    /// Its sort.
    pub fn kind(&self) -> SubjectKind {
        self.kind
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The order, where it is one.
    pub fn order(&self) -> Option<&OrderName> {
        self.order.as_ref()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl FromStr for Subject {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let malformed = || NameError { value: text.to_owned(), form: Self::FORM };
        let (collection, id) = text.split_once('/').ok_or_else(malformed)?;
        let kind = SubjectKind::from_word(collection).ok_or_else(malformed)?;
        if id.is_empty() || id.contains('/') {
            return Err(malformed());
        }
        let order = match kind {
            SubjectKind::Order => Some(text.parse()?),
            _ => None,
        };
        Ok(Self { kind, name: text.into(), order })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_survey_is_named_by_its_slug() {
        let id: SurveyId = "surveys/delivery-nps".parse().expect("a name");
        assert_eq!((id.slug(), id.to_string().as_str()), ("delivery-nps", "surveys/delivery-nps"));
        for wrong in ["surveys/", "surveys/A", "survey/a", "surveys/a b"] {
            assert!(wrong.parse::<SurveyId>().is_err(), "{wrong} is taken for a name");
        }
    }

    #[test]
    fn a_subject_says_what_it_is() {
        let order: Subject = "orders/olist:1".parse().expect("a subject");
        assert_eq!((order.kind(), order.order().map(|o| o.number())), (SubjectKind::Order, Some("1")));
        let product: Subject = "products/olist:1".parse().expect("a subject");
        assert_eq!((product.kind(), product.order()), (SubjectKind::Product, None));
        for wrong in ["orders/1", "products/", "dogs/1", "products", "stores/a/b"] {
            assert!(wrong.parse::<Subject>().is_err(), "{wrong} is taken for a subject");
        }
    }
}
