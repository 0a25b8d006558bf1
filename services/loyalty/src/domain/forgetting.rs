//! What becomes of an account whose member asks to be forgotten: nobody can spend its points any more, so they are taken, as if
//! by hand; what is set aside is let go first. What was earned, spent and owed stays as it was, of nobody.

use jiff::Timestamp;

use super::account::{Account, movement};
use super::adjusting::Adjusted;
use super::entry::{EntryKind, LedgerAccount};
use super::hold::HoldState;
use super::points::Points;

/// What is kept as the reason of such a posting.
pub const FORGOTTEN: &str = "CUSTOMER_ERASED";

impl Account {
    /// Takes everything that is left, what waits included. Needs the open lots and placed holds. Says how many points.
    pub fn forget(&mut self, now: Timestamp) -> Points {
        self.expire(now);
        let placed: Vec<_> =
            self.holds.values().filter(|hold| hold.state == HoldState::Placed).map(|hold| hold.id).collect();
        for id in placed {
            let posting = self.posting(now, now);
            self.resolve(posting, id, Points::ZERO, HoldState::Voided, now);
        }
        // What was held past its date has expired with that.
        let posting = self.posting(now, now);
        let what = movement(EntryKind::AdjustDebit, LedgerAccount::Open, LedgerAccount::Adjusted);
        let lots = self.pick(|lot| lot.open.is_positive(), |lot| lot.consumption_order());
        let open: Points = lots.iter().map(|lot| self.lot(*lot).open).sum();
        self.drain(posting, what, lots, open);
        if open.is_positive() {
            let (reason, subject) = (FORGOTTEN.to_owned(), "loyalty".to_owned());
            let taken = Adjusted { posting: posting.number(), points: -open, reason, subject, create_time: now };
            self.changes.adjusted.push(taken);
        }
        open
    }
}
