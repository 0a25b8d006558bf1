//! A stand-in for the release after this one, in debug builds only: with `GUANXI_NEXT_RELEASE` in its environment a process
//! calls itself newer and brings one more migration, which adds a column to every table. The test of a
//! rolling upgrade runs it beside the same binary without it, for as long as there is no earlier release to build.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

use crate::dialect::statement;

/// What the stand-in calls itself.
pub(crate) const RELEASE: &str = concat!(env!("CARGO_PKG_VERSION"), "+next");

/// What its migration is called.
pub(crate) const MIGRATION: &str = "m9999_next_release";

/// Whether this process is the stand-in.
pub(crate) fn is_played() -> bool {
    std::env::var_os("GUANXI_NEXT_RELEASE").is_some()
}

/// What it adds.
pub(crate) struct Expansion;

impl MigrationName for Expansion {
    fn name(&self) -> &str {
        MIGRATION
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Expansion {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let tables = statement(
            connection.get_database_backend(),
            "SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename",
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
            Vec::new(),
        );
        for table in connection.query_all_raw(tables).await? {
            let sql =
                format!("ALTER TABLE {} ADD COLUMN next_release varchar(40)", table.try_get::<String>("", "name")?);
            connection.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
