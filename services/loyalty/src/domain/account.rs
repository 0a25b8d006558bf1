//! An account: a member's points in a program, as far as a decision needs them. Every change is an entry; applying an
//! entry is the only way in which totals and lots move, here and in a replay alike.
//!
//! What a command needs is loaded before it is decided: a plain credit needs nothing but the totals, a debit the lots
//! that are open, a return all lots. `complete` says whether all lots are there.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{OrderName, OrganizationId, Uuid};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::adjusting::Adjusted;
use super::campaign::CampaignShare;
use super::cap::{Grant, Standing};
use super::chain::ChainHash;
use super::entry::{Entry, EntryKind, HoldId, LedgerAccount, OrderId, Totals};
use super::facts::{MemberFacts, Told};
use super::goal::Counted;
use super::hold::Hold;
use super::lot::{Lot, LotId};
use super::order::OrderRecord;
use super::person::Kin;
use super::points::Points;
use super::program::ProgramId;
use super::purchase::Purchase;
use super::ranking::Ranking;
use super::source::Sourced;
use super::tenure::Tenure;
use super::transfer::Side;

/// A member's points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose.
    pub member: MemberId,
    /// The customer that the member is.
    pub customer: CustomerId,
    /// In which program.
    pub program: ProgramId,
    /// Whose program.
    pub organization: OrganizationId,
    /// What its entries add up to.
    pub totals: Totals,
    /// The number of its last entry; 0 before the first.
    pub last_entry: i64,
    /// The hash of that entry and all before it.
    pub chain: ChainHash,
    /// When the member last earned or spent; what sliding expiry runs from.
    pub last_activity: Option<Timestamp>,
    /// The lots that were loaded.
    pub lots: BTreeMap<LotId, Lot>,
    /// Whether those are all.
    pub complete: bool,
    /// The holds that were loaded.
    pub holds: BTreeMap<HoldId, Hold>,
    /// What is recorded of the orders that were loaded.
    pub orders: BTreeMap<OrderId, OrderRecord>,
    /// What the member's capped and carrying rules gave before, where that was loaded.
    pub standing: Standing,
    /// What was told of the customer, where that was loaded.
    pub told: Told,
    /// The member's tier, where the program has tiers and it was loaded.
    pub ranking: Option<Ranking>,
    /// Whether another member brought him, where that was loaded.
    pub referred: bool,
    /// What orders that were loaded count for goals.
    pub counted: Vec<Counted>,
    /// The accounts of those who are, or were, one person with the member; `None` where nobody ever was.
    pub kin: Option<Box<Kin>>,
    /// Whether the member asked to be forgotten: nothing changes any more then.
    pub erased: bool,
    /// Since when he is a member, and how often he bought before it was loaded, where a rule asks for it.
    pub tenure: Option<Tenure>,
    /// What changed since it was loaded.
    pub changes: Changes,
}

/// What changed of an account since it was loaded: what the store has to write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// New entries, in order.
    pub entries: Vec<Entry>,
    /// Lots that are new or different.
    pub lots: BTreeSet<LotId>,
    /// Holds that are new or different.
    pub holds: BTreeSet<HoldId>,
    /// Order records that are new or different.
    pub orders: BTreeSet<OrderId>,
    /// Those of them that are new.
    pub new_orders: BTreeSet<OrderId>,
    /// Returned lines that were counted: order, the shop system's id of the return, line (0 for a whole order).
    pub returns: Vec<(OrderId, String, i32)>,
    /// Orders that earned.
    pub earned: Vec<EarnedOrder>,
    /// Points of campaigns that returned goods gave back.
    pub given_back: Vec<GivenBack>,
    /// Postings that were made by hand.
    pub adjusted: Vec<Adjusted>,
    /// What gave points besides orders and days, or was heard of in vain.
    pub sourced: Vec<Sourced>,
    /// Postings that have another half in the account of another member.
    pub transfers: Vec<Side>,
    /// What orders count for goals.
    pub counted: Vec<Counted>,
    /// What orders that counted before count now.
    pub recounted: Vec<Counted>,
    /// Goals of which that may change what follows.
    pub goals_due: BTreeSet<Uuid>,
}

