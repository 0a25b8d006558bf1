//! A load on all four services by callers that remember what they were told: what was acknowledged, how often a call had to
//! be made again, how long nothing was answered. Afterwards each thing is looked for, and looked for twice.
//!
//! A caller makes a call again while the answer is UNAVAILABLE, with the same request id or natural key, at the next of the
//! processes that serve; any other error is a failed call.

mod found;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use guanxi_client::{Client, Error};
use tokio::task::JoinSet;
use tonic::Code;

pub use found::Found;
pub use world::{KINDS, World};

/// How long a caller makes a call again before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(120);
/// The longest that it waits before it does.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// Callers at work.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    callers: JoinSet<Tally>,
    began: Instant,
}

/// What the callers saw.
#[derive(Debug, Default)]
pub struct Tally {
    /// The numbers of the calls that were acknowledged, and when.
    pub acknowledged: Vec<(u64, Instant)>,
    /// Answers UNAVAILABLE, after which the call was made again.
    pub again: u64,
    /// Calls that failed in another way, or for too long.
    pub failed: Vec<String>,
    /// The longest that a caller waited for one call, with all its tries.
    pub longest_call: Duration,
    /// How long the load lasted.
    pub lasted: Duration,
}

impl Load {
    /// So many callers, each with its own calls of all kinds, by these ways: a client for each process of a service.
    pub fn start(world: &Arc<World>, ways: &[Client], callers: usize) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let ways: Arc<[Client]> = ways.into();
        let mut tasks = JoinSet::new();
        for _ in 0..callers {
            let (world, ways) = (Arc::clone(world), Arc::clone(&ways));
            let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
            tasks.spawn(async move {
                let mut tally = Tally::default();
                while !stop.load(Ordering::Relaxed) {
                    let n = world.next();
                    let began = Instant::now();
                    match answered(&world, &ways, n, &mut tally.again).await {
                        Ok(()) => {
                            tally.acknowledged.push((n, Instant::now()));
                            acknowledged.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => tally.failed.push(format!("{} {n}: {error}", World::kind(n))),
                    }
                    tally.longest_call = tally.longest_call.max(began.elapsed());
                }
                tally
            });
        }
        Self { stop, acknowledged, callers: tasks, began: Instant::now() }
    }

    /// How many calls were acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Returns once so many more calls were acknowledged.
    ///
    /// # Panics
    /// Where that takes longer than a caller's patience.
    pub async fn more(&self, calls: u64) {
        let (until, since) = (self.acknowledged() + calls, Instant::now());
        while self.acknowledged() < until {
            assert!(since.elapsed() < PATIENCE, "the load stands still at {}", self.acknowledged());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Lets each caller finish its call, and says what they saw.
    ///
    /// # Panics
    /// Where a caller did.
    pub async fn stop(mut self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Tally { lasted: self.began.elapsed(), ..Tally::default() };
        while let Some(tally) = self.callers.join_next().await {
            let tally = tally.expect("a caller does not panic");
            all.acknowledged.extend(tally.acknowledged);
            all.again += tally.again;
            all.failed.extend(tally.failed);
            all.longest_call = all.longest_call.max(tally.longest_call);
        }
        all.acknowledged.sort_by_key(|(_, at)| *at);
        all
    }
}

/// Makes a call until it is answered.
async fn answered(world: &World, ways: &[Client], n: u64, again: &mut u64) -> Result<(), Error> {
    let (call, since) = (world.call(n), Instant::now());
    let mut way = usize::try_from(n).unwrap_or_default();
    let mut wait = Duration::from_millis(5);
    loop {
        match call.make(&ways[way % ways.len()]).await {
            Err(error) if error.code == Code::Unavailable && since.elapsed() < PATIENCE => {
                *again += 1;
                way += 1;
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            answer => return answer,
        }
    }
}

impl Tally {
    /// The longest that calls of a kind went without one of them being acknowledged, in seconds, by kind; and of all
    /// under an empty name.
    pub fn pauses(&self) -> BTreeMap<&'static str, f64> {
        let mut last: BTreeMap<&str, Instant> = BTreeMap::new();
        let mut longest: BTreeMap<&'static str, f64> = BTreeMap::new();
        for (n, at) in &self.acknowledged {
            for kind in ["", World::kind(*n)] {
                let pause = last.insert(kind, *at).map_or(0.0, |before| (*at - before).as_secs_f64());
                let most = longest.entry(kind).or_default();
                *most = most.max(pause);
            }
        }
        longest
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let made = self.acknowledged.len() + self.failed.len();
        writeln!(
            f,
            "{:.0} s: calls made {made}, failed {}, made again after UNAVAILABLE {}, longest call {:.2} s",
            self.lasted.as_secs_f64(),
            self.failed.len(),
            self.again,
            self.longest_call.as_secs_f64()
        )?;
        let pauses = self.pauses();
        let all = pauses.get("").copied().unwrap_or_default();
        write!(f, "longest pause {all:.2} s; by kind:")?;
        for kind in KINDS {
            write!(f, " {kind} {:.2} s", pauses.get(kind).copied().unwrap_or_default())?;
        }
        Ok(())
    }
}
