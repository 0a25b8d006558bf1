//! Returns: what was spent on returned goods goes back to its lots, then what the goods earned is taken back: what is
//! pending or open of the order's own lot, what expired of it, what of it paid a deficit, then other lots; and where
//! there is nothing left the program's policy decides. A return is never refused for want of points.
//!
//! The law: if only time and credits came between, a full return, however split, leaves lots and deficit as if the order
//! had never been. After other debits the stored allocations decide.

use guanxi_kernel::{Kind, OrderName, Refusal, Refused};
use jiff::Timestamp;
use thiserror::Error;

use super::account::{Account, Draw, GivenBack, Movement, Posting, drawn, movement, undraw};
use super::entry::{EntryKind, LedgerAccount, OrderId};
use super::lot::{Lot, LotId};
use super::order::OrderRecord;
use super::points::Points;
use super::program::{OverdraftPolicy, Program};

/// What came back of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Return {
    /// The order.
    pub order: OrderName,
    /// The shop system's id of the return.
    pub return_id: String,
    /// What came back; none means all that has not come back yet.
    pub lines: Vec<ReturnedLine>,
    /// When.
    pub effective_time: Timestamp,
    /// Whether it is asked of us, or told.
    pub source: Source,
}

/// Whether a return can still be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A caller asks: what cannot be is refused.
    Asked,
    /// A fact of another service: what cannot be is cut to what can.
    Told,
}

/// What came back of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReturnedLine {
    /// The line's number.
    pub line: i32,
    /// How much.
    pub extent: Extent,
}

/// How much of a line came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// So many pieces.
    Quantity(i64),
    /// So much of its price, in minor units; cut to what is left of it.
    Amount(i64),
}

/// What a return did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Returned {
    /// Spent points that came back.
    pub refunded: Points,
    /// Earned points that were taken back, expired ones included.
    pub reversed: Points,
    /// Earned points that should have been, but were not there and may not be owed.
    pub waived: Points,
}

/// Why a return is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReturnError {
    /// The member has no such order.
    #[error("nothing is known of {order} for this member")]
    UnknownOrder {
        /// The order.
        order: OrderName,
    },
    /// The order has no such line.
    #[error("the order has no line {line}")]
    UnknownLine {
        /// The line.
        line: i32,
    },
    /// This return named this line before.
    #[error("return {return_id} of {order} is recorded")]
    AlreadyRecorded {
        /// The order.
        order: OrderName,
        /// The return.
        return_id: String,
    },
    /// More came back than was bought.
    #[error("{asked} of line {line} returned, {bought} bought, {returned} returned before")]
    Exceeds {
        /// The line.
        line: i32,
        /// What comes back.
        asked: i64,
        /// What was bought.
        bought: i64,
        /// What came back before.
        returned: i64,
    },
}

impl Refusal for ReturnError {
    fn refusal(&self) -> Refused {
        match self {
            Self::UnknownOrder { order } => Refused::not_found("order", order),
            Self::UnknownLine { .. } => Refused::invalid("lines", "LINE_UNKNOWN", self.to_string()),
            Self::AlreadyRecorded { order, return_id } => {
                Refused::new(Kind::AlreadyExists, "RETURN_ALREADY_RECORDED", self.to_string())
                    .with("order", order)
                    .with("return_id", return_id)
            }
            Self::Exceeds { line, asked, bought, returned } => {
                Refused::precondition("RETURN_EXCEEDS_PURCHASE", self.to_string())
                    .with("line", line)
                    .with("asked", asked)
                    .with("bought", bought)
                    .with("returned", returned)
            }
        }
    }
}

impl OrderRecord {
    /// Counts what came back. `seen` are the lines that this return named before.
    fn take_back(&mut self, given: &Return, seen: &[i32]) -> Result<Vec<i32>, ReturnError> {
        let recorded =
            || ReturnError::AlreadyRecorded { order: given.order.clone(), return_id: given.return_id.clone() };
        if given.lines.is_empty() {
            if seen.contains(&0) {
                return if given.source == Source::Asked { Err(recorded()) } else { Ok(Vec::new()) };
            }
            self.return_all();
            return Ok(vec![0]);
        }
        let mut lines = self.detail.lines.clone();
        let mut counted = Vec::new();
        for back in &given.lines {
            if seen.contains(&back.line) || seen.contains(&0) || counted.contains(&back.line) {
                match given.source {
                    Source::Asked => return Err(recorded()),
                    Source::Told => continue,
                }
            }
            let Some(line) = lines.iter_mut().find(|line| line.line == back.line) else {
                match given.source {
                    Source::Asked => return Err(ReturnError::UnknownLine { line: back.line }),
                    Source::Told => continue,
                }
            };
            match back.extent {
                Extent::Quantity(asked) => {
                    let (bought, returned) = (line.quantity, line.returned_quantity);
                    if asked > bought - returned && given.source == Source::Asked {
                        return Err(ReturnError::Exceeds { line: line.line, asked, bought, returned });
                    }
                    line.returned_quantity += asked.min(bought - returned);
                }
                Extent::Amount(asked) => line.returned_minor += asked.min(line.price_minor - line.returned_minor),
            }
            counted.push(back.line);
        }
        self.detail.lines = lines;
        Ok(counted)
    }
}

