//! Backups: a copy of an embedded service's file, taken while it serves, and what any database is told once it stands
//! where it stood before.
//!
//! A restored database has forgotten a part of the past that others may remember, and the other way round. Three rules
//! close the gap, whichever service was restored to whichever moment:
//!
//! - What it tells begins a new epoch: the numbers of the lost time mean nothing any more, so consumers ask for all that
//!   its outbox has. What they handled before, their inbox knows by its id.
//! - Where it stands as a consumer, it goes on from there: the producers still have what came later, for their retention.
//! - Its inbox remembers what it has for as long as if it had been handled now: what the producers tell again after they
//!   were restored too is older than that, but not forgotten.

use std::path::Path;

use guanxi_kernel::Call;
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use crate::{Database, Result, Unfit, outbox, time};

/// Copies the SQLite file of a service as it is at one moment into a new file. The service may be at work: it is not held
/// up, and everything that it has acknowledged before is in the copy.
///
/// # Errors
/// The database's; [`Unfit::Damaged`] where the copy is not sound, since its original is not.
pub async fn copy(file: &Path, to: &Path) -> Result<()> {
    let source = open(file).await?;
    let sql = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO $1", [to.display().to_string().into()]);
    source.execute_raw(sql).await?;
    source.close().await?;
    let copy = open(to).await?;
    let row = copy.query_one_raw(Statement::from_string(DbBackend::Sqlite, "PRAGMA quick_check(1)")).await?;
    let found: String = row.map_or(Ok(String::new()), |row| row.try_get_by_index(0))?;
    copy.close().await?;
    if found == "ok" { Ok(()) } else { Err(Unfit::Damaged { file: file.display().to_string(), found }.into()) }
}

async fn open(file: &Path) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rw", file.display()));
    options.max_connections(1).sqlx_logging(false);
    Ok(sea_orm::Database::connect(options).await?)
}

impl Database {
    /// Says that this database was restored from a backup, before it is served again. Once for each restore; once more
    /// does no harm.
    ///
    /// # Errors
    /// The database's.
    pub async fn restored(&self) -> Result<()> {
        self.slice(&Call::internal("restore"), |tx| async move {
            outbox::begin_epoch(&tx).await?;
            let remember = "UPDATE inbox SET update_time = $1 WHERE state = 'done'";
            let now = [time::to_column(tx.now()).into()];
            tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), remember, now)).await?;
            // Whoever held them held them on the database that this one was copied from.
            tx.conn().execute_raw(Statement::from_string(tx.backend(), "DELETE FROM lease")).await?;
            Ok(())
        })
        .await
    }
}
