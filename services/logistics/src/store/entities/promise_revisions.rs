//! The changes of each shipment's promise.

#![allow(missing_docs, reason = "columns are explained by the migration and the domain")]

use guanxi_store::{Column as Written, Table};
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "promise_revisions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub previous_date: String,
    pub previous_start: Option<String>,
    pub previous_end: Option<String>,
    pub previous_zone: String,
    pub promised_date: String,
    pub promised_start: Option<String>,
    pub promised_end: Option<String>,
    pub promised_zone: String,
    pub cause: String,
    pub actor: String,
    pub tells_customer: bool,
    pub create_time: DateTimeUtc,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The whole row, to be written in sets.
pub const TABLE: Table = Table::new(
    "promise_revisions",
    &[
        Written::uuid("root_id"),
        Written::int("number"),
        Written::text("previous_date"),
        Written::text("previous_start").nullable(),
        Written::text("previous_end").nullable(),
        Written::text("previous_zone"),
        Written::text("promised_date"),
        Written::text("promised_start").nullable(),
        Written::text("promised_end").nullable(),
        Written::text("promised_zone"),
        Written::text("cause"),
        Written::text("actor"),
        Written::bool("tells_customer"),
        Written::time("create_time"),
    ],
);