const REVERSE: Movement = movement(EntryKind::Reverse, LedgerAccount::Open, LedgerAccount::Issued);

impl Account {
    /// Gives back what was spent on returned goods and takes back what they earned. Needs all lots, the order's record
    /// and those of the lots that have borrowed; `seen` are the lines that this return named before.
    ///
    /// # Errors
    /// [`ReturnError`]; nothing is changed then.
    pub fn return_order(
        &mut self,
        program: &Program,
        given: &Return,
        seen: &[i32],
        now: Timestamp,
    ) -> Result<Returned, ReturnError> {
        let order = OrderId::from(&given.order);
        let Some(record) = self.orders.get(&order) else {
            return Err(ReturnError::UnknownOrder { order: given.order.clone() });
        };
        let mut record = record.clone();
        let counted = record.take_back(given, seen)?;
        self.settle(now);
        let own_before = self.orders.get(&order).map(OrderRecord::own_due).unwrap_or_default();
        let own = record.own_due().into_iter().zip(own_before).map(|(after, before)| after - before).collect();
        let refund = (record.refund_due() - record.refunded).or_zero();
        let reversal = (record.reversal_due() - record.due).or_zero();
        record.refunded += refund;
        let campaigns: Vec<_> =
            record.detail.campaigns.iter().map(|given| (given.campaign.clone(), given.granted)).collect();
        let before: Vec<Points> = campaigns.iter().map(|(_, granted)| record.campaign_due(*granted)).collect();
        record.due += reversal;
        for ((campaign, granted), before) in campaigns.into_iter().zip(before) {
            let in_all = record.campaign_due(granted);
            if in_all > before {
                self.changes.given_back.push(GivenBack { order, campaign, points: in_all - before, in_all });
            }
        }
        let refunds = undraw(&mut record.detail.paid_by, refund);
        *self.record_of(&given.order) = record;
        self.recount(order);
        let counted = counted.into_iter().map(|line| (order, given.return_id.clone(), line));
        self.changes.returns.extend(counted);

        let posting = self.posting(given.effective_time, now).about_order(Some(order));
        for draw in refunds {
            self.give_back(posting, EntryKind::Refund, LedgerAccount::Redeemed, draw);
        }
        self.cover(posting);
        let waived = self.reverse(program, posting, &given.order, reversal, own);
        self.cover(posting);
        Ok(Returned { refunded: refund, reversed: reversal - waived, waived })
    }

    /// Takes back points that an order earned: of each lot with an expiry of its own what `own` says, the rest of the other.
    /// Says how many could not be taken.
    fn reverse(
        &mut self,
        program: &Program,
        posting: Posting,
        order: &OrderName,
        points: Points,
        own: Vec<Points>,
    ) -> Points {
        let id = OrderId::from(order);
        let common = points - own.iter().copied().sum();
        let kept = self.orders.get(&id).map(|record| &record.detail.own_lots);
        let of_own: Vec<LotId> = kept.into_iter().flatten().map(|own| own.lot).collect();
        let mut due: Vec<(LotId, Points)> = self
            .pick(|lot| lot.order == Some(id) && !of_own.contains(&lot.id), |lot| lot.id)
            .into_iter()
            .zip(std::iter::once(common).chain(std::iter::repeat(Points::ZERO)))
            .chain(of_own.iter().copied().zip(own))
            .collect();
        for (lot, due) in &mut due {
            *due = self.reverse_of(posting, *lot, *due);
        }
        let missing =
            due.into_iter().map(|(lot, missing)| self.reverse_elsewhere(program, posting, order, lot, missing));
        missing.sum()
    }

    /// Takes back points of one lot: what is open, what expired, what paid a deficit. Says how many were not there.
    fn reverse_of(&mut self, posting: Posting, lot: LotId, points: Points) -> Points {
        let mut left = points - drawn(&self.drain(posting, REVERSE, vec![lot], points));
        let expired = self.lot(lot).expired.min(left);
        self.shift(posting, Movement { from: LedgerAccount::Breakage, ..REVERSE }, Some(lot), expired);
        left -= expired;
        let covered = self.lot(lot).covered.min(left);
        self.uncover(posting, lot, covered);
        self.shift(posting, REVERSE, Some(lot), covered);
        self.cover_as_if_never(posting, lot, covered);
        left - covered
    }

