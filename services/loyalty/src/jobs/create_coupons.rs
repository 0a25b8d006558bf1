//! Makes the codes of a batch, some at a time. A slice's codes and the place in the job are one commit, so that a job that
//! was killed goes on behind the last code that it made.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use guanxi_contracts::Message;
use guanxi_contracts::loyalty::v1::{CreateCouponsRequest, CreateCouponsResult};
use guanxi_contracts::time;
use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Refuse, Refused};
use guanxi_runtime::{Job, Progress, Step};
use guanxi_store::change::write_all;
use guanxi_store::{Result, StoreError, Tx};
use rand::RngCore;

use crate::domain::coupon::Owner;
use crate::domain::coupon::batch::BatchId;
use crate::domain::coupon::code::{CodeText, Pattern};
use crate::domain::coupon::refused::IssueError;
use crate::store::coupons::book::{self, Needs};

/// The job's kind.
pub const CREATE_COUPONS: &str = "create-coupons";

/// Codes of one slice: of nobody, and of members, each of which tells of itself.
const SLICE: usize = 10_000;
const OWNED_SLICE: usize = 1_000;

/// The job.
#[derive(Debug, Clone, Copy)]
pub struct CreateCoupons;

#[async_trait]
impl Job for CreateCoupons {
    fn kind(&self) -> &'static str {
        CREATE_COUPONS
    }

    async fn step(&self, tx: &Tx, progress: &mut Progress) -> Result<Step> {
        let asked = CreateCouponsRequest::decode(progress.request.as_slice()).map_err(StoreError::row)?;
        let owned = !asked.members.is_empty();
        let slice = if owned { OWNED_SLICE } else { SLICE };
        let total = if owned { i64::try_from(asked.members.len()).unwrap_or(i64::MAX) } else { asked.count };
        progress.total = Some(total);
        let left = usize::try_from(total - progress.done).unwrap_or_default();
        if left == 0 {
            return Ok(Step::found(&CreateCouponsResult { coupons: progress.done }));
        }
        let batch: BatchId = asked.batch.parse().map_err(StoreError::row)?;
        let organization = progress.organization.clone().ok_or_else(|| StoreError::row("codes of nobody"))?;
        // The bits were counted when the job was asked for.
        let pattern = Pattern::new(&asked.pattern, 0).map_err(StoreError::row)?;
        let expire_time = asked.expire_time.as_ref().and_then(time::from_proto);
        let done = usize::try_from(progress.done).unwrap_or_default();
        let members: Vec<MemberId> =
            asked.members.iter().skip(done).take(slice).flat_map(|name| name.parse()).collect();
        let texts: Vec<CodeText> = codes(&pattern, left.min(slice))?;
        let mut needs = Needs { members: members.iter().copied().collect(), ..Needs::default() };
        needs.batches.insert(batch.clone());
        needs.codes = texts.iter().map(|text| text.id(&organization)).collect();
        let mut book = book::lock(tx, &needs).await?;
        let mut made = 0;
        for (at, text) in texts.iter().enumerate() {
            let owner = members.get(at).map(|member| {
                let holder = book.holders.get(member).ok_or_else(|| Refused::not_found("member", member))?;
                Ok::<_, Refused>(Owner { member: *member, customer: holder.customer })
            });
            match book.issue(batch.uuid(), text, owner.transpose()?, expire_time, tx.now()) {
                Ok(Some(_)) => made += 1,
                Ok(None) => return Err(Refused::not_found("coupon_batch", &batch).into()),
                // One in 2^40 at the most: the next slice draws another, the code's owner included.
                Err(IssueError::CodeTaken { .. }) => break,
                Err(error) => return Err(Err::<(), _>(error).refuse().expect_err("it is an error").into()),
            }
        }
        write_all(tx, book::changes(tx, &mut book, &BTreeMap::<_, Option<Arc<str>>>::new())?).await?;
        progress.done += made;
        Ok(Step::More)
    }
}

/// So many codes, of the system's random numbers.
fn codes(pattern: &Pattern, count: usize) -> Result<Vec<CodeText>> {
    let mut random = rand::rng();
    let mut bytes = std::iter::repeat_with(move || {
        let mut chunk = [0_u8; 64];
        random.fill_bytes(&mut chunk);
        chunk
    })
    .flatten();
    let code = |_| {
        let code = pattern.code(&mut bytes).ok_or_else(|| StoreError::row("random numbers ran out"))?;
        code.parse().map_err(StoreError::row)
    };
    (0..count).map(code).collect()
}
