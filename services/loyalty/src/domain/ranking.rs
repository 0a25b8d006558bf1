//! What an account knows of its member's tier, and how what its commands did counts for it. An order that was earned just
//! now is added to what is counted; whatever changes the past, as a return does, counts everything anew.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_kernel::{Refusal, Refused};
use jiff::Timestamp;
use jiff::civil::Date;
use thiserror::Error;

use super::account::Account;
use super::entry::{Entry, EntryKind, LedgerAccount, OrderId};
use super::ladder::{Amount, Base, Granted, Ladder, Standing};
use super::lot::LotId;
use super::order::OrderRecord;
use super::program::{Program, ProgramId};
use super::tier::{Basis, Calendar, TierPolicy};

/// A member's tier, as it is kept, and what is needed to change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranking {
    /// When he joined.
    pub joined: Timestamp,
    /// Where he stands; `None` where nothing is kept of him yet.
    pub ladder: Option<Ladder>,
    /// What he has; `None` where it was never worked out, and without tiers.
    pub standing: Option<Standing>,
    /// The same as it was kept, and told.
    pub told: Option<Standing>,
    /// The version of the terms of tiers that the ladder was counted by.
    pub terms: i64,
    /// How often it changed.
    pub version: i64,
    /// What ever counted, where that was loaded: then everything is counted anew.
    pub history: Option<History>,
    /// What counts besides: of those who are one person with the member.
    pub beside: Vec<Amount>,
    /// Whether it is different from what is kept.
    pub changed: bool,
    /// How many of the account's new entries and new orders are counted.
    counted: (usize, usize),
}

/// Everything that can count for a tier, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// The orders that earned; empty where the balance counts.
    pub orders: BTreeMap<OrderId, OrderCount>,
    /// The ledger's entries, in order; empty unless the balance counts.
    pub entries: Vec<Entry>,
}

/// What of an order can count for a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderCount {
    /// When it was, by the business.
    pub effective_time: Timestamp,
    /// From when its points are active; `None` while they wait, or where there are none.
    pub active_from: Option<Timestamp>,
    /// What it earned, less what was due back.
    pub points: i64,
    /// What its goods cost in the end, less what came back, in minor units.
    pub value_minor: i64,
}

impl Ranking {
    /// Of a member of whom nothing is kept.
    pub fn new(joined: Timestamp) -> Self {
        Self::kept(joined, None, None, 0, 0)
    }

    /// As it is kept.
    pub fn kept(joined: Timestamp, ladder: Option<Ladder>, told: Option<Standing>, terms: i64, version: i64) -> Self {
        let (standing, counted) = (told.clone(), (0, 0));
        Self {
            joined,
            ladder,
            standing,
            told,
            terms,
            version,
            history: None,
            beside: Vec::new(),
            changed: false,
            counted,
        }
    }

    /// Whether something that counts from `at` can be added to what is kept under these terms.
    pub fn takes(&self, program: &Program, at: Timestamp) -> bool {
        self.terms == program.terms.tiers_version && self.ladder.as_ref().is_some_and(|ladder| ladder.takes(at))
    }

    /// The tier as it was last worked out.
    pub fn tier(&self) -> Option<&str> {
        self.standing.as_ref()?.tier.as_deref()
    }

    /// From what everything is counted anew: where the terms changed, from what he had under those before.
    fn base(&self, program: &Program, now: Timestamp) -> Option<Base> {
        let ladder = self.ladder.as_ref()?;
        if self.terms == program.terms.tiers_version {
            return ladder.base.clone();
        }
        Some(Base { at: now, place: ladder.place.clone() })
    }
}

/// How many tiers that are not over a member may have been given.
pub const MAX_GRANTS: usize = 20;

/// Why a tier is not given.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GrantError {
    /// The program has none.
    #[error("{program} has no tiers")]
    NoTiers {
        /// The program.
        program: ProgramId,
    },
    /// The program has no such tier.
    #[error("the program has no tier {tier:?}")]
    UnknownTier {
        /// The tier.
        tier: String,
    },
    /// It would be over already.
    #[error("{until} is before today, {today}")]
    Past {
        /// Through when it was to be given.
        until: Date,
        /// Today, in the program's zone.
        today: Date,
    },
    /// The member was given too many.
    #[error("the member was given {MAX_GRANTS} tiers that are not over")]
    TooMany,
}

impl Refusal for GrantError {
    fn refusal(&self) -> Refused {
        match self {
            Self::NoTiers { program } => {
                Refused::precondition("PROGRAM_WITHOUT_TIERS", self.to_string()).with("program", program)
            }
            Self::UnknownTier { .. } => Refused::invalid("tier", "TIER_UNKNOWN", self.to_string()),
            Self::Past { .. } => Refused::invalid("until_date", "DATE_PAST", self.to_string()),
            Self::TooMany => {
                Refused::precondition("TIER_GRANTS_TOO_MANY", self.to_string()).with("maximum", MAX_GRANTS)
            }
        }
    }
}

