//! What must hold of a service's data at any moment, and the rows that break it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use guanxi_kernel::{Timestamp, Uuid};
use sea_orm::{ConnectionTrait, Statement, Value};

use crate::{Database, Result, time};

/// How many rows that break an invariant are named; more are only counted.
const NAMED: usize = 1_000;

/// Something that must hold of a service's data at any moment, calls and events in flight or not.
#[derive(Clone)]
pub struct Invariant {
    name: &'static str,
    check: Arc<dyn Fn(Database) -> BoxFuture<'static, Result<Checked>> + Send + Sync>,
}

/// What one invariant came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many rows were checked.
    pub checked: i64,
    /// How many break it.
    pub broken: i64,
    /// Those that break it, or the first of them.
    pub breaches: Vec<Breach>,
}

/// A row that breaks an invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// The name or key of the row.
    pub subject: String,
    /// What it should be and what it is; nothing personal.
    pub description: String,
}

impl Invariant {
    /// An invariant with its stable name, such as `postings-sum-to-zero`, and how it is checked.
    pub fn new<F, R>(name: &'static str, check: F) -> Self
    where
        F: Fn(Database) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Checked>> + Send + 'static,
    {
        Self { name, check: Arc::new(move |db| check(db).boxed()) }
    }

    /// An invariant that two queries check, each one statement and so one moment: `count` returns how many rows there
    /// are, and `breaches` the rows that break it, as two texts: the subject, and what is wrong.
    pub fn sql(name: &'static str, count: &'static str, breaches: &'static str) -> Self {
        Self::new(name, move |db| async move { queries(&db, count, breaches, Vec::new()).await })
    }

    /// Consumers and replays rely on it: within an epoch no number is missing or given twice. Only of the last
    /// `retention`: what is older may have been forgotten.
    pub fn outbox_is_dense(retention: Duration) -> Self {
        Self::new("outbox-numbers-are-dense", move |db| async move {
            // An hour's margin: parcels are numbered a moment after they are recorded, not in quite the same order.
            let kept = jiff::SignedDuration::try_from(retention).unwrap_or(jiff::SignedDuration::MAX);
            let kept = kept.saturating_sub(jiff::SignedDuration::from_hours(1));
            let since = db.clock().now().checked_sub(kept).unwrap_or(Timestamp::MIN);
            let recent = "first_number > coalesce((SELECT max(o.first_number) FROM outbox o WHERE o.record_time < $1 \
                          AND o.partition = outbox.partition AND o.epoch = outbox.epoch), 0)";
            let count = format!("SELECT count(*) FROM outbox WHERE {recent}");
            let holes = format!(
                "SELECT 'partition ' || CAST(partition AS text) || ' number ' || CAST(first_number AS text), \
                 'should be number ' || CAST(expected AS text) FROM (SELECT partition, first_number, \
                 lag(first_number + events) OVER (PARTITION BY partition, epoch ORDER BY first_number) AS expected \
                 FROM outbox WHERE {recent}) numbered WHERE first_number <> expected"
            );
            queries(&db, &count, &holes, vec![time::to_column(since).into()]).await
        })
    }

    /// The head of each partition stands at its last numbered event.
    pub fn outbox_heads_are_last() -> Self {
        Self::sql(
            "outbox-heads-are-last",
            "SELECT count(*) FROM outbox_head",
            "SELECT 'partition ' || CAST(h.partition AS text), 'head is ' || CAST(h.number AS text) || \
             ', the last event has ' || CAST(o.last AS text) FROM outbox_head h JOIN (SELECT partition, epoch, \
             max(first_number + events - 1) AS last FROM outbox WHERE first_number IS NOT NULL \
             GROUP BY partition, epoch) o ON o.partition = h.partition AND o.epoch = h.epoch WHERE o.last <> h.number",
        )
    }

    /// Every event that came in was handled or waits for something: none could not be handled.
    pub fn no_dead_letters() -> Self {
        Self::new("no-event-is-a-dead-letter", |db| async move {
            let connection = db.unfiltered();
            let statement = |sql: &str| Statement::from_string(db.backend(), sql);
            let counted = connection.query_one_raw(statement("SELECT count(*) FROM inbox")).await?;
            let mut checked =
                Checked { checked: counted.map_or(Ok(0), |row| row.try_get_by_index(0))?, ..Checked::default() };
            let dead = "SELECT event_id, error FROM inbox WHERE state = 'dead' ORDER BY update_time";
            for row in connection.query_all_raw(statement(dead)).await? {
                let (event, error) =
                    (row.try_get::<Uuid>("", "event_id")?, row.try_get::<Option<String>>("", "error")?);
                checked.add(format!("event {event}"), error.unwrap_or_default());
            }
            Ok(checked)
        })
    }

    /// Its stable name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Checks it on the data as they are.
    ///
    /// # Errors
    /// The database's.
    pub async fn check(&self, db: &Database) -> Result<Checked> {
        (self.check)(db.clone()).await
    }
}

impl Checked {
    /// Notes a row that breaks it.
    pub fn add(&mut self, subject: impl Into<String>, description: impl Into<String>) {
        self.broken += 1;
        if self.breaches.len() < NAMED {
            self.breaches.push(Breach { subject: subject.into(), description: description.into() });
        }
    }
}

/// What two queries with the same parameters say of an invariant.
async fn queries(db: &Database, count: &str, breaches: &str, values: Vec<Value>) -> Result<Checked> {
    let statement = |sql: &str| Statement::from_sql_and_values(db.backend(), sql, values.clone());
    let counted = db.unfiltered().query_one_raw(statement(count)).await?;
    let mut checked = Checked { checked: counted.map_or(Ok(0), |row| row.try_get_by_index(0))?, ..Checked::default() };
    for row in db.unfiltered().query_all_raw(statement(breaches)).await? {
        checked.add(row.try_get_by_index::<String>(0)?, row.try_get_by_index::<String>(1)?);
    }
    Ok(checked)
}

impl fmt::Debug for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Invariant").field(&self.name).finish()
    }
}
