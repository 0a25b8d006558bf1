//! Leases: who among the replicas does a thing now. A lease saves work; what must not happen twice is guarded by the
//! rows themselves. Leases run on the machine's clock, not on the business clock that a test may stop.

use std::time::Duration;

use guanxi_kernel::{Call, Clock, SystemClock, Uuid};
use sea_orm::{ConnectionTrait, Statement};

use crate::{Database, Result, time};

impl Database {
    /// Takes or renews the lease `name` for `holder` for `ttl`; says whether `holder` has it now.
    ///
    /// # Errors
    /// The database's.
    pub async fn lease(&self, name: &str, holder: Uuid, ttl: Duration) -> Result<bool> {
        self.slice(&Call::internal("lease"), |tx| async move {
            let now = SystemClock.now();
            let until = now + jiff::SignedDuration::try_from(ttl).unwrap_or(jiff::SignedDuration::MAX);
            let sql = "INSERT INTO lease (name, holder, until) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
                       SET holder = excluded.holder, until = excluded.until \
                       WHERE lease.holder = excluded.holder OR lease.until < $4";
            let values = [name.into(), holder.into(), time::to_column(until).into(), time::to_column(now).into()];
            let done = tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
            Ok(done.rows_affected() == 1)
        })
        .await
    }

    /// Gives the lease back, so that another need not wait for its end.
    ///
    /// # Errors
    /// The database's.
    pub async fn release(&self, name: &str, holder: Uuid) -> Result<()> {
        self.slice(&Call::internal("lease"), |tx| async move {
            let sql = "DELETE FROM lease WHERE name = $1 AND holder = $2";
            let values = [name.into(), holder.into()];
            tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
            Ok(())
        })
        .await
    }
}
