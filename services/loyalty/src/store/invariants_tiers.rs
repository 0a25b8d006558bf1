//! What must hold of the standings of members.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Call, Timestamp, Uuid};
use guanxi_store::verify::{Checked, Invariant};
use guanxi_store::{Result, Tx, time};
use sea_orm::FromQueryResult;
use sea_orm::prelude::DateTimeUtc;

use super::programs::Programs;
use super::{accounts, of_roots, rows, tiers};
use crate::domain::account::Account;
use crate::domain::ladder::Granted;
use crate::domain::program::Program;

/// Members that are checked in one transaction: none of them changes while it is.
const PAGE: i64 = 200;

#[derive(FromQueryResult)]
struct Root {
    root_id: Uuid,
}

#[derive(FromQueryResult)]
struct Grant {
    root_id: Uuid,
    tier: String,
    start_time: DateTimeUtc,
    end_time: DateTimeUtc,
}

/// Every invariant of tiers.
pub(super) fn all() -> Vec<Invariant> {
    vec![Invariant::new("tiers-equal-their-replay", |db| async move {
        let (mut checked, mut after, programs) = (Checked::default(), Uuid::nil(), Programs::default());
        let call = Call::internal("verify");
        loop {
            let programs = &programs;
            let page = db.slice(&call, |tx| async move { check_page(&tx, programs, after).await }).await?;
            checked.checked += page.checked;
            for (member, description) in page.faults {
                checked.add(member.to_string(), description);
            }
            match page.last {
                Some(last) => after = last,
                None => return Ok(checked),
            }
        }
    })]
}

/// What a page of members came to.
#[derive(Default)]
struct Page {
    last: Option<Uuid>,
    checked: i64,
    faults: Vec<(MemberId, String)>,
}

/// Counts everything of the members after `after` anew, and compares. Standings that wait to be worked out under other
/// terms are passed over.
async fn check_page(tx: &Tx, programs: &Programs, after: Uuid) -> Result<Page> {
    let sql = "SELECT root_id FROM member_tiers WHERE root_id > $1 AND ladder IS NOT NULL ORDER BY root_id LIMIT $2";
    let roots = rows::<Root>(tx.conn(), sql.to_owned(), vec![after.into(), PAGE.into()]).await?;
    let roots: Vec<Uuid> = roots.into_iter().map(|row| row.root_id).collect();
    let mut page = Page { last: roots.last().copied(), ..Page::default() };
    let mut found = accounts::lock(tx, &roots).await?;
    let of: BTreeSet<_> = found.iter().map(|account| account.program.clone()).collect();
    let programs = programs.load(tx.conn(), &of).await?;
    let given = grants(tx, &roots).await?;
    for (account, program) in tiers::with_histories(tx.conn(), &mut found, &programs).await? {
        page.checked += 1;
        let granted = given.get(&account.member).map(Vec::as_slice).unwrap_or_default();
        if let Some(fault) = fault(account, program, granted, tx.now()) {
            page.faults.push((account.member, fault));
        }
    }
    Ok(page)
}

fn fault(account: &mut Account, program: &Program, given: &[Granted], now: Timestamp) -> Option<String> {
    let policy = program.terms.tiers.as_ref()?;
    let mut kept = account.ranking.as_ref()?.ladder.clone()?;
    let calendar = program.calendar(kept.joined);
    kept.advance(policy, &calendar, now);
    account.rank(program, now);
    let anew = account.ranking.as_ref()?.ladder.as_ref()?;
    let (have, want) = (kept.essence(policy, &calendar, now), anew.essence(policy, &calendar, now));
    if have != want {
        return Some(format!("stands at {have:?}, counted anew at {want:?}"));
    }
    let live = |grants: &[Granted]| -> Vec<Granted> {
        let live = grants.iter().filter(|one| one.until > now && policy.named(&one.tier).is_some());
        live.cloned().collect()
    };
    let (have, want) = (live(&kept.grants), live(given));
    (have != want).then(|| format!("was given {want:?}, of which {have:?} count"))
}

/// What these members were ever given, the first to begin first.
async fn grants(tx: &Tx, roots: &[Uuid]) -> Result<BTreeMap<MemberId, Vec<Granted>>> {
    let mut grants = BTreeMap::<MemberId, Vec<Granted>>::new();
    for row in of_roots::<Grant>(tx.conn(), "tier_grants", roots, " ORDER BY root_id, start_time, grant_id").await? {
        let (from, until) = (time::from_column(row.start_time), time::from_column(row.end_time));
        grants.entry(MemberId(row.root_id)).or_default().push(Granted { tier: row.tier, from, until });
    }
    Ok(grants)
}
