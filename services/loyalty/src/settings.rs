//! The `[loyalty]` section.

use std::time::Duration;

use guanxi_runtime::{Faults, Section};
use serde::{Deserialize, Serialize};

/// What a retailer may want otherwise.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How many commits of points, and of rewards, are under way at once on PostgreSQL: 1 to 16. SQLite has one writer.
    pub points_lanes: usize,
    /// Changes of points of one commit at the most: 1 to 1,024.
    pub points_batch: usize,
    /// How often what time did is written: holds that timed out, lots that expired. 1 s to 24 h. Nothing that can be
    /// spent depends on it.
    #[serde(with = "guanxi_runtime::settings::duration")]
    pub sweep_interval: Duration,
    /// How often what follows from orders is worked out: awards of challenges, payments of referrals. 1 s to 24 h.
    #[serde(with = "guanxi_runtime::settings::duration")]
    pub goals_interval: Duration,
    /// How many commits of coupons are under way at once on PostgreSQL: 1 to 16. Those of one batch wait for each other
    /// whatever is said here.
    pub coupons_lanes: usize,
    /// Redemptions, rollbacks and imported codes of one commit at the most: 1 to 1,024.
    pub coupons_batch: usize,
    /// How often members are reminded of coupons that expire in 7 days or 1 day: 1 s to 12 h.
    #[serde(with = "guanxi_runtime::settings::duration")]
    pub coupons_reminder_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            points_lanes: 2,
            points_batch: 512,
            sweep_interval: Duration::from_secs(600),
            goals_interval: Duration::from_secs(60),
            coupons_lanes: 1,
            coupons_batch: 512,
            coupons_reminder_interval: Duration::from_secs(600),
        }
    }
}

impl Section for Settings {
    fn check(&self, path: &str, faults: &mut Faults) {
        let lanes = (1..=16).contains(&self.points_lanes);
        faults.require(lanes, &format!("{path}.points_lanes"), self.points_lanes, "must be from 1 to 16");
        let batch = (1..=1_024).contains(&self.points_batch);
        faults.require(batch, &format!("{path}.points_batch"), self.points_batch, "must be from 1 to 1024");
        let interval = (Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(&self.sweep_interval);
        let given = format!("{:?}", self.sweep_interval);
        faults.require(interval, &format!("{path}.sweep_interval"), given, "must be from 1s to 24h");
        let interval = (Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(&self.goals_interval);
        let given = format!("{:?}", self.goals_interval);
        faults.require(interval, &format!("{path}.goals_interval"), given, "must be from 1s to 24h");
        let lanes = (1..=16).contains(&self.coupons_lanes);
        faults.require(lanes, &format!("{path}.coupons_lanes"), self.coupons_lanes, "must be from 1 to 16");
        let batch = (1..=1_024).contains(&self.coupons_batch);
        faults.require(batch, &format!("{path}.coupons_batch"), self.coupons_batch, "must be from 1 to 1024");
        let interval = (Duration::from_secs(1)..=Duration::from_secs(43_200)).contains(&self.coupons_reminder_interval);
        let given = format!("{:?}", self.coupons_reminder_interval);
        faults.require(interval, &format!("{path}.coupons_reminder_interval"), given, "must be from 1s to 12h");
    }
}
