//! An invitation.
#![allow(missing_docs, reason = "the columns are explained where the migration makes them")]

use guanxi_store::Owned;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: Uuid,
    pub organization: String,
    pub survey_id: Uuid,
    pub survey: String,
    pub version: i64,
    pub customer: Uuid,
    pub order_name: Option<String>,
    pub state: String,
    pub historical: bool,
    pub create_time: DateTimeUtc,
    pub show_time: Option<DateTimeUtc>,
    pub dismiss_time: Option<DateTimeUtc>,
    pub answer_time: Option<DateTimeUtc>,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Owned for Entity {
    const ORGANIZATION: Column = Column::Organization;
}
