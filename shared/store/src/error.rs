//! What can go wrong between a decision and its commit.

use std::time::Duration;

use guanxi_kernel::{Refusal, Refused};
use sea_orm::sqlx::error::DatabaseError;
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};
use thiserror::Error;

use crate::connect::distrust;
use crate::inspect::Unfit;

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
    /// This release cannot work on the database.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// A row holds what the code does not understand.
    #[error("row: {0}")]
    Row(String),
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
    let of_the_past =
        |error: &dyn DatabaseError| error.code().as_deref() == Some(READ_ONLY) || has_outdated_plan(error);
    error.as_database_error().is_some_and(of_the_past)
}

fn has_outdated_plan(error: &dyn DatabaseError) -> bool {
    error.code().as_deref() == Some(PLAN_OUTDATED) && error.message().contains("cached plan")
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
        sqlx::Error::Database(error) if has_outdated_plan(&**error) => Fault::Retry,
        sqlx::Error::Database(error) => coded(error.code().as_deref().unwrap_or_default()),
        _ => Fault::Broken,
    }
}

/// What a code means: of PostgreSQL five signs, of SQLite a number.
fn coded(code: &str) -> Fault {
    if let (Ok(number), true) = (code.parse::<u32>(), code.len() < 5) {
        // The last byte is the kind, the others say more of it: 778 is an I/O error while writing.
        return match number & 0xff {
            // Busy, locked.
            5 | 6 => Fault::Retry,
            // Read-only, I/O error, full, cannot open.
            8 | 10 | 13 | 14 => Fault::Away,
            _ => Fault::Broken,
        };
    }
    match code {
        // Serialization failure, deadlock.
        "40001" | "40P01" => Fault::Retry,
        // Read-only (a demoted primary).
        READ_ONLY => Fault::Away,
        // Shutting down, starting up; connection lost; too many connections, disk full.
        code if code.starts_with("57P") || code.starts_with("08") || code.starts_with("53") => Fault::Away,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_whether_to_try_again_at_once_later_or_never() {
        for (codes, fault) in [
            (["40001", "40P01", "5", "517", "262"], Fault::Retry),
            (["57P01", "53100", "13", "778", "1032"], Fault::Away),
            (["23505", "42P01", "1", "2067", ""], Fault::Broken),
        ] {
            for code in codes {
                assert_eq!(coded(code), fault, "{code}");
            }
        }
    }
}
