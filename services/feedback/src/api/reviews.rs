//! ReviewService.

use guanxi_contracts::feedback::v1::*;
use guanxi_contracts::server::feedback_v1::review_service_server::ReviewService;
use guanxi_kernel::{PageRequest, Refused};
use guanxi_rpc::{answer, convert, open, write};
use guanxi_store::{Database, GroupCommit};
use tonic::{Request, Response, Status};

use super::submissions::Submission;
use super::wire::review as wire;
use super::{Submissions, reply};
use crate::domain::name::Subject;
use crate::store::reviews::{self, Rated};

/// Serves reviews.
#[derive(Debug, Clone)]
pub struct Reviews {
    db: Database,
    submissions: GroupCommit<Submissions>,
}

impl Reviews {
    /// Over this database and its queue of reviews that come in.
    pub fn new(db: &Database, submissions: &GroupCommit<Submissions>) -> Self {
        Self { db: db.clone(), submissions: submissions.clone() }
    }
}

#[tonic::async_trait]
impl ReviewService for Reviews {
    async fn submit_review(
        &self,
        request: Request<SubmitReviewRequest>,
    ) -> Result<Response<SubmitReviewResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let review = wire::submitted(&call, message.review.as_ref())?;
            let root = review.key.id().uuid();
            let write = write("ReviewService/SubmitReview", root, &message)?;
            let submission = Submission { review, historical: message.historical };
            reply(&self.submissions.submit(&call, root, Some(write), submission).await?)
        })
        .await
    }

    async fn list_reviews(
        &self,
        request: Request<ListReviewsRequest>,
    ) -> Result<Response<ListReviewsResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (page, ()) = convert::all((
                PageRequest::parse(message.page_size, &message.page_token, &["ListReviews", &message.filter]),
                reviews::LIST.check(&message.filter),
            ))?;
            let (found, next) = reviews::list(&self.db.reader(&call), &message.filter, &page).await?;
            let reviews = found.iter().map(wire::review).collect();
            Ok(ListReviewsResponse { reviews, next_page_token: next })
        })
        .await
    }

    async fn get_rating(&self, request: Request<GetRatingRequest>) -> Result<Response<GetRatingResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (subject, organization) = convert::all((
                convert::optional_name::<Subject>(&message.subject, "subject"),
                convert::organization(&message.organization, "organization"),
            ))?;
            let kind = wire::kind(message.kind());
            if let (Some(subject), Some(kind)) = (&subject, kind)
                && subject.kind() != kind
            {
                let description = format!("{subject} is not of the kind {kind}");
                return Err(Refused::invalid("kind", "SUBJECT_KIND_MISMATCH", description));
            }
            let of_kind = match (&subject, kind) {
                (Some(subject), _) => Rated::Kind(subject.kind()),
                (None, Some(kind)) => Rated::Kind(kind),
                (None, None) => Rated::All,
            };
            let reader = self.db.reader(&call);
            let prior = reviews::rating(&reader, &of_kind, organization.as_ref()).await?;
            let rating = match subject {
                Some(subject) => reviews::rating(&reader, &Rated::Subject(subject), organization.as_ref()).await?,
                None => prior,
            };
            Ok(GetRatingResponse { rating: Some(wire::rating(&message.subject, &rating, &prior)) })
        })
        .await
    }
}
