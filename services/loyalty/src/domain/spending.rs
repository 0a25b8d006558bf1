//! Earning and spending: a credit pays a deficit first; a debit takes lots soonest expiry first and may end below zero
//! only as far as the program allows.

use guanxi_kernel::{Money, OrderName, Refusal, Refused};
use jiff::Timestamp;
use thiserror::Error;

use super::account::{Account, Draw, EarnedOrder, Movement, Posting, drawn, movement};
use super::campaign::CampaignId;
use super::earning::{Budgets, Earning, EarningError, Occasion, earning};
use super::entry::{EntryKind, LedgerAccount, OrderId};
use super::expiry::ExpiryPolicy;
use super::facts::MemberFacts;
use super::lot::LotId;
use super::order::OwnLot;
use super::pending::Start;
use super::points::Points;
use super::program::{OverdraftPolicy, Program};
use super::purchase::Purchase;
use super::tenure::Tenure;

/// An order that earns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earn {
    /// The order.
    pub order: OrderName,
    /// What was bought.
    pub purchase: Purchase,
    /// When.
    pub effective_time: Timestamp,
}

/// What an order earned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earned {
    /// How many, and why.
    pub earning: Earning,
    /// The new lots, one for each expiry: that of tier or program first. None where there are no points.
    pub lots: Vec<LotId>,
}

/// Why an order does not earn.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EarnError {
    /// It has.
    #[error("{order} has earned {points} points")]
    AlreadyEarned {
        /// The order.
        order: OrderName,
        /// What it earned.
        points: Points,
    },
    /// It was cancelled or returned as a whole before.
    #[error("{order} was returned as a whole")]
    Returned {
        /// The order.
        order: OrderName,
    },
    /// Its points cannot be found.
    #[error(transparent)]
    Earning(#[from] EarningError),
    /// The account would have been credited beyond all bounds.
    #[error("the account would have been credited more than {} points in all", Points::MAX_CREDITED)]
    AccountFull,
}

impl Refusal for EarnError {
    fn refusal(&self) -> Refused {
        match self {
            Self::AlreadyEarned { order, points } => {
                Refused::new(guanxi_kernel::Kind::AlreadyExists, "ORDER_ALREADY_EARNED", self.to_string())
                    .with("order", order)
                    .with("points", points)
                    .about("order", order)
            }
            Self::Returned { order } => Refused::precondition("ORDER_RETURNED", self.to_string()).with("order", order),
            Self::Earning(error) => error.refusal(),
            Self::AccountFull => {
                Refused::precondition("POINTS_OUT_OF_RANGE", self.to_string()).with("maximum", Points::MAX_CREDITED)
            }
        }
    }
}

/// Points to spend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spend {
    /// How many, at least 1.
    pub points: Points,
    /// The order that they pay for.
    pub order: Option<OrderName>,
    /// Whether to spend what there is where it is less.
    pub clamp: bool,
    /// What the order costs; the program's terms say then how many points may pay for it.
    pub order_amount: Option<Money>,
}

/// A debit that the balance does not cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{asked} points asked, {available} available")]
pub struct Insufficient {
    /// What was asked.
    pub asked: Points,
    /// What can be taken, down to the program's floor.
    pub available: Points,
}

impl Refusal for Insufficient {
    fn refusal(&self) -> Refused {
        Refused::precondition("POINTS_INSUFFICIENT", self.to_string())
            .with("asked", self.asked)
            .with("available", self.available)
    }
}