impl Program {
    /// The days of a member who joined at `joined`.
    pub fn calendar(&self, joined: Timestamp) -> Calendar {
        Calendar { zone: self.zone.clone(), joined }
    }
}

impl Account {
    /// Works the member's tier out anew at `now`, after a command. Does nothing where it was not loaded.
    pub fn rank(&mut self, program: &Program, now: Timestamp) {
        let Some(mut ranking) = self.ranking.take() else { return };
        let before = (ranking.ladder.clone(), ranking.terms);
        let standing = match &program.terms.tiers {
            Some(policy) => {
                let mut ladder = self.ladder(&ranking, program, policy, now);
                let standing = ladder.standing(policy, now);
                (ranking.ladder, ranking.terms) = (Some(ladder), program.terms.tiers_version);
                Some(standing)
            }
            None => {
                (ranking.ladder, ranking.terms) = (None, program.terms.tiers_version);
                None
            }
        };
        ranking.counted = (self.changes.entries.len(), self.changes.earned.len());
        ranking.changed |= (&ranking.ladder, ranking.terms) != (&before.0, before.1) || standing != ranking.told;
        ranking.standing = standing;
        self.ranking = Some(ranking);
    }

    /// The member's tier at `at`, before what a command then adds; `None` below the lowest and where it was not loaded.
    pub(crate) fn tier_at(&self, program: &Program, at: Timestamp, now: Timestamp) -> Option<String> {
        let policy = program.terms.tiers.as_ref()?;
        let mut ladder = self.ladder(self.ranking.as_ref()?, program, policy, at.min(now));
        ladder.standing(policy, at.min(now)).tier
    }

    /// Gives the member a tier through a local day, beside those that he was given before. Works it out at `now`.
    ///
    /// # Errors
    /// [`GrantError`]; nothing is changed then.
    pub fn grant_tier(
        &mut self,
        program: &Program,
        tier: &str,
        until: Date,
        now: Timestamp,
    ) -> Result<Granted, GrantError> {
        let Some(policy) = &program.terms.tiers else {
            return Err(GrantError::NoTiers { program: program.id.clone() });
        };
        self.rank(program, now);
        let ranking = self.ranking.as_mut();
        let Some(ladder) = ranking.and_then(|ranking| ranking.ladder.as_mut()) else {
            return Err(GrantError::NoTiers { program: program.id.clone() });
        };
        let calendar = program.calendar(ladder.joined);
        if policy.named(tier).is_none() {
            return Err(GrantError::UnknownTier { tier: tier.to_owned() });
        }
        let Some(end) = calendar.end(until).filter(|end| *end > now) else {
            return Err(GrantError::Past { until, today: calendar.day(now) });
        };
        if ladder.grants.len() >= MAX_GRANTS {
            return Err(GrantError::TooMany);
        }
        let granted = Granted { tier: tier.to_owned(), from: micro(now), until: end };
        ladder.grant(granted.clone());
        if let Some(ranking) = &mut self.ranking {
            ranking.changed = true;
        }
        self.rank(program, now);
        Ok(granted)
    }

    /// Where the member stands at `at`.
    fn ladder(&self, ranking: &Ranking, program: &Program, policy: &TierPolicy, at: Timestamp) -> Ladder {
        let calendar = program.calendar(ranking.joined);
        let kept = ranking.ladder.clone();
        let mut ladder = match (&ranking.history, kept) {
            (None, Some(mut kept)) if ranking.terms == program.terms.tiers_version => {
                for amount in self.new_amounts(ranking, policy.basis) {
                    kept.add(amount);
                }
                kept.advance(policy, &calendar, at);
                return kept;
            }
            (history, kept) => {
                let mut amounts = self.amounts(policy.basis, history.as_ref());
                amounts.extend(ranking.beside.iter().copied());
                let mut anew = Ladder::count(policy, &calendar, ranking.base(program, at), amounts, at);
                anew.grants = kept.map(|kept| kept.grants).unwrap_or_default();
                anew
            }
        };
        ladder.grants.retain(|granted| policy.named(&granted.tier).is_some());
        ladder
    }

    /// What counts of this account alone.
    pub(crate) fn own_amounts(&self, basis: Basis) -> Vec<Amount> {
        self.amounts(basis, self.ranking.as_ref().and_then(|ranking| ranking.history.as_ref()))
    }

