//! What time alone does to an account, in this order: waiting points become active, holds that timed out let go, active
//! points pay a deficit, points expire. Whether points can be spent is decided by the clock, never by whether this ran:
//! each debit settles first, and the sweeping job only writes what is due.

use jiff::Timestamp;

use super::account::{Account, Posting, movement};
use super::entry::{EntryKind, LedgerAccount, OrderId};
use super::hold::HoldState;
use super::lot::LotId;
use super::points::Points;
use super::program::Program;

impl Account {
    /// The points of `order` that wait for delivery become active at `at`. Says how many there are.
    pub fn activate(&mut self, program: &Program, order: OrderId, at: Timestamp, now: Timestamp) -> Points {
        let waiting = self.pick(|lot| lot.order == Some(order) && lot.active_from.is_none(), |lot| lot.id);
        let posting = self.posting(at, now).about_order(Some(order));
        let mut activated = Points::ZERO;
        let tier = self.tier_at(program, at, now);
        for id in waiting {
            let from = at.max(self.lot(id).effective_time);
            activated += self.lot(id).open;
            self.date(posting, EntryKind::Activate, id, Some(from), program.expires_at_in(tier.as_deref(), from));
        }
        self.cover(posting);
        activated
    }

    /// Lets go the holds that timed out by `now`, then pays the deficit with what is active.
    pub fn settle(&mut self, now: Timestamp) {
        let due = |hold: &super::hold::Hold| hold.state == HoldState::Placed && hold.expire_time <= now;
        let mut holds: Vec<_> = self.holds.values().filter(|hold| due(hold)).map(|h| (h.expire_time, h.id)).collect();
        holds.sort_unstable();
        for (at, id) in holds {
            let posting = self.posting(at, now);
            self.resolve(posting, id, Points::ZERO, HoldState::TimedOut, at);
        }
        let posting = self.posting(now, now);
        self.cover(posting);
    }

    /// Writes the expiry of every loaded lot that is past it. Held points stay good until their hold ends. Doing it again
    /// changes nothing.
    pub fn expire(&mut self, now: Timestamp) -> Points {
        self.settle(now);
        let due = self.pick(|lot| lot.open.is_positive() && lot.has_expired(now), |lot| lot.consumption_order());
        let mut expired = Points::ZERO;
        for id in due {
            let at = self.lot(id).expires_at.unwrap_or(now);
            expired += self.lot(id).open;
            let posting = self.posting(at, now);
            self.expire_if_past(posting, id);
        }
        expired
    }

    /// Points that came back into a lot past its date expire at once.
    pub(crate) fn expire_if_past(&mut self, posting: Posting, id: LotId) {
        let lot = self.lot(id);
        if let Some(at) = lot.expires_at.filter(|_| lot.has_expired(posting.now())) {
            let what = movement(EntryKind::Expire, LedgerAccount::Open, LedgerAccount::Breakage);
            let (points, order) = (lot.open, lot.order);
            self.shift(posting.about_order(order).not_before(at), what, Some(id), points);
        }
    }

    /// Pays the deficit with active points, first credit first.
    pub(crate) fn cover(&mut self, posting: Posting) {
        if self.totals.deficit.is_positive() {
            let now = posting.now();
            let lots = self.pick(|lot| lot.open.is_positive() && lot.is_active(now), |lot| lot.credit_order());
            let what = movement(EntryKind::Cover, LedgerAccount::Open, LedgerAccount::Deficit);
            let deficit = self.totals.deficit;
            self.drain(posting, what, lots, deficit);
        }
    }
}
