//! Joins members whom a merge and their enrolment, told in the same moment, did not see of each other. Mostly there are none;
//! running it again changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use guanxi_kernel::{OrganizationId, Uuid};
use guanxi_runtime::{Job, Progress, Step};
use guanxi_store::{Result, StoreError, Tx};

use crate::store::programs::Programs;
use crate::store::{kin, merges};

/// Customers of one slice.
const SLICE: i64 = 500;

/// The job.
#[derive(Debug)]
pub struct JoinMembers {
    programs: Programs,
}

impl JoinMembers {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

#[async_trait]
impl Job for JoinMembers {
    fn kind(&self) -> &'static str {
        "join-members"
    }

    /// The cursor is the last customer.
    async fn step(&self, tx: &Tx, progress: &mut Progress) -> Result<Step> {
        let after = match progress.cursor.as_slice() {
            [] => Uuid::nil(),
            after => Uuid::from_slice(after).map_err(StoreError::row)?,
        };
        let merged = merges::customers_after(tx, after, SLICE).await?;
        let Some((last, _)) = merged.last() else { return Ok(Step::done()) };
        progress.cursor = last.uuid().as_bytes().to_vec();
        let mut of = BTreeMap::<OrganizationId, BTreeSet<_>>::new();
        for (customer, organization) in &merged {
            of.entry(organization.clone()).or_default().insert(*customer);
        }
        for (organization, customers) in of {
            let apart = kin::apart(tx, &self.programs, &organization, &customers).await?;
            if apart.is_empty() {
                continue;
            }
            progress.done += i64::try_from(apart.len()).unwrap_or(i64::MAX);
            merges::lock(tx, &BTreeSet::from([organization.clone()])).await?;
            let around = merges::around(tx.conn(), apart).await?;
            kin::regroup(tx, &self.programs, &organization, &around).await?;
        }
        Ok(Step::More)
    }
}
