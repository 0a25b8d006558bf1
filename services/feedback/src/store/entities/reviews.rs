//! A review.
#![allow(missing_docs, reason = "the columns are explained where the migration makes them")]

use guanxi_store::Owned;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reviews")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    pub organization: String,
    pub source: String,
    pub external_id: String,
    pub subject: String,
    pub subject_kind: String,
    pub order_id: Option<Uuid>,
    pub customer: Option<Uuid>,
    pub rating: i64,
    pub title: String,
    pub body: String,
    pub review_time: DateTimeUtc,
    pub create_time: DateTimeUtc,
    pub update_time: DateTimeUtc,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Owned for Entity {
    const ORGANIZATION: Column = Column::Organization;
}
