//! A customer.
#![allow(missing_docs, reason = "the columns are explained where the migration makes them")]

use guanxi_store::Owned;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    pub organization: String,
    pub display_name: String,
    pub given_name: String,
    pub family_name: String,
    pub shown_name: String,
    pub birth_date: Option<String>,
    pub region: String,
    pub postal_code: String,
    pub administrative_area: String,
    pub locality: String,
    pub address_lines: String,
    pub language: String,
    pub version: i64,
    pub state: String,
    pub create_time: DateTimeUtc,
    pub update_time: DateTimeUtc,
    pub delete_time: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Owned for Entity {
    const ORGANIZATION: Column = Column::Organization;
}
