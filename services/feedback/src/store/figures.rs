//! The figures that feedback reports of itself, over the organisations that the caller may read.

use guanxi_kernel::Call;
use guanxi_runtime::Figures;
use guanxi_store::{Database, Result, Session};
use sea_orm::{EntityTrait, PaginatorTrait};

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

async fn count<E, S>(session: &S) -> Result<i64>
where
    E: guanxi_store::Owned + EntityTrait<Model: Sync>,
    S: Session,
{
    let rows = session.find::<E>().count(session.connection()).await?;
    Ok(i64::try_from(rows).unwrap_or(i64::MAX))
}
