//! What must hold of coupons at any moment: all that is counted can be counted again from what was redeemed, no limit and
//! no budget is overshot, and nobody's coupon expires unannounced.

use std::collections::BTreeMap;

use guanxi_kernel::{Call, Uuid};
use guanxi_store::verify::{Checked, Invariant};
use guanxi_store::{Database, Result, Tx, time};
use jiff::SignedDuration;
use sea_orm::FromQueryResult;

use super::{batches, codes, counters, redemptions};
use crate::domain::coupon::code::CouponId;
use crate::domain::coupon::limit::{CounterKey, Period, Scope};
use crate::store::rows;

/// Rows of one read.
const PAGE: i64 = 5_000;

#[derive(FromQueryResult)]
struct Root {
    root_id: Uuid,
}

/// Counts every batch again.
///
/// # Errors
/// The database's.
async fn check(db: Database) -> Result<Checked> {
    let (mut checked, mut after) = (Checked::default(), Uuid::nil());
    let call = Call::internal("verify");
    loop {
        let (page, last) = db
            .slice(&call, |tx| async move {
                let sql = "SELECT root_id FROM coupon_batches WHERE root_id > $1 ORDER BY root_id LIMIT 1".to_owned();
                let Some(next) = rows::<Root>(tx.conn(), sql, vec![after.into()]).await?.pop() else {
                    return Ok((Vec::new(), None));
                };
                Ok((check_batch(&tx, next.root_id).await?, Some(next.root_id)))
            })
            .await?;
        let Some(last) = last else { return Ok(checked) };
        checked.checked += 1;
        after = last;
        for (subject, description) in page {
            checked.add(subject, description);
        }
    }
}

/// What is wrong with a batch, which is locked meanwhile.
async fn check_batch(tx: &Tx, key: Uuid) -> Result<Vec<(String, String)>> {
    let locked = batches::lock(tx, &[key]).await?;
    let Some(batch) = locked.get(&key) else { return Ok(Vec::new()) };
    let (mut wrong, subject) = (Vec::new(), batch.id.to_string());
    let mut expected: BTreeMap<CounterKey, i64> = BTreeMap::new();
    let mut by_coupon: BTreeMap<(CouponId, i64), i64> = BTreeMap::new();
    let (mut count, mut minor, mut after) = (0, 0, (Uuid::nil(), 0, 0));
    loop {
        let (found, last) = redemptions::of_batch(tx.conn(), key, after, PAGE).await?;
        let ids: std::collections::BTreeSet<Uuid> =
            found.iter().flat_map(|one| one.uses.iter().map(|used| used.coupon.uuid())).collect();
        let coupons = codes::load(tx.conn(), &ids.into_iter().collect::<Vec<_>>()).await?;
        for redemption in found.iter().filter(|one| one.rollback_time.is_none()) {
            for used in &redemption.uses {
                count += 1;
                minor += used.taken.sum();
                let life = (used.coupon, used.generation);
                *by_coupon.entry(life).or_default() += 1;
                let Some(coupon) = coupons.get(&life) else {
                    wrong.push((redemption.name(), "redeemed a coupon that is not there".to_owned()));
                    continue;
                };
                let by = redemption.by();
                for limit in &batch.terms.limits {
                    if let Some(key) = batch.counter(limit, coupon, &by, redemption.redeem_time) {
                        *expected.entry(key).or_default() += 1;
                    }
                }
            }
        }
        match last {
            Some(last) => after = last,
            None => break,
        }
    }
    let mut same = |what: String, kept: i64, counted: i64| {
        if kept != counted {
            wrong.push((what, format!("kept {kept}, counted {counted}")));
        }
    };
    same(format!("{subject}: redemptions"), batch.redeemed, count);
    same(format!("{subject}: taken off"), batch.redeemed_minor, minor);
    let mut kept = counters::of_batch(tx.conn(), key).await?;
    for (counter, counted) in &expected {
        same(format!("{subject}: a counter"), kept.remove(&counter.uuid()).unwrap_or_default(), *counted);
    }
    kept.into_values().for_each(|kept| same(format!("{subject}: a counter"), kept, 0));
    let (mut number, mut issued) = (0, 0);
    loop {
        let made = codes::made_after(tx.conn(), &batch.id, number, PAGE).await?;
        let Some(last) = made.last() else { break };
        number = last.number;
        for coupon in &made {
            issued += 1;
            let counted = by_coupon.get(&(coupon.id, coupon.generation)).copied().unwrap_or_default();
            same(coupon.id.to_string(), coupon.redeemed, counted);
        }
    }
    same(format!("{subject}: coupons"), batch.issued, issued);
    let mut most = |what: &str, counted: i64, most: Option<i64>| {
        if most.is_some_and(|most| counted > most) {
            wrong.push((subject.clone(), format!("{what}: {counted} is more than {most:?}")));
        }
    };
    most("redemptions over the budget", count, batch.terms.budget_count);
    most("taken off over the budget", minor, batch.terms.budget_minor);
    for limit in &batch.terms.limits {
        let of = |key: &&CounterKey| (key.scope, key.period) == (limit.scope, limit.period);
        let largest = match (limit.scope, limit.period) {
            (Scope::Batch, Period::Ever) => Some(count),
            (Scope::Code, Period::Ever) => by_coupon.values().copied().max(),
            _ => expected.iter().filter(|(key, _)| of(key)).map(|(_, counted)| *counted).max(),
        };
        most("redemptions over a limit", largest.unwrap_or_default(), Some(limit.maximum));
    }
    Ok(wrong)
}

