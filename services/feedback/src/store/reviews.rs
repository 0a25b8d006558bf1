//! Reviews: their rows, the causes that the low ones give, and what they come to.

use std::collections::HashMap;

use guanxi_contracts::feedback::events::v1 as told;
use guanxi_kernel::{OrganizationId, PageRequest, Uuid};
use guanxi_messaging::event;
use guanxi_store::filter::{Field, Holds};
use guanxi_store::{Cell, Column, NewEvent, Result, Rows, Session, StoreError, Table, Tx, dialect, time};
use sea_orm::{ColumnTrait, ConnectionTrait, QueryFilter, QuerySelect, Statement};

use super::entities::reviews::{self, Entity};
use super::pages::{self, List};
use super::{Lock, by_roots, customer, narrow, organization};
use crate::domain::cause::Cause;
use crate::domain::name::{ReviewId, Subject, SubjectKind};
use crate::domain::rating::Rating;
use crate::domain::review::{Content, Review, ReviewKey, Stars};

const REVIEWS: Table = Table::new(
    "reviews",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::text("source"),
        Column::text("external_id"),
        Column::text("subject"),
        Column::text("subject_kind"),
        Column::uuid("order_id").nullable(),
        Column::uuid("customer").nullable(),
        Column::int("rating"),
        Column::text("title"),
        Column::text("body"),
        Column::time("review_time"),
        Column::time("create_time"),
        Column::time("update_time"),
        Column::int("revision"),
    ],
);

/// What the list may be filtered by.
pub const LIST: List<reviews::Column> = List {
    fields: &[
        Field::new("subject", reviews::Column::Subject, Holds::Text),
        Field::new("customer", reviews::Column::Customer, Holds::Name(pages::customer)),
        Field::new("rating", reviews::Column::Rating, Holds::Int),
        Field::new("source", reviews::Column::Source, Holds::Text),
        Field::new("organization", reviews::Column::Organization, Holds::Slug("organizations/")),
        Field::new("review_time", reviews::Column::ReviewTime, Holds::Time),
    ],
    order: "review_time desc",
    key: Field::new("name", reviews::Column::RootId, Holds::Name(|name| Some(name.parse::<ReviewId>().ok()?.uuid()))),
};

/// The reviews of these ids that are stored, locked.
///
/// # Errors
/// The database's.
pub async fn lock(tx: &Tx, ids: &[Uuid]) -> Result<HashMap<ReviewId, Review>> {
    let rows: Vec<reviews::Model> = by_roots(tx, "reviews", ids, Lock::Rows).await?;
    rows.into_iter().map(|row| Ok((ReviewId(row.root_id), review(row)?))).collect()
}

/// Stores new and changed reviews, each once.
///
/// # Errors
/// The database's.
pub async fn save(tx: &Tx, new: &[&Review], changed: &[&Review]) -> Result<()> {
    let rows = |reviews: &[&Review]| {
        let mut rows = Rows::new(&REVIEWS);
        for review in reviews {
            rows.push(row(review));
        }
        rows
    };
    rows(new).insert(tx).await?;
    rows(changed).update(tx, &["root_id"]).await.map(|_| ())
}

/// The causes that stored low reviews give these orders: the order's id, whose review it is, and the cause.
///
/// # Errors
/// The database's.
pub async fn low_about(tx: &Tx, orders: &[Uuid]) -> Result<Vec<(Uuid, OrganizationId, Cause)>> {
    if orders.is_empty() {
        return Ok(Vec::new());
    }
    let (condition, orders) = dialect::any_uuid(tx.backend(), "order_id", 1, orders);
    let sql = format!(
        "SELECT root_id, order_id, organization, review_time FROM reviews WHERE rating <= 2 AND {condition} ORDER BY root_id"
    );
    let rows = tx.conn().query_all_raw(Statement::from_sql_and_values(tx.backend(), sql, [orders])).await?;
    rows.iter()
        .map(|row| {
            let written = time::from_column(row.try_get("", "review_time")?);
            let cause = Cause::low_rating(ReviewId(row.try_get("", "root_id")?), written);
            let slug: String = row.try_get("", "organization")?;
            Ok((row.try_get("", "order_id")?, organization(&slug)?, cause))
        })
        .collect()
}

