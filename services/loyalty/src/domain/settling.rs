//! What time alone does to an account, in this order: waiting points become active, holds that timed out let go, active
//! points pay a deficit, points expire and waits in vain end. Whether points can be spent is decided by the clock, never by whether this ran:
//! each debit settles first, and the sweeping job only writes what is due.

use jiff::Timestamp;

use super::account::{Account, Posting, movement};
use super::entry::{EntryKind, LedgerAccount, OrderId};
use super::hold::HoldState;
use super::lot::LotId;
use super::points::Points;
use super::program::Program;

impl Account {
    /// The points of `order` that wait for delivery become active at `at`, where that is before the end of their wait: even
    /// those that time ended meanwhile, since it was thought that nothing was delivered. Needs all lots where waits have an
    /// end, and the order's record. Says how many there are.
    pub fn activate(&mut self, program: &Program, order: OrderId, at: Timestamp, now: Timestamp) -> Points {
        let record = self.orders.get(&order);
        let until = record.and_then(|record| record.detail.waits_until);
        let waiting = self.pick(|lot| lot.order == Some(order) && lot.awaits_delivery(at, until), |lot| lot.id);
        let expiries: Vec<_> =
            waiting.iter().map(|id| record.and_then(|record| record.own_expiry(*id)).cloned()).collect();
        let posting = self.posting(at, now).about_order(Some(order));
        let mut activated = Points::ZERO;
        let tier = self.tier_at(program, at, now);
        for (id, own) in waiting.into_iter().zip(expiries) {
            let lot = self.lot(id).clone();
            let (from, ended) = (at.max(lot.effective_time), lot.expires_at.unwrap_or(at));
            let back = movement(EntryKind::Unexpire, LedgerAccount::Breakage, LedgerAccount::Open);
            self.shift(posting.not_before(ended), back, Some(id), lot.expired);
            let open = self.lot(id).open;
            if open.is_positive() {
                // What slid since it became active without the delivery stays as far as it slid.
                let slid = lot.expires_at.filter(|_| lot.sliding && lot.has_begun(now));
                let expires_at = program.expires_at_in(own.as_ref(), tier.as_deref(), from);
                let expires_at = expires_at.map(|at| slid.map_or(at, |slid| slid.max(at)));
                self.date(posting, EntryKind::Activate, id, Some(from), expires_at);
            }
            activated += open;
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

    /// Points that came back into a lot past its date expire at once; of one that waits the date is when it is cancelled.
    pub(crate) fn expire_if_past(&mut self, posting: Posting, id: LotId) {
        let lot = self.lot(id);
        if let Some(at) = lot.expires_at.filter(|_| lot.has_expired(posting.now())) {
            let kind = if lot.active_from.is_some() { EntryKind::Expire } else { EntryKind::Cancel };
            let what = movement(kind, LedgerAccount::Open, LedgerAccount::Breakage);
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
