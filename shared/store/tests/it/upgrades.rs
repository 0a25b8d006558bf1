//! A release beside another one: schemas that are newer than it, tables that change while it has plans for them, a server
//! that is no longer the primary.

use std::collections::BTreeSet;

use guanxi_kernel::Call;
use guanxi_store::sea_orm::{ConnectionTrait, Statement};
use guanxi_store::{Database, StoreError};

use crate::fixture::{Fixture, migrations, on_both};

async fn execute(db: &Database, sql: &str) -> Result<(), StoreError> {
    db.slice(&Call::internal("test"), |tx| async move {
        tx.conn().execute_unprepared(sql).await?;
        Ok(())
    })
    .await
}

async fn migrated_by(fixture: &Fixture, release: &str, migration: &str) {
    let sql = format!("INSERT INTO migration (name, at, by_release) VALUES ('{migration}', 'later', '{release}')");
    execute(&fixture.db, &sql).await.unwrap();
}

/// What a process is told that starts now.
async fn start(fixture: &Fixture) -> Result<(), String> {
    fixture.db.migrate(migrations()).await.map_err(|error| error.to_string())
}

on_both! {
    async fn a_schema_that_the_next_release_migrated_is_taken_and_none_after_it(fixture: &Fixture) {
        migrated_by(fixture, "9.1.0", "m0008_more").await;
        migrated_by(fixture, "9.1.0", "m0009_still_more").await;
        assert_eq!(start(fixture).await, Ok(()));
        migrated_by(fixture, "9.2.0", "m0010_yet_more").await;
        let told = start(fixture).await.unwrap_err();
        assert!(told.contains("its schema is too new") && told.contains("9.1.0 and 9.2.0 migrated it"), "{told}");
    }

    async fn a_schema_from_which_a_release_took_something_away_is_not_taken_by_one_that_does_not_know_it(fixture: &Fixture) {
        migrated_by(fixture, "9.1.0", "m0008_contract_points").await;
        let told = start(fixture).await.unwrap_err();
        assert!(told.contains("m0008_contract_points took away what it needs") && !told.contains('\n'), "{told}");
    }

    async fn a_schema_of_before_releases_were_noted_is_brought_up_to_date(fixture: &Fixture) {
        execute(&fixture.db, "ALTER TABLE migration DROP COLUMN by_release").await.unwrap();
        assert_eq!(start(fixture).await, Ok(()));
        migrated_by(fixture, "9.1.0", "m0008_more").await;
        assert_eq!(start(fixture).await, Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_another_release_widens_is_read_on_by_new_connections() {
    let fixture = Fixture::postgres().await;
    let read = async || {
        let sql = "SELECT * FROM account WHERE points >= $1";
        let all = Statement::from_sql_and_values(fixture.db.backend(), sql, [0_i64.into()]);
        fixture.db.unfiltered().query_all_raw(all).await.map(drop).map_err(StoreError::from)
    };
    // However many connections there are by now, each has the plan.
    for _ in 0..20 {
        read().await.unwrap();
    }
    execute(&fixture.db, "ALTER TABLE account ADD COLUMN next varchar(10)").await.unwrap();
    let refused = read().await.expect_err("the plan is of before");
    assert!(refused.is_transient(), "{refused}");
    read().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_writes_any_more_is_left() {
    let fixture = Fixture::postgres().await;
    let call = Call::internal("test");
    let connection = || {
        fixture.db.slice(&call, |tx| async move {
            let sql = Statement::from_string(tx.backend(), "SELECT pg_backend_pid()");
            Ok(tx.conn().query_one_raw(sql).await?.unwrap().try_get_by_index::<i32>(0)?)
        })
    };
    let mut known = BTreeSet::new();
    for _ in 0..20 {
        known.insert(connection().await.unwrap());
    }
    let refused =
        execute(&fixture.db, "SET TRANSACTION READ ONLY; DELETE FROM account").await.expect_err("it may only read");
    assert!(refused.is_transient(), "{refused}");
    for _ in 0..20 {
        let now = connection().await.unwrap();
        assert!(!known.contains(&now), "connection {now} is of before");
    }
}
