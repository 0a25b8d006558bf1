//! The schema of a database that was made long ago is the one of a database that is made today, and its rows are there.

use std::sync::Arc;

use guanxi_kernel::{Call, TestClock};
use guanxi_loyalty::store::migrations;
use guanxi_store::sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement};
use guanxi_store::{Database, DatabaseConfig, StoreError};

use crate::support::at;

async fn open(config: &DatabaseConfig) -> Database {
    let clock = Arc::new(TestClock::at(at("2026-11-22T00:00:00Z")));
    Database::connect("loyalty", config, 2, clock).await.unwrap()
}

async fn execute(db: &Database, sql: &str) -> Result<(), StoreError> {
    db.slice(&Call::internal("test"), |tx| async move {
        tx.conn().execute_unprepared(sql).await?;
        Ok(())
    })
    .await
}

#[derive(Debug, FromQueryResult)]
struct Line {
    line: String,
}

async fn lines(db: &Database, sql: &str) -> Vec<String> {
    let found = db.unfiltered().query_all_raw(Statement::from_string(db.backend(), sql)).await.unwrap();
    found.iter().map(|row| Line::from_query_result(row, "").unwrap().line).collect()
}

/// Everything that the catalogue says of tables, columns, constraints and indexes.
async fn schema(db: &Database) -> Vec<String> {
    if db.backend() == DbBackend::Sqlite {
        let sql = "SELECT type || ' ' || name || ' ' || COALESCE(sql, '') AS line FROM sqlite_schema ORDER BY line";
        return lines(db, sql).await;
    }
    let columns = "SELECT concat_ws(' ', table_name, column_name, data_type, character_maximum_length, is_nullable, \
                   column_default) AS line FROM information_schema.columns WHERE table_schema = current_schema() \
                   ORDER BY 1";
    let constraints = "SELECT concat_ws(' ', conrelid::regclass::text, conname, pg_get_constraintdef(oid)) AS line \
                       FROM pg_constraint WHERE connamespace = current_schema()::regnamespace ORDER BY 1";
    let indexes = "SELECT indexdef AS line FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1";
    let mut all = lines(db, columns).await;
    all.extend(lines(db, constraints).await);
    all.extend(lines(db, indexes).await);
    all
}

const ROOT: &str = "01990000-0000-7000-8000-000000000001";

/// A root and an instant, as they are written in SQL.
fn words(db: &Database) -> (String, &'static str) {
    match db.backend() {
        DbBackend::Sqlite => (format!("x'{}'", ROOT.replace('-', "")), "'2026-11-22T00:00:00.000000+00:00'"),
        _ => (format!("'{ROOT}'"), "'2026-11-22T00:00:00Z'"),
    }
}

/// An account as the release before wrote it.
fn account(db: &Database) -> String {
    let (root, _) = words(db);
    format!(
        "INSERT INTO accounts (root_id, organization, program, customer, last_entry, open_points, held_points, deficit, \
         earned, spent, expired, reversed) VALUES ({root}, 'default', 'test', {root}, 3, 60, 0, 0, 60, 0, 0, 0)"
    )
}

/// An entry as the first release wrote it, as far as the schema then went.
fn entry(db: &Database, number: i64, kind: &str) -> String {
    let (root, time) = words(db);
    format!(
        "INSERT INTO entries (root_id, number, posting, kind, from_account, to_account, points, lot_id, effective_time, \
         create_time) VALUES ({root}, {number}, {number}, '{kind}', 'ISSUED', 'OPEN', {number}0, {number}, {time}, {time})"
    )
}

async fn an_old_database_comes_to_the_schema_of_a_new_one(old: DatabaseConfig, new: DatabaseConfig) {
    let made = open(&old).await;
    let mut first = migrations();
    first.truncate(1);
    made.migrate(first).await.unwrap();
    for number in 1..=3 {
        execute(&made, &entry(&made, number, "EARN")).await.unwrap();
    }
    execute(&made, &entry(&made, 4, "ADJUST")).await.expect_err("its schema lists the words");
    drop(made);

    let old = open(&old).await;
    old.migrate(migrations()).await.unwrap();
    let new = open(&new).await;
    new.migrate(migrations()).await.unwrap();
    assert_eq!(schema(&old).await, schema(&new).await);
    assert!(!schema(&new).await.iter().any(|line| line.contains("UNEXPIRE")), "the words are not in the schema");

    let sql = "SELECT kind || ' ' || CAST(number AS varchar(20)) || ' ' || CAST(points AS varchar(20)) || ' ' || \
               COALESCE(CAST(hold_id AS varchar(40)), '-') AS line FROM entries ORDER BY number";
    assert_eq!(lines(&old, sql).await, ["EARN 1 10 -", "EARN 2 20 -", "EARN 3 30 -"]);
    execute(&old, &entry(&old, 3, "EARN")).await.expect_err("the key is still one");
    execute(&old, &entry(&old, 0, "EARN")).await.expect_err("an entry moves at least one point");
    execute(&old, &entry(&old, 4, "OF_A_LATER_RELEASE")).await.unwrap();

    // The release before knows nothing of the new columns and tables.
    execute(&old, &account(&old)).await.unwrap();
    let sql = "SELECT CAST(adjusted + sent + received AS varchar(20)) AS line FROM accounts";
    assert_eq!(lines(&old, sql).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_database_comes_to_the_schema_of_a_new_one_on_sqlite() {
    let [old, new] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let config = |folder: &tempfile::TempDir| DatabaseConfig::Sqlite { data_dir: folder.path().to_owned(), readers: 1 };
    an_old_database_comes_to_the_schema_of_a_new_one(config(&old), config(&new)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_database_comes_to_the_schema_of_a_new_one_on_postgres() {
    let mut urls = Vec::new();
    for _ in 0..2 {
        urls.push(guanxi_testkit::postgres::fresh_database().await.unwrap());
    }
    let config = |url: &String| DatabaseConfig::Postgres { url: url.clone(), connections: 4 };
    an_old_database_comes_to_the_schema_of_a_new_one(config(&urls[0]), config(&urls[1])).await;
}
