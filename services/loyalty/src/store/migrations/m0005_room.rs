//! Room beside each account for its next states, so that an update stays on its page and touches no index (PostgreSQL's
//! heap-only tuples). SQLite updates in place.

use guanxi_store::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use guanxi_store::sea_orm_migration::async_trait::async_trait;
use guanxi_store::sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

/// Room for updates.
pub struct Room;

impl MigrationName for Room {
    fn name(&self) -> &str {
        "m0005_room"
    }
}

#[async_trait]
impl MigrationTrait for Room {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        if connection.get_database_backend() == DbBackend::Postgres {
            connection.execute_unprepared("ALTER TABLE accounts SET (fillfactor = 50)").await?;
        }
        Ok(())
    }
}
