//! Holds: points set aside for a checkout that is not paid yet. Each resolves once: captured (in part or whole, the rest
//! is let go), voided, or timed out. A lot that expires while held stays good until its hold ends.

use std::fmt;

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{OrderName, Refusal, Refused};
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::account::{Account, Draw, Posting, drawn, movement, undraw};
use super::entry::{EntryKind, HoldId, LedgerAccount, OrderId, text_enum};
use super::points::Points;
use super::program::Program;
use super::spending::Insufficient;

/// For how long a hold is placed where nobody says otherwise.
pub const DEFAULT_TTL: SignedDuration = SignedDuration::from_mins(30);
/// For how long a hold may be placed at most.
pub const MAX_TTL: SignedDuration = SignedDuration::from_hours(7 * 24);

text_enum! {
    /// Where a hold stands.
    HoldState {
        /// Points are set aside.
        Placed = "PLACED",
        /// Spent, in part or whole.
        Captured = "CAPTURED",
        /// Let go by a call.
        Voided = "VOIDED",
        /// Let go by time.
        TimedOut = "TIMED_OUT",
    }
}

/// Points set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// Where it stands.
    pub state: HoldState,
    /// What it set aside.
    pub points: Points,
    /// What of it was spent.
    pub captured: Points,
    /// The order that it is for.
    pub order: Option<OrderName>,
    /// When it was placed.
    pub create_time: Timestamp,
    /// When it is let go by itself.
    pub expire_time: Timestamp,
    /// When it was resolved.
    pub resolve_time: Option<Timestamp>,
    /// Where its points came from; emptied when it is resolved.
    pub parts: Vec<Draw>,
}

/// Points to set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceHold {
    /// The new hold's id.
    pub id: HoldId,
    /// How many, at least 1.
    pub points: Points,
    /// The order that they are for.
    pub order: Option<OrderName>,
    /// For how long; cut to [`MAX_TTL`].
    pub ttl: SignedDuration,
}

/// Why a hold is not resolved.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HoldError {
    /// There is no such hold.
    #[error("{member}/holds/{} does not exist", hold.0)]
    Unknown {
        /// The member.
        member: MemberId,
        /// The hold.
        hold: HoldId,
    },
    /// It met another end before.
    #[error("the hold is already {}", AlreadyIs(*state))]
    Resolved {
        /// The end it met.
        state: HoldState,
    },
    /// More is asked than it holds.
    #[error("{asked} points asked of a hold of {held}")]
    Exceeds {
        /// What was asked.
        asked: Points,
        /// What it holds.
        held: Points,
    },
}

struct AlreadyIs(HoldState);

impl fmt::Display for AlreadyIs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            HoldState::Placed => "placed",
            HoldState::Captured => "captured",
            HoldState::Voided => "voided",
            HoldState::TimedOut => "timed out",
        })
    }
}

impl Refusal for HoldError {
    fn refusal(&self) -> Refused {
        match self {
            Self::Unknown { member, hold } => Refused::not_found("hold", format!("{member}/holds/{}", hold.0)),
            Self::Resolved { state } => Refused::precondition("HOLD_RESOLVED", self.to_string()).with("state", state),
            Self::Exceeds { asked, held } => {
                Refused::precondition("CAPTURE_EXCEEDS_HOLD", self.to_string()).with("asked", asked).with("held", held)
            }
        }
    }
}

impl Account {
    /// Sets points aside. Needs the open lots.
    ///
    /// # Errors
    /// [`Insufficient`] where they are not available; nothing but what was due is changed then.
    pub fn place_hold(&mut self, program: &Program, hold: &PlaceHold, now: Timestamp) -> Result<(), Insufficient> {
        self.settle(now);
        let available = self.spendable(program, now);
        if hold.points > available {
            return Err(Insufficient { asked: hold.points, available });
        }
        let expire_time = now.checked_add(hold.ttl.min(MAX_TTL)).unwrap_or(Timestamp::MAX);
        let posting = self.posting(now, now).about_order(hold.order.as_ref().map(OrderId::from));
        let posting = posting.about_hold(hold.id, Some(expire_time));
        let what = movement(EntryKind::Hold, LedgerAccount::Open, LedgerAccount::Held);
        let parts = self.debit(posting, what, hold.points);
        let placed = Hold {
            id: hold.id,
            state: HoldState::Placed,
            points: hold.points,
            captured: Points::ZERO,
            order: hold.order.clone(),
            create_time: now,
            expire_time,
            resolve_time: None,
            parts,
        };
        self.holds.insert(hold.id, placed);
        self.changes.holds.insert(hold.id);
        Ok(())
    }

    /// Spends what a hold set aside (`None`: all of it) and lets go the rest. Needs the hold, its lots, its order's
    /// record.
    ///
    /// # Errors
    /// [`HoldError`]; nothing but what was due is changed then.
    pub fn capture_hold(
        &mut self,
        program: &Program,
        id: HoldId,
        points: Option<Points>,
        now: Timestamp,
    ) -> Result<(), HoldError> {
        let held = self.placed(id, now)?;
        let captured = points.unwrap_or(held);
        if captured > held {
            return Err(HoldError::Exceeds { asked: captured, held });
        }
        let posting = self.posting(now, now);
        self.resolve(posting, id, captured, HoldState::Captured, now);
        self.slide(program, posting, now);
        Ok(())
    }

    /// Lets go what a hold set aside. Needs the hold and its lots.
    ///
    /// # Errors
    /// [`HoldError`]; nothing but what was due is changed then.
    pub fn void_hold(&mut self, id: HoldId, now: Timestamp) -> Result<(), HoldError> {
        self.placed(id, now)?;
        let posting = self.posting(now, now);
        self.resolve(posting, id, Points::ZERO, HoldState::Voided, now);
        Ok(())
    }

    /// What a hold that is still placed holds, once time has done its part.
    fn placed(&mut self, id: HoldId, now: Timestamp) -> Result<Points, HoldError> {
        self.settle(now);
        let hold = self.holds.get(&id).ok_or(HoldError::Unknown { member: self.member, hold: id })?;
        match hold.state {
            HoldState::Placed => Ok(hold.points),
            state => Err(HoldError::Resolved { state }),
        }
    }

    /// Ends a hold: `captured` of its points are spent, first drawn first; the rest goes back where it came from.
    pub(crate) fn resolve(&mut self, posting: Posting, id: HoldId, captured: Points, state: HoldState, at: Timestamp) {
        let Some(hold) = self.holds.get_mut(&id) else { return };
        hold.state = state;
        hold.captured = captured;
        hold.resolve_time = Some(at);
        let mut kept = std::mem::take(&mut hold.parts);
        let order = hold.order.clone();
        self.changes.holds.insert(id);
        let posting = posting.about_hold(id, None).about_order(order.as_ref().map(OrderId::from));
        let rest = drawn(&kept) - captured;
        let released = undraw(&mut kept, rest);
        let capture = movement(EntryKind::Capture, LedgerAccount::Held, LedgerAccount::Redeemed);
        for part in &kept {
            self.shift(posting, capture, part.lot, part.points);
        }
        if let Some(order) = order.filter(|_| captured.is_positive()) {
            self.record_of(&order).pay(kept);
        }
        for part in released {
            self.give_back(posting, EntryKind::Release, LedgerAccount::Held, part);
        }
        self.cover(posting);
    }
}
