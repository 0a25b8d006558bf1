//! The book of a batch: the accounts of its commands with what those need of them, read in sets, and what changed of
//! them, written in sets: one statement for each table, however many commands there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use guanxi_kernel::Uuid;
use guanxi_kernel::name::MemberId;
use guanxi_kernel::signals::{self, Counter, KeyValue, attribute};
use guanxi_store::change::write_all;
use guanxi_store::{Change, Result, Tx};
use sea_orm::ConnectionTrait;

use super::lots::Which;
use super::member_orders::Kept;
use super::programs::Programs;
use super::{
    accounts, adjustments, earned, entries, holds, lots, member_orders, orders, outgoing, sources, tiers, transfers,
};
use crate::domain::account::{Account, Changes};
use crate::domain::entry::{Entry, EntryKind, HoldId, OrderId};
use crate::domain::fact::facts;
use crate::domain::hold::{Hold, HoldState};
use crate::domain::ledger::{Book, Command, Lots};
use crate::domain::lot::{Lot, LotId};
use crate::domain::program::PendingPolicy;

/// What accounts must be loaded with.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    lots: BTreeMap<MemberId, Lots>,
    holds: BTreeSet<(MemberId, HoldId)>,
    orders: BTreeSet<(MemberId, OrderId)>,
    returns: BTreeSet<(MemberId, OrderId)>,
}

impl Needs {
    /// Nothing but the open lots and placed holds of one member.
    pub fn open(member: MemberId) -> Self {
        Self { lots: BTreeMap::from([(member, Lots::Open)]), ..Self::default() }
    }

    fn of(book: &Book, wanted: &[(MemberId, &Command)]) -> Self {
        let mut needs = Self::default();
        for &(member, command) in wanted {
            let account = book.accounts.get(&member);
            let Some(program) = account.and_then(|account| book.programs.get(&account.program)) else { continue };
            let lots = needs.lots.entry(member).or_insert(Lots::None);
            *lots = (*lots).max(command.lots(program));
            needs.holds.extend(command.hold().map(|hold| (member, hold)));
            needs.orders.extend(command.order().map(|order| (member, order)));
            needs.returns.extend(command.returned_order().map(|order| (member, order)));
        }
        needs
    }

    fn members(&self, need: Lots) -> Vec<Uuid> {
        self.lots.iter().filter(|(_, lots)| **lots == need).map(|(member, _)| member.uuid()).collect()
    }
}

/// Why accounts change: what is said beside the events that tell of it.
#[derive(Debug, Clone, Default)]
pub struct Why {
    /// Whether imported history is the cause.
    pub historical: bool,
    /// The trace that goes on with the events.
    pub traceparent: Option<Arc<str>>,
}

/// Locks the accounts of these commands, those of receivers too, in the order of their ids, and loads what they need.
/// Members that do not exist are left out.
///
/// # Errors
/// The database's.
pub async fn load(tx: &Tx, programs: &Programs, wanted: &[(MemberId, &Command)]) -> Result<Book> {
    let members: BTreeSet<Uuid> = wanted
        .iter()
        .flat_map(|(member, command)| [Some(*member), command.receiver()])
        .flatten()
        .map(|m| m.uuid())
        .collect();
    let members: Vec<Uuid> = members.into_iter().collect();
    let found = accounts::lock(tx, &members).await?;
    let mut book = Book::default();
    let of: BTreeSet<_> = found.iter().map(|account| account.program.clone()).collect();
    book.programs = programs.load(tx.conn(), &of).await?;
    book.accounts = found.into_iter().map(|account| (account.member, account)).collect();
    complete(tx, &mut book, wanted).await?;
    Ok(book)
}

