//! The machine's limits for a database: how long a flush takes, and what `pgbench -N` makes of it.

use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use guanxi_testkit::OwnPostgres;

use crate::cpu;

/// `pgbench -N` at 64 clients, plain and prepared.
pub struct Pgbench {
    pub plain: Tps,
    pub prepared: Tps,
}

pub struct Tps {
    pub per_second: f64,
    /// CPU microseconds for each transaction, over all processes, pgbench's too.
    pub cpu: f64,
}

impl fmt::Display for Pgbench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |tps: &Tps| format!("{:.0}/s at {:.0} µs of CPU", tps.per_second, tps.cpu);
        write!(f, "pgbench -N, 64 clients: plain {}, prepared {}", one(&self.plain), one(&self.prepared))
    }
}

/// Where Debian keeps the servers' programs.
fn program(name: &str) -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        folders.map(|folder| folder.path().join("bin").join(name)).filter(|p| p.exists()).collect();
    found.sort();
    found.pop().unwrap_or_else(|| name.into())
}

/// The time of one flush of the disk, by `pg_test_fsync`.
pub fn flush() -> String {
    let file = std::env::temp_dir().join(format!("guanxi-fsync-{}", std::process::id()));
    let output = Command::new(program("pg_test_fsync")).args(["-s", "1", "-f"]).arg(&file).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let line =
        text.lines().find(|line| line.trim_start().starts_with("fdatasync")).unwrap_or("pg_test_fsync said nothing");
    format!("flush: {}", line.split_whitespace().collect::<Vec<_>>().join(" "))
}

pub async fn pgbench(postgres: &OwnPostgres, length: Duration) -> Pgbench {
    let url = postgres.create("pgbench").await.unwrap();
    let made = Command::new(program("pgbench")).args(["-i", "-s", "20", "-q", &url]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Pgbench { plain: run(postgres, &url, length, "simple"), prepared: run(postgres, &url, length, "prepared") }
}

fn run(postgres: &OwnPostgres, url: &str, length: Duration, mode: &str) -> Tps {
    let roots = [postgres.pid().unwrap()];
    let (before, began) = (cpu::used(&roots) + children(), Instant::now());
    let seconds = length.as_secs().max(2).to_string();
    let output = Command::new(program("pgbench"))
        .args(["-N", "-n", "-c", "64", "-j", "2", "-M", mode, "-T", &seconds, url])
        .output()
        .unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let word = |prefix: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(prefix))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    let done = word("number of transactions actually processed: ").unwrap();
    let used = (cpu::used(&roots) + children()).saturating_sub(before);
    Tps { per_second: word("tps = ").unwrap(), cpu: used.as_secs_f64() * 1e6 / done }
}

/// CPU of this process's children that have ended: pgbench itself.
fn children() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[13].parse::<u64>().unwrap() + fields[14].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
