//! The hash chain: every entry's hash, and with its account the last one. Entries that are there already have none.

use guanxi_store::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use guanxi_store::sea_orm_migration::async_trait::async_trait;
use guanxi_store::sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

/// The hash chain.
pub struct Chain;

impl MigrationName for Chain {
    fn name(&self) -> &str {
        "m0002_chain"
    }
}

#[async_trait]
impl MigrationTrait for Chain {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let bytes = if connection.get_database_backend() == DbBackend::Postgres { "bytea" } else { "blob" };
        for (table, column) in [("entries", "hash"), ("accounts", "last_hash")] {
            connection.execute_unprepared(&format!("ALTER TABLE {table} ADD COLUMN {column} {bytes}")).await?;
        }
        Ok(())
    }
}
