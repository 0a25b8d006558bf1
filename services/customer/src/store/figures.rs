//! The service's own figures, of the organisations that the caller may read.

use guanxi_store::{Result, Session};
use sea_orm::sea_query::ExprTrait;
use sea_orm::{ColumnTrait, FromQueryResult, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use super::entities::{customers, orders};

/// The figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// Customers that are not deleted.
    pub customers: i64,
    /// Orders in any state.
    pub orders: i64,
    /// What they are worth in minor units, by currency.
    pub values: Vec<(String, i64)>,
}

#[derive(FromQueryResult)]
struct Sum {
    currency: String,
    orders: i64,
    total: i64,
}

/// Counts customers and orders, and adds up what the orders are worth.
///
/// # Errors
/// The database's.
pub async fn totals(session: &impl Session) -> Result<Totals> {
    let active = session.find::<customers::Entity>().filter(customers::Column::State.eq("ACTIVE"));
    let customers = active.count(session.connection()).await?;
    let sums = session
        .find::<orders::Entity>()
        .select_only()
        .column(orders::Column::Currency)
        .column_as(orders::Column::RootId.count(), "orders")
        .column_as(orders::Column::TotalMinor.sum().cast_as("bigint"), "total")
        .group_by(orders::Column::Currency)
        .order_by_asc(orders::Column::Currency)
        .into_model::<Sum>()
        .all(session.connection())
        .await?;
    Ok(Totals {
        customers: i64::try_from(customers).unwrap_or(i64::MAX),
        orders: sums.iter().map(|sum| sum.orders).sum(),
        values: sums.into_iter().map(|sum| (sum.currency, sum.total)).collect(),
    })
}
