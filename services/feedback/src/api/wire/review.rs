//! Reviews and ratings.

use guanxi_contracts::feedback::v1 as pb;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::{Call, Refused};
use guanxi_rpc::convert;

use super::{int64, known};
use crate::domain::name::SubjectKind;
use crate::domain::rating::Rating;
use crate::domain::review::{Content, Outcome, Review, ReviewKey, Stars, Submitted};

/// A review to record, for an organisation that the caller may write.
///
/// # Errors
/// INVALID_ARGUMENT for every field that is wrong; NOT_FOUND or PERMISSION_DENIED for the organisation.
pub fn submitted(call: &Call, review: Option<&pb::Review>) -> Result<Submitted, Refused> {
    let review = convert::required(review, "review")?;
    let (organization, subject, customer, stars, review_time) = convert::all((
        convert::organization(&review.organization, "review.organization"),
        convert::name(&review.subject, "review.subject"),
        convert::optional_name(&review.customer, "review.customer"),
        known(Stars::new(review.rating), "review.rating"),
        convert::instant(review.review_time.as_ref(), "review.review_time"),
    ))?;
    Ok(Submitted {
        key: ReviewKey { source: review.source.clone(), external_id: review.external_id.clone(), subject },
        organization: call.organization(organization)?,
        content: Content { customer, stars, title: review.title.clone(), text: review.text.clone() },
        review_time,
    })
}

/// A review as the contract writes it.
pub fn review(review: &Review) -> pb::Review {
    pb::Review {
        name: review.id.to_string(),
        organization: review.organization.to_string(),
        source: review.key.source.clone(),
        external_id: review.key.external_id.clone(),
        subject: review.key.subject.to_string(),
        customer: review.content.customer.map(|id| id.to_string()).unwrap_or_default(),
        rating: review.content.stars.get(),
        title: review.content.title.clone(),
        text: review.content.text.clone(),
        review_time: Some(to_proto(review.review_time)),
        create_time: Some(to_proto(review.create_time)),
        update_time: Some(to_proto(review.update_time)),
        etag: review.revision.to_string(),
    }
}

/// What became of a review, as the contract writes it.
pub fn outcome(outcome: Outcome) -> pb::ReviewOutcome {
    match outcome {
        Outcome::Created => pb::ReviewOutcome::Created,
        Outcome::Updated => pb::ReviewOutcome::Updated,
        Outcome::Duplicate => pb::ReviewOutcome::Duplicate,
    }
}

/// The kind of subjects that is named, if one is.
pub fn kind(kind: pb::SubjectKind) -> Option<SubjectKind> {
    match kind {
        pb::SubjectKind::Unspecified => None,
        pb::SubjectKind::Order => Some(SubjectKind::Order),
        pb::SubjectKind::Product => Some(SubjectKind::Product),
        pb::SubjectKind::Store => Some(SubjectKind::Store),
        pb::SubjectKind::Shipment => Some(SubjectKind::Shipment),
    }
}

/// A rating as the contract writes it; `of_kind` is that of all subjects of the same kind.
pub fn rating(subject: &str, rating: &Rating, of_kind: &Rating) -> pb::Rating {
    pb::Rating {
        subject: subject.to_owned(),
        count: int64(rating.count()),
        sum: int64(rating.sum()),
        mean: rating.mean(),
        ranked: rating.ranked(of_kind),
        counts: rating.counts().map(int64).to_vec(),
    }
}
