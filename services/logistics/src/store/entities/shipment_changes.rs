//! The numbered changes of each shipment, for those who watch it.

#![allow(missing_docs, reason = "columns are explained by the migration and the domain")]

use guanxi_store::{Column as Written, Table};
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "shipment_changes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub package_id: Option<Uuid>,
    pub package_status: Option<String>,
    pub package_sub_status: Option<String>,
    pub status: String,
    pub promised_date: Option<String>,
    pub create_time: DateTimeUtc,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The whole row, to be written in sets.
pub const TABLE: Table = Table::new(
    "shipment_changes",
    &[
        Written::uuid("root_id"),
        Written::int("number"),
        Written::uuid("package_id").nullable(),
        Written::text("package_status").nullable(),
        Written::text("package_sub_status").nullable(),
        Written::text("status"),
        Written::text("promised_date").nullable(),
        Written::time("create_time"),
    ],
);
