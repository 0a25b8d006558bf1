//! Reviews: a natural key makes a repeated review the same review; changed content updates it.

use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{OrganizationId, Refusal, Refused, Timestamp, natural_id};
use thiserror::Error;

use crate::domain::cause::Cause;
use crate::domain::name::{ReviewId, Subject};

/// A rating of 1 to 5 stars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stars(u8);

impl Stars {
    /// 1 to 5; `None` for anything else.
    pub fn new(stars: i32) -> Option<Self> {
        u8::try_from(stars).ok().filter(|stars| (1..=5).contains(stars)).map(Self)
    }

    /// How many.
    pub fn get(self) -> i32 {
        i32::from(self.0)
    }

    /// The place of its count among five.
    pub(crate) fn index(self) -> usize {
        usize::from(self.0) - 1
    }

    /// Whether it is a complaint: 1 or 2.
    pub fn is_low(self) -> bool {
        self.0 <= 2
    }
}

/// What names a review: the ids of a source repeat across subjects, so that the subject is part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReviewKey {
    /// The system that it came in through.
    pub source: String,
    /// That system's id of it.
    pub external_id: String,
    /// What it is about.
    pub subject: Subject,
}

impl ReviewKey {
    /// The id of the review.
    pub fn id(&self) -> ReviewId {
        ReviewId(natural_id("review", [self.source.as_str(), self.external_id.as_str(), self.subject.as_str()]))
    }
}

/// What a review says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Who wrote it.
    pub customer: Option<CustomerId>,
    /// How many stars.
    pub stars: Stars,
    /// Its headline; may be empty.
    pub title: String,
    /// Its text; may be empty.
    pub text: String,
}

/// A review as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// What names it.
    pub key: ReviewKey,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What it says.
    pub content: Content,
    /// When it was written; `None` means now, or what is stored.
    pub review_time: Option<Timestamp>,
}

/// A review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Its name.
    pub id: ReviewId,
    /// What names it.
    pub key: ReviewKey,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What it says.
    pub content: Content,
    /// When it was written.
    pub review_time: Timestamp,
    /// When it was recorded.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
    /// 1, 2, 3 …, one more with every change.
    pub revision: i64,
}

/// What becomes of a submitted review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is new.
    Created,
    /// It was stored with other content.
    Updated,
    /// It was stored as it is.
    Duplicate,
}

/// Why a review is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReviewError {
    /// It is stored for another organisation.
    #[error("{review} belongs to another organization than {organization}")]
    Foreign {
        /// The review.
        review: ReviewId,
        /// The organisation that was named.
        organization: OrganizationId,
    },
    /// The order belongs to another organisation.
    #[error("{subject} does not exist in {organization}")]
    ForeignSubject {
        /// What the review is about.
        subject: Subject,
        /// The organisation of the review.
        organization: OrganizationId,
    },
}

impl Refusal for ReviewError {
    fn refusal(&self) -> Refused {
        match self {
            Self::Foreign { review, .. } => Refused::not_found("review", review),
            Self::ForeignSubject { subject, .. } => Refused::not_found("order", subject),
        }
    }
}

impl Review {
    /// Takes a submitted review: `stored` is the one of the same key.
    ///
    /// # Errors
    /// [`ReviewError::Foreign`].
    pub fn submit(stored: Option<&Self>, submitted: Submitted, now: Timestamp) -> Result<(Self, Outcome), ReviewError> {
        let Submitted { key, organization, content, review_time } = submitted;
        let Some(stored) = stored else {
            let review = Self {
                id: key.id(),
                key,
                organization,
                content,
                review_time: review_time.unwrap_or(now),
                create_time: now,
                update_time: now,
                revision: 1,
            };
            return Ok((review, Outcome::Created));
        };
        if stored.organization != organization {
            return Err(ReviewError::Foreign { review: stored.id, organization });
        }
        let review_time = review_time.unwrap_or(stored.review_time);
        if stored.content == content && stored.review_time == review_time {
            return Ok((stored.clone(), Outcome::Duplicate));
        }
        let revision = stored.revision + 1;
        Ok((Self { content, review_time, update_time: now, revision, ..stored.clone() }, Outcome::Updated))
    }

    /// The cause that it gives the case of its order, if it is low and about one.
    pub fn cause(&self) -> Option<Cause> {
        (self.content.stars.is_low() && self.key.subject.order().is_some())
            .then(|| Cause::low_rating(self.id, self.review_time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{at, submitted};

    #[test]
    fn f23_a_review_is_keyed_by_its_id_and_its_order_since_ids_repeat_across_orders() {
        let one = submitted("7b", "orders/olist:1", 5);
        let other = submitted("7b", "orders/olist:2", 5);
        assert_ne!(one.key.id(), other.key.id());
        assert_eq!(one.key.id(), submitted("7b", "orders/olist:1", 1).key.id());
    }

    #[test]
    fn the_same_content_again_is_a_duplicate_and_changed_content_updates() {
        let (first, outcome) = Review::submit(None, submitted("a", "orders/olist:1", 5), at(1)).expect("is taken");
        assert_eq!((outcome, first.review_time), (Outcome::Created, at(1)));
        let (again, outcome) =
            Review::submit(Some(&first), submitted("a", "orders/olist:1", 5), at(2)).expect("is taken");
        assert_eq!((outcome, &again), (Outcome::Duplicate, &first), "a missing time keeps the stored one");
        let (changed, outcome) =
            Review::submit(Some(&first), submitted("a", "orders/olist:1", 2), at(3)).expect("is taken");
        assert_eq!((outcome, changed.content.stars.get(), changed.revision), (Outcome::Updated, 2, 2));
        assert_eq!((changed.create_time, changed.update_time), (at(1), at(3)));
    }

    #[test]
    fn a_review_of_another_organisation_is_not_found() {
        let (first, _) = Review::submit(None, submitted("a", "orders/olist:1", 5), at(1)).expect("is taken");
        let mut foreign = submitted("a", "orders/olist:1", 1);
        foreign.organization = OrganizationId::from_slug("elsewhere").expect("a slug");
        let refused = Review::submit(Some(&first), foreign, at(2)).expect_err("is foreign").refusal();
        assert_eq!(refused.reason(), "NOT_FOUND");
    }

    #[test]
    fn only_one_and_two_stars_about_an_order_are_a_cause() {
        let cause = |subject: &str, stars| {
            Review::submit(None, submitted("a", subject, stars), at(1)).expect("is taken").0.cause().is_some()
        };
        assert_eq!([1, 2, 3, 4, 5].map(|stars| cause("orders/olist:1", stars)), [true, true, false, false, false]);
        assert!(!cause("products/olist:1", 1));
    }
}
