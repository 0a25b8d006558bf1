//! Gives members what is due on their days: birthdays, anniversaries, enrolments. Each once; a day on which it was down is
//! made up for, and running it again changes nothing.

use async_trait::async_trait;
use guanxi_runtime::{Job, Progress, Step};
use guanxi_store::{Result, Tx};

use crate::store::occasions;
use crate::store::programs::Programs;

/// Members of one slice.
const SLICE: i64 = 300;

/// The job.
#[derive(Debug)]
pub struct Celebrate {
    programs: Programs,
}

impl Celebrate {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

#[async_trait]
impl Job for Celebrate {
    fn kind(&self) -> &'static str {
        "celebrate"
    }

    async fn step(&self, tx: &Tx, progress: &mut Progress) -> Result<Step> {
        let members = occasions::due(tx, SLICE).await?;
        if members.is_empty() {
            return Ok(Step::done());
        }
        let (_, _, given) = occasions::celebrate(tx, &self.programs, &members, None).await?;
        progress.done += i64::try_from(given.len()).unwrap_or(i64::MAX);
        Ok(Step::More)
    }
}
