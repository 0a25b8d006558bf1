//! The two loops: closed (each caller waits for its answer) for the peak, open (calls arrive whether or not the last ones
//! were answered, latency counted from when a call was due) for latency.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::cpu;

/// Makes the n-th call of a caller; the caller picks its connection.
pub type Calls = Arc<dyn Fn(u64) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// What a loop came to.
pub struct Run {
    latency: Histogram<u64>,
    failed: u64,
    lasted: Duration,
    /// CPU of the servers, and of this process.
    servers: Duration,
    client: Duration,
    error: Option<String>,
}

impl Run {
    pub fn per_second(&self) -> f64 {
        self.latency.len() as f64 / self.lasted.as_secs_f64()
    }

    /// CPU microseconds for each call, over all processes, the client's too.
    pub fn cpu_all(&self) -> f64 {
        (self.servers + self.client).as_secs_f64() * 1e6 / self.latency.len().max(1) as f64
    }

    /// CPU microseconds for each call, of the servers alone.
    pub fn cpu_servers(&self) -> f64 {
        self.servers.as_secs_f64() * 1e6 / self.latency.len().max(1) as f64
    }

    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1_000.0
    }

    pub fn failed(&self) -> u64 {
        self.failed
    }

    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 120_000_000, 3).unwrap()
}

pub async fn closed(callers: usize, length: Duration, processes: &[u32], calls: Calls) -> Run {
    let (servers, own, began) = (cpu::used(processes), cpu::own(), Instant::now());
    let next = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (calls, next) = (Arc::clone(&calls), Arc::clone(&next));
            tokio::spawn(async move {
                let (mut latency, mut failed, mut error) = (histogram(), 0, None);
                while began.elapsed() < length {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let sent = Instant::now();
                    match calls(n).await {
                        Ok(()) => latency.record(sent.elapsed().as_micros() as u64).unwrap(),
                        Err(message) => {
                            failed += 1;
                            error = Some(message);
                        }
                    }
                }
                (latency, failed, error)
            })
        })
        .collect();
    collect(tasks, began, processes, servers, own).await
}

pub async fn open(rate: f64, length: Duration, processes: &[u32], calls: Calls) -> Run {
    let (servers, own, began) = (cpu::used(processes), cpu::own(), Instant::now());
    let gap = Duration::from_secs_f64(1.0 / rate);
    let total = (length.as_secs_f64() * rate) as u64;
    let mut tasks = Vec::with_capacity(total as usize);
    let mut n = 0;
    while n < total {
        let due = began + gap.mul_f64(n as f64);
        let now = Instant::now();
        if due > now {
            tokio::time::sleep(due - now).await;
            continue;
        }
        let calls = Arc::clone(&calls);
        tasks.push(tokio::spawn(async move {
            match calls(n).await {
                Ok(()) => (Some(due.elapsed()), None),
                Err(message) => (None, Some(message)),
            }
        }));
        n += 1;
    }
    let (mut latency, mut failed, mut error) = (histogram(), 0, None);
    for task in tasks {
        match task.await.unwrap() {
            (Some(took), _) => latency.record(took.as_micros() as u64).unwrap(),
            (None, message) => {
                failed += 1;
                error = message;
            }
        }
    }
    let lasted = began.elapsed();
    let (servers, client) = spent(processes, servers, own);
    Run { latency, failed, lasted, servers, client, error }
}

type Task = tokio::task::JoinHandle<(Histogram<u64>, u64, Option<String>)>;

async fn collect(tasks: Vec<Task>, began: Instant, processes: &[u32], servers: Duration, own: Duration) -> Run {
    let (mut latency, mut failed, mut error) = (histogram(), 0, None);
    for task in tasks {
        let (one, bad, message) = task.await.unwrap();
        latency.add(one).unwrap();
        failed += bad;
        error = error.or(message);
    }
    let lasted = began.elapsed();
    let (servers, client) = spent(processes, servers, own);
    Run { latency, failed, lasted, servers, client, error }
}

fn spent(processes: &[u32], servers: Duration, own: Duration) -> (Duration, Duration) {
    (cpu::used(processes).saturating_sub(servers), cpu::own().saturating_sub(own))
}
