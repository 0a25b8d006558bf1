//! Databases of Guanxi services: SQLite for the embedded default, PostgreSQL in production, one code for both.
//!
//! There is one way to write. Four doors lead to it: [`Database::command`] (a call), [`GroupCommit`] (many calls in one
//! commit), [`Database::consume`] (events) and [`Database::slice`] (a step of a job). Each is one transaction that
//! holds the idempotency row or inbox row, the state, the outbox and the stored reply. Reads go through
//! [`Database::reader`]. Both filter by the organisations that the caller may touch.

pub mod backup;
pub mod batch;
pub mod change;
pub mod connect;
pub mod dialect;
pub mod error;
mod figures;
pub mod filter;
mod idempotency;
pub mod inbox;
pub mod inspect;
pub mod jobs;
pub mod lease;
pub mod migrate;
#[cfg(debug_assertions)]
mod next_release;
pub mod outbox;
pub mod rows;
pub mod scope;
pub mod time;
pub mod tx;
pub mod verify;
mod write;

pub use batch::{BatchCall, Decide, GroupCommit};
pub use change::Change;
pub use connect::{Database, DatabaseConfig};
pub use error::StoreError;
pub use filter::{Field, Holds, Ordering};
pub use inspect::{Inspection, Unfit};
pub use outbox::NewEvent;
pub use rows::{Cell, Column, Rows, Table};
pub use scope::{Owned, Reader, Session};
pub use tx::Tx;
pub use write::Written;

pub use sea_orm;
pub use sea_orm_migration;

/// The result of anything that touches a database.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