/// An order that earned, as it is kept beside its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarnedOrder {
    /// The order.
    pub order: OrderId,
    /// The first part of its name.
    pub source: String,
    /// What was bought.
    pub purchase: Purchase,
    /// When, by the business.
    pub effective_time: Timestamp,
    /// The member as he was before.
    pub member: MemberFacts,
    /// What its capped and carrying rules gave.
    pub grants: Vec<Grant>,
    /// What it came to in the campaigns of its time.
    pub shares: Vec<CampaignShare>,
}

/// Points of a campaign that returned goods gave back to its budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenBack {
    /// The order.
    pub order: OrderId,
    /// The campaign's slug.
    pub campaign: String,
    /// With this return.
    pub points: Points,
    /// In all, of this order.
    pub in_all: Points,
}

impl Changes {
    /// Whether the account's own row is different.
    pub fn moves_totals(&self) -> bool {
        !self.entries.is_empty() || !self.orders.is_empty()
    }

    /// Whether one of the new entries opened this lot.
    pub fn opened(&self, lot: LotId) -> bool {
        self.entries.first().is_some_and(|first| first.number <= lot.0)
    }
}

/// What the entries of one posting have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Posting {
    number: i64,
    now: Timestamp,
    effective: Timestamp,
    order: Option<OrderId>,
    hold: Option<HoldId>,
    until: Option<Timestamp>,
}

impl Posting {
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn number(&self) -> i64 {
        self.number
    }

    pub(crate) fn about_order(mut self, order: Option<OrderId>) -> Self {
        self.order = order;
        self
    }

    /// It is about a hold, until that times out.
    pub(crate) fn about_hold(mut self, hold: HoldId, until: Option<Timestamp>) -> Self {
        self.hold = Some(hold);
        self.until = until;
        self
    }

    pub(crate) fn not_before(mut self, at: Timestamp) -> Self {
        self.effective = self.effective.max(at);
        self
    }
}

/// A part of a debit: what it took from one lot, or from the deficit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draw {
    /// The lot; `None` for the deficit.
    pub lot: Option<LotId>,
    /// How many points.
    pub points: Points,
}

/// The points of several draws.
pub(crate) fn drawn(draws: &[Draw]) -> Points {
    draws.iter().map(|draw| draw.points).sum()
}

/// Takes `points` off what was drawn, last drawn first, as far as it goes. Says what was drawn from where.
pub(crate) fn undraw(draws: &mut Vec<Draw>, points: Points) -> Vec<Draw> {
    let mut left = points;
    let mut undone = Vec::new();
    while left.is_positive() {
        let Some(last) = draws.last_mut() else { break };
        let take = last.points.min(left);
        undone.push(Draw { points: take, ..*last });
        last.points -= take;
        left -= take;
        if last.points.is_zero() {
            draws.pop();
        }
    }
    undone
}

/// One movement: what, from where to where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Movement {
    pub kind: EntryKind,
    pub from: LedgerAccount,
    pub to: LedgerAccount,
}

pub(crate) const fn movement(kind: EntryKind, from: LedgerAccount, to: LedgerAccount) -> Movement {
    Movement { kind, from, to }
}

impl Account {
    /// The account of a new member.
    pub fn open(member: MemberId, customer: CustomerId, program: ProgramId, organization: OrganizationId) -> Self {
        Self {
            member,
            customer,
            program,
            organization,
            totals: Totals::default(),
            last_entry: 0,
            chain: ChainHash::START,
            last_activity: None,
            lots: BTreeMap::new(),
            complete: true,
            holds: BTreeMap::new(),
            orders: BTreeMap::new(),
            standing: Standing::default(),
            told: Told::default(),
            ranking: None,
            referred: false,
            counted: Vec::new(),
            kin: None,
            erased: false,
            tenure: None,
            changes: Changes::default(),
        }
    }

    /// The active points that are not held, less the deficit, at `at`.
    pub fn available(&self, at: Timestamp) -> Points {
        let active = self.lots.values().filter(|lot| lot.is_active(at));
        active.map(|lot| lot.open).sum::<Points>() - self.totals.deficit
    }

    /// What changed since the account was loaded, for the store to write.
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    pub(crate) fn posting(&self, effective: Timestamp, now: Timestamp) -> Posting {
        Posting { number: self.last_entry + 1, now, effective, order: None, hold: None, until: None }
    }

