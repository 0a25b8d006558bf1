//! What must hold of the standings of members.

use std::collections::BTreeSet;
use std::sync::Arc;

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Call, Timestamp, Uuid};
use guanxi_store::verify::{Checked, Invariant};
use guanxi_store::{Result, Tx};
use sea_orm::FromQueryResult;

use super::programs::Programs;
use super::{accounts, kin, rows, tiers};
use crate::domain::account::Account;
use crate::domain::ladder::Granted;
use crate::domain::ledger::Book;
use crate::domain::program::Program;
use crate::domain::ranking::Ranking;

/// Members that are checked in one transaction: none of them changes while it is.
const PAGE: i64 = 200;

#[derive(FromQueryResult)]
struct Root {
    root_id: Uuid,
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
    let found = accounts::lock(tx, &roots).await?;
    let of: BTreeSet<_> = found.iter().map(|account| account.program.clone()).collect();
    let programs = programs.load(tx.conn(), &of).await?;
    let (joint, mut found): (Vec<_>, Vec<_>) = found.into_iter().partition(|account| account.kin.is_some());
    let given = tiers::grants(tx, &roots).await?;
    for (account, program) in tiers::with_histories(tx.conn(), &mut found, &programs).await? {
        page.checked += 1;
        let granted = given.get(&account.member).map(Vec::as_slice).unwrap_or_default();
        if let Some(fault) = fault(account, program, granted, tx.now()) {
            page.faults.push((account.member, fault));
        }
    }
    for account in joint.into_iter().filter(|account| !account.erased) {
        let Some(program) = programs.get(&account.program).filter(|program| program.terms.tiers.is_some()) else {
            continue;
        };
        if let Some(fault) = joint_fault(tx, account.clone(), program).await? {
            page.faults.push((account.member, fault));
        }
        page.checked += 1;
    }
    Ok(page)
}

/// What is wrong with the standing of one who is, or was, one person with others. One whose name leads elsewhere has none.
async fn joint_fault(tx: &Tx, account: Account, program: &Arc<Program>) -> Result<Option<String>> {
    let member = account.member;
    let mut book = Book::default();
    book.programs.insert(program.id.clone(), Arc::clone(program));
    book.accounts.insert(member, account);
    kin::attach(tx, &mut book.accounts).await?;
    tiers::attach_all(tx.conn(), &mut book.accounts, program).await?;
    let kin = book.accounts.get(&member).and_then(|account| account.kin.clone());
    let Some(kin) = kin.filter(|kin| kin.survivor == member) else { return Ok(None) };
    let roots: Vec<Uuid> = kin.now.iter().map(|one| one.uuid()).collect();
    let mut given: Vec<Granted> = tiers::grants(tx, &roots).await?.into_values().flatten().collect();
    given.sort_by(|a, b| (a.from, a.until, &a.tier).cmp(&(b.from, b.until, &b.tier)));
    let current = book.accounts.get(&member).and_then(|account| account.ranking.as_ref());
    if current.is_none_or(|ranking| ranking.ladder.is_none() || ranking.terms != program.terms.tiers_version) {
        return Ok(None);
    }
    let before = book.accounts[&member].ranking.clone();
    book.rank_all(&[member], program, tx.now());
    let Some(account) = book.accounts.get_mut(&member) else { return Ok(None) };
    let anew = account.ranking.take();
    account.ranking = before;
    Ok(compare(account, anew.as_ref(), program, &given, tx.now()))
}

fn fault(account: &mut Account, program: &Program, given: &[Granted], now: Timestamp) -> Option<String> {
    let before = account.ranking.clone();
    account.rank(program, now);
    let anew = std::mem::replace(&mut account.ranking, before);
    compare(account, anew.as_ref(), program, given, now)
}

/// Compares the standing that an account has with what it comes to counted anew.
fn compare(
    account: &Account,
    anew: Option<&Ranking>,
    program: &Program,
    given: &[Granted],
    now: Timestamp,
) -> Option<String> {
    let policy = program.terms.tiers.as_ref()?;
    let mut kept = account.ranking.as_ref()?.ladder.clone()?;
    let calendar = program.calendar(kept.joined);
    kept.advance(policy, &calendar, now);
    let anew = anew?.ladder.as_ref()?;
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
