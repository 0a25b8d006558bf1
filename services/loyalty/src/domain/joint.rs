//! What a command means where several members are one person. Their accounts stay apart: each keeps its own ledger, lots,
//! holds and orders, and a command is divided into commands for them. So a merge moves nothing, what is compensated leaves
//! everything where it belongs, and what one of them spent is what was drawn from his own lots.
//!
//! - A fact (an order, a credit) goes to the account of the name that it was told under.
//! - A debit takes from the lots of all, in the order in which it would take them if they were one account's.
//! - A return is divided as the payment was. What the order's own account no longer has of the points to take back, the
//!   others give it, slice by slice as in a transfer, before the program's policy decides.
//! - Caps, conditions and tiers count what all of them have.
//! - What one owes counts against what the others have, and is not paid with it.
//!
//! Who was one person once may still share a hold or an order with those he was: those are resolved as they were made.

use std::sync::Arc;

use guanxi_kernel::name::MemberId;
use jiff::Timestamp;

use super::account::Account;
use super::adjusting::{Adjust, Direction};
use super::balance::Balance;
use super::entry::{HoldId, OrderId, Totals};
use super::facts::MemberFacts;
use super::facts::Told;
use super::hold::{Hold, HoldError, HoldState, PlaceHold};
use super::ledger::{Book, Command, LedgerError, Outcome};
use super::lot::LotId;
use super::person::Kin;
use super::points::Points;
use super::program::{OverdraftPolicy, Program};
use super::redemption::Spent;
use super::spending::{Insufficient, Spend};
use super::tenure::Tenure;
use super::transfer::{Giveable, Transfer, TransferError, Transferred, transfer};

/// The accounts that a command may be about.
#[derive(Debug, Clone)]
pub(super) struct Sides {
    /// Which name was called.
    pub(super) named: MemberId,
    /// Who are one person, by id.
    pub(super) now: Vec<MemberId>,
    /// Who ever were.
    pub(super) ever: Vec<MemberId>,
}

impl Book {
    /// A member and everyone who is, or was, one person with him.
    pub(crate) fn acquainted(&self, member: MemberId) -> Vec<MemberId> {
        match self.accounts.get(&member).and_then(|account| account.kin.as_ref()) {
            Some(kin) => kin.ever.iter().copied().collect(),
            None => vec![member],
        }
    }

    /// The member whose name goes on for a person, whatever name was called.
    pub fn survivor(&self, member: MemberId) -> MemberId {
        let kin = self.accounts.get(&member).and_then(|account| account.kin.as_ref());
        kin.map_or(member, |kin| kin.survivor)
    }

    /// What a spend may take, of the member and of those who are one person with him.
    ///
    /// # Errors
    /// [`LedgerError::UnknownMember`].
    pub fn spendable(&self, member: MemberId, now: Timestamp) -> Result<Points, LedgerError> {
        let unknown = || LedgerError::UnknownMember(member);
        let account = self.accounts.get(&member).ok_or_else(unknown)?;
        let program = self.programs.get(&account.program).ok_or_else(unknown)?;
        match &account.kin {
            None => Ok(account.spendable(program, now)),
            Some(kin) => Ok(self.spendable_of(program, &kin.now.iter().copied().collect::<Vec<_>>(), now)),
        }
    }

    fn spendable_of(&self, program: &Program, sides: &[MemberId], now: Timestamp) -> Points {
        let available: Points =
            sides.iter().filter_map(|side| self.accounts.get(side)).map(|side| side.available(now)).sum();
        (available + program.terms.overdraft.allowance()).or_zero()
    }

    /// The balance of several accounts.
    pub fn balance_of(&self, sides: impl IntoIterator<Item = MemberId>, now: Timestamp) -> Balance {
        let accounts = sides.into_iter().filter_map(|side| self.accounts.get(&side));
        accounts.map(|account| account.balance(now)).fold(Balance::default(), Balance::plus)
    }

    /// What conditions may ask of a person, called by one of his names.
    pub fn joint_facts(
        &self,
        member: MemberId,
        program: &Program,
        at: Timestamp,
        now: Timestamp,
    ) -> Option<MemberFacts> {
        let mut account = self.accounts.get(&member)?.clone();
        account.ranking = self.joint_ranking(member, program);
        if let Some(kin) = &mut account.kin {
            let others = kin.now.iter().filter(|other| **other != member).filter_map(|other| self.accounts.get(other));
            let (told, tenure) = (&mut account.told, &mut account.tenure);
            kin.beside = others.fold(Totals::default(), |sum, other| {
                told.join(&other.told);
                *tenure = Tenure::joint(*tenure, other.known_tenure());
                sum.plus(other.totals)
            });
        }
        Some(account.facts_at(program, at, now))
    }

