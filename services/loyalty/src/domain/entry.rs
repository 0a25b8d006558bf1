//! Entries: the immutable lines of the double-entry ledger. Points go from one account to another, so every posting sums
//! to zero by construction; the lines of a debit over lots are its stored allocation.

use guanxi_kernel::{OrderName, Uuid};
use jiff::Timestamp;
use thiserror::Error;

use super::chain::ChainHash;
use super::lot::LotId;
use super::points::Points;

/// The key of an order: the natural id of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub Uuid);

impl From<&OrderName> for OrderId {
    fn from(order: &OrderName) -> Self {
        Self(order.uuid())
    }
}

/// The id of a hold within its member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldId(pub Uuid);

/// A text that is none of an enum's values: what a database held is not what this release knows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a known value")]
pub struct UnknownValue(pub String);

/// Declares an enum that is kept as a text.
macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$value_doc])* $value,)* }

        impl $name {
            /// Every value, as it is kept.
            pub const ALL: &'static [&'static str] = &[$($text),*];

            /// As it is kept.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::entry::UnknownValue;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text { $($text => Ok(Self::$value),)* _ => Err($crate::domain::entry::UnknownValue(text.to_owned())) }
            }
        }
    };
}
pub(crate) use text_enum;

text_enum! {
    /// What moved points.
    EntryKind {
        /// Points were credited.
        Earn = "EARN",
        /// Waiting points became active.
        Activate = "ACTIVATE",
        /// A lot's expiry was moved by a later earning or spend.
        Extend = "EXTEND",
        /// Points were spent.
        Spend = "SPEND",
        /// Points were set aside.
        Hold = "HOLD",
        /// Held points were spent.
        Capture = "CAPTURE",
        /// Held points were let go.
        Release = "RELEASE",
        /// Points expired.
        Expire = "EXPIRE",
        /// Waiting points are gone: their order was not delivered in time.
        Cancel = "CANCEL",
        /// Points of a returned order were taken back.
        Reverse = "REVERSE",
        /// Points spent on a returned order came back.
        Refund = "REFUND",
        /// Points that an order's reversal had taken here came back, since its own lot had them after all.
        Restore = "RESTORE",
        /// A credit paid a deficit.
        Cover = "COVER",
        /// Such a payment was undone by a return.
        Uncover = "UNCOVER",
        /// An expiry was undone: by a return, without which the points would have paid a deficit before they expired; or, a
        /// cancellation too, by a delivery in time that was told late.
        Unexpire = "UNEXPIRE",
        /// Points were credited by hand.
        AdjustCredit = "ADJUST_CREDIT",
        /// The same, to make good for something: no milestone counts them.
        Goodwill = "ADJUST_GOODWILL",
        /// Points were taken by hand.
        AdjustDebit = "ADJUST_DEBIT",
        /// Points went to another member.
        Send = "SEND",
        /// Points came from another member.
        Receive = "RECEIVE",
    }
}

text_enum! {
    /// An account of the ledger: the program's, and three of the member's.
    LedgerAccount {
        /// The program's: what it gave out.
        Issued = "ISSUED",
        /// The program's: what was spent.
        Redeemed = "REDEEMED",
        /// The program's: what expired, or was cancelled while it waited.
        Breakage = "BREAKAGE",
        /// The program's: what was credited by hand, less what was taken so.
        Adjusted = "ADJUSTED",
        /// The program's: what is on its way from one member to another. Both postings are one commit, so it holds nothing.
        Transit = "TRANSIT",
        /// The member's: points in lots, pending or active, that are not held.
        Open = "OPEN",
        /// The member's: points set aside.
        Held = "HELD",
        /// The member's: points owed.
        Deficit = "DEFICIT",
    }
}

