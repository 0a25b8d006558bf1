//! The ledger's commands, and the one function that decides many of them together: those that arrived while the last
//! batch was committing, in their order, on accounts that were loaded once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{OrderName, Refusal, Refused, Uuid};
use jiff::Timestamp;
use thiserror::Error;

use super::account::Account;
use super::adjusting::{Adjust, AdjustError};
use super::balance::Balance;
use super::earning::Budgets;
use super::entry::{HoldId, OrderId};
use super::hold::{Hold, HoldError, PlaceHold};
use super::lot::Lot;
use super::points::Points;
use super::program::{Program, ProgramId};
use super::redemption::{SpendError, Spent};
use super::returns::{Return, ReturnError, Returned};
use super::source::{Gives, Source};
use super::spending::{Earn, EarnError, Earned, Insufficient, Spend};
use super::transfer::{Transfer, TransferError, Transferred, transfer};

/// Something to do to a member's points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Credit what an order earns.
    Earn(Earn),
    /// Spend.
    Spend(Spend),
    /// Set aside.
    PlaceHold(PlaceHold),
    /// Spend what was set aside; `None` means all of it.
    CaptureHold(HoldId, Option<Points>),
    /// Let go what was set aside.
    VoidHold(HoldId),
    /// Give back and take back for returned goods.
    Return(Return),
    /// Credit or take by hand.
    Adjust(Adjust),
    /// Give to another member.
    Transfer(Transfer),
    /// Credit what something else than an order gives: once for each name; the second time nothing is credited.
    Hear(Source),
    /// An order's last shipment was delivered: its points become active.
    Activate(OrderName, Timestamp),
    /// Write what time did: timed out holds, expired lots.
    Sweep,
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// What an order earned, and the lot.
    Earned(Earned, Option<Lot>),
    /// How many were spent, what they pay, and what is left.
    Spent(Spent, Balance),
    /// The hold as it is now, and what is left.
    Held(Hold, Balance),
    /// What a return did, and what is left.
    Returned(Returned, Balance),
    /// What was credited by hand, or taken where it is negative; the lot of a credit; and what is left.
    Adjusted(Points, Option<Lot>, Balance),
    /// What was given to another member, and what is left.
    Transferred(Transferred, Balance),
    /// How many points something gave.
    Heard(Points),
    /// How many points became active.
    Activated(Points),
    /// How many points expired.
    Swept(Points),
}

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LedgerError {
    /// There is no such member.
    #[error("{0} does not exist")]
    UnknownMember(MemberId),
    /// An order does not earn.
    #[error(transparent)]
    Earn(#[from] EarnError),
    /// A debit that the balance does not cover.
    #[error(transparent)]
    Insufficient(#[from] Insufficient),
    /// Points are not spent.
    #[error(transparent)]
    Spend(#[from] SpendError),
    /// A hold is not resolved.
    #[error(transparent)]
    Hold(#[from] HoldError),
    /// A return is refused.
    #[error(transparent)]
    Return(#[from] ReturnError),
    /// An adjustment is refused.
    #[error(transparent)]
    Adjust(#[from] AdjustError),
    /// Points are not given.
    #[error(transparent)]
    Transfer(#[from] TransferError),
}

impl Refusal for LedgerError {
    fn refusal(&self) -> Refused {
        match self {
            Self::UnknownMember(member) => Refused::not_found("member", member),
            Self::Earn(error) => error.refusal(),
            Self::Insufficient(error) => error.refusal(),
            Self::Spend(error) => error.refusal(),
            Self::Hold(error) => error.refusal(),
            Self::Return(error) => error.refusal(),
            Self::Adjust(error) => error.refusal(),
            Self::Transfer(error) => error.refusal(),
        }
    }
}

/// Which lots a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lots {
    /// None: the totals are enough.
    None,
    /// Those with open or held points, and the holds that are placed.
    Open,
    /// All.
    All,
}

impl Command {
    /// The lots it needs; a plain credit none, unless their expiry slides with it.
    pub fn lots(&self, program: &Program) -> Lots {
        match self {
            Self::Earn(_) if program.terms.expiry.is_sliding() => Lots::Open,
            Self::Earn(_) | Self::Hear(Source { gives: Gives::ByRules(_), .. }) => Lots::None,
            Self::Return(_) => Lots::All,
            _ => Lots::Open,
        }
    }

    /// The order whose record it needs.
    pub fn order(&self) -> Option<OrderId> {
        match self {
            Self::Earn(earn) => Some(OrderId::from(&earn.order)),
            Self::Spend(spend) => spend.order.as_ref().map(OrderId::from),
            Self::Return(given) => Some(OrderId::from(&given.order)),
            Self::Activate(order, _) => Some(OrderId::from(order)),
            Self::PlaceHold(_) | Self::CaptureHold(..) | Self::VoidHold(_) => None,
            Self::Adjust(_) | Self::Transfer(_) | Self::Hear(_) | Self::Sweep => None,
        }
    }

    /// When what it credits by rules was, by the business.
    pub fn earns_at(&self) -> Option<Timestamp> {
        match self {
            Self::Earn(earn) => Some(earn.effective_time),
            Self::Hear(Source { gives: Gives::ByRules(_), at, .. }) => Some(*at),
            _ => None,
        }
    }

    /// What it hears of.
    pub fn source(&self) -> Option<&Source> {
        match self {
            Self::Hear(source) => Some(source),
            _ => None,
        }
    }

    /// The hold that it needs.
    pub fn hold(&self) -> Option<HoldId> {
        match self {
            Self::CaptureHold(hold, _) | Self::VoidHold(hold) => Some(*hold),
            _ => None,
        }
    }

    /// The other member whose account it needs, for a credit: nothing of it but the totals.
    pub fn receiver(&self) -> Option<MemberId> {
        match self {
            Self::Transfer(transfer) => Some(transfer.to),
            _ => None,
        }
    }

    /// The order whose returned lines it needs.
    pub fn returned_order(&self) -> Option<OrderId> {
        match self {
            Self::Return(given) => Some(OrderId::from(&given.order)),
            _ => None,
        }
    }
}

/// The accounts of a batch, with what its commands need of them, and their programs.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// The accounts by member.
    pub accounts: BTreeMap<MemberId, Account>,
    /// Their programs.
    pub programs: BTreeMap<ProgramId, Arc<Program>>,
    /// What campaigns of the programs can still give: those that cover an order of the batch.
    pub budgets: Budgets,
    /// When the last shipment was delivered, of orders whose was.
    pub delivered: BTreeMap<OrderId, Timestamp>,
    /// The lines that returns named before.
    pub returned: BTreeMap<(MemberId, OrderId, String), Vec<i32>>,
    /// The sources that members were given by before, by their keys.
    pub heard: BTreeSet<(MemberId, Uuid)>,
}

impl Book {
    /// Decides one command. A refused one leaves the account as it was, but for what time had done already.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn decide(&mut self, member: MemberId, command: &Command, now: Timestamp) -> Result<Outcome, LedgerError> {
        let account = self.accounts.get(&member).ok_or(LedgerError::UnknownMember(member))?;
        let program = Arc::clone(self.programs.get(&account.program).ok_or(LedgerError::UnknownMember(member))?);
        let decided = self.carry_out(member, &program, command, now);
        if let Some(account) = self.accounts.get_mut(&member) {
            account.rank(&program, now);
        }
        decided
    }

    fn carry_out(
        &mut self,
        member: MemberId,
        program: &Program,
        command: &Command,
        now: Timestamp,
    ) -> Result<Outcome, LedgerError> {
        let account = self.accounts.get_mut(&member).ok_or(LedgerError::UnknownMember(member))?;
        match command {
            Command::Earn(earn) => {
                let delivered = self.delivered.get(&OrderId::from(&earn.order)).copied();
                let earned = account.earn(program, earn, delivered, &mut self.budgets, now)?;
                let lot = earned.lot.map(|lot| account.lot(lot).clone());
                Ok(Outcome::Earned(earned, lot))
            }
            Command::Spend(spend) => {
                let spent = account.redeem(program, spend, now)?;
                Ok(Outcome::Spent(spent, account.balance(now)))
            }
            Command::PlaceHold(hold) => {
                account.place_hold(program, hold, now)?;
                held(account, hold.id, now)
            }
            Command::CaptureHold(hold, points) => {
                account.capture_hold(program, *hold, *points, now)?;
                held(account, *hold, now)
            }
            Command::VoidHold(hold) => {
                account.void_hold(*hold, now)?;
                held(account, *hold, now)
            }
            Command::Return(given) => {
                let key = (member, OrderId::from(&given.order), given.return_id.clone());
                let seen = self.returned.entry(key).or_default();
                let before = account.changes.returns.len();
                let returned = account.return_order(program, given, seen, now)?;
                seen.extend(account.changes.returns[before..].iter().map(|(_, _, line)| line));
                Ok(Outcome::Returned(returned, account.balance(now)))
            }
            Command::Adjust(adjust) => {
                let (points, lot) = account.adjust(program, adjust, now)?;
                let lot = lot.map(|lot| account.lot(lot).clone());
                Ok(Outcome::Adjusted(points, lot, account.balance(now)))
            }
            Command::Hear(source) => {
                let key = (member, source.name.key());
                if self.heard.contains(&key) {
                    return Ok(Outcome::Heard(Points::ZERO));
                }
                let points = account.hear(program, source, &mut self.budgets, now)?;
                self.heard.insert(key);
                Ok(Outcome::Heard(points))
            }
            Command::Transfer(given) => self.transfer(member, given, now),
            Command::Activate(order, at) => {
                Ok(Outcome::Activated(account.activate(program, OrderId::from(order), *at, now)))
            }
            Command::Sweep => Ok(Outcome::Swept(account.expire(now))),
        }
    }

    fn transfer(&mut self, member: MemberId, given: &Transfer, now: Timestamp) -> Result<Outcome, LedgerError> {
        if member == given.to {
            return Err(TransferError::OwnAccount(member).into());
        }
        let mut sender = self.accounts.remove(&member).ok_or(LedgerError::UnknownMember(member))?;
        let receiver = self.accounts.get_mut(&given.to).ok_or(LedgerError::UnknownMember(given.to));
        let done = receiver.and_then(|receiver| Ok(transfer(&mut sender, receiver, given.points, now)?));
        let left = sender.balance(now);
        self.accounts.insert(member, sender);
        Ok(Outcome::Transferred(done?, left))
    }
}

fn held(account: &Account, hold: HoldId, now: Timestamp) -> Result<Outcome, LedgerError> {
    let unknown = || HoldError::Unknown { member: account.member, hold };
    Ok(Outcome::Held(account.holds.get(&hold).ok_or_else(unknown)?.clone(), account.balance(now)))
}