    /// Decides one command for a member who is, or was, one person with others. What is refused changes nothing.
    pub(super) fn decide_jointly(
        &mut self,
        member: MemberId,
        command: &Command,
        now: Timestamp,
    ) -> Result<Outcome, LedgerError> {
        let unknown = || LedgerError::UnknownMember(member);
        let account = self.accounts.get(&member).ok_or_else(unknown)?;
        let program = Arc::clone(self.programs.get(&account.program).ok_or_else(unknown)?);
        let there = |member: &&MemberId| self.accounts.contains_key(*member);
        let kin = account.kin.as_ref().ok_or_else(unknown)?;
        let sides = Sides {
            named: member,
            now: kin.now.iter().filter(there).copied().collect(),
            ever: kin.ever.iter().filter(there).copied().collect(),
        };
        let touched = sides.ever.iter().copied().chain(command.receiver());
        let before: Vec<Account> = touched.filter_map(|member| self.accounts.get(&member).cloned()).collect();
        let (budgets, returned, heard) = (self.budgets.clone(), self.returned.clone(), self.heard.clone());
        let decided = self.divide(&sides, &program, command, now);
        if decided.is_err() {
            self.accounts.extend(before.into_iter().map(|account| (account.member, account)));
            (self.budgets, self.returned, self.heard) = (budgets, returned, heard);
        }
        self.rank_all(&sides.ever, &program, now);
        decided
    }

