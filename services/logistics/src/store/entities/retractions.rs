//! Events that were declared not to have occurred, known here or not.

#![allow(missing_docs, reason = "columns are explained by the migration and the domain")]

use guanxi_store::{Column as Written, Table};
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "retractions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: Uuid,
    pub organization: String,
    pub source: String,
    pub source_event_id: Option<String>,
    pub digest: Option<Uuid>,
    pub reason: String,
    pub actor: String,
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
    "retractions",
    &[
        Written::uuid("root_id"),
        Written::uuid("event_id"),
        Written::text("organization"),
        Written::text("source"),
        Written::text("source_event_id").nullable(),
        Written::uuid("digest").nullable(),
        Written::text("reason"),
        Written::text("actor"),
        Written::time("create_time"),
    ],
);