/// Loads what commands need of the accounts and programs that are in the book already.
///
/// # Errors
/// The database's.
pub async fn complete(tx: &Tx, book: &mut Book, wanted: &[(MemberId, &Command)]) -> Result<()> {
    let needs = Needs::of(book, wanted);
    fill(tx.conn(), &mut book.accounts, &needs).await?;
    for (member, order, return_id, line) in member_orders::returned(tx.conn(), &pairs(&needs.returns)).await? {
        book.returned.entry((MemberId(member), order, return_id)).or_default().push(line);
    }
    earned::complete(tx, book, wanted).await?;
    sources::complete(tx, book, wanted).await?;
    tiers::complete(tx, book, wanted).await?;
    if book.programs.values().any(|program| program.terms.pending == PendingPolicy::UntilDelivered) {
        let earning = wanted.iter().filter_map(|(_, command)| match command {
            Command::Earn(earn) => Some(earn.order.uuid()),
            _ => None,
        });
        let completed = orders::completed(tx.conn(), &earning.collect::<Vec<_>>()).await?;
        book.delivered = completed.into_iter().map(|(order, at)| (OrderId(order), at)).collect();
    }
    Ok(())
}

/// Loads lots, holds and order records into accounts.
///
/// # Errors
/// The database's.
pub async fn fill(
    connection: &impl ConnectionTrait,
    accounts: &mut BTreeMap<MemberId, Account>,
    needs: &Needs,
) -> Result<()> {
    put_lots(connection, accounts, &needs.members(Lots::Open), Which::Live).await?;
    put_lots(connection, accounts, &needs.members(Lots::All), Which::All).await?;
    let holding = accounts.values().filter(|account| {
        account.totals.held.is_positive() && needs.lots.get(&account.member).is_some_and(|lots| *lots > Lots::None)
    });
    let holding: Vec<Uuid> = holding.map(|account| account.member.uuid()).collect();
    let named: Vec<_> = needs.holds.iter().map(|(member, hold)| (member.uuid(), hold.0)).collect();
    for (root, hold) in holds::load(connection, &holding, &named).await? {
        if let Some(account) = accounts.get_mut(&MemberId(root)) {
            account.holds.insert(hold.id, hold);
        }
    }
    let tangled: Vec<Uuid> =
        accounts.values().filter(|account| is_tangled(account)).map(|account| account.member.uuid()).collect();
    put_lots(connection, accounts, &tangled, Which::All).await?;
    put_orders(connection, accounts, needs).await
}

/// Whether a hold may have to give back to where only all lots tell: to a deficit, or for a reversal that drew elsewhere.
fn is_tangled(account: &Account) -> bool {
    let placed = account.holds.values().filter(|hold| hold.state == HoldState::Placed);
    let borrowed = |lot: LotId| account.lots.get(&lot).is_none_or(|lot| lot.borrowed.is_positive());
    !account.complete && placed.flat_map(|hold| &hold.parts).any(|part| part.lot.is_none_or(borrowed))
}

async fn put_lots(
    connection: &impl ConnectionTrait,
    accounts: &mut BTreeMap<MemberId, Account>,
    members: &[Uuid],
    which: Which,
) -> Result<()> {
    for (root, lot) in lots::load(connection, members, which).await? {
        if let Some(account) = accounts.get_mut(&MemberId(root)) {
            account.lots.insert(lot.id, lot);
        }
    }
    for member in members.iter().filter(|_| which == Which::All) {
        if let Some(account) = accounts.get_mut(&MemberId(*member)) {
            account.complete = true;
        }
    }
    Ok(())
}

async fn put_orders(
    connection: &impl ConnectionTrait,
    accounts: &mut BTreeMap<MemberId, Account>,
    needs: &Needs,
) -> Result<()> {
    let mut wanted = needs.orders.clone();
    for account in accounts.values() {
        let borrowed = account.lots.values().filter(|lot| lot.borrowed.is_positive()).filter_map(|lot| lot.order);
        let held = account.holds.values().filter_map(|hold| hold.order.as_ref()).map(OrderId::from);
        wanted.extend(borrowed.chain(held).map(|order| (account.member, order)));
    }
    for (root, order, record) in member_orders::load(connection, &pairs(&wanted)).await? {
        if let Some(account) = accounts.get_mut(&MemberId(root)) {
            account.orders.insert(order, record);
        }
    }
    Ok(())
}

fn pairs(wanted: &BTreeSet<(MemberId, OrderId)>) -> Vec<(Uuid, Uuid)> {
    wanted.iter().map(|(member, order)| (member.uuid(), order.0)).collect()
}

