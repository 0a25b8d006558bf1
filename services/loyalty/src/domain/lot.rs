//! Lots: a credit of points with its own activation and expiry. A debit takes the soonest expiry first, then the oldest;
//! what never expires goes last.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::{Entry, EntryKind, LedgerAccount, OrderId};
use super::points::Points;

/// The id of a lot within its member: the number of the entry that opened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LotId(pub i64);

/// One credit of points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// Its id.
    pub id: LotId,
    /// The order that earned it; `None` where no order did.
    pub order: Option<OrderId>,
    /// What was credited.
    pub points: Points,
    /// What is left and not held.
    pub open: Points,
    /// What is set aside.
    pub held: Points,
    /// What expired of it, or was cancelled.
    pub expired: Points,
    /// What of it paid a deficit.
    pub covered: Points,
    /// What the reversal of its order took from elsewhere, since it had been spent here, and has not been given back.
    pub borrowed: Points,
    /// What the reversal of its order could not take anywhere: the first points that come back are taken for it.
    pub owed: Points,
    /// When it was earned, by the business.
    pub effective_time: Timestamp,
    /// From when it can be spent; `None` while it waits for delivery.
    pub active_from: Option<Timestamp>,
    /// The first instant at which it cannot any more; `None` where it never does. While it waits for delivery: when it is
    /// cancelled, if ever.
    pub expires_at: Option<Timestamp>,
    /// Whether later earnings and spends move its expiry.
    pub sliding: bool,
}

impl Lot {
    /// The lot that an entry opens, still empty: the entry fills it when it is applied.
    pub fn opened_by(entry: &Entry, sliding: bool) -> Self {
        Self {
            id: LotId(entry.number),
            order: entry.order,
            points: entry.points,
            open: Points::ZERO,
            held: Points::ZERO,
            expired: Points::ZERO,
            covered: Points::ZERO,
            borrowed: Points::ZERO,
            owed: Points::ZERO,
            effective_time: entry.effective_time,
            active_from: None,
            expires_at: None,
            sliding,
        }
    }

    /// What one entry about this lot does to it.
    pub fn apply(&mut self, entry: &Entry) {
        use LedgerAccount::{Breakage, Deficit, Held, Open};
        for (account, points) in [(entry.from, -entry.points), (entry.to, entry.points)] {
            match account {
                Open => self.open += points,
                Held => self.held += points,
                Breakage => self.expired += points,
                Deficit if entry.from == Open || entry.to == Open => self.covered += points,
                _ => {}
            }
        }
        if entry.opens_lot() || matches!(entry.kind, EntryKind::Activate | EntryKind::Extend) {
            self.active_from = entry.active_from;
            self.expires_at = entry.expires_at;
        }
    }

    /// Whether its activation has come by `at` and its expiry, if it has one, has not.
    pub fn is_active(&self, at: Timestamp) -> bool {
        self.has_begun(at) && !self.has_expired(at)
    }

    /// Whether its activation has come by `at`.
    pub fn has_begun(&self, at: Timestamp) -> bool {
        self.active_from.is_some_and(|from| from <= at)
    }

    /// Whether its expiry has come by `at`. Validity is half-open.
    pub fn has_expired(&self, at: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires| expires <= at)
    }

    /// Whether it still waits at `at` for its activation.
    pub fn waits(&self, at: Timestamp) -> bool {
        !self.has_begun(at) && !self.has_expired(at)
    }

    /// Whether a delivery at `at` makes it active, or active earlier; `until` is when a time-out makes its order's lots active.
    pub fn awaits_delivery(&self, at: Timestamp, until: Option<Timestamp>) -> bool {
        match self.active_from {
            None => !self.has_expired(at),
            Some(from) => until == Some(from) && at < from,
        }
    }

    /// The order in which debits take lots.
    pub fn consumption_order(&self) -> (Timestamp, Timestamp, LotId) {
        (self.expires_at.unwrap_or(Timestamp::MAX), self.effective_time, self.id)
    }

    /// The order in which lots became credits that pay a deficit.
    pub fn credit_order(&self) -> (Timestamp, LotId) {
        (self.active_from.unwrap_or(Timestamp::MAX), self.id)
    }
}
