//! What orders of members count for goals. It is written with the order, and with what comes back of it, under the lock of the
//! member's account; what follows from it is worked out by [`settle`]. Programs without goals cost nothing.

pub mod awards;
pub mod invariants;
pub mod rewards;
pub mod settle;

use std::collections::{BTreeMap, BTreeSet};

use guanxi_kernel::Uuid;
use guanxi_kernel::name::MemberId;
use guanxi_store::{Change, Column, Result, Rows, StoreError, Table, Tx, dialect, time};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement};

use super::{of_keys, of_roots, rows};
use crate::domain::account::Changes;
use crate::domain::award;
use crate::domain::entry::OrderId;
use crate::domain::goal::{Counted, Dated};
use crate::domain::ledger::{Book, Command};

const COUNTED: Table = Table::new(
    "goal_orders",
    &[
        Column::uuid("root_id"),
        Column::uuid("goal_id"),
        Column::uuid("order_id"),
        Column::time("order_time"),
        Column::text("how"),
        Column::int("amount"),
    ],
);

const RECOUNTED: Table = Table::new(
    "goal_orders",
    &[Column::uuid("root_id"), Column::uuid("goal_id"), Column::uuid("order_id"), Column::int("amount")],
);

const DUE: Table = Table::new("goals_due", &[Column::uuid("root_id"), Column::uuid("goal_id")]);

#[derive(FromQueryResult)]
struct Row {
    root_id: Uuid,
    goal_id: Uuid,
    order_id: Uuid,
    order_time: DateTimeUtc,
    how: String,
    amount: i64,
}

#[derive(FromQueryResult)]
struct Root {
    root_id: Uuid,
}

/// A goal of a member: both keys.
pub type Pair = (Uuid, Uuid);

#[derive(FromQueryResult)]
struct Due {
    root_id: Uuid,
    goal_id: Uuid,
}

fn counted(row: &Row) -> Result<Counted> {
    Ok(Counted {
        goal: row.goal_id,
        order: OrderId(row.order_id),
        at: time::from_column(row.order_time),
        how: serde_json::from_str(&row.how).map_err(StoreError::row)?,
        amount: row.amount,
    })
}

/// Loads what these commands need of goals: of a return what its order counted; of an earning or a delivery whether the
/// member was brought, where that can matter.
///
/// # Errors
/// The database's.
pub async fn complete(tx: &Tx, book: &mut Book, wanted: &[(MemberId, &Command)]) -> Result<()> {
    let (mut returned, mut acting) = (BTreeSet::new(), BTreeSet::new());
    for (member, command) in wanted {
        let program = book.accounts.get(member).and_then(|account| book.programs.get(&account.program));
        let Some(program) = program else { continue };
        let waits = program.terms.pending.awaits_delivery();
        match command {
            Command::Return(given) if program.counts() && given.order.source() != award::SOURCE => {
                returned.insert((member.uuid(), OrderId::from(&given.order).0));
            }
            Command::Earn(_) if program.refers() => drop(acting.insert(member.uuid())),
            Command::Activate(order, _) if program.refers() && waits && order.source() != award::SOURCE => {
                acting.insert(member.uuid());
            }
            _ => {}
        }
    }
    let returned: Vec<(Uuid, Uuid)> = returned.into_iter().collect();
    for row in of_keys::<Row>(tx.conn(), "goal_orders", "order_id", &returned).await? {
        let counted = counted(&row)?;
        if let Some(account) = book.accounts.get_mut(&MemberId(row.root_id)) {
            account.counted.push(counted);
        }
    }
    let acting: Vec<Uuid> = acting.into_iter().collect();
    for Root { root_id } in of_roots(tx.conn(), "referrals", &acting, "").await? {
        if let Some(account) = book.accounts.get_mut(&MemberId(root_id)) {
            account.referred = true;
        }
    }
    Ok(())
}

/// What orders count, to be kept, and which goals that makes due.
///
/// # Errors
/// Where something does not encode.
pub fn changes(taken: &[(MemberId, Changes)]) -> Result<[Change; 3]> {
    let (mut new, mut changed, mut due) = (Rows::new(&COUNTED), Rows::new(&RECOUNTED), Rows::new(&DUE));
    for (member, changes) in taken {
        let root = member.uuid();
        let mut last: BTreeMap<(Uuid, OrderId), &Counted> =
            changes.recounted.iter().map(|counted| ((counted.goal, counted.order), counted)).collect();
        for counted in &changes.counted {
            // What came back with the very batch in which it was bought.
            let now = last.remove(&(counted.goal, counted.order)).unwrap_or(counted);
            new.push([
                root.into(),
                counted.goal.into(),
                counted.order.0.into(),
                counted.at.into(),
                serde_json::to_string(&counted.how).map_err(StoreError::row)?.into(),
                now.amount.into(),
            ]);
        }
        for ((goal, order), counted) in last {
            changed.push([root.into(), goal.into(), order.0.into(), counted.amount.into()]);
        }
        for goal in &changes.goals_due {
            due.push([root.into(), (*goal).into()]);
        }
    }
    let changed = changed.updating(&["root_id", "goal_id", "order_id"]);
    // Another change may have made it due already.
    Ok([new.inserting(), changed, due.upserting("root_id, goal_id", "goal_id = excluded.goal_id")])
}

/// Goals of which something changed, `limit` at the most.
///
/// # Errors
/// The database's.
pub async fn due(connection: &impl ConnectionTrait, limit: i64) -> Result<Vec<Pair>> {
    let sql = "SELECT root_id, goal_id FROM goals_due ORDER BY root_id, goal_id LIMIT $1".to_owned();
    let found = rows::<Due>(connection, sql, vec![limit.into()]).await?;
    Ok(found.into_iter().map(|row| (row.root_id, row.goal_id)).collect())
}

/// What follows from these is worked out.
async fn done(tx: &Tx, pairs: &[Pair]) -> Result<()> {
    let (condition, values) = dialect::any_pair(tx.backend(), ("root_id", "goal_id"), pairs);
    let sql = format!("DELETE FROM goals_due WHERE {condition}");
    tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
    Ok(())
}

/// What counts for these goals of members.
///
/// # Errors
/// The database's.
pub async fn of(connection: &impl ConnectionTrait, pairs: &[Pair]) -> Result<BTreeMap<Pair, Vec<Dated>>> {
    let mut found = BTreeMap::<Pair, Vec<Dated>>::new();
    for row in of_keys::<Row>(connection, "goal_orders", "goal_id", pairs).await? {
        let dated = Dated { at: time::from_column(row.order_time), order: OrderId(row.order_id), amount: row.amount };
        found.entry((row.root_id, row.goal_id)).or_default().push(dated);
    }
    Ok(found)
}
