//! The figures that feedback reports of itself, over the organisations that the caller may read.

use guanxi_kernel::Call;
use guanxi_kernel::signals::{self, KeyValue, Measured, attribute};
use guanxi_runtime::Figures;
use guanxi_store::{Database, Result, Session};
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait, Statement};

use super::entities::{cases, invitations};
use super::{reviews, scores};
use crate::domain::score::Formula;

/// `invitations`, `reviews`, `rating_mean`, `cases`, `nps`.
///
/// # Errors
/// The database's.
pub async fn summary(db: Database, call: Call) -> Result<Figures> {
    let reader = db.reader(&call);
    let rating = reviews::rating(&reader, &reviews::Rated::All, None).await?;
    let nps = scores::tally_of_kind(&reader, Formula::Nps.question()).await?;
    Ok(Figures::new()
        .integer("invitations", count::<invitations::Entity, _>(&reader).await?)
        .integer("reviews", i64::try_from(rating.count()).unwrap_or(i64::MAX))
        .decimal("rating_mean", rating.mean())
        .integer("cases", count::<cases::Entity, _>(&reader).await?)
        .decimal("nps", nps.value(Formula::Nps)))
}

/// The states of a case that is not over.
const OPEN: [&str; 4] = ["new", "open", "pending", "on_hold"];

/// Cases that are not over, of all organisations, for those who watch the service.
///
/// # Errors
/// The database's.
pub async fn open_cases(db: Database) -> Result<Vec<Measured>> {
    let sql =
        "SELECT state, COUNT(*) AS n FROM cases WHERE state IN ('new', 'open', 'pending', 'on_hold') GROUP BY state";
    let rows = db.unfiltered().query_all_raw(Statement::from_string(db.backend(), sql)).await?;
    let mut found = Vec::new();
    for row in rows {
        found.push((row.try_get::<String>("", "state")?, row.try_get::<i64>("", "n")?));
    }
    let measured = OPEN.into_iter().map(|state| {
        let number = found.iter().find(|(of, _)| of == state).map_or(0, |(_, number)| *number);
        signals::CASES.is(signals::count(number), [KeyValue::new(attribute::STATE, state)])
    });
    Ok(measured.collect())
}

async fn count<E, S>(session: &S) -> Result<i64>
where
    E: guanxi_store::Owned + EntityTrait<Model: Sync>,
    S: Session,
{
    let rows = session.find::<E>().count(session.connection()).await?;
    Ok(i64::try_from(rows).unwrap_or(i64::MAX))
}