/// Every invariant of coupons.
pub fn all() -> Vec<Invariant> {
    vec![
        Invariant::new("coupons-count-what-was-redeemed", check),
        Invariant::sql(
            "orders-redeem-coupons-once",
            "SELECT COUNT(*) FROM coupon_redemptions WHERE item = 1",
            "SELECT r.order_name, CAST(COUNT(*) AS varchar(20)) || ' redemptions stand' FROM coupon_redemptions r \
             LEFT JOIN coupon_rollbacks b ON b.root_id = r.root_id AND b.number = r.number \
             WHERE r.item = 1 AND b.root_id IS NULL GROUP BY r.root_id, r.order_name HAVING COUNT(*) > 1",
        ),
        Invariant::sql(
            "codes-have-one-life-at-a-time",
            "SELECT COUNT(*) FROM coupons WHERE generation > 1",
            "SELECT 'coupons/' || CAST(a.number AS varchar(20)), 'a later life began before this one ended' \
             FROM coupons a JOIN coupons b ON b.root_id = a.root_id AND b.generation = a.generation + 1 \
             WHERE b.create_time < a.expire_time",
        ),
        Invariant::new("coupons-of-members-expire-announced", unannounced),
    ]
}

/// Coupons of members that expired, not used, and nobody was reminded before. A standstill over the whole last week is
/// said, not hidden: a notice after the expiry is none.
///
/// # Errors
/// The database's.
async fn unannounced(db: Database) -> Result<Checked> {
    #[derive(FromQueryResult)]
    struct Count {
        count: i64,
    }
    #[derive(FromQueryResult)]
    struct Unannounced {
        batch_slug: String,
        number: i64,
    }
    // The job has an hour to run.
    let now = db.clock().now();
    let before = time::to_column(now.checked_sub(SignedDuration::from_hours(1)).unwrap_or(now));
    db.slice(&Call::internal("verify"), |tx| async move {
        let sql = "SELECT COUNT(*) AS count FROM coupons WHERE member IS NOT NULL".to_owned();
        let counted = rows::<Count>(tx.conn(), sql, Vec::new()).await?.pop().map_or(0, |row| row.count);
        let mut checked = Checked { checked: counted, ..Checked::default() };
        let sql = "SELECT c.batch_slug, c.number FROM coupons c WHERE c.member IS NOT NULL AND c.expire_time <= $1 \
                   AND (c.redeemable IS NULL OR c.redeemed < c.redeemable) \
                   AND (c.remind_time IS NOT NULL OR EXISTS (SELECT 1 FROM coupon_notices n \
                   WHERE n.root_id = c.root_id AND n.generation = c.generation)) \
                   AND NOT EXISTS (SELECT 1 FROM coupon_notices n WHERE n.root_id = c.root_id \
                   AND n.generation = c.generation AND n.create_time < c.expire_time)";
        for row in rows::<Unannounced>(tx.conn(), sql.to_owned(), vec![before.into()]).await? {
            let subject = format!("couponBatches/{}: coupon {}", row.batch_slug, row.number);
            checked.add(subject, "its owner was not reminded before it expired");
        }
        Ok(checked)
    })
    .await
}
