//! What can go wrong between a decision and its commit.

use std::time::Duration;

use guanxi_kernel::{Refusal, Refused};
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};
use thiserror::Error;

use crate::connect::distrust;

/// Why a transaction did not happen.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The service refused: nothing was written, and the request id stays unused.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database refused or could not be reached.
    #[error("database: {0}")]
    Database(#[source] DbErr),
    /// Somebody else wrote first; the whole transaction may be tried again.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    /// A row holds what the code does not understand.
    #[error("row: {0}")]
    Row(String),
    /// The schema, or a file of the database, is not one that this release can work with.
    #[error("{0}")]
    Unfit(String),
}

/// What a database error means for the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Deadlock, serialization failure, a unique key that another transaction took meanwhile: try again at once.
    Retry,
    /// The database is not there, or not for writing: try again later.
    Away,
    /// Anything else: a bug.
    Broken,
}

impl StoreError {
    /// A row that cannot be read back.
    pub fn row(what: impl std::fmt::Display) -> Self {
        Self::Row(what.to_string())
    }

    /// Whether the same transaction may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Conflict(_) => true,
            Self::Refused(refused) => refused.kind() == guanxi_kernel::Kind::Unavailable,
            Self::Database(error) => fault(error) != Fault::Broken,
            Self::Row(_) | Self::Unfit(_) => false,
        }
    }

    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Conflict(_) => Fault::Retry,
            Self::Database(error) => fault(error),
            Self::Refused(_) | Self::Row(_) | Self::Unfit(_) => Fault::Broken,
        }
    }
}

/// PostgreSQL's codes of what is the connection's fault: it leads to a server that was demoted and takes no writes, or a
/// release that came after this one has changed a table that it has plans for.
const READ_ONLY: &str = "25006";
const PLAN_OUTDATED: &str = "0A000";

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        if of_the_past(&error) {
            distrust();
        }
        Self::Database(error)
    }
}

fn of_the_past(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error else {
        return false;
    };
    error.as_database_error().is_some_and(|error| match error.code().as_deref() {
        Some(READ_ONLY) => true,
        Some(PLAN_OUTDATED) => error.message().contains("cached plan"),
        _ => false,
    })
}

fn fault(error: &DbErr) -> Fault {
    if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) {
        return Fault::Retry;
    }
    let sqlx = match error {
        DbErr::ConnectionAcquire(_) => return Fault::Away,
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => error,
        DbErr::Conn(_) => return Fault::Away,
        _ => return Fault::Broken,
    };
    match &**sqlx {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Fault::Away,
        sqlx::Error::Database(error) => match error.code().as_deref() {
            // PostgreSQL: serialization failure, deadlock. SQLite: busy, busy snapshot, locked.
            Some("40001" | "40P01" | "5" | "517" | "6" | "262") => Fault::Retry,
            Some(PLAN_OUTDATED) if error.message().contains("cached plan") => Fault::Retry,
            // Shutting down, starting up, too many connections, read-only (a demoted primary); disk full; SQLite: full,
            // I/O error, read-only.
            Some(code) if code.starts_with("57P") || code.starts_with("08") || code.starts_with("53") => Fault::Away,
            Some(READ_ONLY | "13" | "10" | "8") => Fault::Away,
            _ => Fault::Broken,
        },
        _ => Fault::Broken,
    }
}

impl Refusal for StoreError {
    fn refusal(&self) -> Refused {
        match self {
            Self::Refused(refused) => refused.clone(),
            error if error.is_transient() => {
                tracing::warn!(%error, "the database could not take it now");
                let after = Duration::from_millis(200);
                Refused::unavailable("DATABASE_UNAVAILABLE", "the database could not take it now: try again", after)
            }
            error => {
                tracing::error!(%error, "a transaction failed");
                Refused::internal("the service failed; the log of the call says why")
            }
        }
    }
}
