//! Promises in their columns, and the record of their changes.

use std::collections::HashMap;

use guanxi_kernel::Uuid;
use guanxi_kernel::name::ShipmentId;
use guanxi_store::time::from_column;
use guanxi_store::{Cell, Column, Result, Rows, StoreError, Table, Tx};
use sea_orm::ConnectionTrait;

use super::entities::promise_revisions;
use super::rows_of;
use crate::domain::{Promise, Revision, Shipment};

/// A promise as four columns hold it.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// `YYYY-MM-DD`.
    pub date: Option<String>,
    /// `HH:MM`.
    pub start: Option<String>,
    /// `HH:MM`.
    pub end: Option<String>,
    /// The zone's name.
    pub zone: Option<String>,
}

impl Columns {
    /// The promise; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError::Row`] where it cannot be read back.
    pub fn promise(&self) -> Result<Option<Promise>> {
        let text = |column: &Option<String>| column.clone().unwrap_or_default();
        let (Some(date), Some(zone)) = (&self.date, &self.zone) else { return Ok(None) };
        let promise = Promise::read(date, &text(&self.start), &text(&self.end), zone).map_err(StoreError::row)?;
        Ok(Some(promise))
    }
}

/// Date, start, end and zone, as their columns hold them.
pub fn cells(promise: Option<&Promise>) -> [Cell; 4] {
    let window = promise.and_then(|promise| promise.window);
    let time = |time: jiff::civil::Time| time.strftime("%H:%M").to_string();
    [
        promise.map(|promise| promise.date.to_string()).into(),
        window.map(|(start, _)| time(start)).into(),
        window.map(|(_, end)| time(end)).into(),
        promise.map(|promise| promise.zone.name().to_owned()).into(),
    ]
}

const PROMISED: Table = Table::new(
    "shipments",
    &[
        Column::uuid("root_id"),
        Column::text("promised_date").nullable(),
        Column::text("promised_start").nullable(),
        Column::text("promised_end").nullable(),
        Column::text("promised_zone").nullable(),
        Column::text("told_date").nullable(),
        Column::int("promise_revisions"),
        Column::int("postponements"),
    ],
);

/// Saves the promise of a shipment as it stands, and the change that made it so.
///
/// # Errors
/// The database's.
pub async fn save(tx: &Tx, shipment: &Shipment, revision: &Revision) -> Result<()> {
    let promised = shipment.promised.as_ref().ok_or_else(|| StoreError::row("a revision without a promise"))?;
    let [date, start, end, zone] = cells(Some(&promised.current));
    let mut rows = Rows::new(&PROMISED);
    let told = promised.told.to_string();
    let (revisions, postponements) = (promised.revisions, promised.postponements);
    rows.push([shipment.id.uuid().into(), date, start, end, zone, told.into(), revisions.into(), postponements.into()]);
    rows.update(tx, &["root_id"]).await?;
    let [previous_date, previous_start, previous_end, previous_zone] = cells(Some(&revision.previous));
    let [date, start, end, zone] = cells(Some(&revision.promise));
    let mut rows = Rows::new(&promise_revisions::TABLE);
    rows.push([
        shipment.id.uuid().into(),
        revision.number.into(),
        previous_date,
        previous_start,
        previous_end,
        previous_zone,
        date,
        start,
        end,
        zone,
        revision.cause.as_str().into(),
        revision.actor.as_str().into(),
        revision.tells_customer.into(),
        revision.create_time.into(),
    ]);
    rows.insert(tx).await
}

/// The changes of the promises of these shipments, oldest first.
///
/// # Errors
/// The database's.
pub async fn revisions(
    connection: &impl ConnectionTrait,
    shipments: &[Uuid],
) -> Result<HashMap<ShipmentId, Vec<Revision>>> {
    let mut found: HashMap<ShipmentId, Vec<Revision>> = HashMap::new();
    let select = "SELECT * FROM promise_revisions";
    let rows: Vec<promise_revisions::Model> =
        rows_of(connection, select, "root_id", shipments, " ORDER BY root_id, number").await?;
    for row in rows {
        let promise = |date, start, end, zone| {
            let columns = Columns { date: Some(date), start, end, zone: Some(zone) };
            columns.promise()?.ok_or_else(|| StoreError::row("a revision without a promise"))
        };
        found.entry(row.root_id.into()).or_default().push(Revision {
            number: u32::try_from(row.number).map_err(StoreError::row)?,
            previous: promise(row.previous_date, row.previous_start, row.previous_end, row.previous_zone)?,
            promise: promise(row.promised_date, row.promised_start, row.promised_end, row.promised_zone)?,
            cause: row.cause,
            actor: row.actor,
            tells_customer: row.tells_customer,
            create_time: from_column(row.create_time),
        });
    }
    Ok(found)
}
