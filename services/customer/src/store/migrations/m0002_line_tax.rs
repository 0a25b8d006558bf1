//! What of a line's price is tax; 0 where nobody said, as of all lines before.

use guanxi_store::sea_orm::{ConnectionTrait, DbErr};
use guanxi_store::sea_orm_migration::async_trait::async_trait;
use guanxi_store::sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

/// Tax of lines.
pub struct LineTax;

impl MigrationName for LineTax {
    fn name(&self) -> &str {
        "m0002_line_tax"
    }
}

#[async_trait]
impl MigrationTrait for LineTax {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statement = "ALTER TABLE order_lines ADD COLUMN tax_minor bigint NOT NULL DEFAULT 0";
        manager.get_connection().execute_unprepared(statement).await.map(drop)
    }
}
