//! Works out what follows from what counts: awards of challenges and their rewards, payments of referrals. Each once; running it
//! again changes nothing.

use async_trait::async_trait;
use guanxi_runtime::{Job, Progress, Step};
use guanxi_store::{Result, Tx};

use crate::store::goals;
use crate::store::programs::Programs;

/// Goals of members, or awards, of one slice.
const SLICE: i64 = 200;

/// The job.
#[derive(Debug)]
pub struct SettleGoals {
    programs: Programs,
}

impl SettleGoals {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

#[async_trait]
impl Job for SettleGoals {
    fn kind(&self) -> &'static str {
        "settle-goals"
    }

    async fn step(&self, tx: &Tx, progress: &mut Progress) -> Result<Step> {
        let due = goals::due(tx.conn(), SLICE).await?;
        let done = if due.is_empty() {
            goals::rewards::hand_out(tx, SLICE).await?
        } else {
            goals::settle::settle(tx, &self.programs, &due).await?;
            due.len()
        };
        progress.done += i64::try_from(done).unwrap_or(i64::MAX);
        Ok(if done == 0 { Step::done() } else { Step::More })
    }
}
