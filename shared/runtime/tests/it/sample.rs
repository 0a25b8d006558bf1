//! A service that counts the orders it hears of, and has jobs that count, fail, panic and wait.

use std::time::Duration;

use async_trait::async_trait;
use guanxi_contracts::customer::events::v1::OrderRecorded;
use guanxi_kernel::{Call, OrganizationId, Timestamp, Uuid};
use guanxi_messaging::{Delivered, Handler, Outcome, event};
use guanxi_runtime::settings::Faults;
use guanxi_runtime::{
    Checked, Figures, Invariant, Job, Module, ModuleContext, Progress, Section, Service, StartError, Step,
};
use guanxi_store::migrate::Migrations;
use guanxi_store::sea_orm::{ConnectionTrait, DbErr, Statement};
use guanxi_store::sea_orm_migration::prelude::*;
use guanxi_store::{Column, Database, NewEvent, Result, Rows, StoreError, Table, Tx};
use serde::{Deserialize, Serialize};

pub const SERVICE: Service =
    Service { name: "sample", settings: |settings| settings.section::<Settings>("sample").map(drop), module };

fn module(ctx: &ModuleContext) -> std::result::Result<Module, StartError> {
    let settings: Settings = ctx.settings()?;
    ctx.database(vec![Box::new(Orders) as Box<dyn MigrationTrait>] as Migrations);
    Ok(Module::new(ctx.service())
        .consume("teller", Count)
        .every(Duration::from_secs(3600), Steps { slices: settings.slices })
        .job(Fails)
        .job(Panics)
        .job(NeverEnds)
        .verify([Invariant::new("orders-are-counted-once", |db| async move {
            Ok(Checked { checked: count(&db).await?, ..Checked::default() })
        })])
        .summary(|db, _| async move { Ok(Figures::new().integer("orders", count(&db).await?).decimal("mean", None)) }))
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
struct Settings {
    slices: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { slices: 3 }
    }
}

impl Section for Settings {
    fn check(&self, path: &str, faults: &mut Faults) {
        faults.require(self.slices > 0, &format!("{path}.slices"), self.slices, "must be above 0");
    }
}

struct Orders;

impl MigrationName for Orders {
    fn name(&self) -> &str {
        "m0002_orders"
    }
}

#[async_trait]
impl MigrationTrait for Orders {
    async fn up(&self, manager: &SchemaManager) -> std::result::Result<(), DbErr> {
        let table = TableCreateStatement::new()
            .table("counted")
            .col(ColumnDef::new("root_id").uuid().not_null().primary_key())
            .to_owned();
        manager.create_table(table).await
    }
}

const COUNTED: Table = Table::new("counted", &[Column::uuid("root_id")]);

/// How many orders were heard of.
pub async fn count(db: &Database) -> Result<i64> {
    let sql = "SELECT count(*) AS n FROM counted WHERE root_id <> $1";
    let statement = Statement::from_sql_and_values(db.backend(), sql, [Uuid::nil().into()]);
    let row = db.unfiltered().query_one_raw(statement).await?;
    Ok(row.map_or(Ok(0), |row| row.try_get("", "n"))?)
}

/// Stands for a release in which the handler bears [`POISON`].
pub async fn mend(db: &Database) -> Result<()> {
    db.slice(&Call::internal("test"), |tx| async move {
        let mut rows = Rows::new(&COUNTED);
        rows.push([Uuid::nil().into()]);
        rows.insert(&tx).await
    })
    .await
}

async fn is_mended(tx: &Tx) -> Result<bool> {
    let sql = "SELECT 1 AS one FROM counted WHERE root_id = $1";
    let statement = Statement::from_sql_and_values(tx.backend(), sql, [Uuid::nil().into()]);
    Ok(tx.conn().query_one_raw(statement).await?.is_some())
}

/// The order that the handler panics at.
pub const POISON: &str = "orders/test:poison";

/// An effect: each order counts once.
struct Count;

#[async_trait]
impl Handler for Count {
    type Event = OrderRecorded;

    async fn handle(&self, tx: &Tx, events: &[Delivered<OrderRecorded>]) -> Result<Vec<Outcome>> {
        let mut rows = Rows::new(&COUNTED);
        for event in events {
            assert!(event.meta.key != POISON || is_mended(tx).await?, "a bug that this event brings to light");
            rows.push([event.meta.id.into()]);
        }
        rows.insert(tx).await?;
        Ok(events.iter().map(|_| Outcome::Done).collect())
    }
}

/// Facts that the service hears.
pub fn orders(numbers: std::ops::Range<usize>) -> Vec<NewEvent> {
    numbers.map(|n| order(&format!("orders/test:{n}"))).collect()
}

/// One fact, of the order called so.
pub fn order(name: &str) -> NewEvent {
    let organization = OrganizationId::default_organization();
    event(name, 1, &organization, Timestamp::UNIX_EPOCH, false, &OrderRecorded::default())
}

/// Counts slices.
struct Steps {
    slices: i64,
}

#[async_trait]
impl Job for Steps {
    fn kind(&self) -> &'static str {
        "steps"
    }

    async fn step(&self, _: &Tx, progress: &mut Progress) -> Result<Step> {
        progress.total = Some(self.slices);
        progress.done += 1;
        assert_eq!(progress.cursor.len() as i64, progress.done - 1, "the cursor is what the last slice left");
        progress.cursor.push(b'x');
        Ok(if progress.done == self.slices { Step::done() } else { Step::More })
    }
}

struct Fails;

#[async_trait]
impl Job for Fails {
    fn kind(&self) -> &'static str {
        "fails"
    }

    async fn step(&self, _: &Tx, _: &mut Progress) -> Result<Step> {
        Err(StoreError::Row("a secret of the inside".to_owned()))
    }
}

struct Panics;

#[async_trait]
impl Job for Panics {
    fn kind(&self) -> &'static str {
        "panics"
    }

    async fn step(&self, _: &Tx, _: &mut Progress) -> Result<Step> {
        panic!("on purpose")
    }
}

struct NeverEnds;

#[async_trait]
impl Job for NeverEnds {
    fn kind(&self) -> &'static str {
        "never-ends"
    }

    async fn step(&self, _: &Tx, progress: &mut Progress) -> Result<Step> {
        progress.done += 1;
        tokio::task::yield_now().await;
        Ok(Step::More)
    }
}
