//! The one write. Every door (a call, a batch, events, a job's step) opens a transaction here, and it is committed here:
//! first what was parked for things that have become known, then the outbox, then the commit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use guanxi_kernel::{Call, Write};
use sea_orm::{DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait};

use crate::change::write_all;
use crate::error::Fault;
use crate::idempotency::{self, Earlier};
use crate::{Change, Database, Result, StoreError, Tx, inbox, outbox};

/// How often a transaction that lost a race is tried again before the caller is told to.
const ATTEMPTS: u32 = 8;

/// The stored reply of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The reply, encoded.
    pub reply: Vec<u8>,
    /// Whether it was stored by an earlier call with the same request id and body.
    pub replayed: bool,
}

impl Database {
    /// A call's write: `decide` changes the state through the transaction and returns the encoded reply, which is
    /// stored beside it. The same request again gets the stored reply. May run more than once; only one run commits.
    ///
    /// # Errors
    /// What `decide` refused; `REQUEST_ID_REUSED` where the request id came with another body; the database's errors.
    pub async fn command<F, Fut>(&self, call: &Call, write: &Write, decide: F) -> Result<Written>
    where
        F: Fn(Arc<Tx>) -> Fut,
        Fut: Future<Output = Result<Vec<u8>>>,
    {
        self.retry(|| async {
            let tx = self.begin(call.clone()).await?;
            match idempotency::earlier(&tx, write).await? {
                Earlier::Same(reply) => return Ok(Written { reply, replayed: true }),
                Earlier::Other => return Err(idempotency::reused(write).into()),
                Earlier::None => {}
            }
            let tx = Arc::new(tx);
            let reply = decide(Arc::clone(&tx)).await?;
            let granted = idempotency::granted(&tx, &[(write, reply.as_slice())]);
            self.commit(sole(tx)?, Some(granted)).await?;
            Ok(Written { reply, replayed: false })
        })
        .await
    }

    /// A step of a job, or another write of the service's own: idempotent by what it reads.
    ///
    /// # Errors
    /// What `step` returned; the database's errors.
    pub async fn slice<R, F, Fut>(&self, call: &Call, step: F) -> Result<R>
    where
        F: Fn(Arc<Tx>) -> Fut,
        Fut: Future<Output = Result<R>>,
    {
        self.retry(|| async {
            let tx = Arc::new(self.begin(call.clone()).await?);
            let result = step(Arc::clone(&tx)).await?;
            self.commit(sole(tx)?, None).await?;
            Ok(result)
        })
        .await
    }

    pub(crate) async fn begin(&self, call: Call) -> Result<Tx> {
        let since = Instant::now();
        #[allow(clippy::disallowed_methods, reason = "this is the one place that begins")]
        let conn: DatabaseTransaction = self
            .inner
            .writer
            .begin_with_options(TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..Default::default()
            })
            .await?;
        self.inner.instruments.waited(since.elapsed());
        Ok(Tx::new(conn, &self.inner, call))
    }

    /// Commits, with the door's own rows and what the transaction told.
    pub(crate) async fn commit(&self, tx: Tx, own: Option<Change>) -> Result<()> {
        inbox::unpark_known(self, &tx).await?;
        let told = outbox::told(self, &tx)?;
        let tells = told.is_some();
        write_all(&tx, tx.take_last().into_iter().chain(own).chain(told)).await?;
        let after = tx.take_after();
        tx.into_conn().commit().await?;
        after.into_iter().for_each(|done| done());
        if tells {
            self.inner.committed.notify_waiters();
        }
        Ok(())
    }

    /// Runs a whole transaction again where it lost a race, with a growing, jittered pause.
    pub(crate) async fn retry<R, F, Fut>(&self, run: F) -> Result<R>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<R>>,
    {
        let mut attempt = 1;
        loop {
            match run().await {
                Err(error) if error.fault() == Fault::Retry && attempt < ATTEMPTS => {
                    tracing::debug!(%error, attempt, "a transaction lost a race and is tried again");
                    self.inner.instruments.retried();
                    let jitter = u64::from(guanxi_kernel::new_id().as_bytes()[15]);
                    tokio::time::sleep(Duration::from_micros((500 << attempt) + 8 * jitter)).await;
                    attempt += 1;
                }
                Err(error) if error.fault() == Fault::Retry => {
                    tracing::warn!(%error, "a transaction lost {ATTEMPTS} races");
                    return Err(StoreError::Conflict("the transaction kept losing races"));
                }
                other => return other,
            }
        }
    }
}

/// The transaction back from those who worked with it. They must have let go of it: what they would still do with it
/// after their result is known could not be part of it.
pub(crate) fn sole(tx: Arc<Tx>) -> Result<Tx> {
    Arc::try_unwrap(tx).map_err(|_| StoreError::Row("the transaction is still held by what it was given to".to_owned()))
}
