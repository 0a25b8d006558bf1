//! Returns where several members are one person, or were when an order was paid: divided as the payment was. What paid for the
//! order goes back first; what the order's own account no longer has of the points to take back, the others give it, slice by
//! slice as in a transfer, before the program's policy decides.

use std::sync::Arc;

use guanxi_kernel::name::MemberId;
use jiff::Timestamp;

use super::entry::OrderId;
use super::joint::Sides;
use super::ledger::{Book, Command, LedgerError, Outcome};
use super::order::RecordedLine;
use super::points::Points;
use super::program::Program;
use super::returns::{Return, Returned};

impl Book {
    pub(super) fn return_jointly(
        &mut self,
        sides: &Sides,
        program: &Arc<Program>,
        given: &Return,
        now: Timestamp,
    ) -> Result<Outcome, LedgerError> {
        let order = OrderId::from(&given.order);
        let record = |side: &MemberId| self.accounts.get(side).and_then(|account| account.orders.get(&order));
        let earner = sides.ever.iter().find(|side| record(side).is_some_and(|record| record.earned.is_some())).copied();
        let lines = earner.as_ref().and_then(record).map(|record| record.detail.lines.clone()).unwrap_or_default();
        let mut payers: Vec<MemberId> = sides.ever.iter().filter(|side| record(side).is_some()).copied().collect();
        payers.retain(|side| Some(*side) != earner);
        if payers.is_empty() && earner.is_none() {
            payers.push(sides.named);
        }
        let mut done = Returned { refunded: Points::ZERO, reversed: Points::ZERO, waived: Points::ZERO };
        for side in payers.into_iter().chain(earner) {
            if Some(side) == earner {
                self.lend(side, sides, program, given, now)?;
            } else if let Some(record) = self.account(side)?.orders.get_mut(&order) {
                // What was paid comes back line by line: by the lines that the earner knows.
                let bought = |line: &RecordedLine| RecordedLine { earned: Points::ZERO, ..line.clone() };
                record.detail.lines = lines.iter().map(bought).collect();
            }
            if let Outcome::Returned(part, _) = self.on(side, sides, program, &Command::Return(given.clone()), now)? {
                done.refunded += part.refunded;
                done.reversed += part.reversed;
                done.waived += part.waived;
            }
        }
        Ok(Outcome::Returned(done, self.balance_of(sides.now.clone(), now)))
    }

    /// What a return is going to take back, and the account no longer has, others give it who are one person with its member.
    fn lend(
        &mut self,
        earner: MemberId,
        sides: &Sides,
        program: &Arc<Program>,
        given: &Return,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let kin = self.accounts.get(&earner).and_then(|account| account.kin.clone());
        let now_one: Vec<MemberId> = kin.map(|kin| kin.now.iter().copied().collect()).unwrap_or_default();
        let lenders: Vec<MemberId> = now_one.into_iter().filter(|other| *other != earner).collect();
        if lenders.is_empty() {
            return Ok(());
        }
        self.settle_all(&lenders, now);
        let mut trial = Book { programs: self.programs.clone(), ..Book::default() };
        trial.returned.clone_from(&self.returned);
        trial.accounts.extend(self.accounts.get(&earner).map(|account| (earner, account.clone())));
        let owed = |book: &Book| book.accounts.get(&earner).map_or(Points::ZERO, |account| account.totals.deficit);
        let before = owed(&trial);
        // Where the return itself is refused, it will say so.
        let Ok(Outcome::Returned(done, _)) = trial.carry_out(earner, program, &Command::Return(given.clone()), now)
        else {
            return Ok(());
        };
        let short = done.waived + (owed(&trial) - before).or_zero();
        let from = Sides { named: earner, now: lenders.clone(), ever: sides.ever.clone() };
        let there = lenders.iter().filter_map(|side| self.accounts.get(side)).map(|side| side.available(now).or_zero());
        let lent = short.min(there.sum());
        for (lender, points) in self.split(&from, lent, now) {
            if points.is_positive() {
                self.move_points(lender, earner, points, now)?;
            }
        }
        Ok(())
    }
}
