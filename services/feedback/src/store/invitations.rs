//! Invitations and the impressions of their surveys.

use guanxi_contracts::feedback::events::v1 as told;
use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{Refused, Timestamp, Uuid};
use guanxi_messaging::event;
use guanxi_store::{Cell, Column, NewEvent, Result, Rows, Session, StoreError, Table, Tx, time};

use super::entities::invitations;
use super::{Lock, by_roots, narrow, order_name, organization};
use crate::domain::invitation::{ImpressionKind, Invitation};
use crate::domain::name::{InvitationId, SurveyId};

const INVITATIONS: Table = Table::new(
    "invitations",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::uuid("survey_id"),
        Column::text("survey"),
        Column::int("version"),
        Column::uuid("customer"),
        Column::text("order_name").nullable(),
        Column::text("state"),
        Column::bool("historical"),
        Column::time("create_time"),
        Column::time("show_time").nullable(),
        Column::time("dismiss_time").nullable(),
        Column::time("answer_time").nullable(),
        Column::int("revision"),
    ],
);

const IMPRESSIONS: Table = Table::new(
    "impressions",
    &[
        Column::uuid("root_id"),
        Column::uuid("impression_id"),
        Column::text("kind"),
        Column::int("version"),
        Column::time("create_time"),
    ],
);

/// Stores new invitations.
///
/// # Errors
/// The database's.
pub async fn insert<'a>(tx: &Tx, new: impl IntoIterator<Item = &'a Invitation>) -> Result<()> {
    let mut rows = Rows::new(&INVITATIONS);
    for invitation in new {
        rows.push(row(invitation));
    }
    rows.insert(tx).await
}

/// Stores a changed invitation.
///
/// # Errors
/// The database's.
pub async fn save(tx: &Tx, changed: &Invitation) -> Result<()> {
    let mut rows = Rows::new(&INVITATIONS);
    rows.push(row(changed));
    rows.update(tx, &["root_id"]).await.map(|_| ())
}

/// Stores what happened on somebody's screen; `id` is that of the request that told of it.
///
/// # Errors
/// The database's.
pub async fn add_impression(
    tx: &Tx,
    invitation: &Invitation,
    id: Uuid,
    kind: ImpressionKind,
    at: Timestamp,
) -> Result<()> {
    let mut rows = Rows::new(&IMPRESSIONS);
    rows.push([invitation.id.uuid().into(), id.into(), kind.word().into(), invitation.version.into(), at.into()]);
    rows.insert(tx).await
}

/// The invitation of this id, locked, if there is one.
///
/// # Errors
/// The database's.
pub async fn stored(tx: &Tx, id: InvitationId) -> Result<Option<Invitation>> {
    let rows: Vec<invitations::Model> = by_roots(tx, "invitations", &[id.uuid()], Lock::Rows).await?;
    rows.into_iter().next().map(invitation).transpose()
}

/// The invitation, locked, for a caller who may write it.
///
/// # Errors
/// NOT_FOUND, PERMISSION_DENIED; the database's.
pub async fn writable(tx: &Tx, id: InvitationId) -> Result<Invitation> {
    let found = stored(tx, id).await?.filter(|invitation| tx.may_read(invitation.organization.slug()));
    let found = found.ok_or_else(|| Refused::not_found("invitation", id))?;
    tx.may_write(found.organization.slug())?;
    Ok(found)
}

/// Tells that somebody was invited.
pub fn invited(invitation: &Invitation) -> NewEvent {
    let message = told::SurveyInvited {
        invitation: invitation.id.to_string(),
        survey: invitation.survey.to_string(),
        version: i32::try_from(invitation.version).unwrap_or(i32::MAX),
        customer: invitation.customer.to_string(),
        order: invitation.order.as_ref().map(ToString::to_string).unwrap_or_default(),
    };
    let (organization, at) = (&invitation.organization, invitation.create_time);
    event(invitation.id, invitation.revision, organization, at, invitation.historical, &message)
}

fn invitation(row: invitations::Model) -> Result<Invitation> {
    Ok(Invitation {
        id: InvitationId(row.root_id),
        organization: organization(&row.organization)?,
        survey: SurveyId::from_slug(&row.survey).map_err(StoreError::row)?,
        version: narrow(row.version)?,
        customer: CustomerId(row.customer),
        order: order_name(row.order_name.as_deref())?,
        historical: row.historical,
        create_time: time::from_column(row.create_time),
        show_time: row.show_time.map(time::from_column),
        dismiss_time: row.dismiss_time.map(time::from_column),
        answer_time: row.answer_time.map(time::from_column),
        revision: row.revision,
    })
}

fn row(invitation: &Invitation) -> [Cell; 14] {
    [
        invitation.id.uuid().into(),
        invitation.organization.slug().into(),
        invitation.survey.uuid().into(),
        invitation.survey.slug().into(),
        invitation.version.into(),
        invitation.customer.uuid().into(),
        invitation.order.as_ref().map(|order| order.as_str()).into(),
        invitation.state().word().into(),
        invitation.historical.into(),
        invitation.create_time.into(),
        invitation.show_time.into(),
        invitation.dismiss_time.into(),
        invitation.answer_time.into(),
        invitation.revision.into(),
    ]
}