/// Writes what changed of the accounts, `new` ones whole, and tells of it. `why` says why of each member.
///
/// # Errors
/// The database's.
pub async fn save(tx: &Tx, book: &mut Book, new: &BTreeSet<MemberId>, why: &BTreeMap<MemberId, Why>) -> Result<()> {
    write_all(tx, changes(tx, book, new, why)?).await
}

/// What changed of the accounts, to be written; tells of it.
///
/// # Errors
/// Where something does not encode.
pub fn changes(
    tx: &Tx,
    book: &mut Book,
    new: &BTreeSet<MemberId>,
    why: &BTreeMap<MemberId, Why>,
) -> Result<Vec<Change>> {
    let taken: Vec<(MemberId, Changes)> =
        book.accounts.iter_mut().map(|(member, account)| (*member, account.take_changes())).collect();
    let accounts = &book.accounts;
    let mut set = Set::default();
    set.inserted.extend(new.iter().filter_map(|member| accounts.get(member)));
    for (member, changes) in &taken {
        set.add(&accounts[member], changes, new.contains(member));
    }
    let [holds, parts] = holds::kept(&set.holds);
    let mut changes = vec![
        accounts::new(&set.inserted),
        accounts::changed(&set.updated),
        entries::new(&set.entries),
        lots::new(&set.opened),
        lots::changed(&set.moved),
        holds,
        parts,
        member_orders::new(&set.new_orders)?,
        member_orders::new_returns(&set.returns),
        adjustments::new(&taken),
        transfers::new(&taken),
        sources::new(&taken)?,
    ];
    changes.extend(member_orders::changed(&set.orders)?);
    changes.extend(earned::changes(accounts, &taken)?);
    changes.push(tiers::changes(tx, book, why)?);
    count(tx, &set.entries);
    for (member, changes) in &taken {
        let why = why.get(member).cloned().unwrap_or_default();
        for fact in facts(&changes.entries) {
            tx.emit_for(outgoing::told(&accounts[member], &fact, why.historical), why.traceparent.clone());
        }
    }
    Ok(changes)
}

static POINTS: LazyLock<Counter<u64>> = LazyLock::new(|| signals::POINTS.counter());

/// Counts the points that entries moved, once they are committed.
fn count(tx: &Tx, entries: &[(Uuid, &Entry)]) {
    let mut moved: BTreeMap<EntryKind, u64> = BTreeMap::new();
    for (_, entry) in entries {
        *moved.entry(entry.kind).or_default() += entry.points.get().unsigned_abs();
    }
    tx.after_commit(move || {
        for (kind, points) in moved {
            POINTS.add(points, &[KeyValue::new(attribute::ENTRY, kind.as_str())]);
        }
    });
}

/// What is written, by table.
#[derive(Default)]
struct Set<'a> {
    inserted: Vec<&'a Account>,
    updated: Vec<&'a Account>,
    entries: Vec<(Uuid, &'a Entry)>,
    opened: Vec<(Uuid, &'a Lot)>,
    moved: Vec<(Uuid, &'a Lot)>,
    holds: Vec<(Uuid, &'a Hold)>,
    new_orders: Vec<Kept<'a>>,
    orders: Vec<Kept<'a>>,
    returns: Vec<(Uuid, &'a (OrderId, String, i32))>,
}

impl<'a> Set<'a> {
    fn add(&mut self, account: &'a Account, changes: &'a Changes, is_new: bool) {
        let root = account.member.uuid();
        if changes.moves_totals() && !is_new {
            self.updated.push(account);
        }
        self.entries.extend(changes.entries.iter().map(|entry| (root, entry)));
        for id in &changes.lots {
            let lots = if changes.opened(*id) { &mut self.opened } else { &mut self.moved };
            lots.extend(account.lots.get(id).map(|lot| (root, lot)));
        }
        self.holds.extend(changes.holds.iter().filter_map(|id| Some((root, account.holds.get(id)?))));
        for id in &changes.orders {
            let orders = if changes.new_orders.contains(id) { &mut self.new_orders } else { &mut self.orders };
            let earned = changes.earned.iter().find(|earned| earned.order == *id);
            orders.extend(account.orders.get(id).map(|record| Kept { member: root, order: *id, record, earned }));
        }
        self.returns.extend(changes.returns.iter().map(|line| (root, line)));
    }
}
