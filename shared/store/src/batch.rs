//! Group commit: calls that arrive while the last commit is under way are decided together, written in sets and
//! committed together; each gets its own answer. No timer: when idle, a call is alone in its batch and waits for nobody.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::FutureExt;
use guanxi_kernel::signals::{self, Histogram, KeyValue, attribute};
use guanxi_kernel::{Call, Kind, Refused, Uuid, Write};
use tokio::sync::{mpsc, oneshot};
use tracing::Instrument;

use crate::change::write_all;
use crate::error::Fault;
use crate::idempotency::{self, Earlier};
use crate::write::Written;
use crate::{Database, Result, StoreError, Tx};

/// One call of a batch.
#[derive(Debug)]
pub struct BatchCall<C> {
    /// Who calls. The decision must check that the caller may touch what the command names.
    pub call: Call,
    /// What makes it the same write when it is sent again; `None` where nature names what it writes.
    pub write: Option<Write>,
    /// What is asked.
    pub command: C,
}

/// What a service decides about a batch.
#[async_trait]
pub trait Decide: Send + Sync + 'static {
    /// What is asked.
    type Command: Send + Sync + 'static;

    /// Decides all calls in their order, as if one after the other, and writes the changes of those that are granted.
    /// One answer for each call: the encoded reply, or the refusal, which must leave no trace.
    ///
    /// # Errors
    /// Where the batch as a whole cannot be decided; its calls then run one by one.
    async fn decide(&self, tx: &Tx, calls: &[BatchCall<Self::Command>]) -> Result<Vec<Result<Vec<u8>, Refused>>>;
}

struct Waiting<C> {
    call: BatchCall<C>,
    since: Instant,
    answer: oneshot::Sender<Result<Written, Refused>>,
}

/// The queue before a kind of hot row. Calls about one root share a lane, so they are decided in their order.
pub struct GroupCommit<D: Decide> {
    lanes: Arc<[mpsc::Sender<Waiting<D::Command>>]>,
}

impl<D: Decide> Clone for GroupCommit<D> {
    fn clone(&self) -> Self {
        Self { lanes: Arc::clone(&self.lanes) }
    }
}

impl<D: Decide> std::fmt::Debug for GroupCommit<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupCommit").field("lanes", &self.lanes.len()).finish()
    }
}

/// How often at the most others are let run before a batch is decided.
const TURNS: usize = 32;
/// How many calls may wait before a lane before new ones are refused.
const QUEUE: usize = 8_192;

impl<D: Decide> GroupCommit<D> {
    /// Starts the lanes. `name` is what its metrics are called; `largest` the most calls of one commit.
    pub fn start(db: &Database, name: &'static str, lanes: usize, largest: usize, decide: D) -> Self {
        let decide = Arc::new(decide);
        // SQLite has one writer: a second lane would only wait for the first.
        let lanes = if db.backend() == sea_orm::DbBackend::Sqlite { 1 } else { lanes.max(1) };
        let metrics = Metrics::new(db.service(), name);
        let senders = (0..lanes).map(|_| {
            let (sender, receiver) = mpsc::channel(QUEUE);
            tokio::spawn(lane(db.clone(), Arc::clone(&decide), receiver, largest.max(1), metrics.clone()));
            sender
        });
        Self { lanes: senders.collect() }
    }

    /// Submits a call and waits until it is committed or refused. A caller that stops waiting before the call was taken
    /// up withdraws it.
    ///
    /// # Errors
    /// What the decision refused; `REQUEST_ID_REUSED`; `OVERLOADED` where too many wait; UNAVAILABLE where the database
    /// could not take it.
    pub async fn submit(
        &self,
        call: &Call,
        root: Uuid,
        write: Option<Write>,
        command: D::Command,
    ) -> Result<Written, Refused> {
        let (answer, answered) = oneshot::channel();
        let call = BatchCall { call: call.clone(), write, command };
        let waiting = Waiting { call, since: Instant::now(), answer };
        let lane = usize::from(root.as_bytes()[15]) % self.lanes.len();
        self.lanes[lane].try_send(waiting).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => overloaded(),
            mpsc::error::TrySendError::Closed(_) => stopping(),
        })?;
        answered.await.map_err(|_| stopping())?
    }
}

fn overloaded() -> Refused {
    Refused::new(Kind::ResourceExhausted, "OVERLOADED", "too many calls wait: try again later")
        .retry_after(Duration::from_millis(250))
}

fn stopping() -> Refused {
    Refused::unavailable("SHUTTING_DOWN", "the service is shutting down: try again", Duration::from_millis(250))
}

