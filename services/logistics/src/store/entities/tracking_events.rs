//! Every revision of every tracking event. Never changed; only moved from where it waited to its package.

#![allow(missing_docs, reason = "columns are explained by the migration and the domain")]

use guanxi_store::{Column as Written, Table};
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tracking_events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub digest: Uuid,
    pub organization: String,
    pub source: String,
    pub source_event_id: Option<String>,
    pub source_kind: i64,
    pub carrier: String,
    pub feed_version: String,
    pub status_name: String,
    pub code: String,
    pub description: String,
    pub location: String,
    pub occurred_text: String,
    pub zone: String,
    pub revision_time: Option<DateTimeUtc>,
    pub occurred_time: DateTimeUtc,
    pub offset_seconds: Option<i64>,
    pub time_basis: String,
    pub effective_time: DateTimeUtc,
    pub clamped: bool,
    pub status: String,
    pub sub_status: Option<String>,
    pub code_map: String,
    pub historical: bool,
    pub receive_time: DateTimeUtc,
    pub create_time: DateTimeUtc,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl guanxi_store::Owned for Entity {
    const ORGANIZATION: Column = Column::Organization;
}

/// The whole row, to be written in sets.
pub const TABLE: Table = Table::new(
    "tracking_events",
    &[
        Written::uuid("root_id"),
        Written::uuid("event_id"),
        Written::uuid("digest"),
        Written::text("organization"),
        Written::text("source"),
        Written::text("source_event_id").nullable(),
        Written::int("source_kind"),
        Written::text("carrier"),
        Written::text("feed_version"),
        Written::text("status_name"),
        Written::text("code"),
        Written::text("description"),
        Written::text("location"),
        Written::text("occurred_text"),
        Written::text("zone"),
        Written::time("revision_time").nullable(),
        Written::time("occurred_time"),
        Written::int("offset_seconds").nullable(),
        Written::text("time_basis"),
        Written::time("effective_time"),
        Written::bool("clamped"),
        Written::text("status"),
        Written::text("sub_status").nullable(),
        Written::text("code_map"),
        Written::bool("historical"),
        Written::time("receive_time"),
        Written::time("create_time"),
    ],
);
