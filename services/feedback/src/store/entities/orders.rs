//! An order as feedback knows it.
#![allow(missing_docs, reason = "the columns are explained where the migration makes them")]

use guanxi_store::Owned;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "orders")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    pub organization: String,
    pub name: String,
    pub state: String,
    pub customer: Option<Uuid>,
    pub cancelled: bool,
    pub invited: bool,
    pub update_time: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Owned for Entity {
    const ORGANIZATION: Column = Column::Organization;
}
