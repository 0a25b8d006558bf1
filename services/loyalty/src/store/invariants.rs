//! What must hold of loyalty's data at any moment.

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Call, Uuid};
use guanxi_store::verify::{Checked, Invariant};
use guanxi_store::{Result, Tx};
use sea_orm::FromQueryResult;

use super::lots::Which;
use super::{accounts, entries, lots, rows};
use crate::domain::balance::{LedgerFault, verify};

/// Accounts that are checked in one transaction: none of them changes while it is.
const PAGE: i64 = 200;

/// What a page of accounts came to.
#[derive(Debug, Default)]
pub struct CheckedPage {
    /// The last account; the next page begins after it. `None` where there was none.
    pub last: Option<Uuid>,
    /// How many accounts.
    pub accounts: i64,
    /// How many entries were replayed.
    pub entries: i64,
    /// What is wrong.
    pub faults: Vec<(MemberId, LedgerFault)>,
}

#[derive(FromQueryResult)]
struct Root {
    root_id: Uuid,
}

/// Replays the accounts after `after` from their entries and compares.
///
/// # Errors
/// The database's.
pub async fn check_page(tx: &Tx, after: Uuid) -> Result<CheckedPage> {
    let sql = "SELECT root_id FROM accounts WHERE root_id > $1 ORDER BY root_id LIMIT $2".to_owned();
    let roots = rows::<Root>(tx.conn(), sql, vec![after.into(), PAGE.into()]).await?;
    let roots: Vec<Uuid> = roots.into_iter().map(|row| row.root_id).collect();
    let mut page = CheckedPage { last: roots.last().copied(), ..CheckedPage::default() };
    let found = accounts::lock(tx, &roots).await?;
    let mut lots = lots::load(tx.conn(), &roots, Which::All).await?;
    let entries = entries::of_members(tx.conn(), &roots).await?;
    lots.sort_by_key(|(root, lot)| (*root, lot.id));
    for mut account in found {
        let root = account.member.uuid();
        let own = lots.iter().skip(lots.partition_point(|(of, _)| *of < root)).take_while(|(of, _)| *of == root);
        account.lots = own.map(|(_, lot)| (lot.id, lot.clone())).collect();
        let own = entries.iter().skip(entries.partition_point(|(of, _)| *of < root));
        let own: Vec<_> = own.take_while(|(of, _)| *of == root).map(|(_, entry)| entry.clone()).collect();
        page.accounts += 1;
        page.entries += i64::try_from(own.len()).unwrap_or(i64::MAX);
        page.faults.extend(verify(&account, &own).into_iter().map(|fault| (account.member, fault)));
    }
    Ok(page)
}

/// Every invariant.
pub fn all() -> Vec<Invariant> {
    let mut all = of_points();
    all.extend(super::invariants_earning::all());
    all.extend(super::invariants_identity::all());
    all.extend(super::invariants_ledger::all());
    all.extend(super::liability::invariants());
    all.extend(super::invariants_tiers::all());
    all.extend(super::occasions::invariants());
    all.extend(super::goals::invariants::all());
    all.extend(super::sources::invariants());
    all.extend(super::coupons::invariants::all());
    all.extend(super::gift_cards::invariants());
    all.extend(super::rewards::invariants::all());
    all
}

/// Those of points.
fn of_points() -> Vec<Invariant> {
    vec![
        Invariant::new("ledgers-equal-their-replay", |db| async move {
            let (mut checked, mut after) = (Checked::default(), Uuid::nil());
            let call = Call::internal("verify");
            loop {
                let page = db.slice(&call, |tx| async move { check_page(&tx, after).await }).await?;
                checked.checked += page.accounts;
                for (member, fault) in page.faults {
                    checked.add(member.to_string(), format!("{}: {}", fault.invariant, fault.description));
                }
                match page.last {
                    Some(last) => after = last,
                    None => return Ok(checked),
                }
            }
        }),
        Invariant::sql(
            "members-have-one-account",
            "SELECT COUNT(*) FROM members",
            "SELECT 'program ' || m.program, 'a member without account' FROM members m \
             WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.root_id = m.root_id)",
        ),
        Invariant::sql(
            "orders-earn-once",
            "SELECT COUNT(*) FROM member_orders WHERE earned > 0",
            "SELECT o.name, 'earned ' || CAST(o.earned AS varchar(20)) || ', by entries ' || \
             CAST(CAST(COALESCE(SUM(e.points), 0) AS bigint) AS varchar(20)) FROM member_orders o \
             LEFT JOIN entries e ON e.root_id = o.root_id AND e.order_id = o.order_id AND e.kind = 'EARN' \
             WHERE o.earned > 0 GROUP BY o.root_id, o.order_id, o.name, o.earned \
             HAVING COALESCE(SUM(e.points), 0) <> o.earned",
        ),
        Invariant::sql(
            "reversals-never-exceed-what-was-earned",
            "SELECT COUNT(*) FROM member_orders WHERE due > 0",
            "SELECT name, 'earned ' || CAST(COALESCE(earned, 0) AS varchar(20)) || ', due back ' || \
             CAST(due AS varchar(20)) FROM member_orders WHERE due > COALESCE(earned, 0) OR refunded > spent",
        ),
        Invariant::sql(
            "points-of-delivered-orders-do-not-wait",
            "SELECT COUNT(*) FROM orders WHERE complete_time IS NOT NULL",
            "SELECT o.name, 'is delivered and ' || CAST(l.open_points AS varchar(20)) || ' of its points wait' \
             FROM orders o JOIN lots l ON l.order_id = o.root_id JOIN accounts a ON a.root_id = l.root_id \
             WHERE o.complete_time IS NOT NULL AND l.active_from IS NULL AND l.open_points > 0 \
             AND (l.expires_at IS NULL OR l.expires_at > o.complete_time) AND a.customer = o.customer",
        ),
    ]
}
