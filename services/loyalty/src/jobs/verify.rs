//! Replays every account from its first entry and compares it with what is kept, some at a time.

use async_trait::async_trait;
use guanxi_contracts::Message;
use guanxi_contracts::loyalty::v1::{LedgerViolation, VerifyLedgerResult};
use guanxi_kernel::Uuid;
use guanxi_runtime::{Job, Progress, Step};
use guanxi_store::{Result, StoreError, Tx};

use crate::store::invariants::check_page;

/// The job's kind.
pub const VERIFY_LEDGER: &str = "verify-ledger";

/// Violations that are named in the result: the first ones.
const NAMED: usize = 100;

/// The job.
#[derive(Debug, Clone, Copy)]
pub struct VerifyLedger;

#[async_trait]
impl Job for VerifyLedger {
    fn kind(&self) -> &'static str {
        VERIFY_LEDGER
    }

    /// The cursor is the last account, then the result so far.
    async fn step(&self, tx: &Tx, progress: &mut Progress) -> Result<Step> {
        let (after, mut result) = match progress.cursor.split_at_checked(16) {
            Some((after, so_far)) => (
                Uuid::from_slice(after).map_err(StoreError::row)?,
                VerifyLedgerResult::decode(so_far).map_err(StoreError::row)?,
            ),
            None => (Uuid::nil(), VerifyLedgerResult::default()),
        };
        let page = check_page(tx, after).await?;
        let Some(last) = page.last else { return Ok(Step::found(&result)) };
        result.accounts += page.accounts;
        result.entries += page.entries;
        let room = NAMED - result.violations.len().min(NAMED);
        result.violations.extend(page.faults.into_iter().take(room).map(|(member, fault)| LedgerViolation {
            member: member.to_string(),
            invariant: fault.invariant.to_owned(),
            description: fault.description,
        }));
        progress.done = result.accounts;
        progress.cursor = last.as_bytes().iter().copied().chain(result.encode_to_vec()).collect();
        Ok(Step::More)
    }
}