    fn divide(
        &mut self,
        sides: &Sides,
        program: &Arc<Program>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Outcome, LedgerError> {
        match command {
            Command::Earn(earn) => {
                let order = OrderId::from(&earn.order);
                let has = |side: &&MemberId| {
                    let record = self.accounts.get(*side).and_then(|account| account.orders.get(&order));
                    record.is_some_and(|record| record.earned.is_some() || record.returned_whole)
                };
                // It earned under another name, or came back: the account that knows says so.
                let side = sides.ever.iter().find(has).copied().unwrap_or(sides.named);
                let outcome = self.on(side, sides, program, command, now)?;
                self.slide_others(sides, &[side], program, earn.effective_time, now);
                Ok(outcome)
            }
            Command::Hear(source) => {
                let key = source.name.key();
                if sides.ever.iter().any(|side| self.heard.contains(&(*side, key))) {
                    return Ok(Outcome::Heard(Points::ZERO));
                }
                self.on(sides.named, sides, program, command, now)
            }
            Command::Spend(spend) => self.spend_jointly(sides, program, spend, now),
            Command::PlaceHold(hold) => self.hold_jointly(sides, program, hold, now),
            Command::CaptureHold(id, points) => self.capture_jointly(sides, program, *id, *points, now),
            Command::VoidHold(id) => {
                let holding = self.holding(sides, *id);
                for side in &holding {
                    self.account(*side)?.void_hold(*id, now)?;
                }
                self.held(sides, &holding, *id, now)
            }
            Command::Return(given) => self.return_jointly(sides, program, given, now),
            Command::Adjust(adjust) => match adjust.direction {
                Direction::Credit { .. } => {
                    let outcome = self.on(sides.named, sides, program, command, now)?;
                    let Outcome::Adjusted(points, lot, _) = outcome else { return Ok(outcome) };
                    Ok(Outcome::Adjusted(points, lot, self.balance_of(sides.now.clone(), now)))
                }
                Direction::Debit { clamp } => self.debit_jointly(sides, program, adjust, clamp, now),
            },
            Command::Transfer(given) => self.transfer_jointly(sides, given, now),
            Command::Activate(..) => {
                let mut activated = Points::ZERO;
                for side in sides.ever.clone() {
                    if let Outcome::Activated(points) = self.on(side, sides, program, command, now)? {
                        activated += points;
                    }
                }
                Ok(Outcome::Activated(activated))
            }
            Command::Sweep => {
                let mut expired = Points::ZERO;
                for side in &sides.now {
                    expired += self.account(*side)?.expire(now);
                }
                Ok(Outcome::Swept(expired))
            }
        }
    }

    pub(super) fn account(&mut self, member: MemberId) -> Result<&mut Account, LedgerError> {
        self.accounts.get_mut(&member).ok_or(LedgerError::UnknownMember(member))
    }

    /// Carries a command out on one account, which for the while knows of its rules, tier and totals what all of them have.
    pub(super) fn on(
        &mut self,
        side: MemberId,
        sides: &Sides,
        program: &Arc<Program>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Outcome, LedgerError> {
        let others = || sides.now.iter().filter(|other| **other != side && sides.now.contains(&side));
        let beside = others().filter_map(|other| self.accounts.get(other));
        let beside = beside.fold(Totals::default(), |sum, other| sum.plus(other.totals));
        let gave: Vec<_> =
            others().filter_map(|other| self.accounts.get(other)).map(|other| other.standing.clone()).collect();
        let ranking = self.accounts.get(&side).and_then(|account| account.ranking.clone());
        let joint = self.joint_ranking(side, program);
        let (mut told, mut tenure) = (Told::default(), None);
        for other in others().filter_map(|other| self.accounts.get(other)) {
            told.join(&other.told);
            tenure = Tenure::joint(tenure, other.known_tenure());
        }
        let account = self.account(side)?;
        let (own, own_told, own_tenure) = (account.standing.clone(), account.told.clone(), account.tenure);
        account.told.join(&told);
        account.tenure = Tenure::joint(account.tenure, tenure);
        gave.iter().for_each(|gave| account.standing.join(gave));
        account.ranking = joint;
        if let Some(kin) = &mut account.kin {
            kin.beside = beside;
        }
        let outcome = self.carry_out(side, program, command, now);
        let account = self.account(side)?;
        account.ranking = ranking;
        (account.standing, account.told, account.tenure) = (own, own_told, own_tenure);
        if let Ok(Outcome::Earned(earned, _)) = &outcome {
            earned.earning.grants.iter().for_each(|grant| account.standing.add(grant));
        }
        if let (Command::Hear(_), Ok(_)) = (command, &outcome) {
            let grants = account.changes.sourced.last().map(|sourced| sourced.grants.clone()).unwrap_or_default();
            grants.iter().for_each(|grant| account.standing.add(grant));
        }
        outcome
    }

    /// How `points` are taken from the lots of all, in the order in which one account would; what they do not cover is the
    /// named one's to owe.
    pub(super) fn split(&self, sides: &Sides, points: Points, now: Timestamp) -> Vec<(MemberId, Points)> {
        let accounts = sides.now.iter().filter_map(|side| self.accounts.get(side));
        let mut lots: Vec<_> = accounts
            .flat_map(|account| account.lots.values().map(move |lot| (account.member, lot)))
            .filter(|(_, lot)| lot.open.is_positive() && lot.is_active(now))
            .collect();
        lots.sort_by_key(|(member, lot)| (lot.consumption_order(), *member));
        let mut left = points;
        let mut shares = std::collections::BTreeMap::<MemberId, Points>::new();
        for (member, lot) in lots {
            let take = lot.open.min(left);
            if take.is_positive() {
                *shares.entry(member).or_default() += take;
                left -= take;
            }
        }
        if left.is_positive() || shares.is_empty() {
            *shares.entry(sides.named).or_default() += left;
        }
        shares.into_iter().collect()
    }

    pub(super) fn settle_all(&mut self, sides: &[MemberId], now: Timestamp) {
        for side in sides {
            if let Some(account) = self.accounts.get_mut(side) {
                account.settle(now);
            }
        }
    }

    /// An earning or spend of one moves what slides of all.
    fn slide_others(&mut self, sides: &Sides, done: &[MemberId], program: &Program, at: Timestamp, now: Timestamp) {
        for side in sides.now.iter().filter(|side| !done.contains(side)) {
            if let Some(account) = self.accounts.get_mut(side).filter(|_| program.terms.expiry.is_sliding()) {
                let posting = account.posting(at, now);
                account.slide(program, posting, at);
            }
        }
    }

    fn spend_jointly(
        &mut self,
        sides: &Sides,
        program: &Program,
        spend: &Spend,
        now: Timestamp,
    ) -> Result<Outcome, LedgerError> {
        self.settle_all(&sides.now, now);
        let available = self.spendable_of(program, &sides.now, now);
        let (asked, paid_minor) = program.price(spend, available)?;
        let clamps = spend.clamp || program.terms.overdraft == OverdraftPolicy::Clamp;
        let points = if clamps { asked.min(available) } else { asked };
        if points > available {
            return Err(Insufficient { asked, available }.into());
        }
        let mut spent = Points::ZERO;
        let mut done = Vec::new();
        if !asked.is_zero() {
            for (side, points) in self.split(sides, points, now) {
                // A share is what the account has, or may owe: it clamps only where there is nothing at all.
                let clamp = points.is_zero();
                let share = Spend { points, clamp, order_amount: None, ..spend.clone() };
                spent += self.account(side)?.spend(program, &share, now)?;
                done.push(side);
            }
            self.slide_others(sides, &done, program, now, now);
        }
        Ok(Outcome::Spent(Spent { points: spent, paid_minor }, self.balance_of(sides.now.clone(), now)))
    }

    fn hold_jointly(
        &mut self,
        sides: &Sides,
        program: &Program,
        hold: &PlaceHold,
        now: Timestamp,
    ) -> Result<Outcome, LedgerError> {
        self.settle_all(&sides.now, now);
        let available = self.spendable_of(program, &sides.now, now);
        if hold.points > available {
            return Err(Insufficient { asked: hold.points, available }.into());
        }
        let mut holding = Vec::new();
        for (side, points) in self.split(sides, hold.points, now) {
            self.account(side)?.place_hold(program, &PlaceHold { points, ..hold.clone() }, now)?;
            holding.push(side);
        }
        self.held(sides, &holding, hold.id, now)
    }

    /// Whose accounts have a part of a hold; where nobody's has, the named one will say that there is none.
    fn holding(&self, sides: &Sides, id: HoldId) -> Vec<MemberId> {
        let has = |side: &&MemberId| self.accounts.get(*side).is_some_and(|account| account.holds.contains_key(&id));
        let holding: Vec<MemberId> = sides.ever.iter().filter(has).copied().collect();
        if holding.is_empty() { vec![sides.named] } else { holding }
    }

    fn capture_jointly(
        &mut self,
        sides: &Sides,
        program: &Program,
        id: HoldId,
        points: Option<Points>,
        now: Timestamp,
    ) -> Result<Outcome, LedgerError> {
        let holding = self.holding(sides, id);
        self.settle_all(&holding, now);
        let mut parts = Vec::new();
        for side in &holding {
            let Some((account, hold)) = self.accounts.get(side).and_then(|one| Some((one, one.holds.get(&id)?))) else {
                continue;
            };
            let of = hold.parts.iter().filter(|_| hold.state == HoldState::Placed);
            parts.extend(of.map(|part| {
                let lot = part.lot.map(|lot| account.lot(lot).consumption_order());
                let last = (Timestamp::MAX, Timestamp::MAX, LotId(i64::MAX));
                ((lot.is_none(), lot.unwrap_or(last)), *side, part.points)
            }));
        }
        parts.sort();
        let held: Points = parts.iter().map(|(_, _, points)| *points).sum();
        let asked = points.unwrap_or(held);
        let placed = !parts.is_empty();
        if placed && asked > held {
            return Err(HoldError::Exceeds { asked, held }.into());
        }
        let mut left = asked;
        let mut shares = std::collections::BTreeMap::<MemberId, Points>::new();
        for (_, side, points) in parts {
            let take = points.min(left);
            *shares.entry(side).or_default() += take;
            left -= take;
        }
        for side in &holding {
            let share = shares.get(side).copied().unwrap_or(Points::ZERO);
            self.account(*side)?.capture_hold(program, id, Some(share), now)?;
        }
        self.slide_others(sides, &holding, program, now, now);
        self.held(sides, &holding, id, now)
    }

    /// A hold as all its parts make it.
    fn held(&self, sides: &Sides, holding: &[MemberId], id: HoldId, now: Timestamp) -> Result<Outcome, LedgerError> {
        let parts = holding.iter().filter_map(|side| self.accounts.get(side)?.holds.get(&id));
        let whole = parts.cloned().reduce(|whole, part| Hold {
            points: whole.points + part.points,
            captured: whole.captured + part.captured,
            parts: Vec::new(),
            ..whole
        });
        let unknown = || HoldError::Unknown { member: sides.named, hold: id };
        Ok(Outcome::Held(whole.ok_or_else(unknown)?, self.balance_of(sides.now.clone(), now)))
    }

    pub(super) fn move_points(
        &mut self,
        from: MemberId,
        to: MemberId,
        points: Points,
        now: Timestamp,
    ) -> Result<Transferred, LedgerError> {
        let mut sender = self.accounts.remove(&from).ok_or(LedgerError::UnknownMember(from))?;
        let receiver = self.accounts.get_mut(&to).ok_or(LedgerError::UnknownMember(to));
        let done = receiver.and_then(|receiver| Ok(transfer(&mut sender, receiver, points, now)?));
        self.accounts.insert(from, sender);
        done
    }

    fn debit_jointly(
        &mut self,
        sides: &Sides,
        program: &Program,
        adjust: &Adjust,
        clamp: bool,
        now: Timestamp,
    ) -> Result<Outcome, LedgerError> {
        self.settle_all(&sides.now, now);
        let available = self.spendable_of(program, &sides.now, now);
        let clamps = clamp || program.terms.overdraft == OverdraftPolicy::Clamp;
        let points = if clamps { adjust.points.min(available) } else { adjust.points };
        if points > available {
            return Err(super::adjusting::AdjustError::from(Insufficient { asked: adjust.points, available }).into());
        }
        let mut moved = Points::ZERO;
        for (side, points) in self.split(sides, points, now) {
            let share = Adjust { points, direction: Direction::Debit { clamp: points.is_zero() }, ..adjust.clone() };
            moved += self.account(side)?.adjust(program, &share, now)?.0;
        }
        Ok(Outcome::Adjusted(moved, None, self.balance_of(sides.now.clone(), now)))
    }

    fn transfer_jointly(&mut self, sides: &Sides, given: &Transfer, now: Timestamp) -> Result<Outcome, LedgerError> {
        if sides.now.contains(&given.to) {
            return Err(TransferError::OwnAccount(sides.named).into());
        }
        self.account(given.to)?;
        self.settle_all(&sides.now, now);
        let accounts = sides.now.iter().filter_map(|side| self.accounts.get(side));
        let there = accounts.map(|account| account.giveable(now)).fold(Giveable::default(), Giveable::plus);
        there.covers(given.points)?;
        let mut lots = Vec::new();
        for (side, points) in self.split(sides, given.points, now) {
            lots.extend(self.move_points(side, given.to, points, now)?.lots);
        }
        Ok(Outcome::Transferred(Transferred { lots }, self.balance_of(sides.now.clone(), now)))
    }

    /// The tier of a person: what the one whose name goes on has, by what counts of all. `None` where it was not loaded.
    fn joint_ranking(&self, side: MemberId, program: &Program) -> Option<super::ranking::Ranking> {
        let account = self.accounts.get(&side)?;
        let Kin { now, survivor, .. } = account.kin.as_deref()?;
        let rankings = || now.iter().filter_map(|one| self.accounts.get(one)?.ranking.as_ref());
        let mut ranking = self.accounts.get(survivor).unwrap_or(account).ranking.clone()?;
        ranking.history = Some(account.ranking.as_ref()?.history.clone().unwrap_or_default());
        ranking.joined = rankings().map(|one| one.joined).min().unwrap_or(ranking.joined);
        let basis = program.terms.tiers.as_ref().map(|tiers| tiers.basis);
        let others = now.iter().filter(|other| **other != side).filter_map(|other| self.accounts.get(other));
        ranking.beside =
            basis.map(|basis| others.flat_map(|other| other.own_amounts(basis)).collect()).unwrap_or_default();
        Some(ranking)
    }

    /// Works out the tier of everyone among these, once for each person.
    pub(crate) fn rank_all(&mut self, members: &[MemberId], program: &Arc<Program>, now: Timestamp) {
        for member in members {
            let is_one = |account: &Account| account.kin.as_ref().is_none_or(|kin| kin.survivor == *member);
            if !self.accounts.get(member).is_some_and(is_one) {
                continue;
            }
            let joint = self.joint_ranking(*member, program);
            if let Some(account) = self.accounts.get_mut(member) {
                account.ranking = joint.or_else(|| account.ranking.take());
                account.rank(program, now);
            }
        }
    }
}