/// Lets whatever can run now run first, as long as that brings more calls: those that have arrived and were not read yet
/// join this batch instead of the next. It waits for nothing, so a call that is alone goes at once.
async fn gather<C>(receiver: &mut mpsc::Receiver<Waiting<C>>, arrived: &mut Vec<Waiting<C>>, largest: usize) {
    for _ in 0..TURNS {
        let before = arrived.len();
        tokio::task::yield_now().await;
        while arrived.len() < largest
            && let Ok(waiting) = receiver.try_recv()
        {
            arrived.push(waiting);
        }
        if arrived.len() == before || arrived.len() >= largest {
            break;
        }
    }
}

async fn lane<D: Decide>(
    db: Database,
    decide: Arc<D>,
    mut receiver: mpsc::Receiver<Waiting<D::Command>>,
    largest: usize,
    metrics: Metrics,
) {
    let mut arrived = Vec::with_capacity(largest);
    let repeats = Repeats::default();
    while receiver.recv_many(&mut arrived, largest).await > 0 {
        gather(&mut receiver, &mut arrived, largest).await;
        let batch: Vec<_> = arrived.drain(..).filter(|waiting| !waiting.answer.is_closed()).collect();
        if batch.is_empty() {
            continue;
        }
        metrics.record(batch.len(), batch[0].since.elapsed());
        let (calls, answers): (Vec<_>, Vec<_>) = batch.into_iter().map(|w| (w.call, w.answer)).unzip();
        let span = tracing::debug_span!(
            "group_commit",
            { attribute::SERVICE } = db.service(),
            { attribute::CALLS } = calls.len()
        );
        let work = commit_all(&db, &*decide, calls, &repeats).instrument(span);
        // A panic in a decision must not end the lane: its batch is answered, the next one runs.
        let outcomes = AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
            answers.iter().map(|_| Err(Refused::internal("the decision failed; the log says why"))).collect()
        });
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // A caller that has gone finds its answer under its request id.
            drop(answer.send(outcome));
        }
    }
}

/// Decides and commits a batch; one that fails as a whole runs call by call, so that none fails its neighbours.
async fn commit_all<D: Decide>(
    db: &Database,
    decide: &D,
    calls: Vec<BatchCall<D::Command>>,
    repeats: &Repeats,
) -> Vec<Result<Written, Refused>> {
    let count = calls.len();
    let first = Batch::of(calls);
    match commit(db, decide, &first, repeats).await {
        Ok(outcomes) => return outcomes,
        Err(error) if error.fault() == Fault::Away || count == 1 => {
            let refused = Refused::from(error);
            return (0..count).map(|_| Err(refused.clone())).collect();
        }
        Err(error) => tracing::warn!(%error, count, "a batch failed as a whole; its calls run one by one"),
    }
    let mut outcomes = Vec::with_capacity(count);
    for call in first.into_calls() {
        let single = Batch::of(vec![call]);
        outcomes.push(
            commit(db, decide, &single, repeats).await.map_or_else(|e| Err(Refused::from(e)), |mut one| one.remove(0)),
        );
    }
    outcomes
}

/// A batch with the requests that repeat an earlier one of the same batch set apart.
struct Batch<C> {
    calls: Vec<BatchCall<C>>,
    /// For each call, the earlier call of this batch with the same request id.
    repeats: Vec<Option<usize>>,
}

impl<C> Batch<C> {
    fn of(calls: Vec<BatchCall<C>>) -> Self {
        let mut first = HashMap::new();
        let repeats = calls
            .iter()
            .enumerate()
            .map(|(at, call)| {
                let write = call.write.as_ref()?;
                let earlier = *first.entry((write.root, write.request_id, write.scope)).or_insert(at);
                (earlier != at).then_some(earlier)
            })
            .collect();
        Self { calls, repeats }
    }

    fn into_calls(self) -> Vec<BatchCall<C>> {
        self.calls
    }
}

/// Whether requests are looked up that were granted before. They are rare, and a request that is granted a second time
/// meets its own key when it is written: so a batch is decided without looking, and looked up when it is refused or
/// fails; and the next ones too, as long as that finds any.
struct Repeats(AtomicBool);

impl Default for Repeats {
    /// After a start callers repeat what was under way before.
    fn default() -> Self {
        Self(AtomicBool::new(true))
    }
}

