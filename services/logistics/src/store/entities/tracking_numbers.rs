//! Which package has, or had, a carrier's number.

#![allow(missing_docs, reason = "columns are explained by the migration and the domain")]

use guanxi_store::{Column as Written, Table};
use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tracking_numbers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub package_id: Uuid,
    pub organization: String,
    pub carrier: String,
    pub number: String,
    pub valid_from: DateTimeUtc,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl guanxi_store::Owned for Entity {
    const ORGANIZATION: Column = Column::Organization;
}

/// The whole row, to be written in sets.
pub const TABLE: Table = Table::new(
    "tracking_numbers",
    &[
        Written::uuid("root_id"),
        Written::uuid("package_id"),
        Written::text("organization"),
        Written::text("carrier"),
        Written::text("number"),
        Written::time("valid_from"),
    ],
);