impl Account {
    /// Credits what an order earns; `delivered` is when its last shipment was, where that is so already; `budgets` are what
    /// the program's campaigns can still give, and are spent from. Needs the order's record and the standing of the rules;
    /// lots only where their expiry slides.
    ///
    /// # Errors
    /// [`EarnError`]; the account is as before then.
    pub fn earn(
        &mut self,
        program: &Program,
        earn: &Earn,
        delivered: Option<Timestamp>,
        budgets: &mut Budgets,
        now: Timestamp,
    ) -> Result<Earned, EarnError> {
        let order = OrderId::from(&earn.order);
        let record = self.orders.get(&order);
        if let Some(points) = record.and_then(|record| record.earned) {
            return Err(EarnError::AlreadyEarned { order: earn.order.clone(), points });
        }
        if record.is_some_and(|record| record.returned_whole) {
            return Err(EarnError::Returned { order: earn.order.clone() });
        }
        let facts = self.facts_at(program, earn.effective_time, now);
        let occasion = Occasion {
            purchase: &earn.purchase,
            source: earn.order.source(),
            effective_time: earn.effective_time,
            member: Some(facts.clone()),
        };
        let earning = earning(program, &occasion, &self.standing, budgets)?;
        if self.totals.credited() + earning.points > Points::MAX_CREDITED {
            return Err(EarnError::AccountFull);
        }
        let tier = facts.tier.clone();
        self.record_of(&earn.order).earn(&earn.purchase, &earning);
        self.count_for_goals(program, earn, &facts);
        self.remember(earn, facts, &earning, budgets);
        let posting = self.posting(earn.effective_time, now).about_order(Some(order));
        self.slide(program, posting, earn.effective_time);
        let start = program.start(earn.effective_time, delivered);
        let mut lots = Vec::new();
        let common = earning.common();
        if common.is_positive() {
            lots.push(self.open_lot(program, posting, start, tier.as_deref(), common, None));
        }
        let own: Vec<OwnLot> = earning
            .own
            .iter()
            .map(|part| {
                let lot = self.open_lot(program, posting, start, tier.as_deref(), part.points(), Some(&part.expiry));
                OwnLot { lot, expiry: part.expiry.clone(), reversed_from: Vec::new() }
            })
            .collect();
        lots.extend(own.iter().map(|own| own.lot));
        let record = self.record_of(&earn.order);
        record.detail.own_lots = own;
        record.detail.waits_until = start.waits_until.filter(|_| !lots.is_empty());
        self.cover(posting);
        Ok(Earned { earning, lots })
    }

    fn open_lot(
        &mut self,
        program: &Program,
        posting: Posting,
        start: Start,
        tier: Option<&str>,
        points: Points,
        own: Option<&ExpiryPolicy>,
    ) -> LotId {
        let expires_at = start.active_from.map_or(start.cancelled_at, |from| program.expires_at_in(own, tier, from));
        let sliding = own.is_none() && program.terms.expiry.is_sliding();
        let what = movement(EntryKind::Earn, LedgerAccount::Issued, LedgerAccount::Open);
        self.credit(posting, what, points, start.active_from, expires_at, sliding)
    }

    /// What conditions may ask of the member, but for his tier.
    pub fn facts(&self) -> MemberFacts {
        let totals = self.kin.as_ref().map_or(self.totals, |kin| self.totals.plus(kin.beside));
        MemberFacts { told: self.told.clone(), ..MemberFacts::new(self.member, self.customer, &totals) }
    }

    /// The same with the tier that he has at `at` and, where they were loaded, his tenure then and his orders.
    pub fn facts_at(&self, program: &Program, at: Timestamp, now: Timestamp) -> MemberFacts {
        let tenure = self.known_tenure();
        let tenure_days = tenure.map_or(0, |tenure| tenure.days(at, &program.zone));
        let orders = tenure.map_or(0, |tenure| tenure.orders);
        MemberFacts { tier: self.tier_at(program, at, now), tenure_days, orders, ..self.facts() }
    }

    /// His tenure, where it was loaded, with the orders that earned since.
    pub(crate) fn known_tenure(&self) -> Option<Tenure> {
        let new = i64::try_from(self.changes.earned.len()).unwrap_or(i64::MAX);
        self.tenure.map(|tenure| Tenure { orders: tenure.orders + new, ..tenure })
    }