/// A page of the reviews that a filter finds, those written last first, and the token of the next page; empty on the
/// last.
///
/// # Errors
/// INVALID_ARGUMENT for a filter or page token that is none; the database's.
pub async fn list<S: Session>(session: &S, filter: &str, page: &PageRequest) -> Result<(Vec<Review>, String)> {
    let (rows, more) = LIST.rows::<Entity, S>(session, filter, page).await?;
    let found = rows.into_iter().map(review).collect::<Result<Vec<_>>>()?;
    let last = found.last().filter(|_| more);
    let next = last.map(|review| page.next(vec![review.review_time.to_string(), review.id.to_string()]));
    Ok((found, next.unwrap_or_default()))
}

/// What is rated: one subject, all of a kind, or all.
#[derive(Debug, Clone)]
pub enum Rated {
    /// One subject.
    Subject(Subject),
    /// All subjects of a kind.
    Kind(SubjectKind),
    /// Every review.
    All,
}

/// The rating of what is rated, over the reviews that the caller may read, of one organisation if it is named.
///
/// # Errors
/// The database's.
pub async fn rating<S: Session>(session: &S, rated: &Rated, organization: Option<&OrganizationId>) -> Result<Rating> {
    let mut query = session.find::<Entity>();
    match rated {
        Rated::Subject(subject) => query = query.filter(reviews::Column::Subject.eq(subject.as_str())),
        Rated::Kind(kind) => query = query.filter(reviews::Column::SubjectKind.eq(kind.word())),
        Rated::All => {}
    }
    if let Some(organization) = organization {
        query = query.filter(reviews::Column::Organization.eq(organization.slug()));
    }
    let counts: Vec<(i64, i64)> = query
        .select_only()
        .column(reviews::Column::Rating)
        .column_as(reviews::Column::RootId.count(), "reviews")
        .group_by(reviews::Column::Rating)
        .into_tuple()
        .all(session.connection())
        .await?;
    counts.into_iter().map(|(rating, count)| Ok((stars(rating)?, narrow::<u64>(count)?))).collect()
}

/// Tells that a review came in.
pub fn submitted(review: &Review, historical: bool) -> NewEvent {
    let message = told::ReviewSubmitted {
        review: review.id.to_string(),
        subject: review.key.subject.to_string(),
        customer: review.content.customer.map(|id| id.to_string()).unwrap_or_default(),
        rating: review.content.stars.get(),
    };
    event(review.id, review.revision, &review.organization, review.review_time, historical, &message)
}

fn stars(rating: i64) -> Result<Stars> {
    Stars::new(narrow(rating)?).ok_or_else(|| StoreError::Row(format!("reviews.rating holds {rating}")))
}

fn review(row: reviews::Model) -> Result<Review> {
    Ok(Review {
        id: ReviewId(row.root_id),
        key: ReviewKey {
            source: row.source,
            external_id: row.external_id,
            subject: row.subject.parse().map_err(StoreError::row)?,
        },
        organization: organization(&row.organization)?,
        content: Content {
            customer: customer(row.customer),
            stars: stars(row.rating)?,
            title: row.title,
            text: row.body,
        },
        review_time: time::from_column(row.review_time),
        create_time: time::from_column(row.create_time),
        update_time: time::from_column(row.update_time),
        revision: row.revision,
    })
}

fn row(review: &Review) -> [Cell; 15] {
    let subject = &review.key.subject;
    [
        review.id.uuid().into(),
        review.organization.slug().into(),
        review.key.source.as_str().into(),
        review.key.external_id.as_str().into(),
        subject.as_str().into(),
        subject.kind().word().into(),
        subject.order().map(|order| order.uuid()).into(),
        review.content.customer.map(|id| id.uuid()).into(),
        i64::from(review.content.stars.get()).into(),
        review.content.title.as_str().into(),
        review.content.text.as_str().into(),
        review.review_time.into(),
        review.create_time.into(),
        review.update_time.into(),
        review.revision.into(),
    ]
}
