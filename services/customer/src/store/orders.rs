//! Orders one by one, in pages, and what a customer's come to.

use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{Currency, Money, OrderName, OrganizationId, Refused, Timestamp};
use guanxi_store::filter::{Field, Holds};
use guanxi_store::{Result, Session, StoreError, time};
use sea_orm::sea_query::ExprTrait;
use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};

use super::entities::orders::{self, Column};
use super::pages::{Asked, List};
use super::{order_sets, parsed};
use crate::domain::order::{Order, State};

const STATES: &[(&str, &str)] = &[("PLACED", "PLACED"), ("CANCELLED", "CANCELLED"), ("RETURNED", "RETURNED")];
const ORDER_TIME: Field<Column> = Field::new("order_time", Column::OrderTime, Holds::Time);
const CREATE_TIME: Field<Column> = Field::new("create_time", Column::CreateTime, Holds::Time);
/// What the list may be filtered and ordered by.
pub const LIST: List<Column> = List {
    filters: &[
        Field::new("source", Column::Source, Holds::Text),
        Field::new("store", Column::Store, Holds::Text),
        ORDER_TIME,
        CREATE_TIME,
        Field::new("state", Column::State, Holds::OneOf(STATES)),
    ],
    orders: &[ORDER_TIME, CREATE_TIME],
    key: Field::new("name", Column::RootId, Holds::Name(|name| Some(name.parse::<OrderName>().ok()?.uuid()))),
};

/// A page of the orders that the caller may read, of one customer or organisation where it is named, and the token of
/// the next.
///
/// # Errors
/// INVALID_ARGUMENT with all that is wrong with what is asked; the database's.
pub async fn list(
    session: &impl Session,
    customer: Option<CustomerId>,
    organization: Option<&OrganizationId>,
    asked: Asked<'_>,
) -> Result<(Vec<Order>, String)> {
    let mut query = session.find::<orders::Entity>();
    if let Some(customer) = customer {
        query = query.filter(Column::CustomerId.eq(customer.uuid()));
    }
    if let Some(organization) = organization {
        query = query.filter(Column::Organization.eq(organization.slug()));
    }
    let mut page = LIST.read(session, query, asked).await?;
    let found = order_sets::with_facts(session.connection(), std::mem::take(&mut page.rows)).await?;
    let next = page.next(asked, found.last(), |order, field| match field {
        "order_time" => order.facts.terms.order_time.to_string(),
        "create_time" => order.create_time.to_string(),
        _ => order.facts.name.to_string(),
    });
    Ok((found, next))
}

/// An order that the caller may read.
///
/// # Errors
/// NOT_FOUND; the database's.
pub async fn get(session: &impl Session, name: &OrderName) -> Result<Order> {
    let query = session.find::<orders::Entity>().filter(Column::RootId.eq(name.uuid()));
    let row = query.one(session.connection()).await?.ok_or_else(|| Refused::not_found("order", name))?;
    let mut found = order_sets::with_facts(session.connection(), vec![row]).await?;
    found.pop().ok_or_else(|| StoreError::row("an order was read and then was not"))
}

/// What a customer's orders come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// How many, cancelled ones among them.
    pub count: i64,
    /// What they are worth, by currency.
    pub values: Vec<Money>,
    /// When the first was placed.
    pub first: Option<Timestamp>,
    /// When the last was placed.
    pub last: Option<Timestamp>,
    /// The latest ones.
    pub latest: Vec<Latest>,
}

/// An order without its lines, and what they come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    /// The order, without lines, payments and returns.
    pub order: Order,
    /// What it is worth, in minor units.
    pub total_minor: i64,
    /// Where it stands.
    pub state: State,
}

#[derive(FromQueryResult)]
struct Sums {
    currency: String,
    orders: i64,
    total: i64,
    first: Option<chrono::DateTime<chrono::Utc>>,
    last: Option<chrono::DateTime<chrono::Utc>>,
}

/// What a customer's orders come to, with the `latest` latest.
///
/// # Errors
/// The database's.
pub async fn standing(session: &impl Session, customer: CustomerId, latest: u64) -> Result<Standing> {
    let of = || session.find::<orders::Entity>().filter(Column::CustomerId.eq(customer.uuid()));
    let sums = of()
        .select_only()
        .column(Column::Currency)
        .column_as(Column::RootId.count(), "orders")
        .column_as(Column::TotalMinor.sum().cast_as("bigint"), "total")
        .column_as(Column::OrderTime.min(), "first")
        .column_as(Column::OrderTime.max(), "last")
        .group_by(Column::Currency)
        .order_by_asc(Column::Currency)
        .into_model::<Sums>()
        .all(session.connection())
        .await?;
    let mut standing = Standing::default();
    for sum in sums {
        let currency: Currency = parsed(&sum.currency, "orders.currency")?;
        standing.count += sum.orders;
        standing.values.push(Money::new(sum.total, currency));
        standing.first = [standing.first, sum.first.map(time::from_column)].into_iter().flatten().min();
        standing.last = standing.last.max(sum.last.map(time::from_column));
    }
    let rows = of().order_by_desc(Column::OrderTime).order_by_desc(Column::RootId).limit(latest);
    let rows = rows.all(session.connection()).await?;
    for row in rows {
        let (total_minor, state) = (row.total_minor, state(&row.state)?);
        standing.latest.push(Latest { order: order_sets::header(row)?, total_minor, state });
    }
    Ok(standing)
}

fn state(name: &str) -> Result<State> {
    [State::Placed, State::Cancelled, State::Returned]
        .into_iter()
        .find(|state| state.as_str() == name)
        .ok_or_else(|| StoreError::Row(format!("orders.state holds {name:?}")))
}
