//! Shipments: where they stand and what was promised.

#![allow(missing_docs, reason = "columns are explained by the migration and the domain")]

use guanxi_store::{Column as Written, Table};
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "shipments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    pub organization: String,
    pub order_name: Option<String>,
    pub seller: Option<String>,
    pub customer_id: Option<Uuid>,
    pub status: String,
    pub original_date: Option<String>,
    pub original_start: Option<String>,
    pub original_end: Option<String>,
    pub original_zone: Option<String>,
    pub promised_date: Option<String>,
    pub promised_start: Option<String>,
    pub promised_end: Option<String>,
    pub promised_zone: Option<String>,
    pub told_date: Option<String>,
    pub promise_revisions: i64,
    pub postponements: i64,
    pub version: i64,
    pub create_time: DateTimeUtc,
    pub update_time: DateTimeUtc,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl guanxi_store::Owned for Entity {
    const ORGANIZATION: Column = Column::Organization;
}

/// The whole row, to be written in sets.
pub const TABLE: Table = Table::new(
    "shipments",
    &[
        Written::uuid("root_id"),
        Written::text("organization"),
        Written::text("order_name").nullable(),
        Written::text("seller").nullable(),
        Written::uuid("customer_id").nullable(),
        Written::text("status"),
        Written::text("original_date").nullable(),
        Written::text("original_start").nullable(),
        Written::text("original_end").nullable(),
        Written::text("original_zone").nullable(),
        Written::text("promised_date").nullable(),
        Written::text("promised_start").nullable(),
        Written::text("promised_end").nullable(),
        Written::text("promised_zone").nullable(),
        Written::text("told_date").nullable(),
        Written::int("promise_revisions"),
        Written::int("postponements"),
        Written::int("version"),
        Written::time("create_time"),
        Written::time("update_time"),
    ],
);
