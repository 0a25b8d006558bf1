//! A service's database with one table, `account`, on SQLite or PostgreSQL.

use std::sync::Arc;

use guanxi_kernel::{Timestamp, Uuid, Write};
use guanxi_store::migrate::Migrations;
use guanxi_store::sea_orm::{ConnectionTrait, Statement};
use guanxi_store::sea_orm_migration::prelude::*;
use guanxi_store::{Cell, Column, Database, DatabaseConfig, Result, Rows, Table, Tx};

/// Declares each test for both databases.
macro_rules! on_both {
    ($(async fn $name:ident($fixture:ident: &Fixture) $body:block)*) => {
        $(mod $name {
            #[allow(unused_imports)]
            use super::*;
            use crate::fixture::Fixture;

            async fn run($fixture: &Fixture) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                run(&Fixture::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                run(&Fixture::postgres().await).await;
            }
        })*
    };
}
pub(crate) use on_both;

pub struct Fixture {
    pub db: Database,
    config: DatabaseConfig,
    pub clock: Arc<guanxi_kernel::TestClock>,
    _folder: tempfile::TempDir,
}

impl Fixture {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = DatabaseConfig::Sqlite { data_dir: folder.path().to_owned(), readers: 2 };
        Self::open(config, folder).await
    }

    pub async fn postgres() -> Self {
        let url = guanxi_testkit::postgres::fresh_database().await.unwrap();
        let config = DatabaseConfig::Postgres { url, connections: 8 };
        Self::open(config, tempfile::tempdir().unwrap()).await
    }

    async fn open(config: DatabaseConfig, folder: tempfile::TempDir) -> Self {
        let clock = guanxi_kernel::TestClock::at("2026-11-22T04:42:00.123456Z".parse().unwrap());
        let db = Database::connect("sample", &config, 2, clock.clone()).await.unwrap();
        db.migrate(migrations()).await.unwrap();
        Self { db, config, clock, _folder: folder }
    }

    /// Another process's handle on the same database.
    pub async fn another(&self) -> Database {
        let db = Database::connect("sample", &self.config, 2, self.clock.clone()).await.unwrap();
        db.migrate(migrations()).await.unwrap();
        db
    }

    pub async fn points(&self, id: Uuid) -> Option<i64> {
        let sql = "SELECT points FROM account WHERE root_id = $1";
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, [id.into()]);
        let row = self.db.unfiltered().query_one_raw(statement).await.unwrap();
        row.map(|row| row.try_get("", "points").unwrap())
    }

    pub async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) AS n FROM {table}");
        let row = self.db.unfiltered().query_one_raw(Statement::from_string(self.db.backend(), sql)).await.unwrap();
        row.unwrap().try_get("", "n").unwrap()
    }
}

pub const ACCOUNT: Table = Table::new(
    "account",
    &[
        Column::uuid("root_id"),
        Column::int("points"),
        Column::text("note").nullable(),
        Column::time("at").nullable(),
        Column::bytes("raw").nullable(),
        Column::bool("open"),
        Column::uuid("parent").nullable(),
        Column::int("level").nullable(),
    ],
);

/// Adds points to an account, which it makes if need be.
pub async fn add(tx: &Tx, id: Uuid, points: i64) -> Result<()> {
    let mut rows = Rows::new(&ACCOUNT);
    rows.push([id.into(), points.into(), Cell::Null, Cell::Null, Cell::Null, true.into(), Cell::Null, Cell::Null]);
    rows.upsert(tx, "root_id", "points = account.points + excluded.points").await.map(|_| ())
}

pub fn write(root: Uuid, request: Uuid, body: &str) -> Write {
    let mut digest = [0; 32];
    digest[..body.len().min(32)].copy_from_slice(&body.as_bytes()[..body.len().min(32)]);
    Write { root, scope: "/sample/Add", request_id: request, digest }
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn migrations() -> Migrations {
    vec![Box::new(Accounts)]
}

struct Accounts;

impl MigrationName for Accounts {
    fn name(&self) -> &str {
        "m0002_accounts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Accounts {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = TableCreateStatement::new()
            .table("account")
            .col(ColumnDef::new("root_id").uuid().not_null().primary_key())
            .col(ColumnDef::new("points").big_integer().not_null().check(Expr::cust("points >= 0")))
            .col(ColumnDef::new("note").text())
            .col(ColumnDef::new("at").timestamp_with_time_zone())
            .col(ColumnDef::new("raw").blob())
            .col(ColumnDef::new("open").boolean().not_null())
            .col(ColumnDef::new("parent").uuid())
            .col(ColumnDef::new("level").big_integer())
            .to_owned();
        manager.create_table(table).await
    }
}