/// One line of the ledger of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number within the member's ledger: dense, from 1.
    pub number: i64,
    /// The number of the first entry of its posting: what one command did.
    pub posting: i64,
    /// What moved the points.
    pub kind: EntryKind,
    /// From where.
    pub from: LedgerAccount,
    /// Where to; the same as `from` where nothing moves.
    pub to: LedgerAccount,
    /// How many.
    pub points: Points,
    /// The lot; `None` where a deficit alone moved.
    pub lot: Option<LotId>,
    /// The order that it is about.
    pub order: Option<OrderId>,
    /// The hold that it is about.
    pub hold: Option<HoldId>,
    /// When it happened, by the business.
    pub effective_time: Timestamp,
    /// When it was recorded.
    pub create_time: Timestamp,
    /// From when the lot can be spent, where this entry set it.
    pub active_from: Option<Timestamp>,
    /// When what this entry set ends: the lot's expiry, the wait of a lot that is cancelled then, or the hold's time-out.
    pub expires_at: Option<Timestamp>,
    /// Of this entry and all before it; `None` where it was recorded before there was a chain.
    pub hash: Option<ChainHash>,
}

impl Entry {
    /// Whether it opened its lot: a lot bears the number of the entry that did.
    pub fn opens_lot(&self) -> bool {
        self.lot == Some(LotId(self.number))
    }
}

/// What an account's entries add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// In lots, pending or active, and not held.
    pub open: Points,
    /// Set aside.
    pub held: Points,
    /// Owed.
    pub deficit: Points,
    /// Ever earned.
    pub earned: Points,
    /// Spent, less what came back.
    pub spent: Points,
    /// Expired or cancelled, less what was reversed, paid a deficit or was delivered after all.
    pub expired: Points,
    /// Taken back for returned orders, less what was restored.
    pub reversed: Points,
    /// Credited by hand, less what was taken so.
    pub adjusted: Points,
    /// Given to other members.
    pub sent: Points,
    /// Got from other members.
    pub received: Points,
}

impl Totals {
    /// Adds one entry.
    pub fn apply(&mut self, entry: &Entry) {
        match entry.from {
            LedgerAccount::Issued if entry.kind == EntryKind::Earn => self.earned += entry.points,
            LedgerAccount::Issued => self.reversed -= entry.points,
            LedgerAccount::Redeemed => self.spent -= entry.points,
            LedgerAccount::Breakage => self.expired -= entry.points,
            LedgerAccount::Adjusted => self.adjusted += entry.points,
            LedgerAccount::Transit => self.received += entry.points,
            LedgerAccount::Open => self.open -= entry.points,
            LedgerAccount::Held => self.held -= entry.points,
            LedgerAccount::Deficit => self.deficit += entry.points,
        }
        match entry.to {
            LedgerAccount::Issued => self.reversed += entry.points,
            LedgerAccount::Redeemed => self.spent += entry.points,
            LedgerAccount::Breakage => self.expired += entry.points,
            LedgerAccount::Adjusted => self.adjusted -= entry.points,
            LedgerAccount::Transit => self.sent += entry.points,
            LedgerAccount::Open => self.open += entry.points,
            LedgerAccount::Held => self.held += entry.points,
            LedgerAccount::Deficit => self.deficit -= entry.points,
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            open: self.open + other.open,
            held: self.held + other.held,
            deficit: self.deficit + other.deficit,
            earned: self.earned + other.earned,
            spent: self.spent + other.spent,
            expired: self.expired + other.expired,
            reversed: self.reversed + other.reversed,
            adjusted: self.adjusted + other.adjusted,
            sent: self.sent + other.sent,
            received: self.received + other.received,
        }
    }

    /// Everything that was ever credited, less what was taken by hand.
    pub fn credited(&self) -> Points {
        self.earned + self.adjusted + self.received
    }

    /// What must be zero: unheld + held + spent + expired + reversed + sent − deficit − credited.
    pub fn imbalance(&self) -> Points {
        let gone = self.spent + self.expired + self.reversed + self.sent;
        self.open + self.held + gone - self.deficit - self.credited()
    }
}
