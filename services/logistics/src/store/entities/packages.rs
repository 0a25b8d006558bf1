//! Packages, and where the fold of their events puts them.

#![allow(missing_docs, reason = "columns are explained by the migration and the domain")]

use guanxi_store::{Column as Written, Table};
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "packages")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    pub organization: String,
    pub shipment_id: Uuid,
    pub position: i64,
    pub carrier: Option<String>,
    pub number: Option<String>,
    pub status: String,
    pub sub_status: Option<String>,
    pub status_time: Option<DateTimeUtc>,
    pub delivered_time: Option<DateTimeUtc>,
    pub delivered_date: Option<String>,
    pub on_time: Option<i64>,
    pub challenged: bool,
    pub found: bool,
    pub moved_after_cancellation: bool,
    pub events: i64,
    pub anomalous: i64,
    pub last_time: Option<DateTimeUtc>,
    pub created_time: Option<DateTimeUtc>,
    pub info_received_time: Option<DateTimeUtc>,
    pub picked_up_time: Option<DateTimeUtc>,
    pub in_transit_time: Option<DateTimeUtc>,
    pub out_for_delivery_time: Option<DateTimeUtc>,
    pub reported_delivered_time: Option<DateTimeUtc>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl guanxi_store::Owned for Entity {
    const ORGANIZATION: Column = Column::Organization;
}

/// What is written when a package is recorded.
pub const TABLE: Table = Table::new("packages", COLUMNS);

/// Where a package stands: what is written when that changes.
pub const STANDING: Table = Table::new("packages", COLUMNS.split_at(5).1);

const COLUMNS: &[Written] = &[
    Written::text("organization"),
    Written::uuid("shipment_id"),
    Written::int("position"),
    Written::text("carrier").nullable(),
    Written::text("number").nullable(),
    Written::uuid("root_id"),
    Written::text("status"),
    Written::text("sub_status").nullable(),
    Written::time("status_time").nullable(),
    Written::time("delivered_time").nullable(),
    Written::text("delivered_date").nullable(),
    Written::int("on_time").nullable(),
    Written::bool("challenged"),
    Written::bool("found"),
    Written::bool("moved_after_cancellation"),
    Written::int("events"),
    Written::int("anomalous"),
    Written::time("last_time").nullable(),
    Written::time("created_time").nullable(),
    Written::time("info_received_time").nullable(),
    Written::time("picked_up_time").nullable(),
    Written::time("in_transit_time").nullable(),
    Written::time("out_for_delivery_time").nullable(),
    Written::time("reported_delivered_time").nullable(),
];
