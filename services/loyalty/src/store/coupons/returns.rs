//! Orders that came back: what they redeemed can be used again, once. Cancellations and returns come in any order and as
//! often as they like; the first that leaves nothing of the order takes its redemption back.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_kernel::{OrderName, OrganizationId, Uuid};
use guanxi_store::change::write_all;
use guanxi_store::{Column, Result, Rows, Table, Tx};
use sea_orm::FromQueryResult;

use super::book::{self, Needs};
use super::redemptions;
use crate::domain::coupon::order_key;
use crate::domain::coupon::redemption::Cause;
use crate::store::of_roots;

const RETURNS: Table = Table::new(
    "coupon_returns",
    &[Column::uuid("root_id"), Column::text("return_id"), Column::int("line"), Column::int("pieces")],
);

/// What came back of an order.
#[derive(Debug, Clone, Copy)]
pub struct CameBack<'a> {
    /// Whose order.
    pub organization: &'a OrganizationId,
    /// The order.
    pub order: &'a OrderName,
    /// The shop's id of the return.
    pub return_id: &'a str,
    /// Its lines with their pieces; `None` where the order was cancelled.
    pub lines: Option<&'a BTreeMap<i32, i64>>,
}

#[derive(FromQueryResult)]
struct Row {
    root_id: Uuid,
    line: i64,
    pieces: i64,
}

/// Takes back what orders redeemed of which nothing is left.
///
/// # Errors
/// The database's.
pub async fn take_back(tx: &Tx, told: &[CameBack<'_>]) -> Result<()> {
    let roots: BTreeSet<Uuid> = told.iter().map(|told| order_key(told.organization, told.order)).collect();
    let redeemed = redemptions::of_orders(tx.conn(), &roots.into_iter().collect::<Vec<_>>()).await?;
    if redeemed.is_empty() {
        return Ok(());
    }
    let mut rows = Rows::new(&RETURNS);
    let (mut cancelled, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for told in told {
        let root = order_key(told.organization, told.order);
        match told.lines {
            _ if !redeemed.contains_key(&root) => {}
            None => {
                cancelled.insert(root);
            }
            Some(lines) => {
                for (line, pieces) in lines {
                    if seen.insert((root, told.return_id, *line)) {
                        rows.push([root.into(), told.return_id.into(), (*line).into(), (*pieces).into()]);
                    }
                }
            }
        }
    }
    rows.insert_new(tx).await?;
    let needs = Needs { orders: redeemed.into_keys().collect(), ..Needs::default() };
    let mut book = book::lock(tx, &needs).await?;
    let mut returned: BTreeMap<Uuid, BTreeMap<i32, i64>> = BTreeMap::new();
    let roots: Vec<Uuid> = needs.orders.iter().copied().collect();
    for row in of_roots::<Row>(tx.conn(), "coupon_returns", &roots, "").await? {
        let line = i32::try_from(row.line).unwrap_or(i32::MAX);
        *returned.entry(row.root_id).or_default().entry(line).or_default() += row.pieces;
    }
    for root in roots {
        let Some(open) = book.open(root) else { continue };
        let whole = returned.get(&root).is_some_and(|returned| open.is_returned(returned));
        let cause = match (cancelled.contains(&root), whole) {
            (true, _) => Cause::Cancelled,
            (false, true) => Cause::Returned,
            (false, false) => continue,
        };
        let number = open.number;
        // It is open, so that nothing refuses it.
        drop(book.roll_back(root, number, cause, tx.now()));
    }
    write_all(tx, book::changes(tx, &mut book, &BTreeMap::new())?).await
}