async fn commit<D: Decide>(
    db: &Database,
    decide: &D,
    batch: &Batch<D::Command>,
    repeats: &Repeats,
) -> Result<Vec<Result<Written, Refused>>> {
    let look = AtomicBool::new(repeats.0.load(Ordering::Relaxed));
    db.retry(|| async {
        let tx = db.begin(Call::internal(db.service())).await?;
        let mut outcomes: Vec<Option<Result<Written, Refused>>> = (0..batch.calls.len()).map(|_| None).collect();
        // Whatever makes it run again may have been such a request.
        let looks = look.swap(true, Ordering::Relaxed);
        if looks {
            let found = replays(&tx, batch, 0..batch.calls.len(), &mut outcomes).await?;
            repeats.0.store(found, Ordering::Relaxed);
        }
        let open: Vec<usize> =
            (0..batch.calls.len()).filter(|&at| outcomes[at].is_none() && batch.repeats[at].is_none()).collect();
        let answers = decide_open(&tx, decide, batch, &open).await?;
        if !looks {
            // What was granted before may be refused now: its answer stays what it was.
            let refused = open.iter().zip(&answers).filter_map(|(&at, answer)| answer.is_err().then_some(at));
            replays(&tx, batch, refused, &mut outcomes).await?;
        }
        let mut granted = Vec::with_capacity(open.len());
        for (&at, answer) in open.iter().zip(&answers) {
            if let (Some(write), Ok(reply)) = (&batch.calls[at].write, answer) {
                granted.push((write, reply.as_slice()));
            }
        }
        let granted = idempotency::granted(&tx, &granted);
        db.commit(tx, Some(granted)).await?;
        for (at, answer) in open.into_iter().zip(answers) {
            outcomes[at].get_or_insert_with(|| answer.map(|reply| Written { reply, replayed: false }));
        }
        Ok(with_repeats(batch, outcomes))
    })
    .await
}

/// Answers those of the calls `among` whose request was granted by an earlier commit; says whether there are any.
async fn replays<C>(
    tx: &Tx,
    batch: &Batch<C>,
    among: impl Iterator<Item = usize>,
    outcomes: &mut [Option<Result<Written, Refused>>],
) -> Result<bool> {
    let (at, writes): (Vec<usize>, Vec<&Write>) =
        among.filter_map(|at| Some((at, batch.calls[at].write.as_ref()?))).unzip();
    if writes.is_empty() {
        return Ok(false);
    }
    let mut found = false;
    for ((at, write), earlier) in at.into_iter().zip(&writes).zip(idempotency::earlier_of(tx, &writes).await?) {
        outcomes[at] = match earlier {
            Earlier::None => None,
            Earlier::Same(reply) => Some(Ok(Written { reply, replayed: true })),
            Earlier::Other => Some(Err(idempotency::reused(write))),
        };
        found |= outcomes[at].is_some();
    }
    Ok(found)
}

async fn decide_open<D: Decide>(
    tx: &Tx,
    decide: &D,
    batch: &Batch<D::Command>,
    open: &[usize],
) -> Result<Vec<Result<Vec<u8>, Refused>>> {
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let answers = if open.len() == batch.calls.len() {
        decide.decide(tx, &batch.calls).await?
    } else {
        // Runs of calls between those that are answered already: the decision sees slices, and changes made by one run
        // are in the transaction before the next.
        let mut answers = Vec::with_capacity(open.len());
        for run in open.chunk_by(|a, b| a + 1 == *b) {
            write_all(tx, tx.take_last()).await?;
            answers.extend(decide.decide(tx, &batch.calls[run[0]..=run[run.len() - 1]]).await?);
        }
        answers
    };
    if answers.len() == open.len() {
        Ok(answers)
    } else {
        Err(StoreError::Row(format!("{} answers for {} calls", answers.len(), open.len())))
    }
}

/// Answers the calls that repeat another of the same batch as they would have been answered after it.
fn with_repeats<C>(
    batch: &Batch<C>,
    mut outcomes: Vec<Option<Result<Written, Refused>>>,
) -> Vec<Result<Written, Refused>> {
    for at in 0..outcomes.len() {
        let (Some(earlier), None) = (batch.repeats[at], &outcomes[at]) else { continue };
        let same = |at: usize| batch.calls[at].write.as_ref().map(|write| write.digest);
        outcomes[at] = match (&outcomes[earlier], &batch.calls[at].write) {
            (Some(Ok(_)), Some(write)) if same(earlier) != same(at) => Some(Err(idempotency::reused(write))),
            (Some(Ok(written)), _) => Some(Ok(Written { reply: written.reply.clone(), replayed: true })),
            (Some(Err(refused)), _) => Some(Err(refused.clone())),
            (None, _) => None,
        };
    }
    outcomes
        .into_iter()
        .map(|o| o.unwrap_or_else(|| Err(Refused::internal("a call of a batch was not answered"))))
        .collect()
}

/// Recorded once a batch: calls cost nothing.
#[derive(Clone)]
struct Metrics {
    size: Histogram<f64>,
    wait: Histogram<f64>,
    labels: Arc<[KeyValue]>,
}

impl Metrics {
    fn new(service: &'static str, name: &'static str) -> Self {
        let labels = [KeyValue::new(attribute::SERVICE, service), KeyValue::new(attribute::QUEUE, name)];
        let (size, wait) = (signals::BATCH_SIZE.histogram(), signals::BATCH_WAIT.histogram());
        Self { size, wait, labels: Arc::from(labels) }
    }

    /// A batch of so many calls, whose first has waited for so long.
    fn record(&self, calls: usize, waited: Duration) {
        self.size.record(signals::count(i64::try_from(calls).unwrap_or(i64::MAX)), &self.labels);
        self.wait.record(waited.as_secs_f64(), &self.labels);
    }
}
