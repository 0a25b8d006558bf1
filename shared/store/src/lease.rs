//! Leases: who among the replicas does a thing now. A lease saves work; what must not happen twice is guarded by the
//! rows themselves. Leases run on the machine's clock, not on the business clock that a test may stop.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use guanxi_kernel::{Call, Clock, SystemClock, Timestamp, Uuid};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tokio::sync::Mutex;

use crate::{Database, Result, dialect, time};

impl Database {
    /// Takes or renews the lease `name` for `holder` for `ttl`; says whether `holder` has it now.
    ///
    /// # Errors
    /// The database's.
    pub async fn lease(&self, name: &str, holder: Uuid, ttl: Duration) -> Result<bool> {
        self.slice(&Call::internal("lease"), |tx| async move {
            let now = SystemClock.now();
            let until = until(now, ttl);
            let sql = "INSERT INTO lease (name, holder, until) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
                       SET holder = excluded.holder, until = excluded.until \
                       WHERE lease.holder = excluded.holder OR lease.until < $4";
            let values = [name.into(), holder.into(), time::to_column(until).into(), time::to_column(now).into()];
            let done = tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
            Ok(done.rows_affected() == 1)
        })
        .await
    }

    /// Renews those of these leases that `holder` still has, and says which.
    async fn renew_leases(&self, names: &[String], holder: Uuid, ttl: Duration) -> Result<HashSet<String>> {
        self.slice(&Call::internal("lease"), |tx| async move {
            let (of_names, names) = dialect::any_text(tx.backend(), "name", 3, names);
            let sql = format!("UPDATE lease SET until = $1 WHERE holder = $2 AND {of_names} RETURNING name");
            let values = [time::to_column(until(SystemClock.now(), ttl)).into(), holder.into(), names];
            let rows = tx.conn().query_all_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
            rows.iter().map(|row| Ok(row.try_get("", "name")?)).collect()
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

fn until(now: Timestamp, ttl: Duration) -> Timestamp {
    now + jiff::SignedDuration::try_from(ttl).unwrap_or(jiff::SignedDuration::MAX)
}

/// The leases that one worker of a process holds, renewed together: one statement, however many they are.
#[derive(Debug)]
pub struct Leases {
    db: Database,
    holder: Uuid,
    ttl: Duration,
    /// By name, when each was last had.
    held: Mutex<HashMap<String, Instant>>,
}

impl Leases {
    /// None yet. Each lasts for `ttl` without a sign of life.
    pub fn new(db: &Database, ttl: Duration) -> Self {
        Self { db: db.clone(), holder: guanxi_kernel::new_id(), ttl, held: Mutex::default() }
    }

    /// Whether this worker has the lease now; takes it where it is free. An embedded database has one process, which
    /// has them all.
    ///
    /// # Errors
    /// The database's.
    pub async fn have(&self, name: &str) -> Result<bool> {
        if self.db.backend() != DbBackend::Postgres {
            return Ok(true);
        }
        let mut held = self.held.lock().await;
        match held.get(name) {
            Some(since) if since.elapsed() < self.ttl / 3 => return Ok(true),
            Some(_) => {
                self.renew(&mut held).await?;
                if held.contains_key(name) {
                    return Ok(true);
                }
            }
            None => {}
        }
        let asked = Instant::now();
        let have = self.db.lease(name, self.holder, self.ttl).await?;
        if have {
            held.insert(name.to_owned(), asked);
        }
        Ok(have)
    }

    /// Renews all that are held, and forgets those that somebody else has taken meanwhile.
    async fn renew(&self, held: &mut HashMap<String, Instant>) -> Result<()> {
        let asked = Instant::now();
        let names: Vec<String> = held.keys().cloned().collect();
        let renewed = self.db.renew_leases(&names, self.holder, self.ttl).await?;
        held.retain(|name, _| renewed.contains(name));
        for since in held.values_mut() {
            *since = asked;
        }
        Ok(())
    }

    /// Gives all back, so that another need not wait for their end.
    ///
    /// # Errors
    /// The database's; they then run out by themselves.
    pub async fn release(&self) -> Result<()> {
        for name in std::mem::take(&mut *self.held.lock().await).into_keys() {
            self.db.release(&name, self.holder).await?;
        }
        Ok(())
    }
}