    /// Counts what was earned in caps and budgets.
    pub(crate) fn count(&mut self, earning: &Earning, budgets: &mut Budgets) {
        for share in earning.shares.iter().filter(|share| share.points.is_positive()) {
            let budget = CampaignId::from_slug(&share.campaign).ok().and_then(|campaign| budgets.get_mut(&campaign));
            if let Some(budget) = budget {
                budget.spend(share.points);
            }
        }
        earning.grants.iter().for_each(|grant| self.standing.add(grant));
    }

    /// Keeps what an order was and gave, and counts it in caps and budgets.
    fn remember(&mut self, earn: &Earn, member: MemberFacts, earning: &Earning, budgets: &mut Budgets) {
        self.count(earning, budgets);
        let earned = EarnedOrder {
            order: OrderId::from(&earn.order),
            source: earn.order.source().to_owned(),
            purchase: earn.purchase.clone(),
            effective_time: earn.effective_time,
            member,
            grants: earning.grants.clone(),
            shares: earning.shares.clone(),
        };
        self.changes.earned.push(earned);
    }

    /// Spends points, as the clock says, whatever the order costs. Needs the open lots. Says how many were spent.
    ///
    /// # Errors
    /// [`Insufficient`] where there are fewer and nobody clamps; nothing but what was due is changed then.
    pub fn spend(&mut self, program: &Program, spend: &Spend, now: Timestamp) -> Result<Points, Insufficient> {
        self.settle(now);
        let available = self.spendable(program, now);
        let clamps = spend.clamp || program.terms.overdraft == OverdraftPolicy::Clamp;
        let points = if clamps { spend.points.min(available) } else { spend.points };
        if points > available {
            return Err(Insufficient { asked: spend.points, available });
        }
        let order = spend.order.as_ref().map(OrderId::from);
        let posting = self.posting(now, now).about_order(order);
        let what = movement(EntryKind::Spend, LedgerAccount::Open, LedgerAccount::Redeemed);
        let draws = self.debit(posting, what, points);
        self.slide(program, posting, now);
        if let Some(order) = spend.order.as_ref().filter(|_| points.is_positive()) {
            self.record_of(order).pay(draws);
        }
        Ok(points)
    }

    /// What a spend or hold may take: down to the program's floor, never below zero points.
    pub(crate) fn spendable(&self, program: &Program, now: Timestamp) -> Points {
        (self.available(now) + program.terms.overdraft.allowance()).or_zero()
    }

    /// Takes points from active lots in consumption order, the rest from the deficit. Says what came from where.
    pub(crate) fn debit(&mut self, posting: Posting, what: Movement, points: Points) -> Vec<Draw> {
        let now = posting.now();
        let lots = self.pick(|lot| lot.open.is_positive() && lot.is_active(now), |lot| lot.consumption_order());
        let mut draws = self.drain(posting, what, lots, points);
        let left = points - drawn(&draws);
        if left.is_positive() {
            self.shift(posting, Movement { from: LedgerAccount::Deficit, ..what }, None, left);
            draws.push(Draw { lot: None, points: left });
        }
        draws
    }

    /// An earning or spend at `at` moves the expiry of every sliding lot that is good then.
    pub(crate) fn slide(&mut self, program: &Program, posting: Posting, at: Timestamp) {
        self.last_activity = self.last_activity.max(Some(at));
        if !program.terms.expiry.is_sliding() {
            return;
        }
        let good = self.pick(
            |lot| lot.sliding && lot.is_active(at) && (lot.open + lot.held).is_positive(),
            |lot| lot.consumption_order(),
        );
        for id in good {
            let lot = self.lot(id);
            let (from, order) = (lot.active_from, lot.order);
            let expires_at = program.expires_at(at).max(lot.expires_at);
            if expires_at != lot.expires_at {
                self.date(posting.about_order(order), EntryKind::Extend, id, from, expires_at);
            }
        }
    }
}
