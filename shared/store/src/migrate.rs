//! Migrations: the store's own tables and a service's, each in a transaction, under a lock of ours (the migrator has
//! none), so that replicas that start together do not race.
//!
//! A migration leaves the release before it running. So a process runs on a schema that one newer release has migrated,
//! as in a rollout or after a rollback; on one that two have, or one with a migration that calls itself a contraction,
//! which leaves nobody running who does not know it, it does not start.

use std::time::Duration;

use guanxi_kernel::Uuid;
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::prelude::*;

use crate::connect::taken_by_another;
#[cfg(debug_assertions)]
use crate::next_release;
use crate::{Database, Result, StoreError};

/// A service's migrations, oldest first.
pub type Migrations = Vec<Box<dyn MigrationTrait>>;

/// The release that this process is.
pub fn release() -> &'static str {
    #[cfg(debug_assertions)]
    if next_release::is_played() {
        return next_release::RELEASE;
    }
    env!("CARGO_PKG_VERSION")
}

impl Database {
    /// Brings the schema up to date: the store's tables, then the service's. Replicas take turns. A schema that is up to
    /// date is only looked at: whoever works on it need not have the right to change it.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] where this release cannot work on the database; else the database's. A migration that fails
    /// leaves its own changes undone.
    pub async fn migrate(&self, service: Migrations) -> Result<()> {
        self.inner.known.get_or_init(|| all(&service).map(str::to_owned).collect());
        let found = self.inspect(&service).await?;
        if let Some(unfit) = found.unfit.into_iter().next() {
            return Err(unfit.into());
        }
        for newer in &found.unknown {
            tracing::info!(service = self.service(), migration = %newer, "the schema is newer than this release");
        }
        if found.missing.is_empty() && self.notes_releases().await? {
            return Ok(());
        }
        let holder = guanxi_kernel::new_id();
        self.inner.writer.execute_unprepared(LEASE_TABLE).await.map(|_| ()).or_else(taken_by_another)?;
        while !self.lease("migrate", holder, Duration::from_secs(60)).await? {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let done = self.migrate_alone(service, holder).await;
        self.release("migrate", holder).await?;
        done
    }

    /// Whether the schema knows which release applied a migration.
    async fn notes_releases(&self) -> Result<bool> {
        Ok(SchemaManager::new(&self.inner.writer).has_column("migration", "by_release").await?)
    }

    async fn migrate_alone(&self, service: Migrations, holder: Uuid) -> Result<()> {
        let all = std::iter::once(Box::new(Store) as Box<dyn MigrationTrait>).chain(service);
        #[cfg(debug_assertions)]
        let all = all.chain(next_release::is_played().then(|| Box::new(next_release::Expansion) as _));
        let all: Migrations = all.collect();
        let writer = &self.inner.writer;
        writer.execute_unprepared(TABLE).await?;
        if !self.notes_releases().await? {
            writer.execute_unprepared("ALTER TABLE migration ADD COLUMN by_release varchar(40)").await?;
        }
        let applied = self.migrations().await?;
        for migration in all.iter().filter(|migration| !applied.contains(&migration.name().to_owned())) {
            if !self.lease("migrate", holder, Duration::from_secs(600)).await? {
                return Err(StoreError::Conflict("another process took the migration lock"));
            }
            self.slice(&guanxi_kernel::Call::internal("migrate"), |tx| async move {
                migration.up(&SchemaManager::new(tx.conn())).await?;
                let sql = "INSERT INTO migration (name, at, by_release) VALUES ($1, $2, $3)";
                let values = [migration.name().into(), tx.now().to_string().into(), release().into()];
                tx.conn().execute_raw(sea_orm::Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
                Ok(())
            })
            .await?;
            tracing::info!(service = self.service(), migration = migration.name(), "migrated");
        }
        Ok(())
    }

    /// The names of the migrations that the schema has, in order.
    ///
    /// # Errors
    /// The database's.
    pub async fn migrations(&self) -> Result<Vec<String>> {
        let sql = "SELECT name FROM migration ORDER BY name";
        let rows = self.unfiltered().query_all_raw(sea_orm::Statement::from_string(self.backend(), sql)).await?;
        rows.iter().map(|row| Ok(row.try_get("", "name")?)).collect()
    }
}

/// The names of the store's migrations and of a service's, in order.
pub(crate) fn all(service: &Migrations) -> impl Iterator<Item = &str> {
    let names = std::iter::once(STORE).chain(service.iter().map(|migration| migration.name()));
    #[cfg(debug_assertions)]
    let names = names.chain(next_release::is_played().then_some(next_release::MIGRATION));
    names
}

const STORE: &str = "m0001_store";

const TABLE: &str = "CREATE TABLE IF NOT EXISTS migration (name varchar(200) PRIMARY KEY, at varchar(40) NOT NULL, \
                     by_release varchar(40))";

const LEASE_TABLE: &str = "CREATE TABLE IF NOT EXISTS lease (name varchar(200) PRIMARY KEY, \
                           holder uuid NOT NULL, until timestamp with time zone NOT NULL)";

/// The store's own tables.
struct Store;

impl MigrationName for Store {
    fn name(&self) -> &str {
        STORE
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Store {
    async fn up(&self, manager: &SchemaManager) -> std::result::Result<(), DbErr> {
        let connection = manager.get_connection();
        let postgres = connection.get_database_backend() == DbBackend::Postgres;
        let (bytes, time, sequence) = if postgres {
            ("bytea", "timestamptz", ", sequence bigserial NOT NULL")
        } else {
            ("blob", "timestamp_with_timezone_text", "")
        };
        let order = if postgres { "sequence" } else { "record_time" };
        // Rows come in the order of time and go by it: a range index costs a write next to nothing.
        let by_time = if postgres { "USING brin" } else { "" };
        for sql in [
            format!(
                "CREATE TABLE idempotency (root_id uuid NOT NULL, request_id uuid NOT NULL, scope varchar(120) NOT NULL, \
                 digest {bytes} NOT NULL, reply {bytes} NOT NULL, create_time {time} NOT NULL, \
                 PRIMARY KEY (root_id, request_id, scope))"
            ),
            format!("CREATE INDEX idempotency_by_time ON idempotency {by_time} (create_time)"),
            format!(
                "CREATE TABLE outbox (root_id uuid NOT NULL PRIMARY KEY, partition bigint NOT NULL, events bigint NOT NULL, \
                 body {bytes} NOT NULL, record_time {time} NOT NULL, epoch bigint, first_number bigint{sequence})"
            ),
            format!("CREATE INDEX outbox_waiting ON outbox (partition, {order}) WHERE first_number IS NULL"),
            "CREATE INDEX outbox_numbered ON outbox (partition, epoch, first_number) WHERE first_number IS NOT NULL".to_owned(),
            "CREATE TABLE outbox_head (partition bigint NOT NULL PRIMARY KEY, epoch bigint NOT NULL, number bigint NOT NULL)".to_owned(),
            format!(
                "CREATE TABLE outbox_consumer (consumer varchar(32) NOT NULL, partition bigint NOT NULL, epoch bigint NOT NULL, \
                 number bigint NOT NULL, confirm_time {time} NOT NULL, PRIMARY KEY (consumer, partition))"
            ),
            format!(
                "CREATE TABLE inbox (root_id uuid NOT NULL, event_id uuid NOT NULL, state varchar(8) NOT NULL \
                 CHECK (state IN ('done', 'parked', 'dead')), waits_for varchar(200), body {bytes}, error text, \
                 update_time {time} NOT NULL, PRIMARY KEY (root_id, event_id))"
            ),
            "CREATE INDEX inbox_parked ON inbox (waits_for) WHERE state = 'parked'".to_owned(),
            "CREATE INDEX inbox_kept ON inbox (state, update_time) WHERE state <> 'done'".to_owned(),
            "CREATE TABLE inbox_position (producer varchar(32) NOT NULL, partition bigint NOT NULL, epoch bigint NOT NULL, \
             number bigint NOT NULL, PRIMARY KEY (producer, partition))"
                .to_owned(),
            format!(
                "CREATE TABLE job (root_id uuid NOT NULL PRIMARY KEY, kind varchar(60) NOT NULL, state varchar(10) NOT NULL \
                 CHECK (state IN ('pending', 'running', 'succeeded', 'failed', 'cancelled')), organization varchar(63), \
                 request {bytes}, cursor_state {bytes}, result_type varchar(200), result {bytes}, error text, \
                 done bigint NOT NULL, total bigint, cancel_asked boolean NOT NULL, create_time {time} NOT NULL, \
                 start_time {time}, end_time {time})"
            ),
            "CREATE INDEX job_open ON job (state, create_time)".to_owned(),
            format!("CREATE TABLE job_schedule (name varchar(60) NOT NULL PRIMARY KEY, last_run {time} NOT NULL)"),
        ] {
            connection.execute_unprepared(&sql).await?;
        }
        if postgres {
            // A parcel is read once and goes after days: compressing it costs more than it saves.
            connection.execute_unprepared("ALTER TABLE outbox ALTER COLUMN body SET STORAGE EXTERNAL").await?;
        }
        Ok(())
    }
}
