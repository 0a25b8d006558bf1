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
    pub events: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl guanxi_store::Owned for Entity {
    const ORGANIZATION: Column = Column::Organization;
}

/// The whole row, to be written in sets.
pub const TABLE: Table = Table::new(
    "packages",
    &[
        Written::uuid("root_id"),
        Written::text("organization"),
        Written::uuid("shipment_id"),
        Written::int("position"),
        Written::text("carrier").nullable(),
        Written::text("number").nullable(),
        Written::text("status"),
        Written::text("sub_status").nullable(),
        Written::time("status_time").nullable(),
        Written::time("delivered_time").nullable(),
        Written::text("delivered_date").nullable(),
        Written::int("on_time").nullable(),
        Written::bool("challenged"),
        Written::int("events"),
    ],
);
