//! ReviewService.

use guanxi_contracts::feedback::v1::*;
use guanxi_contracts::server::feedback_v1::review_service_server::ReviewService;
use guanxi_kernel::{PageRequest, Refused};
use guanxi_rpc::{answer, convert, open, write};
use guanxi_store::filter::{self, Field, Holds, Ordering};
use guanxi_store::{Database, GroupCommit, Session, StoreError};
use sea_orm::{QueryFilter, QuerySelect};
use tonic::{Request, Response, Status};

use super::cases::customer;
use super::submissions::Submission;
use super::wire::review as wire;
use super::{Submissions, reply};
use crate::domain::name::{ReviewId, Subject};
use crate::store::entities::reviews::{Column, Entity};
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

const KEY: Field<Column> =
    Field::new("name", Column::RootId, Holds::Name(|name| Some(name.parse::<ReviewId>().ok()?.0)));

const FIELDS: &[Field<Column>] = &[
    Field::new("subject", Column::Subject, Holds::Text),
    Field::new("customer", Column::Customer, Holds::Name(customer)),
    Field::new("rating", Column::Rating, Holds::Int),
    Field::new("source", Column::Source, Holds::Text),
    Field::new("organization", Column::Organization, Holds::Slug("organizations/")),
    Field::new("review_time", Column::ReviewTime, Holds::Time),
];

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
            let page = PageRequest::parse(message.page_size, &message.page_token, &["ListReviews", &message.filter])?;
            let order = Ordering::parse("review_time desc", FIELDS, KEY)?;
            let reader = self.db.reader(&call);
            let mut query = reader.find::<Entity>().filter(filter::condition(&message.filter, FIELDS)?);
            if let Some(after) = &page.after {
                query = query.filter(order.after(after)?);
            }
            let size = page.size as usize;
            let query = order.apply(query).limit(u64::from(page.size) + 1);
            let mut rows = query.all(reader.connection()).await.map_err(StoreError::from)?;
            let more = rows.len() > size;
            rows.truncate(size);
            let found = rows.into_iter().map(reviews::review).collect::<Result<Vec<_>, _>>()?;
            let last = found.last().filter(|_| more);
            let next = last.map(|review| page.next(vec![review.review_time.to_string(), review.id.to_string()]));
            let found = found.iter().map(wire::review).collect();
            Ok(ListReviewsResponse { reviews: found, next_page_token: next.unwrap_or_default() })
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
