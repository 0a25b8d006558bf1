//! The `[logistics]` section.

use std::time::Duration;

use guanxi_runtime::{Faults, Section};
use serde::{Deserialize, Serialize};

/// What a retailer may want otherwise.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How many commits of tracking events are under way at once on PostgreSQL: 1 to 16. SQLite has one writer.
    pub intake_lanes: usize,
    /// Tracking events of one commit at the most: 1 to 1,024.
    pub intake_batch: usize,
    /// How often a watch looks for what other replicas committed: 100 ms to 1 min. What this one commits it sees at once.
    #[serde(with = "guanxi_runtime::settings::duration")]
    pub watch_poll: Duration,
    /// How long the changes of shipments are kept for watchers that come back: at least 1 h. Later ones get a snapshot.
    #[serde(with = "guanxi_runtime::settings::duration")]
    pub watch_retention: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            intake_lanes: 2,
            intake_batch: 256,
            watch_poll: Duration::from_secs(1),
            watch_retention: Duration::from_secs(7 * 24 * 3_600),
        }
    }
}

impl Section for Settings {
    fn check(&self, path: &str, faults: &mut Faults) {
        let lanes = (1..=16).contains(&self.intake_lanes);
        faults.require(lanes, &format!("{path}.intake_lanes"), self.intake_lanes, "must be from 1 to 16");
        let batch = (1..=1_024).contains(&self.intake_batch);
        faults.require(batch, &format!("{path}.intake_batch"), self.intake_batch, "must be from 1 to 1024");
        let poll = (Duration::from_millis(100)..=Duration::from_secs(60)).contains(&self.watch_poll);
        let shown = format!("{:?}", self.watch_poll);
        faults.require(poll, &format!("{path}.watch_poll"), shown, "must be from 100 ms to 1 min");
        let kept = self.watch_retention >= Duration::from_secs(3_600);
        let shown = format!("{:?}", self.watch_retention);
        faults.require(kept, &format!("{path}.watch_retention"), shown, "must be at least 1 h");
    }
}
