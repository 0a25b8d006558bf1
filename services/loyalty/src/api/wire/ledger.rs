//! Lots, entries, holds and balances as messages.

use std::collections::BTreeMap;

use guanxi_contracts::loyalty::v1 as proto;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::OrderName;
use guanxi_kernel::name::MemberId;

use crate::domain::balance::{Balance, Expiring};
use crate::domain::entry::{Entry, EntryKind, HoldId, LedgerAccount, OrderId};
use crate::domain::hold::{Hold, HoldState};
use crate::domain::lot::{Lot, LotId};
use crate::store::adjustments::Note;
use crate::store::sources::Named;

/// A balance as a message.
pub fn balance(balance: &Balance) -> proto::Balance {
    proto::Balance {
        balance: balance.balance.get(),
        available: balance.available.get(),
        pending: balance.pending.get(),
        held: balance.held.get(),
        deficit: balance.deficit.get(),
    }
}

/// What expires at a moment as a message.
pub fn expiring(expiring: &Expiring) -> proto::Expiring {
    proto::Expiring {
        expires_at: Some(to_proto(expiring.expires_at)),
        points: expiring.points.get(),
        cumulative_points: expiring.cumulative.get(),
    }
}

/// A lot as a message.
pub fn lot(member: MemberId, lot: &Lot, order: Option<&OrderName>) -> proto::Lot {
    proto::Lot {
        name: lot_name(member, lot.id),
        order: order.map(ToString::to_string).unwrap_or_default(),
        points: lot.points.get(),
        open_points: lot.open.get(),
        held_points: lot.held.get(),
        effective_time: Some(to_proto(lot.effective_time)),
        active_from: lot.active_from.map(to_proto),
        expires_at: lot.expires_at.filter(|_| lot.active_from.is_some()).map(to_proto),
        cancel_time: lot.expires_at.filter(|_| lot.active_from.is_none()).map(to_proto),
    }
}

/// A hold as a message.
pub fn hold(member: MemberId, hold: &Hold) -> proto::Hold {
    let state = match hold.state {
        HoldState::Placed => proto::HoldState::Placed,
        HoldState::Captured => proto::HoldState::Captured,
        HoldState::Voided => proto::HoldState::Voided,
        HoldState::TimedOut => proto::HoldState::TimedOut,
    };
    proto::Hold {
        name: hold_name(member, hold.id),
        state: state.into(),
        points: hold.points.get(),
        captured_points: hold.captured.get(),
        order: hold.order.as_ref().map(ToString::to_string).unwrap_or_default(),
        create_time: Some(to_proto(hold.create_time)),
        expire_time: Some(to_proto(hold.expire_time)),
        resolve_time: hold.resolve_time.map(to_proto),
    }
}

/// What is kept beside the entries of a member.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The names of orders.
    pub orders: &'a BTreeMap<OrderId, OrderName>,
    /// Why postings were made by hand.
    pub notes: &'a BTreeMap<i64, Note>,
    /// From or to whom the points of postings went.
    pub others: &'a BTreeMap<i64, MemberId>,
    /// What gave the points of postings besides orders and days.
    pub sources: &'a BTreeMap<i64, Named>,
}

/// An entry as a message, with what is kept beside it.
pub fn entry(member: MemberId, entry: &Entry, told: &Told<'_>) -> proto::Entry {
    let note = told.notes.get(&entry.posting);
    let order = entry.order.and_then(|order| told.orders.get(&order));
    let source = told.sources.get(&entry.posting);
    proto::Entry {
        name: format!("{member}/entries/{}", entry.number),
        posting: entry.posting,
        kind: kind(entry.kind).into(),
        from_account: account(entry.from).into(),
        to_account: account(entry.to).into(),
        points: entry.points.get(),
        lot: entry.lot.map(|lot| lot_name(member, lot)).unwrap_or_default(),
        order: order.map(ToString::to_string).unwrap_or_default(),
        hold: entry.hold.map(|hold| hold_name(member, hold)).unwrap_or_default(),
        effective_time: Some(to_proto(entry.effective_time)),
        create_time: Some(to_proto(entry.create_time)),
        active_from: entry.active_from.map(to_proto),
        expires_at: entry.expires_at.map(to_proto),
        hash: entry.hash.map(|hash| hash.as_bytes().to_vec()).unwrap_or_default(),
        reason: note.map(|note| note.reason.clone()).unwrap_or_default(),
        adjusted_by: note.map(|note| note.subject.clone()).unwrap_or_default(),
        other_member: told.others.get(&entry.posting).map(ToString::to_string).unwrap_or_default(),
        source: source.map(|source| source.name.clone()).unwrap_or_default(),
        explanation: source.and_then(|source| source.explanation.as_ref()).map(super::purchase::explanation),
        ..proto::Entry::default()
    }
}

fn lot_name(member: MemberId, lot: LotId) -> String {
    format!("{member}/lots/{}", lot.0)
}

fn hold_name(member: MemberId, hold: HoldId) -> String {
    format!("{member}/holds/{}", hold.0)
}

fn kind(kind: EntryKind) -> proto::EntryKind {
    match kind {
        EntryKind::Earn => proto::EntryKind::Earn,
        EntryKind::Activate => proto::EntryKind::Activate,
        EntryKind::Extend => proto::EntryKind::Extend,
        EntryKind::Spend => proto::EntryKind::Spend,
        EntryKind::Hold => proto::EntryKind::Hold,
        EntryKind::Capture => proto::EntryKind::Capture,
        EntryKind::Release => proto::EntryKind::Release,
        EntryKind::Expire => proto::EntryKind::Expire,
        EntryKind::Cancel => proto::EntryKind::Cancel,
        EntryKind::Reverse => proto::EntryKind::Reverse,
        EntryKind::Refund => proto::EntryKind::Refund,
        EntryKind::Restore => proto::EntryKind::Restore,
        EntryKind::Cover => proto::EntryKind::Cover,
        EntryKind::Uncover => proto::EntryKind::Uncover,
        EntryKind::Unexpire => proto::EntryKind::Unexpire,
        EntryKind::AdjustCredit => proto::EntryKind::AdjustCredit,
        EntryKind::Goodwill => proto::EntryKind::AdjustGoodwill,
        EntryKind::AdjustDebit => proto::EntryKind::AdjustDebit,
        EntryKind::Send => proto::EntryKind::Send,
        EntryKind::Receive => proto::EntryKind::Receive,
    }
}

fn account(account: LedgerAccount) -> proto::LedgerAccount {
    match account {
        LedgerAccount::Issued => proto::LedgerAccount::Issued,
        LedgerAccount::Redeemed => proto::LedgerAccount::Redeemed,
        LedgerAccount::Breakage => proto::LedgerAccount::Breakage,
        LedgerAccount::Adjusted => proto::LedgerAccount::Adjusted,
        LedgerAccount::Transit => proto::LedgerAccount::Transit,
        LedgerAccount::Open => proto::LedgerAccount::Open,
        LedgerAccount::Held => proto::LedgerAccount::Held,
        LedgerAccount::Deficit => proto::LedgerAccount::Deficit,
    }
}
