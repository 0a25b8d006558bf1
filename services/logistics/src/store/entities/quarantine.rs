//! Events that are kept and do not count: nobody knows when they happened.

#![allow(missing_docs, reason = "columns are explained by the migration and the domain")]

use guanxi_store::{Column as Written, Table};
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "quarantine")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub digest: Uuid,
    pub id: Uuid,
    pub organization: String,
    pub package_id: Option<Uuid>,
    pub reference_carrier: Option<String>,
    pub reference_number: Option<String>,
    pub reason: String,
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
    pub historical: bool,
    pub receive_time: DateTimeUtc,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl guanxi_store::Owned for Entity {
    const ORGANIZATION: Column = Column::Organization;
}

/// The whole row, to be written in sets.
pub const TABLE: Table = Table::new(
    "quarantine",
    &[
        Written::uuid("root_id"),
        Written::uuid("event_id"),
        Written::uuid("digest"),
        Written::uuid("id"),
        Written::text("organization"),
        Written::uuid("package_id").nullable(),
        Written::text("reference_carrier").nullable(),
        Written::text("reference_number").nullable(),
        Written::text("reason"),
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
        Written::bool("historical"),
        Written::time("receive_time"),
    ],
);
