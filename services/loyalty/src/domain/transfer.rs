//! Transfers: points that one member gives another of the same program. Every slice keeps its expiry, or giving points to
//! and fro would make them last; so what waits, is held or has expired cannot be given, nor can what is owed. Two postings,
//! one in each account, meet in the program's TRANSIT.
//!
//! To the sender it is a debit like a spend: the lines over his lots are the stored allocation, and a return of the order
//! that had earned the points takes others, or what the program says of a balance below zero. What was received stays.

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Refusal, Refused};
use jiff::Timestamp;
use thiserror::Error;

use super::account::{Account, movement};
use super::entry::{EntryKind, LedgerAccount};
use super::lot::{Lot, LotId};
use super::points::Points;
use super::program::ProgramId;
use super::spending::{EarnError, Insufficient};

/// Points to give another member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// To whom.
    pub to: MemberId,
    /// How many, at least 1.
    pub points: Points,
}

/// Which half of a transfer a posting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The sender's.
    Sent,
    /// The receiver's.
    Received,
}

/// A posting that is half of a transfer, as it is kept beside its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// Its number.
    pub posting: i64,
    /// Which half.
    pub way: Way,
    /// Whose account has the other half.
    pub other: MemberId,
    /// The number of that posting there.
    pub other_posting: i64,
    /// How many points.
    pub points: Points,
    /// When.
    pub create_time: Timestamp,
}

/// What a transfer did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transferred {
    /// The slices as they were received, in the order in which they were taken: one lot for each lot of the sender's.
    pub lots: Vec<Lot>,
}

/// Why points are not given.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransferError {
    /// Sender and receiver are one.
    #[error("{0} cannot give points to himself")]
    OwnAccount(MemberId),
    /// The receiver belongs to another program, and so perhaps to another organisation.
    #[error("the sender is a member of {from}, the receiver of {to}")]
    OtherProgram {
        /// The sender's.
        from: ProgramId,
        /// The receiver's.
        to: ProgramId,
    },
    /// What waits for activation would have to be given too.
    #[error("{asked} points asked, {available} available; {pending} more wait for activation and cannot be given")]
    Pending {
        /// What was asked.
        asked: Points,
        /// What can be given.
        available: Points,
        /// What waits.
        pending: Points,
    },
    /// What has expired would have to be given too.
    #[error("{asked} points asked, {available} available; {expired} have expired and cannot be given")]
    Expired {
        /// What was asked.
        asked: Points,
        /// What can be given.
        available: Points,
        /// What has expired.
        expired: Points,
    },
    /// There never were so many.
    #[error(transparent)]
    Insufficient(#[from] Insufficient),
    /// The receiver would have been credited beyond all bounds.
    #[error(transparent)]
    Full(#[from] EarnError),
}

impl Refusal for TransferError {
    fn refusal(&self) -> Refused {
        match self {
            Self::OwnAccount(member) => {
                Refused::precondition("TRANSFER_TO_SELF", self.to_string()).with("member", member)
            }
            Self::OtherProgram { from, to } => Refused::precondition("TRANSFER_BETWEEN_PROGRAMS", self.to_string())
                .with("program", from)
                .with("other", to),
            Self::Pending { asked, available, pending } => Refused::precondition("POINTS_PENDING", self.to_string())
                .with("asked", asked)
                .with("available", available)
                .with("pending", pending),
            Self::Expired { asked, available, expired } => Refused::precondition("POINTS_EXPIRED", self.to_string())
                .with("asked", asked)
                .with("available", available)
                .with("expired", expired),
            Self::Insufficient(error) => error.refusal(),
            Self::Full(error) => error.refusal(),
        }
    }
}

/// Gives points of one account to another. Needs the open lots of the sender, and of the receiver nothing but the totals.
///
/// # Errors
/// [`TransferError`]; nothing but what was due is changed then.
pub fn transfer(
    sender: &mut Account,
    receiver: &mut Account,
    points: Points,
    now: Timestamp,
) -> Result<Transferred, TransferError> {
    if sender.member == receiver.member {
        return Err(TransferError::OwnAccount(sender.member));
    }
    if sender.program != receiver.program {
        let (from, to) = (sender.program.clone(), receiver.program.clone());
        return Err(TransferError::OtherProgram { from, to });
    }
    sender.settle(now);
    sender.giveable(now).covers(points)?;
    if receiver.totals.credited() + points > Points::MAX_CREDITED {
        return Err(EarnError::AccountFull.into());
    }
    let (sending, receiving) = (sender.posting(now, now), receiver.posting(now, now));
    let send = movement(EntryKind::Send, LedgerAccount::Open, LedgerAccount::Transit);
    let receive = movement(EntryKind::Receive, LedgerAccount::Transit, LedgerAccount::Open);
    let mut received: Vec<LotId> = Vec::new();
    for draw in sender.debit(sending, send, points) {
        let lot = sender.lot(draw.lot.expect("no more is given than is in lots"));
        received.push(receiver.credit(receiving, receive, draw.points, Some(now), lot.expires_at, lot.sliding));
    }
    receiver.cover(receiving);
    let (from, to) = (sending.number(), receiving.number());
    let (other, create_time) = (receiver.member, now);
    sender.changes.transfers.push(Side {
        posting: from,
        way: Way::Sent,
        other,
        other_posting: to,
        points,
        create_time,
    });
    let other = sender.member;
    receiver.changes.transfers.push(Side {
        posting: to,
        way: Way::Received,
        other,
        other_posting: from,
        points,
        create_time,
    });
    Ok(Transferred { lots: received.into_iter().map(|lot| receiver.lot(lot).clone()).collect() })
}

/// What there is of an account that could be given away, and what is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Giveable {
    /// What can be given; below zero where more is owed.
    pub available: Points,
    /// What waits.
    pub pending: Points,
    /// What has expired.
    pub expired: Points,
}

impl Giveable {
    /// Of two accounts of one person.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            available: self.available + other.available,
            pending: self.pending + other.pending,
            expired: self.expired + other.expired,
        }
    }

    /// Whether so many points are there to be given away; if not, says what is in the way.
    pub(crate) fn covers(self, asked: Points) -> Result<(), TransferError> {
        let (available, Self { pending, expired, .. }) = (self.available.or_zero(), self);
        if asked <= available {
            Ok(())
        } else if asked <= available + pending {
            Err(TransferError::Pending { asked, available, pending })
        } else if asked <= available + pending + expired {
            Err(TransferError::Expired { asked, available, expired })
        } else {
            Err(Insufficient { asked, available }.into())
        }
    }
}

impl Account {
    /// What could be given away. A deficit was paid with what is active: there is none beside points that could be given.
    pub(crate) fn giveable(&self, now: Timestamp) -> Giveable {
        let of = |pick: fn(&Lot, Timestamp) -> bool| -> Points {
            self.lots.values().filter(|lot| pick(lot, now)).map(|lot| lot.open).sum()
        };
        Giveable {
            available: self.available(now),
            pending: of(Lot::waits),
            // Whether the sweeping job has written it already does not matter.
            expired: self.totals.expired + of(|lot, now| lot.has_begun(now) && lot.has_expired(now)),
        }
    }
}
