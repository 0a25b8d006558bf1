//! Quarantine: events that nobody can place in time. They are kept whole and do not count.

use guanxi_kernel::{PageRequest, Uuid, natural_id};
use guanxi_store::time::{from_column, to_column};
use guanxi_store::{Cell, Result, Rows, Session, StoreError, Tx};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect};

use super::entities::quarantine::{Column, Entity, Model, TABLE};

/// Keeps events; one that is kept already changes nothing.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &Tx, kept: Vec<Model>) -> Result<()> {
    let mut rows = Rows::new(&TABLE);
    for row in kept {
        rows.push([
            row.root_id.into(),
            row.event_id.into(),
            row.digest.into(),
            row.id.into(),
            row.organization.into(),
            row.package_id.into(),
            row.reference_carrier.into(),
            row.reference_number.into(),
            row.reason.into(),
            row.source.into(),
            row.source_event_id.into(),
            row.source_kind.into(),
            row.carrier.into(),
            row.feed_version.into(),
            row.status_name.into(),
            row.code.into(),
            row.description.into(),
            row.location.into(),
            row.occurred_text.into(),
            row.zone.into(),
            row.historical.into(),
            Cell::Time(from_column(row.receive_time)),
        ]);
    }
    rows.insert_new(tx).await.map(|_| ())
}

/// The identifier of a quarantined event: that of its place and content.
pub fn id(root: Uuid, event: Uuid, digest: Uuid) -> Uuid {
    let part = |id: Uuid| id.simple().to_string();
    natural_id("quarantine", [part(root).as_str(), part(event).as_str(), part(digest).as_str()])
}

/// A page of the quarantined events that the caller may read, oldest first, and the key of the next page.
///
/// # Errors
/// The database's; INVALID_ARGUMENT for a page token that is not ours.
pub async fn list(
    session: &impl Session,
    source: Option<&str>,
    page: &PageRequest,
) -> Result<(Vec<Model>, Option<Vec<String>>)> {
    let mut query = session.find::<Entity>().order_by_asc(Column::ReceiveTime).order_by_asc(Column::Id);
    if let Some(source) = source {
        query = query.filter(Column::Source.eq(source));
    }
    if let Some((time, id)) = super::after(page)? {
        let time = to_column(time);
        query = query.filter(
            Condition::any()
                .add(Column::ReceiveTime.gt(time))
                .add(Condition::all().add(Column::ReceiveTime.eq(time)).add(Column::Id.gt(id))),
        );
    }
    let mut rows = query.limit(u64::from(page.size) + 1).all(session.connection()).await.map_err(StoreError::from)?;
    let more = rows.len() > page.size as usize;
    rows.truncate(page.size as usize);
    let next = rows.last().filter(|_| more).map(|row| super::key_of(from_column(row.receive_time), row.id));
    Ok((rows, next))
}
