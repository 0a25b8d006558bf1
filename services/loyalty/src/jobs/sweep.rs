//! Writes what time did: holds that timed out let go, lots that are past their expiry expire, tiers are reached, kept or
//! left. Each point once; running it again changes nothing, and nothing that can be spent waits for it.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use guanxi_kernel::name::MemberId;
use guanxi_runtime::{Job, Progress, Step};
use guanxi_store::{Result, Tx};

use crate::domain::ledger::Command;
use crate::store::programs::Programs;
use crate::store::{book, due};

/// Accounts of one slice.
const SLICE: i64 = 300;

/// The job.
#[derive(Debug)]
pub struct Sweep {
    programs: Programs,
}

impl Sweep {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

#[async_trait]
impl Job for Sweep {
    fn kind(&self) -> &'static str {
        "sweep-points"
    }

    async fn step(&self, tx: &Tx, progress: &mut Progress) -> Result<Step> {
        let members = due::members(tx, tx.now(), SLICE).await?;
        if members.is_empty() {
            return Ok(Step::done());
        }
        let wanted: Vec<(MemberId, &Command)> = members.iter().map(|member| (*member, &Command::Sweep)).collect();
        let mut book = book::load(tx, &self.programs, &wanted).await?;
        for (member, command) in &wanted {
            // A sweep is refused only where the member is gone, and then there is nothing to write.
            drop(book.decide(*member, command, tx.now()));
            progress.done += 1;
        }
        book::save(tx, &mut book, &BTreeSet::new(), &BTreeMap::new()).await?;
        Ok(Step::More)
    }
}
