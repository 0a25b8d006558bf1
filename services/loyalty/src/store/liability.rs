//! What the entries of members add up to, lot by lot, at any moment of business and of knowledge: one statement for a page of
//! members, so that memory holds no more than their lots.

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Call, Timestamp, Uuid};
use guanxi_store::verify::{Checked, Invariant};
use guanxi_store::{Database, Result, Tx, dialect, time};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::lots::Which;
use super::{accounts, earned, lots, rows};
use crate::domain::liability::{CohortPeriod, Liability, LotSum, MemberSum};
use crate::domain::lot::LotId;
use crate::domain::points::Points;
use crate::domain::program::Program;

/// Members of one page.
const PAGE: i64 = 500;

/// Which entries count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Those that were effective by then.
    pub as_of: Timestamp,
    /// Those that were recorded by then.
    pub known_at: Timestamp,
}

#[derive(FromQueryResult)]
struct Row {
    root_id: Uuid,
    lot_id: Option<i64>,
    effective_time: Option<DateTimeUtc>,
    active_from: Option<DateTimeUtc>,
    expires_at: Option<DateTimeUtc>,
    issued: i64,
    received: i64,
    open: i64,
    let_go: i64,
    held: i64,
    redeemed: i64,
    expired: i64,
    reversed: i64,
    taken: i64,
    sent: i64,
    deficit: i64,
}

/// What the entries of these members add up to, as the clock at `at` sees it; members without entries are left out. Entries
/// about a lot that no entry of the cut opened are left out, as a replay leaves them out.
///
/// # Errors
/// The database's.
pub async fn sums(
    connection: &impl ConnectionTrait,
    members: &[Uuid],
    cut: Cut,
    at: Timestamp,
) -> Result<Vec<(MemberId, MemberSum)>> {
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let (condition, roots) = dialect::any_uuid(connection.get_database_backend(), "root_id", 2, members);
    // What moved from or to an account of the ledger.
    let from = |account: &str| format!("CASE WHEN from_account = '{account}' THEN points ELSE 0 END");
    let to = |account: &str| format!("CASE WHEN to_account = '{account}' THEN points ELSE 0 END");
    let gone = |account: &str, name: &str| format!("SUM({} - {}) AS {name}", to(account), from(account));
    // The entry that opened a lot says what was credited; what comes from the program's accounts after it came back.
    let opened = |and: &str| format!("SUM(CASE WHEN number = lot_id AND {and} THEN points ELSE 0 END)");
    let back = |account: &str| {
        let from = format!("CASE WHEN from_account = '{account}' AND number <> lot_id THEN points ELSE 0 END");
        format!("SUM({} - {from})", to(account))
    };
    let dates = "number = lot_id OR kind IN ('ACTIVATE', 'EXTEND')";
    let parts = [
        format!("MAX(CASE WHEN {dates} THEN number END) AS dated"),
        "MAX(CASE WHEN kind = 'HOLD' THEN expires_at END) AS until".to_owned(),
        format!("{} AS issued", opened("from_account <> 'TRANSIT'")),
        format!("{} AS received", opened("from_account = 'TRANSIT'")),
        gone("OPEN", "open"),
        gone("HELD", "held"),
        gone("REDEEMED", "redeemed"),
        gone("BREAKAGE", "expired"),
        format!("{} AS reversed", back("ISSUED")),
        format!("{} AS taken", back("ADJUSTED")),
        format!("{} AS sent", back("TRANSIT")),
        format!("SUM({} - {}) AS deficit", from("DEFICIT"), to("DEFICIT")),
    ];
    let sum = |name: &str| format!("CAST(SUM(p.{name}) AS bigint) AS {name}");
    // SQLite numbers parameters by where they first stand.
    let over = "p.until IS NOT NULL AND p.until <= $1";
    let sums = ["issued", "received", "open", "redeemed", "expired", "reversed", "taken", "sent", "deficit"].map(sum);
    let sql = format!(
        "SELECT m.root_id, m.lot_id, o.effective_time, d.active_from, d.expires_at, m.issued, m.received, m.open, \
         m.let_go, m.held, m.redeemed, m.expired, m.reversed, m.taken, m.sent, m.deficit FROM (SELECT p.root_id, p.lot_id, \
         MAX(p.dated) AS dated, {}, CAST(SUM(CASE WHEN {over} THEN p.held ELSE 0 END) AS bigint) AS let_go, \
         CAST(SUM(CASE WHEN {over} THEN 0 ELSE p.held END) AS bigint) AS held FROM (SELECT root_id, lot_id, hold_id, {} \
         FROM entries WHERE {condition} AND effective_time <= $3 AND create_time <= $4 GROUP BY root_id, lot_id, hold_id) \
         AS p GROUP BY p.root_id, p.lot_id) AS m LEFT JOIN entries o ON o.root_id = m.root_id AND o.number = m.lot_id \
         AND o.effective_time <= $3 AND o.create_time <= $4 LEFT JOIN entries d ON d.root_id = m.root_id \
         AND d.number = m.dated ORDER BY m.root_id, m.lot_id",
        sums.join(", "),
        parts.join(", "),
    );
    let [at, as_of, known_at] = [at, cut.as_of, cut.known_at].map(|at| time::to_column(at).into());
    let values = vec![at, roots, as_of, known_at];
    let mut found: Vec<(MemberId, MemberSum)> = Vec::new();
    for row in rows::<Row>(connection, sql, values).await? {
        let member = MemberId(row.root_id);
        if found.last().is_none_or(|(last, _)| *last != member) {
            found.push((member, MemberSum::default()));
        }
        let Some((_, sum)) = found.last_mut() else { continue };
        add(sum, row);
    }
    Ok(found)
}

