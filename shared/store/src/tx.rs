//! The unit of work: a transaction with its instant, its caller, and what it will tell the others.

use std::collections::BTreeSet;
use std::sync::Mutex;

use guanxi_kernel::{Call, Timestamp, Uuid};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement};

use crate::change::Change;
use crate::connect::Inner;
use crate::outbox::NewEvent;
use crate::rows::Target;
use crate::{Result, dialect};

/// An open transaction. It commits only through the door that opened it.
pub struct Tx {
    conn: DatabaseTransaction,
    backend: DbBackend,
    spread: bool,
    call: Call,
    now: Timestamp,
    told: Mutex<Told>,
}

/// Something small to do after the commit.
pub(crate) type After = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(crate) struct Told {
    pub(crate) events: Vec<(NewEvent, Option<std::sync::Arc<str>>)>,
    pub(crate) known: BTreeSet<String>,
    pub(crate) last: Vec<Change>,
    pub(crate) after: Vec<After>,
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Tx {
    pub(crate) fn new(conn: DatabaseTransaction, db: &Inner, call: Call) -> Self {
        Self { conn, backend: db.backend, spread: db.spread, call, now: db.clock.now(), told: Mutex::default() }
    }

    /// The connection, for queries and statements.
    pub fn conn(&self) -> &DatabaseTransaction {
        &self.conn
    }

    /// SQLite or PostgreSQL.
    pub fn backend(&self) -> DbBackend {
        self.backend
    }

    /// Whether Citus spreads the tables over servers by their roots.
    pub(crate) fn is_spread(&self) -> bool {
        self.spread
    }

    /// What rows are written for.
    pub(crate) fn target(&self) -> Target {
        Target { backend: self.backend, spread: self.spread }
    }

    /// Locks the rows of a table with these roots until the transaction ends: returns what goes behind the SELECT that reads
    /// them, in the order of their roots. The table has a column `organization`.
    ///
    /// Citus refuses `FOR UPDATE` over many roots: there they are locked here, by a write that leaves them as they are.
    ///
    /// # Errors
    /// The database's.
    pub async fn lock(&self, table: &str, roots: &[Uuid]) -> Result<&'static str> {
        if !self.spread {
            return Ok(dialect::for_update(self.backend));
        }
        let (condition, roots) = dialect::any_uuid(self.backend, "root_id", 1, roots);
        let sql = format!("UPDATE {table} SET organization = organization WHERE {condition}");
        self.conn.execute_raw(Statement::from_sql_and_values(self.backend, sql, [roots])).await?;
        Ok("")
    }

    /// Who asked. In a batch, the service itself: each call of the batch has its own.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The instant of this transaction: one for everything in it.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Tells the other services: written to the outbox with the rest, or not at all.
    pub fn emit(&self, event: NewEvent) {
        let traceparent = self.call.traceparent.clone();
        self.emit_for(event, traceparent);
    }

    /// The same, on behalf of one call of a batch, whose trace goes on with the event.
    pub fn emit_for(&self, event: NewEvent, traceparent: Option<std::sync::Arc<str>>) {
        self.told().events.push((event, traceparent));
    }

    /// Says that a thing is known from now on: events that were parked for `key` (a resource name) are handled before
    /// this transaction commits.
    pub fn known(&self, key: impl Into<String>) {
        self.told().known.insert(key.into());
    }

    /// Leaves changes to be written with the commit's own rows, by one statement less. Nothing that reads in this
    /// transaction afterwards sees them; they are of different tables, or of different rows.
    pub fn write_last(&self, changes: impl IntoIterator<Item = Change>) {
        self.told().last.extend(changes);
    }

    pub(crate) fn take_last(&self) -> Vec<Change> {
        std::mem::take(&mut self.told().last)
    }

    /// Does this once the transaction is committed, and not if it is not: for counting what was done.
    pub fn after_commit(&self, done: impl FnOnce() + Send + 'static) {
        self.told().after.push(Box::new(done));
    }

    pub(crate) fn take_after(&self) -> Vec<After> {
        std::mem::take(&mut self.told().after)
    }

    pub(crate) fn take_known(&self) -> Vec<String> {
        std::mem::take(&mut self.told().known).into_iter().collect()
    }

    pub(crate) fn take_events(&self) -> Vec<(NewEvent, Option<std::sync::Arc<str>>)> {
        std::mem::take(&mut self.told().events)
    }

    pub(crate) fn into_conn(self) -> DatabaseTransaction {
        self.conn
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().expect("nobody panics while holding it")
    }
}
