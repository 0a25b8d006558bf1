//! A coupon: one life of a code.
#![allow(missing_docs, reason = "the columns are explained where the migration makes them")]

use guanxi_store::Owned;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "coupons")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub generation: i64,
    pub organization: String,
    pub batch: Uuid,
    pub batch_slug: String,
    pub number: i64,
    pub code: String,
    pub member: Option<Uuid>,
    pub customer: Option<Uuid>,
    pub start_time: DateTimeUtc,
    pub expire_time: DateTimeUtc,
    pub redeemed: i64,
    pub redeemable: Option<i64>,
    pub remind_time: Option<DateTimeUtc>,
    pub create_time: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Owned for Entity {
    const ORGANIZATION: Column = Column::Organization;
}
