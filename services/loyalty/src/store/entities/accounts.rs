//! A member's points: what the entries add up to.
#![allow(missing_docs, reason = "the columns are explained where the migration makes them")]

use guanxi_store::Owned;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "accounts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    pub organization: String,
    pub program: String,
    pub customer: Uuid,
    pub last_entry: i64,
    pub last_hash: Option<Vec<u8>>,
    pub last_activity: Option<DateTimeUtc>,
    pub open_points: i64,
    pub held_points: i64,
    pub deficit: i64,
    pub earned: i64,
    pub spent: i64,
    pub expired: i64,
    pub reversed: i64,
    pub adjusted: i64,
    pub sent: i64,
    pub received: i64,
    pub kin: Option<Uuid>,
    pub erase_time: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Owned for Entity {
    const ORGANIZATION: Column = Column::Organization;
}
