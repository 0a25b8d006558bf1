//! What must hold of a service's data at any moment, and the rows that break it.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use guanxi_kernel::Uuid;
use sea_orm::{ConnectionTrait, Statement};

use crate::{Database, Result};

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
        Self::new(name, move |db| async move {
            let connection = db.unfiltered();
            let statement = |sql: &str| Statement::from_string(db.backend(), sql);
            let counted = connection.query_one_raw(statement(count)).await?;
            let checked = counted.map_or(Ok(0), |row| row.try_get_by_index(0))?;
            let mut broken = Checked { checked, ..Checked::default() };
            for row in connection.query_all_raw(statement(breaches)).await? {
                broken.add(row.try_get_by_index::<String>(0)?, row.try_get_by_index::<String>(1)?);
            }
            Ok(broken)
        })
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

impl fmt::Debug for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Invariant").field(&self.name).finish()
    }
}