    /// Moves points of one lot, or of the deficit alone.
    pub(crate) fn shift(&mut self, posting: Posting, what: Movement, lot: Option<LotId>, points: Points) {
        if points.is_positive() {
            self.record(posting, what, lot, points, None, posting.until);
        }
    }

    /// Sets from when to when a lot is good.
    pub(crate) fn date(
        &mut self,
        posting: Posting,
        kind: EntryKind,
        lot: LotId,
        active_from: Option<Timestamp>,
        expires_at: Option<Timestamp>,
    ) {
        let open = self.lot(lot).open;
        let what = movement(kind, LedgerAccount::Open, LedgerAccount::Open);
        self.record(posting, what, Some(lot), open, active_from, expires_at);
    }

    /// Opens a lot.
    pub(crate) fn credit(
        &mut self,
        posting: Posting,
        what: Movement,
        points: Points,
        active_from: Option<Timestamp>,
        expires_at: Option<Timestamp>,
        sliding: bool,
    ) -> LotId {
        let entry = self.entry(posting, what, None, points, active_from, expires_at);
        let lot = Lot::opened_by(&entry, sliding);
        let id = lot.id;
        self.lots.insert(id, lot);
        self.push(Entry { lot: Some(id), ..entry });
        id
    }

    /// An order's record, to change it; made where there is none.
    pub(crate) fn record_of(&mut self, order: &OrderName) -> &mut OrderRecord {
        let id = OrderId::from(order);
        self.changes.orders.insert(id);
        self.orders.entry(id).or_insert_with(|| {
            self.changes.new_orders.insert(id);
            OrderRecord::new(order.clone())
        })
    }

    /// A lot that must be there.
    pub(crate) fn lot(&self, id: LotId) -> &Lot {
        self.lots.get(&id).expect("the lots that a command touches are loaded before it is decided")
    }

    /// The same, to change what entries do not say of it.
    pub(crate) fn lot_mut(&mut self, id: LotId) -> &mut Lot {
        self.changes.lots.insert(id);
        self.lots.get_mut(&id).expect("the lots that a command touches are loaded before it is decided")
    }

    /// The ids of the lots that `pick` picks, sorted by `key`.
    pub(crate) fn pick<K: Ord>(&self, pick: impl Fn(&Lot) -> bool, key: impl Fn(&Lot) -> K) -> Vec<LotId> {
        let mut lots: Vec<&Lot> = self.lots.values().filter(|lot| pick(lot)).collect();
        lots.sort_by_key(|lot| key(lot));
        lots.into_iter().map(|lot| lot.id).collect()
    }

    /// Takes `points` from the open points of lots in this order, as far as they go. Says what came from where.
    pub(crate) fn drain(&mut self, posting: Posting, what: Movement, lots: Vec<LotId>, points: Points) -> Vec<Draw> {
        let mut left = points;
        let mut draws = Vec::new();
        for id in lots {
            let take = self.lot(id).open.min(left);
            if take.is_positive() {
                self.shift(posting, what, Some(id), take);
                draws.push(Draw { lot: Some(id), points: take });
                left -= take;
            }
        }
        draws
    }

    fn record(
        &mut self,
        posting: Posting,
        what: Movement,
        lot: Option<LotId>,
        points: Points,
        active_from: Option<Timestamp>,
        expires_at: Option<Timestamp>,
    ) {
        let entry = self.entry(posting, what, lot, points, active_from, expires_at);
        self.push(entry);
    }

    fn entry(
        &self,
        posting: Posting,
        what: Movement,
        lot: Option<LotId>,
        points: Points,
        active_from: Option<Timestamp>,
        expires_at: Option<Timestamp>,
    ) -> Entry {
        Entry {
            number: self.last_entry + 1,
            posting: posting.number,
            kind: what.kind,
            from: what.from,
            to: what.to,
            points,
            lot,
            order: posting.order,
            hold: posting.hold,
            effective_time: posting.effective,
            create_time: posting.now,
            active_from,
            expires_at,
            hash: None,
        }
    }

    fn push(&mut self, mut entry: Entry) {
        self.last_entry = entry.number;
        self.chain = self.chain.after(self.member, &entry);
        entry.hash = Some(self.chain);
        self.totals.apply(&entry);
        if let Some(id) = entry.lot {
            self.lot_mut(id).apply(&entry);
        }
        self.changes.entries.push(entry);
    }
}
