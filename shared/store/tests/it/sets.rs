//! Rows written in sets read back as they were, in both databases, NULLs and all.

use guanxi_kernel::{Call, new_id};
use guanxi_store::sea_orm::prelude::DateTimeUtc;
use guanxi_store::sea_orm::{ConnectionTrait, Statement};
use guanxi_store::{Cell, Rows, time};

use crate::fixture::{ACCOUNT, at, on_both};

on_both! {
    async fn every_kind_of_value_reads_back(fixture: &Fixture) {
        let (full, empty) = (new_id(), new_id());
        let instant = at("2024-02-29T23:59:59.000001Z");
        let parent = new_id();
        fixture.db.slice(&Call::internal("test"), |tx| async move {
            let mut rows = Rows::new(&ACCOUNT);
            rows.push([full.into(), 7_i64.into(), "王小明 \"'\\".into(), instant.into(), vec![0_u8, 255].into(), true.into(), parent.into(), (-1_i64).into()]);
            rows.push([empty.into(), i64::MAX.into(), Cell::Null, Cell::Null, Cell::Null, false.into(), Cell::Null, Cell::Null]);
            rows.insert(&tx).await
        }).await.unwrap();
        let sql = "SELECT * FROM account ORDER BY points";
        let rows = fixture.db.unfiltered().query_all_raw(Statement::from_string(fixture.db.backend(), sql)).await.unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].try_get::<Option<String>>("", "note").unwrap().as_deref(), Some("王小明 \"'\\"));
        let back: DateTimeUtc = rows[0].try_get("", "at").unwrap();
        assert_eq!(time::from_column(back), instant);
        assert_eq!(rows[0].try_get::<Vec<u8>>("", "raw").unwrap(), [0, 255]);
        assert_eq!(rows[0].try_get::<Option<guanxi_kernel::Uuid>>("", "parent").unwrap(), Some(parent));
        assert_eq!(rows[0].try_get::<i64>("", "level").unwrap(), -1);
        assert!(rows[0].try_get::<bool>("", "open").unwrap() && !rows[1].try_get::<bool>("", "open").unwrap());
        assert_eq!(rows[1].try_get::<i64>("", "points").unwrap(), i64::MAX);
        for column in ["note", "at", "raw", "parent", "level"] {
            let sql = format!("SELECT COUNT(*) AS n FROM account WHERE {column} IS NULL");
            let row = fixture.db.unfiltered().query_one_raw(Statement::from_string(fixture.db.backend(), sql)).await.unwrap().unwrap();
            assert_eq!(row.try_get::<i64>("", "n").unwrap(), 1, "{column}");
        }
    }

    async fn an_instant_written_in_a_set_compares_with_one_bound_as_a_parameter(fixture: &Fixture) {
        fixture.db.slice(&Call::internal("test"), |tx| async move {
            let mut rows = Rows::new(&ACCOUNT);
            for (points, text) in [(1_i64, "2024-01-01T00:00:00Z"), (2, "2024-01-01T00:00:00.5Z"), (3, "2024-01-01T00:00:00.500001Z"), (4, "2024-01-01T00:00:01Z")] {
                rows.push([new_id().into(), points.into(), Cell::Null, at(text).into(), Cell::Null, true.into(), Cell::Null, Cell::Null]);
            }
            rows.insert(&tx).await
        }).await.unwrap();
        let sql = "SELECT points FROM account WHERE at <= $1 ORDER BY at";
        let values = [time::to_column(at("2024-01-01T00:00:00.5Z")).into()];
        let rows = fixture.db.unfiltered().query_all_raw(Statement::from_sql_and_values(fixture.db.backend(), sql, values)).await.unwrap();
        let points: Vec<i64> = rows.iter().map(|row| row.try_get("", "points").unwrap()).collect();
        assert_eq!(points, [1, 2]);
    }

    async fn an_update_changes_only_the_rows_that_it_names(fixture: &Fixture) {
        let ids = [new_id(), new_id(), new_id()];
        fixture.db.slice(&Call::internal("test"), |tx| async move {
            for id in ids {
                crate::fixture::add(&tx, id, 10).await?;
            }
            let mut rows = Rows::new(&ACCOUNT);
            for (id, points) in [(ids[0], 1_i64), (ids[2], 3)] {
                rows.push([id.into(), points.into(), "changed".into(), Cell::Null, Cell::Null, true.into(), Cell::Null, Cell::Null]);
            }
            assert_eq!(rows.update(&tx, &["root_id"]).await?, 2);
            Ok(())
        }).await.unwrap();
        let mut points = Vec::new();
        for id in ids {
            points.push(fixture.points(id).await.unwrap());
        }
        assert_eq!(points, [1, 10, 3]);
    }

    async fn what_is_the_same_in_every_row_is_written_to_every_row(fixture: &Fixture) {
        let ids = [new_id(), new_id(), new_id()];
        let (parent, instant) = (new_id(), at("2024-02-29T23:59:59.000001Z"));
        fixture.db.slice(&Call::internal("test"), |tx| async move {
            let mut rows = Rows::new(&ACCOUNT);
            for id in ids {
                rows.push([id.into(), 7_i64.into(), "same".into(), instant.into(), Cell::Null, true.into(), parent.into(), Cell::Null]);
            }
            rows.insert(&tx).await
        }).await.unwrap();
        let sql = "SELECT COUNT(*) AS n FROM account WHERE points = 7 AND note = 'same' AND at = $1 AND raw IS NULL AND open \
                   AND parent = $2 AND level IS NULL";
        let values = [time::to_column(instant).into(), parent.into()];
        let row = fixture.db.unfiltered().query_one_raw(Statement::from_sql_and_values(fixture.db.backend(), sql, values)).await.unwrap().unwrap();
        assert_eq!(row.try_get::<i64>("", "n").unwrap(), 3);
    }

    async fn rows_that_exist_are_left_by_insert_new(fixture: &Fixture) {
        let id = new_id();
        let inserted = fixture.db.slice(&Call::internal("test"), |tx| async move {
            crate::fixture::add(&tx, id, 10).await?;
            let mut rows = Rows::new(&ACCOUNT);
            for id in [id, new_id()] {
                rows.push([id.into(), 99_i64.into(), Cell::Null, Cell::Null, Cell::Null, true.into(), Cell::Null, Cell::Null]);
            }
            rows.insert_new(&tx).await
        }).await.unwrap();
        assert_eq!((inserted, fixture.points(id).await), (1, Some(10)));
    }
}
