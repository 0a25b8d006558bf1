//! The service's own figures: shipments, packages, and how their deliveries kept their promises.

use guanxi_kernel::Call;
use guanxi_runtime::Figures;
use guanxi_store::{Database, Result, Session};
use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter};

use super::entities::{packages, shipments};

/// The figures of the organisations that the caller may read. A package is delivered while a delivery holds; it is on
/// time where its local date is the one promised first, or before.
///
/// # Errors
/// The database's.
pub async fn figures(db: Database, call: Call) -> Result<Figures> {
    let reader = db.reader(&call);
    let connection = reader.connection();
    let packages = || reader.find::<packages::Entity>();
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let shipments = reader.find::<shipments::Entity>().count(connection).await?;
    let all = packages().count(connection).await?;
    let delivered = packages().filter(packages::Column::DeliveredTime.is_not_null()).count(connection).await?;
    let on_time = packages().filter(packages::Column::OnTime.eq(1)).count(connection).await?;
    let late = packages().filter(packages::Column::OnTime.eq(0)).count(connection).await?;
    Ok(Figures::new()
        .integer("shipments", count(shipments))
        .integer("packages", count(all))
        .integer("delivered", count(delivered))
        .integer("on_time", count(on_time))
        .integer("late", count(late)))
}
