//! A case.
#![allow(missing_docs, reason = "the columns are explained where the migration makes them")]

use guanxi_store::Owned;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "cases")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    pub organization: String,
    pub kind: String,
    pub state: String,
    pub subject: String,
    pub description: String,
    pub customer: Option<Uuid>,
    pub order_name: Option<String>,
    pub source: Option<String>,
    pub external_id: Option<String>,
    pub follows: Option<Uuid>,
    pub historical: bool,
    pub create_time: DateTimeUtc,
    pub update_time: DateTimeUtc,
    pub solve_time: Option<DateTimeUtc>,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Owned for Entity {
    const ORGANIZATION: Column = Column::Organization;
}
