//! An order.
#![allow(missing_docs, reason = "the columns are explained where the migration makes them")]

use guanxi_store::Owned;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "orders")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    pub organization: String,
    pub source: String,
    pub number: String,
    pub customer_id: Uuid,
    pub order_time: DateTimeUtc,
    pub store: String,
    pub currency: String,
    pub total_minor: i64,
    pub promised_date: Option<String>,
    pub destination_zone: String,
    pub cancel_time: Option<DateTimeUtc>,
    pub cancel_reason: String,
    pub state: String,
    pub revision: i64,
    pub historical: bool,
    pub create_time: DateTimeUtc,
    pub update_time: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Owned for Entity {
    const ORGANIZATION: Column = Column::Organization;
}