    /// Takes back elsewhere what a lot should have had: of the order's other lots, then of others, then by the program's
    /// policy. Says how many could not be taken.
    fn reverse_elsewhere(
        &mut self,
        program: &Program,
        posting: Posting,
        order: &OrderName,
        lot: LotId,
        points: Points,
    ) -> Points {
        let (id, now) = (OrderId::from(order), posting.now());
        let others = self.pick(
            |other| {
                let there = if other.order == Some(id) { !other.has_expired(now) } else { other.is_active(now) };
                other.id != lot && other.open.is_positive() && there
            },
            |other| (other.order != Some(id), other.consumption_order()),
        );
        let mut borrowed = self.drain(posting, REVERSE, others, points);
        let mut left = points - drawn(&borrowed);
        if matches!(program.terms.overdraft, OverdraftPolicy::Allow { .. }) && left.is_positive() {
            self.shift(posting, Movement { from: LedgerAccount::Deficit, ..REVERSE }, None, left);
            borrowed.push(Draw { lot: None, points: left });
            left = Points::ZERO;
        }
        if points.is_positive() {
            let of = self.lot_mut(lot);
            of.borrowed += drawn(&borrowed);
            of.owed += left;
            self.record_of(order).reversed_from(lot).extend(borrowed);
        }
        left
    }

    /// Points come back to where they were drawn from. Where that lot's order was returned meanwhile, they complete its
    /// reversal, then replace what the reversal took elsewhere, last drawn first.
    pub(crate) fn give_back(&mut self, posting: Posting, kind: EntryKind, from: LedgerAccount, draw: Draw) {
        let Some(id) = draw.lot else {
            return self.repay(posting, movement(kind, from, LedgerAccount::Deficit), draw.points);
        };
        self.shift(posting, movement(kind, from, LedgerAccount::Open), Some(id), draw.points);
        let Lot { order, owed, borrowed, .. } = *self.lot(id);
        let owed = owed.min(draw.points);
        let borrowed = borrowed.min(draw.points - owed);
        let reversal = posting.about_order(order);
        self.shift(reversal, REVERSE, Some(id), owed + borrowed);
        let lot = self.lot_mut(id);
        lot.owed -= owed;
        lot.borrowed -= borrowed;
        for lender in self.lenders(order, id, borrowed) {
            self.give_back(reversal, EntryKind::Restore, LedgerAccount::Issued, lender);
        }
        self.expire_if_past(posting, id);
    }

    /// What the reversal of this lot of `order` drew on, last drawn first, no longer lent.
    fn lenders(&mut self, order: Option<OrderId>, lot: LotId, points: Points) -> Vec<Draw> {
        let Some(order) = order.filter(|_| points.is_positive()) else { return Vec::new() };
        self.changes.orders.insert(order);
        let record = self.orders.get_mut(&order).expect("the record of a lot that borrowed is loaded with it");
        undraw(record.reversed_from(lot), points)
    }

    /// Points come back to the deficit: what of it was paid meanwhile goes to the lots that paid, last credit first.
    fn repay(&mut self, posting: Posting, what: Movement, points: Points) {
        self.shift(posting, what, None, points);
        let paying = self.pick(|lot| lot.covered.is_positive(), |lot| std::cmp::Reverse(lot.credit_order()));
        for id in paying {
            let points = self.lot(id).covered.min((-self.totals.deficit).or_zero());
            self.uncover(posting, id, points);
            self.expire_if_past(posting, id);
        }
    }

    fn uncover(&mut self, posting: Posting, lot: LotId, points: Points) {
        let what = movement(EntryKind::Uncover, LedgerAccount::Deficit, LedgerAccount::Open);
        self.shift(posting, what, Some(lot), points);
    }

    /// A deficit that `lot` had paid is open again: the credits after it would have paid it, even those that expired.
    fn cover_as_if_never(&mut self, posting: Posting, lot: LotId, points: Points) {
        let (now, mark) = (posting.now(), self.lot(lot).credit_order());
        let later = self.pick(
            |lot| lot.credit_order() > mark && lot.has_begun(now) && (lot.open + lot.expired).is_positive(),
            |lot| lot.credit_order(),
        );
        let cover = movement(EntryKind::Cover, LedgerAccount::Open, LedgerAccount::Deficit);
        let unexpire = movement(EntryKind::Unexpire, LedgerAccount::Breakage, LedgerAccount::Open);
        let mut left = points;
        for id in later {
            let open = self.lot(id).open.min(left);
            self.shift(posting, cover, Some(id), open);
            let expired = self.lot(id).expired.min(left - open);
            self.shift(posting, unexpire, Some(id), expired);
            self.shift(posting, cover, Some(id), expired);
            left -= open + expired;
        }
    }
}
