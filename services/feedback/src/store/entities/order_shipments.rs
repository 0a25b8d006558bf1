//! A shipment of an order.
#![allow(missing_docs, reason = "the columns are explained where the migration makes them")]

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_shipments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub shipment_id: Uuid,
    pub expected: bool,
    pub delivered: bool,
    pub late: bool,
    pub deliver_time: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
