//! Accounts: the one row of a member that every change of points locks, and what its entries add up to.

use std::collections::BTreeSet;

use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{Refused, Uuid};
use guanxi_store::{Change, Column, Result, Rows, Session, StoreError, Table, Tx, time};
use sea_orm::{ColumnTrait, ConnectionTrait, QueryFilter};

use super::entities::accounts::{Column as Field, Entity, Model};
use super::{of_roots, organization};
use crate::domain::account::Account;
use crate::domain::chain::ChainHash;
use crate::domain::entry::Totals;
use crate::domain::person::Kin;
use crate::domain::points::Points;
use crate::domain::program::ProgramId;

const ACCOUNTS: Table = Table::new(
    "accounts",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::text("program"),
        Column::uuid("customer"),
        Column::int("last_entry"),
        Column::bytes("last_hash").nullable(),
        Column::time("last_activity").nullable(),
        Column::int("open_points"),
        Column::int("held_points"),
        Column::int("deficit"),
        Column::int("earned"),
        Column::int("spent"),
        Column::int("expired"),
        Column::int("reversed"),
        Column::int("adjusted"),
        Column::int("sent"),
        Column::int("received"),
    ],
);

const TOTALS: Table = Table::new(
    "accounts",
    &[
        Column::uuid("root_id"),
        Column::int("last_entry"),
        Column::bytes("last_hash").nullable(),
        Column::time("last_activity").nullable(),
        Column::int("open_points"),
        Column::int("held_points"),
        Column::int("deficit"),
        Column::int("earned"),
        Column::int("spent"),
        Column::int("expired"),
        Column::int("reversed"),
        Column::int("adjusted"),
        Column::int("sent"),
        Column::int("received"),
    ],
);

/// The accounts of these members, locked in the order of their ids, without lots.
///
/// # Errors
/// The database's.
pub async fn lock(tx: &Tx, members: &[Uuid]) -> Result<Vec<Account>> {
    let and = format!(" ORDER BY root_id{}", tx.lock("accounts", members).await?);
    of_roots::<Model>(tx.conn(), "accounts", members, &and).await?.into_iter().map(account).collect()
}

/// The accounts of these members, without lots, as they were committed last.
///
/// # Errors
/// The database's.
pub async fn of_members(connection: &impl ConnectionTrait, members: &[Uuid]) -> Result<Vec<Account>> {
    of_roots::<Model>(connection, "accounts", members, "").await?.into_iter().map(account).collect()
}

/// The account of a member that the caller may read, without lots.
///
/// # Errors
/// NOT_FOUND; the database's.
pub async fn read<S: Session>(session: &S, member: MemberId) -> Result<Account> {
    let row = session.find::<Entity>().filter(Field::RootId.eq(member.uuid())).one(session.connection()).await?;
    let row = row.filter(|row| row.erase_time.is_none());
    account(row.ok_or_else(|| Refused::not_found("member", member))?)
}

/// New accounts, to be kept.
pub fn new(accounts: &[&Account]) -> Change {
    let mut rows = Rows::new(&ACCOUNTS);
    for account in accounts {
        let [last_activity, open, held, deficit, earned, spent, expired, reversed, adjusted, sent, received] =
            totals(account);
        rows.push([
            account.member.uuid().into(),
            account.organization.slug().into(),
            account.program.slug().into(),
            account.customer.uuid().into(),
            account.last_entry.into(),
            chain(account),
            last_activity,
            open,
            held,
            deficit,
            earned,
            spent,
            expired,
            reversed,
            adjusted,
            sent,
            received,
        ]);
    }
    rows.inserting()
}

/// What changed accounts add up to, to be kept.
pub fn changed(accounts: &[&Account]) -> Change {
    let mut rows = Rows::new(&TOTALS);
    for account in accounts {
        let [last_activity, open, held, deficit, earned, spent, expired, reversed, adjusted, sent, received] =
            totals(account);
        let (root, last_entry) = (account.member.uuid().into(), account.last_entry.into());
        rows.push([
            root,
            last_entry,
            chain(account),
            last_activity,
            open,
            held,
            deficit,
            earned,
            spent,
            expired,
            reversed,
            adjusted,
            sent,
            received,
        ]);
    }
    rows.updating(&["root_id"])
}

fn chain(account: &Account) -> guanxi_store::Cell {
    account.chain.as_bytes().to_vec().into()
}

fn totals(account: &Account) -> [guanxi_store::Cell; 11] {
    let Totals { open, held, deficit, earned, spent, expired, reversed, adjusted, sent, received } = account.totals;
    [
        account.last_activity.into(),
        open.get().into(),
        held.get().into(),
        deficit.get().into(),
        earned.get().into(),
        spent.get().into(),
        expired.get().into(),
        reversed.get().into(),
        adjusted.get().into(),
        sent.get().into(),
        received.get().into(),
    ]
}

pub(super) fn account(row: Model) -> Result<Account> {
    let program = ProgramId::from_slug(&row.program).map_err(StoreError::row)?;
    let organization = organization(&row.organization)?;
    let mut account = Account::open(MemberId(row.root_id), CustomerId(row.customer), program, organization);
    account.totals = Totals {
        open: Points::new(row.open_points),
        held: Points::new(row.held_points),
        deficit: Points::new(row.deficit),
        earned: Points::new(row.earned),
        spent: Points::new(row.spent),
        expired: Points::new(row.expired),
        reversed: Points::new(row.reversed),
        adjusted: Points::new(row.adjusted),
        sent: Points::new(row.sent),
        received: Points::new(row.received),
    };
    account.last_entry = row.last_entry;
    account.chain = row.last_hash.as_deref().map_or(Ok(ChainHash::START), super::hash)?;
    account.last_activity = row.last_activity.map(time::from_column);
    account.complete = false;
    account.erased = row.erase_time.is_some();
    account.kin = row.kin.map(|key| {
        // Who they are is read where it matters: by `kin`.
        let (now, ever) = (BTreeSet::from([account.member]), BTreeSet::from([account.member]));
        Box::new(Kin { key, now, ever, survivor: account.member, beside: Totals::default() })
    });
    Ok(account)
}