fn add(sum: &mut MemberSum, row: Row) {
    let Some(lot) = row.lot_id else {
        // Of a deficit alone: what holds set aside of it is owed only once they are captured.
        sum.deficit += Points::new(row.deficit - row.held - row.let_go);
        return;
    };
    let Some(effective_time) = row.effective_time else { return };
    sum.deficit += Points::new(row.deficit);
    sum.lots.push(LotSum {
        id: LotId(lot),
        effective_time: time::from_column(effective_time),
        active_from: row.active_from.map(time::from_column),
        expires_at: row.expires_at.map(time::from_column),
        issued: Points::new(row.issued),
        received: Points::new(row.received),
        open: Points::new(row.open + row.let_go),
        held: Points::new(row.held),
        redeemed: Points::new(row.redeemed),
        expired: Points::new(row.expired),
        reversed: Points::new(row.reversed),
        taken: Points::new(row.taken),
        sent: Points::new(row.sent),
        covered: Points::new(-row.deficit),
    });
}

/// What a program owes at a moment, as it was known at another.
///
/// # Errors
/// The database's.
pub async fn of_program(
    connection: &impl ConnectionTrait,
    program: &Program,
    cut: Cut,
    period: CohortPeriod,
) -> Result<Liability> {
    let (mut liability, mut after) = (Liability::new(program, cut.as_of, period), Uuid::nil());
    loop {
        let members = earned::members_after(connection, program.id.slug(), after, PAGE).await?;
        let Some(last) = members.last() else { return Ok(liability) };
        after = *last;
        for (_, member) in sums(connection, &members, cut, cut.as_of).await? {
            liability.add(member);
        }
    }
}

/// What must hold of liability at any moment.
pub(super) fn invariants() -> Vec<Invariant> {
    vec![Invariant::new("liability-equals-open-lots", |db| async move { check(db).await })]
}

#[derive(FromQueryResult)]
struct Root {
    root_id: Uuid,
}

async fn check(db: Database) -> Result<Checked> {
    let (mut checked, mut after, call) = (Checked::default(), Uuid::nil(), Call::internal("verify"));
    loop {
        let (page, last) = db.slice(&call, |tx| async move { check_page(&tx, after).await }).await?;
        for (member, fault) in page {
            checked.checked += 1;
            fault.into_iter().for_each(|fault| checked.add(member.to_string(), fault));
        }
        match last {
            Some(last) => after = last,
            None => return Ok(checked),
        }
    }
}

/// What the report of liability says of each of the members after `after`, beside his lots and his account, which are locked.
async fn check_page(tx: &Tx, after: Uuid) -> Result<(Vec<(MemberId, Option<String>)>, Option<Uuid>)> {
    let sql = "SELECT root_id FROM accounts WHERE root_id > $1 ORDER BY root_id LIMIT $2".to_owned();
    let roots = rows::<Root>(tx.conn(), sql, vec![after.into(), PAGE.into()]).await?;
    let roots: Vec<Uuid> = roots.into_iter().map(|row| row.root_id).collect();
    let accounts = accounts::lock(tx, &roots).await?;
    let lots = lots::load(tx.conn(), &roots, Which::Live).await?;
    // Other servers' clocks may be ahead of this one: everything that is recorded counts, and no hold is over.
    let all = Cut { as_of: Timestamp::MAX, known_at: Timestamp::MAX };
    let mut sums = sums(tx.conn(), &roots, all, Timestamp::UNIX_EPOCH).await?;
    sums.sort_unstable_by_key(|(member, _)| *member);
    let checked = accounts.into_iter().map(|account| {
        let own = sums.binary_search_by_key(&account.member, |(member, _)| *member);
        let sum = own.map(|at| sums[at].1.clone()).unwrap_or_default();
        let kept = lots.iter().filter(|(root, _)| *root == account.member.uuid());
        let kept: Points = kept.map(|(_, lot)| lot.open + lot.held).sum();
        let counted: Points = sum.lots.iter().map(|lot| lot.open + lot.held).sum();
        let torn = sum.lots.iter().find(|lot| !lot.imbalance().is_zero());
        let on_credit = account.totals.open + account.totals.held - kept;
        let owed = account.totals.deficit - on_credit;
        let fault = match torn {
            Some(lot) => Some(format!("lot {}: {} points of it are lost", lot.id.0, lot.imbalance())),
            None if (counted, sum.deficit) != (kept, owed) => {
                Some(format!("owed {counted} by its entries and {kept} by its lots, owes {} and {owed}", sum.deficit))
            }
            None => None,
        };
        (account.member, fault)
    });
    Ok((checked.collect(), roots.last().copied()))
}
