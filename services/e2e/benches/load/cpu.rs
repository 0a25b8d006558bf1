//! CPU time and memory of processes and their children, from /proc.

use std::collections::HashSet;
use std::time::Duration;

/// CPU time that these processes and all that descend from them have used, children that have ended included.
pub fn used(roots: &[u32]) -> Duration {
    let all: Vec<(u32, u32, u64)> = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(stat)
        .collect();
    let mut wanted: HashSet<u32> = roots.iter().copied().collect();
    loop {
        let before = wanted.len();
        wanted.extend(
            all.iter().filter(|(_, parent, _)| wanted.contains(parent)).map(|(pid, ..)| *pid).collect::<Vec<_>>(),
        );
        if wanted.len() == before {
            break;
        }
    }
    let ticks: u64 = all.iter().filter(|(pid, ..)| wanted.contains(pid)).map(|(.., ticks)| ticks).sum();
    // USER_HZ is 100 on every Linux that runs this.
    Duration::from_millis(ticks * 10)
}

/// CPU time that this process alone has used, without its children.
pub fn own() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// A process's parent and ticks: its own, and those of its children that it has waited for.
fn stat(pid: u32) -> Option<(u32, u32, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some((pid, fields.get(1)?.parse().ok()?, number(11)? + number(12)? + number(13)? + number(14)?))
}

/// Resident memory of a process.
pub fn memory_mib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse().ok()).unwrap_or(0);
    kib / 1024
}
