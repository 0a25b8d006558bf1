//! What the store measures of its pools and statements: how long, how many, how they failed. Never what was in them.

use std::sync::Arc;
use std::time::Duration;

use guanxi_kernel::signals::{self, Counter, Histogram, KeyValue, Measured, attribute};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use crate::{Database, Result, time};

/// Of statements, by their first word.
const OPERATIONS: [&str; 5] = ["SELECT", "INSERT", "UPDATE", "DELETE", "OTHER"];

/// The instruments of one service's database.
pub(crate) struct Instruments {
    wait: Histogram<f64>,
    retries: Counter<u64>,
    service: KeyValue,
    backend: KeyValue,
}

impl Instruments {
    pub(crate) fn new(service: &'static str, backend: DbBackend) -> Self {
        let system = if backend == DbBackend::Postgres { "postgresql" } else { "sqlite" };
        Self {
            wait: signals::DB_WAIT.histogram(),
            retries: signals::DB_RETRIES.counter(),
            service: KeyValue::new(attribute::SERVICE, service),
            backend: KeyValue::new(attribute::DB_SYSTEM, system),
        }
    }

    /// Has every statement of this pool measured, those in transactions too.
    pub(crate) fn observe(&self, pool: &mut DatabaseConnection) {
        let duration = signals::DB_DURATION.histogram();
        let labels: Arc<[[Vec<KeyValue>; 2]]> = OPERATIONS
            .iter()
            .map(|operation| {
                let done = vec![
                    self.service.clone(),
                    self.backend.clone(),
                    KeyValue::new(attribute::DB_OPERATION, *operation),
                ];
                let failed = done.iter().cloned().chain([KeyValue::new(attribute::ERROR, "statement")]).collect();
                [done, failed]
            })
            .collect();
        pool.set_metric_callback(move |info| {
            let labels = &labels[operation(&info.statement.sql)][usize::from(info.failed)];
            duration.record(info.elapsed.as_secs_f64(), labels);
        });
    }

    /// A transaction has begun after this long.
    pub(crate) fn waited(&self, time: Duration) {
        self.wait.record(time.as_secs_f64(), std::slice::from_ref(&self.service));
    }

    /// A transaction lost a race and is run again.
    pub(crate) fn retried(&self) {
        self.retries.add(1, std::slice::from_ref(&self.service));
    }
}

/// The place of a statement's first word among the operations.
fn operation(sql: &str) -> usize {
    let other = OPERATIONS.len() - 1;
    OPERATIONS[..other].iter().position(|word| sql.starts_with(word)).unwrap_or(other)
}

impl Database {
    /// What the pools, the outbox, the inbox and the schema look like now: a few queries over what is not done, each by an
    /// index.
    ///
    /// # Errors
    /// The database's.
    pub async fn measured(&self) -> Result<Vec<Measured>> {
        let service = KeyValue::new(attribute::SERVICE, self.service());
        let mut all = self.pools();
        let waiting: i64 = self.outbox_waiting().await?.iter().map(|(_, events)| events).sum();
        let (parked, dead) = self.inbox_waiting().await?;
        let oldest = self.outbox_oldest().await?;
        let age = oldest.map_or(0.0, |oldest| signals::seconds(self.clock().now()) - signals::seconds(oldest));
        all.extend([
            signals::OUTBOX_WAITING.is(signals::count(waiting), [service.clone()]),
            signals::OUTBOX_AGE.is(age.max(0.0), [service.clone()]),
            signals::PARKED.is(signals::count(parked), [service.clone()]),
            signals::DEAD_LETTERS.is(signals::count(dead), [service]),
        ]);
        all.extend(self.migrations_measured().await?);
        Ok(all)
    }

    fn pools(&self) -> Vec<Measured> {
        let pools = [("writer", &self.inner.writer), ("reader", &self.inner.reader)];
        let measured = pools.into_iter().flat_map(|(name, pool)| {
            let (size, idle, most) = size(pool);
            let of = |state: Option<&'static str>| {
                let state = state.map(|state| KeyValue::new(attribute::DB_CONNECTION_STATE, state));
                let own = [KeyValue::new(attribute::SERVICE, self.service()), KeyValue::new(attribute::DB_POOL, name)];
                own.into_iter().chain(state).collect::<Vec<_>>()
            };
            [
                signals::DB_CONNECTIONS.is(f64::from(size.saturating_sub(idle)), of(Some("used"))),
                signals::DB_CONNECTIONS.is(f64::from(idle), of(Some("idle"))),
                signals::DB_CONNECTIONS_MAX.is(f64::from(most), of(None)),
            ]
        });
        measured.collect()
    }

    /// When the oldest parcel was recorded that is not numbered yet.
    async fn outbox_oldest(&self) -> Result<Option<guanxi_kernel::Timestamp>> {
        let sql = "SELECT record_time FROM outbox WHERE first_number IS NULL ORDER BY record_time LIMIT 1";
        let row = self.unfiltered().query_one_raw(Statement::from_string(self.backend(), sql)).await?;
        Ok(row.map(|row| row.try_get::<DateTimeUtc>("", "record_time")).transpose()?.map(time::from_column))
    }

    async fn migrations_measured(&self) -> Result<Vec<Measured>> {
        let applied = self.migrations().await?;
        let known = self.inner.known.get().map(Vec::as_slice).unwrap_or_default();
        let pending = known.iter().filter(|name| !applied.contains(name)).count();
        let unknown = applied.iter().filter(|name| !known.contains(name)).count();
        let counts = [("applied", applied.len() - unknown), ("pending", pending), ("unknown", unknown)];
        let measured = counts.into_iter().map(|(state, number)| {
            let attributes =
                [KeyValue::new(attribute::SERVICE, self.service()), KeyValue::new(attribute::STATE, state)];
            signals::MIGRATIONS.is(signals::count(i64::try_from(number).unwrap_or(i64::MAX)), attributes)
        });
        Ok(measured.collect())
    }
}

/// Connections of a pool: open, idle, at the most.
fn size(pool: &DatabaseConnection) -> (u32, u32, u32) {
    let idle = |idle: usize| u32::try_from(idle).unwrap_or(u32::MAX);
    match pool.get_database_backend() {
        DbBackend::Postgres => {
            let pool = pool.get_postgres_connection_pool();
            (pool.size(), idle(pool.num_idle()), pool.options().get_max_connections())
        }
        _ => {
            let pool = pool.get_sqlite_connection_pool();
            (pool.size(), idle(pool.num_idle()), pool.options().get_max_connections())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_known_by_its_first_word_alone() {
        assert_eq!(OPERATIONS[operation("SELECT secret FROM t")], "SELECT");
        assert_eq!(OPERATIONS[operation("DELETE FROM t")], "DELETE");
        assert_eq!(OPERATIONS[operation("PRAGMA wal_checkpoint")], "OTHER");
    }
}
