//! Awards: points that a member is given for what he did, not for an order. They have an order's name of their own in the
//! ledger, so each is given once, and taking it back is a return of that order: whatever was spent of it is found where it
//! went. They are no purchase: no tier by points earned counts them, no campaign, no goal.

use guanxi_kernel::{OrderName, Uuid};
use jiff::Timestamp;

use super::account::{Account, movement};
use super::entry::{EntryKind, LedgerAccount, OrderId};
use super::expiry::{ExpiryPolicy, Period};
use super::ledger::Command;
use super::lot::LotId;
use super::order::{OrderDetail, OrderRecord, RecordedLine};
use super::points::Points;
use super::program::Program;
use super::returns::{Return, Source};

/// The source of the names under which awards are given.
pub const SOURCE: &str = "award";

/// What the points of an award are called in the ledger.
pub fn order(id: Uuid) -> OrderName {
    OrderName::new(SOURCE, &id.to_string()).expect("a UUID is a good number")
}

/// Points to give.
#[derive(Debug, Clone)]
pub struct Award {
    /// What they are called.
    pub order: OrderName,
    /// How many, at least 1.
    pub points: Points,
    /// When they were earned, by the business.
    pub at: Timestamp,
    /// From when they can be spent; `None` while they wait.
    pub active_from: Option<Timestamp>,
    /// How long they are good; `None` as long as the program says.
    pub valid_for: Option<Period>,
}

/// What takes an award back.
pub fn withdrawal(order: &OrderName, now: Timestamp) -> Command {
    Command::Return(Return {
        order: order.clone(),
        return_id: "withdrawn".to_owned(),
        lines: Vec::new(),
        effective_time: now,
        source: Source::Told,
    })
}

impl OrderRecord {
    /// Whether it is an award, and nobody bought anything.
    pub fn is_award(&self) -> bool {
        self.order.source() == SOURCE
    }
}

impl Account {
    /// Gives points, and notes under which name.
    pub fn award(&mut self, program: &Program, award: &Award, now: Timestamp) -> LotId {
        let record = self.record_of(&award.order);
        record.earned = Some(award.points);
        let line = RecordedLine {
            line: 1,
            quantity: 1,
            price_minor: 0,
            earned: award.points,
            own: Vec::new(),
            returned_quantity: 0,
            returned_minor: 0,
        };
        record.detail = OrderDetail { lines: vec![line], ..OrderDetail::default() };
        let posting = self.posting(award.at, now).about_order(Some(OrderId::from(&award.order)));
        let expires_at = award.active_from.and_then(|from| self.award_expiry(program, award.valid_for, from, now));
        let sliding = award.valid_for.is_none() && program.terms.expiry.is_sliding();
        let what = movement(EntryKind::Earn, LedgerAccount::Issued, LedgerAccount::Open);
        let lot = self.credit(posting, what, award.points, award.active_from, expires_at, sliding);
        self.cover(posting);
        self.rank(program, now);
        lot
    }

    /// An award turns out to be of another moment: its points are good from there. What is spent or expired stays so.
    pub fn redate_award(&mut self, program: &Program, award: &Award, now: Timestamp) {
        let order = Some(OrderId::from(&award.order));
        let lots = self.pick(|lot| lot.order == order && lot.open.is_positive() && !lot.sliding, |lot| lot.id);
        let expires_at = self.award_expiry(program, award.valid_for, award.at, now);
        for id in lots {
            let (active_from, before) = (self.lot(id).active_from, self.lot(id).expires_at);
            if active_from.is_some() && expires_at != before {
                let posting = self.posting(now, now).about_order(order);
                self.date(posting, EntryKind::Extend, id, active_from, expires_at);
                self.expire_if_past(posting, id);
            }
        }
    }

    fn award_expiry(
        &self,
        program: &Program,
        valid_for: Option<Period>,
        from: Timestamp,
        now: Timestamp,
    ) -> Option<Timestamp> {
        match valid_for {
            Some(period) => ExpiryPolicy::Period { period, extend_to: None }.expires_at(from, &program.zone),
            None => program.expires_at_in(None, self.tier_at(program, from, now).as_deref(), from),
        }
    }
}
