//! The answer to one question of a response.
#![allow(missing_docs, reason = "the columns are explained where the migration makes them")]

use guanxi_store::Owned;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "answers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub question: String,
    pub place: i64,
    pub organization: String,
    pub survey_id: Uuid,
    pub kind: String,
    pub number: Option<i64>,
    pub body: Option<String>,
    pub answer_time: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Owned for Entity {
    const ORGANIZATION: Column = Column::Organization;
}
