//! Reminds members of coupons that expire in 7 days, or in 1 day: once for each. After a standstill the nearer of both is
//! told; what was used meanwhile is not.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use guanxi_kernel::Uuid;
use guanxi_runtime::{Job, Progress, Step};
use guanxi_store::change::write_all;
use guanxi_store::{Result, Tx};

use crate::domain::coupon::reminder;
use crate::store::coupons::{batches, codes, outgoing, reminders};

/// Coupons of one slice.
const SLICE: i64 = 500;

/// The job.
#[derive(Debug, Clone, Copy)]
pub struct RemindCoupons;

#[async_trait]
impl Job for RemindCoupons {
    fn kind(&self) -> &'static str {
        "remind-coupons"
    }

    async fn step(&self, tx: &Tx, progress: &mut Progress) -> Result<Step> {
        let now = tx.now();
        let due = reminders::due(tx, now, SLICE).await?;
        if due.is_empty() {
            return Ok(Step::done());
        }
        let (roots, keys): (BTreeSet<Uuid>, BTreeSet<Uuid>) = due.into_iter().unzip();
        let roots: Vec<Uuid> = roots.into_iter().collect();
        let batches = batches::lock(tx, &keys.into_iter().collect::<Vec<_>>()).await?;
        let given: BTreeSet<_> = reminders::given(tx, &roots).await?.into_iter().collect();
        let mut coupons = reminders::load(tx, &roots, now).await?;
        // Another life of a code whose batch is not locked here comes in its own slice.
        coupons.retain(|coupon| batches.contains_key(&coupon.batch.uuid()));
        let mut notices = BTreeMap::new();
        for coupon in &mut coupons {
            let mark = reminder::mark(coupon.expire_time, now).filter(|_| !coupon.is_used());
            coupon.remind_time = reminder::next(coupon.expire_time, now);
            let Some(days) = mark else { continue };
            let key = (coupon.id.uuid(), coupon.generation, days);
            let batch = batches.get(&coupon.batch.uuid());
            let event = batch.and_then(|batch| outgoing::expiring(coupon, batch, days, now));
            if let (Some(event), false) = (event, given.contains(&key)) {
                tx.emit(event);
                notices.insert(key, ());
            }
        }
        progress.done += i64::try_from(notices.len()).unwrap_or(i64::MAX);
        let notices: Vec<_> = notices.into_keys().collect();
        write_all(tx, [codes::changed(coupons.iter()), reminders::noticed(&notices, now)]).await?;
        Ok(Step::More)
    }
}
