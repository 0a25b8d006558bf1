//! The `[feedback]` section.

use guanxi_runtime::{Faults, Section};
use serde::{Deserialize, Serialize};

/// What a retailer may want otherwise.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How many commits of reviews are under way at once on PostgreSQL: 1 to 16. SQLite has one writer.
    pub review_lanes: usize,
    /// Reviews of one commit at the most: 1 to 1,024.
    pub review_batch: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { review_lanes: 2, review_batch: 256 }
    }
}

impl Section for Settings {
    fn check(&self, path: &str, faults: &mut Faults) {
        let lanes = (1..=16).contains(&self.review_lanes);
        faults.require(lanes, &format!("{path}.review_lanes"), self.review_lanes, "must be from 1 to 16");
        let batch = (1..=1_024).contains(&self.review_batch);
        faults.require(batch, &format!("{path}.review_batch"), self.review_batch, "must be from 1 to 1024");
    }
}
