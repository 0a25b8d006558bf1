//! Balances: what there is at a moment; and the account as it was at a moment of business, as it was known at another,
//! replayed from its entries.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::account::{Account, Draw};
use super::chain;
use super::entry::{Entry, EntryKind, Totals};
use super::hold::{Hold, HoldState};
use super::lot::Lot;
use super::points::Points;

/// A member's points at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// Active points, held ones included, less the deficit.
    pub balance: Points,
    /// Active points that are not held, less the deficit.
    pub available: Points,
    /// What waits for activation.
    pub pending: Points,
    /// What is set aside.
    pub held: Points,
    /// What is owed.
    pub deficit: Points,
}

impl Balance {
    /// What two accounts of one person come to.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            balance: self.balance + other.balance,
            available: self.available + other.available,
            pending: self.pending + other.pending,
            held: self.held + other.held,
            deficit: self.deficit + other.deficit,
        }
    }
}

/// Points that expire at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiring {
    /// The first instant at which they can no longer be spent.
    pub expires_at: Timestamp,
    /// How many.
    pub points: Points,
    /// The sum of all that expire until then.
    pub cumulative: Points,
}

impl Account {
    /// The balance at `at`, if nothing else happens until then. Needs the open lots and the holds that are placed.
    pub fn balance(&self, at: Timestamp) -> Balance {
        let mut then = self.clone();
        then.settle(at);
        let pending = then.lots.values().filter(|lot| lot.waits(at)).map(|lot| lot.open).sum();
        let available = then.available(at);
        let held = then.totals.held;
        Balance { balance: available + held, available, pending, held, deficit: then.totals.deficit }
    }

    /// What expires after `now`, at or before `until`, soonest first. Held points, and those that wait for delivery, are left
    /// out.
    pub fn expiring(&self, now: Timestamp, until: Option<Timestamp>) -> Vec<Expiring> {
        expiring([self], now, until)
    }

    fn expiring_lots(&self, now: Timestamp) -> impl Iterator<Item = &Lot> {
        let dated = move |lot: &&Lot| lot.open.is_positive() && lot.active_from.is_some() && !lot.has_expired(now);
        self.lots.values().filter(dated)
    }

    /// The account that these entries make, oldest first; the identity is this one's. Entries about a lot that none of
    /// them opened are left out.
    #[must_use]
    pub fn replay<'a>(&self, entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut account = Self::open(self.member, self.customer, self.program.clone(), self.organization.clone());
        for entry in entries {
            account.replay_one(entry);
        }
        account
    }

    fn replay_one(&mut self, entry: &Entry) {
        if let Some(id) = entry.lot.filter(|_| entry.opens_lot()) {
            self.lots.insert(id, Lot::opened_by(entry, false));
        }
        if let Some(id) = entry.lot {
            let Some(lot) = self.lots.get_mut(&id) else { return };
            lot.apply(entry);
        }
        self.totals.apply(entry);
        self.last_entry = entry.number;
        self.chain = entry.hash.unwrap_or(self.chain);
        let Some(hold) = entry.hold else { return };
        match entry.kind {
            EntryKind::Hold => {
                let placed = self.holds.entry(hold).or_insert_with(|| Hold {
                    id: hold,
                    state: HoldState::Placed,
                    points: Points::ZERO,
                    captured: Points::ZERO,
                    order: None,
                    create_time: entry.create_time,
                    expire_time: entry.expires_at.unwrap_or(Timestamp::MAX),
                    resolve_time: None,
                    parts: Vec::new(),
                });
                placed.points += entry.points;
                placed.parts.push(Draw { lot: entry.lot, points: entry.points });
            }
            EntryKind::Capture | EntryKind::Release => {
                self.holds.remove(&hold);
            }
            _ => {}
        }
    }
}

/// What expires of several accounts of one person, as [`Account::expiring`] says it of one.
pub fn expiring<'a>(
    accounts: impl IntoIterator<Item = &'a Account>,
    now: Timestamp,
    until: Option<Timestamp>,
) -> Vec<Expiring> {
    let mut by_time = BTreeMap::<Timestamp, Points>::new();
    for lot in accounts.into_iter().flat_map(|account| account.expiring_lots(now)) {
        if let Some(at) = lot.expires_at.filter(|at| until.is_none_or(|until| *at <= until)) {
            *by_time.entry(at).or_default() += lot.open;
        }
    }
    let mut cumulative = Points::ZERO;
    let expiring = by_time.into_iter().map(|(expires_at, points)| {
        cumulative += points;
        Expiring { expires_at, points, cumulative }
    });
    expiring.collect()
}

/// One thing that is wrong with a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerFault {
    /// The invariant's stable name.
    pub invariant: &'static str,
    /// What it should be and what it is.
    pub description: String,
}

/// The invariants of a ledger, by their stable names.
pub const INVARIANTS: [&str; 5] =
    ["entries-are-dense", "totals-equal-replay", "lots-equal-replay", "points-are-conserved", "hashes-are-chained"];

/// Compares an account, with all its lots, with a replay of all its entries, and checks what is always true.
pub fn verify(account: &Account, entries: &[Entry]) -> Vec<LedgerFault> {
    let mut faults = Vec::new();
    let mut fault = |invariant, description| faults.push(LedgerFault { invariant, description });
    let dense = entries.iter().zip(1..).all(|(entry, number)| entry.number == number && entry.posting <= number);
    let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
    if !dense || count != account.last_entry {
        fault(INVARIANTS[0], format!("{count} entries, the last should be number {}", account.last_entry));
    }
    let replayed = account.replay(entries);
    let totals = entries.iter().fold(Totals::default(), |mut totals, entry| {
        totals.apply(entry);
        totals
    });
    if totals != account.totals {
        fault(INVARIANTS[1], format!("{:?}, by entries {totals:?}", account.totals));
    }
    let kept = |lot: &Lot| (lot.points, lot.open, lot.held, lot.expired, lot.covered, lot.active_from, lot.expires_at);
    for id in account.lots.keys().chain(replayed.lots.keys().filter(|id| !account.lots.contains_key(id))) {
        let (have, want) = (account.lots.get(id).map(kept), replayed.lots.get(id).map(kept));
        if have != want {
            fault(INVARIANTS[2], format!("lot {}: {have:?}, by entries {want:?}", id.0));
        }
    }
    let lots: Points = account.lots.values().map(|lot| lot.open).sum();
    let below_zero = account.lots.values().any(|lot| {
        [lot.open, lot.held, lot.expired, lot.covered, lot.borrowed, lot.owed].iter().any(|p| *p < Points::ZERO)
    });
    if !account.totals.imbalance().is_zero()
        || lots != account.totals.open
        || account.totals.deficit < Points::ZERO
        || account.totals.held < Points::ZERO
        || below_zero
    {
        fault(INVARIANTS[3], format!("{:?}, lots hold {lots}", account.totals));
    }
    if let Some(number) = chain::first_broken(account.member, entries) {
        fault(INVARIANTS[4], format!("entry {number} is not what was recorded, or what came before it is not"));
    } else if chain::last(entries) != account.chain {
        fault(INVARIANTS[4], "the last entry's hash is not the account's".to_owned());
    }
    faults
}