    /// What the commands since the last look added.
    fn new_amounts(&self, ranking: &Ranking, basis: Basis) -> Vec<Amount> {
        let (entries, earned) = ranking.counted;
        match basis {
            Basis::Spend => {
                let new = self.changes.earned.iter().skip(earned);
                new.map(|order| Amount { at: micro(order.effective_time), amount: order.purchase.value_minor() })
                    .collect()
            }
            Basis::PointsEarned => {
                let new = self.changes.entries.iter().skip(entries);
                // What an order kept is counted once, however many of its lots become active.
                let mut activated = BTreeSet::new();
                let mut amount = |entry: &Entry| {
                    let (order, at) = (entry.order?, micro(entry.active_from?));
                    let record = self.orders.get(&order).filter(|record| !record.is_award())?;
                    record.earned.map(|_| ())?;
                    let points = match entry.kind {
                        EntryKind::Earn => entry.points.get(),
                        EntryKind::Activate if activated.insert((order, at)) => record.kept_points(),
                        _ => return None,
                    };
                    Some(Amount { at, amount: points })
                };
                new.filter_map(&mut amount).collect()
            }
            Basis::Balance => Vec::new(),
        }
    }

    /// Everything that counts.
    fn amounts(&self, basis: Basis, history: Option<&History>) -> Vec<Amount> {
        let none = History::default();
        let history = history.unwrap_or(&none);
        if basis == Basis::Balance {
            let entries: Vec<&Entry> = history.entries.iter().chain(&self.changes.entries).collect();
            return balances(&entries);
        }
        let mut orders = history.orders.clone();
        let lots: BTreeMap<OrderId, Option<Timestamp>> =
            self.lots.values().filter_map(|lot| Some((lot.order?, lot.active_from))).collect();
        for (id, record) in self.orders.iter().filter(|(_, record)| record.earned.is_some()) {
            let new = self.changes.earned.iter().find(|earned| earned.order == *id).map(|new| new.effective_time);
            let Some(effective_time) = new.or_else(|| Some(orders.get(id)?.effective_time)) else { continue };
            orders.insert(
                *id,
                OrderCount::of(record, effective_time, orders.get(id).and_then(|order| order.active_from)),
            );
        }
        for (id, order) in &mut orders {
            order.active_from = lots.get(id).copied().unwrap_or(order.active_from);
        }
        let amount = |order: &OrderCount| match basis {
            Basis::Spend => Some(Amount { at: micro(order.effective_time), amount: order.value_minor }),
            _ => Some(Amount { at: micro(order.active_from?), amount: order.points }),
        };
        orders.values().filter_map(amount).collect()
    }
}

impl OrderCount {
    /// Of an order that earned.
    pub fn of(record: &OrderRecord, effective_time: Timestamp, active_from: Option<Timestamp>) -> Self {
        Self { effective_time, active_from, points: record.kept_points(), value_minor: record.value_minor() }
    }
}

/// A moment as databases keep it: in microseconds.
fn micro(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// What a balance was made of: each entry from when its lot is active. What is taken back for an order counts from when the
/// order's points did, as if they had never been.
fn balances(entries: &[&Entry]) -> Vec<Amount> {
    let mut begins = BTreeMap::<LotId, (i64, Timestamp)>::new();
    let mut lot_of = BTreeMap::<OrderId, LotId>::new();
    for entry in entries {
        if let (EntryKind::Earn | EntryKind::Activate, Some(lot)) = (entry.kind, entry.lot) {
            if let Some(from) = entry.active_from {
                // One that had begun before only began earlier than thought.
                begins.entry(lot).and_modify(|begun| begun.1 = from).or_insert((entry.number, from));
            }
            lot_of.extend(entry.order.filter(|_| entry.kind == EntryKind::Earn).map(|order| (order, lot)));
        }
    }
    let amount = |entry: &&Entry| {
        let mut at = entry.effective_time;
        let mut amount = of_member(entry.to) - of_member(entry.from);
        if let Some(lot) = entry.lot {
            let (number, from) = *begins.get(&lot)?;
            if entry.number < number {
                return None;
            }
            if entry.kind == EntryKind::Activate && entry.number == number {
                amount = 1;
            }
            at = at.max(from);
        }
        if matches!(entry.kind, EntryKind::Reverse | EntryKind::Restore) {
            let own = entry.order.and_then(|order| begins.get(lot_of.get(&order)?));
            at = own.map_or(at, |(_, from)| *from);
        }
        Some(Amount { at: micro(at), amount: amount * entry.points.get() })
    };
    entries.iter().filter_map(amount).collect()
}

/// Whether points there are part of the balance.
fn of_member(account: LedgerAccount) -> i64 {
    i64::from(matches!(account, LedgerAccount::Open | LedgerAccount::Held | LedgerAccount::Deficit))
}
