//! The book: batches, coupons and counters that were locked and loaded once, and the decisions on them, one after the
//! other. What is refused leaves no trace.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_kernel::Uuid;
use guanxi_kernel::name::MemberId;
use jiff::Timestamp;

use super::batch::{Batch, By};
use super::code::{CodeText, CouponId};
use super::limit::{CounterKey, Period, Scope};
use super::redemption::{Cart, Cause, Redeem, Redemption, Use, name};
use super::refused::{CouponError, IssueError, RedemptionError};
use super::stack::{Discount, Stack, Taken};
use super::{Coupon, Holder, Owner, order_key, reminder};

/// More than this no batch gives away, in minor units: sums stay far from the end of 64 bits.
const MAX_GIVEN: i64 = 1_000_000_000_000_000_000;

/// What was loaded, and what changed of it.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// Batches by key.
    pub batches: BTreeMap<Uuid, Batch>,
    /// Coupons with all lives of their text.
    pub coupons: BTreeMap<(CouponId, i64), Coupon>,
    /// Members.
    pub holders: BTreeMap<MemberId, Holder>,
    /// Counters; what is absent is zero.
    pub counters: BTreeMap<CounterKey, i64>,
    /// What orders redeemed, by their keys, oldest first.
    pub redemptions: BTreeMap<Uuid, Vec<Redemption>>,
    /// What changed.
    pub changes: Changes,
}

/// What changed of a book.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Batches.
    pub batches: BTreeSet<Uuid>,
    /// Coupons that are new.
    pub issued: BTreeSet<(CouponId, i64)>,
    /// Coupons that were there.
    pub coupons: BTreeSet<(CouponId, i64)>,
    /// Counters.
    pub counters: BTreeSet<CounterKey>,
    /// Redemptions that are new, by root and number.
    pub redemptions: Vec<(Uuid, i64)>,
    /// Redemptions that were taken back, by root and number.
    pub rollbacks: Vec<(Uuid, i64, Cause)>,
}

/// What becomes of one code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The coupon.
    pub coupon: CouponId,
    /// Which of its lives, where there is one.
    pub generation: Option<i64>,
    /// What it takes off, or why it cannot be redeemed.
    pub granted: Result<Taken, CouponError>,
}

/// What all codes of a cart come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// Each code, in the cart's order.
    pub verdicts: Vec<Verdict>,
    /// The order behind them.
    pub stack: Stack,
}

impl Evaluation {
    /// Why the first code that cannot be redeemed cannot: of itself rather than for its chain.
    fn first_error(&self) -> Option<CouponError> {
        let errors = || self.verdicts.iter().filter_map(|verdict| verdict.granted.as_ref().err());
        errors().find(|error| !matches!(error, CouponError::ChainBroken(_))).or_else(|| errors().next()).cloned()
    }
}

/// What one pass over a cart would add.
#[derive(Default)]
struct Added {
    counters: BTreeMap<CounterKey, i64>,
    batches: BTreeMap<Uuid, (i64, i64)>,
    coupons: BTreeMap<CouponId, i64>,
    groups: BTreeSet<String>,
}

impl Book {
    /// The newest life of a code.
    pub fn newest(&self, id: CouponId) -> Option<&Coupon> {
        self.coupons.range((id, i64::MIN)..=(id, i64::MAX)).next_back().map(|(_, coupon)| coupon)
    }

    /// The counters that a cart's limits ask for.
    pub fn counters_of(&self, cart: &Cart, now: Timestamp) -> BTreeSet<CounterKey> {
        let holder = cart.member.and_then(|member| self.holders.get(&member));
        let others = holder.into_iter().flat_map(|holder| &holder.kin);
        let others = others.map(|one| By { customer: Some(one.customer.uuid()), store: None });
        let all: Vec<By<'_>> = std::iter::once(self.by(cart)).chain(others).collect();
        let coupons = cart.items.iter().filter_map(|item| self.newest(item.text.id(&cart.organization)));
        coupons.flat_map(|coupon| all.iter().flat_map(|by| self.counters_of_use(coupon, by, now))).collect()
    }

    /// The counters that a rollback changes.
    pub fn counters_of_redemption(&self, redemption: &Redemption) -> BTreeSet<CounterKey> {
        let by = redemption.by();
        let coupons = redemption.uses.iter().filter_map(|used| self.coupons.get(&(used.coupon, used.generation)));
        coupons.flat_map(|coupon| self.counters_of_use(coupon, &by, redemption.redeem_time)).collect()
    }

    fn counters_of_use(&self, coupon: &Coupon, by: &By<'_>, at: Timestamp) -> Vec<CounterKey> {
        let Some(batch) = self.batches.get(&coupon.batch.uuid()) else { return Vec::new() };
        batch.terms.limits.iter().filter_map(|limit| batch.counter(limit, coupon, by, at)).collect()
    }

    fn by<'a>(&self, cart: &'a Cart) -> By<'a> {
        let holder = cart.member.and_then(|member| self.holders.get(&member));
        By { customer: holder.map(|holder| holder.customer.uuid()), store: cart.store.as_deref() }
    }

    /// What the codes of a cart come to at `now`. Where one of a chain cannot be redeemed none of it is, and all others are
    /// looked at again without it.
    ///
    /// # Errors
    /// [`RedemptionError::UnknownMember`].
    pub fn evaluate(&self, cart: &Cart, now: Timestamp) -> Result<Evaluation, RedemptionError> {
        if let Some(member) = cart.member {
            let known = self.holders.get(&member).filter(|holder| holder.organization == cart.organization);
            known.ok_or(RedemptionError::UnknownMember(member))?;
        }
        // What failed of itself is said as such, even when its chain is looked at no more.
        let mut failed: BTreeMap<usize, CouponError> = BTreeMap::new();
        loop {
            let broken: BTreeSet<&str> = failed.keys().map(|at| cart.items[*at].chain.as_str()).collect();
            let (mut verdicts, stack) = self.pass(cart, &broken, now);
            let before = failed.len();
            for (at, verdict) in verdicts.iter().enumerate() {
                let chain = &cart.items[at].chain;
                if let Err(error) = &verdict.granted
                    && !chain.is_empty()
                    && !broken.contains(chain.as_str())
                {
                    failed.insert(at, error.clone());
                }
            }
            if failed.len() == before {
                for (at, error) in failed {
                    verdicts[at].granted = Err(error);
                }
                return Ok(Evaluation { verdicts, stack });
            }
        }
    }

    /// One pass: each code and gift card in its turn, without the chains that are broken.
    fn pass(&self, cart: &Cart, broken: &BTreeSet<&str>, now: Timestamp) -> (Vec<Verdict>, Stack) {
        enum Turn {
            Coupon(usize),
            Tender(i64),
        }
        let priority = |coupon: Option<&Coupon>| {
            let batch = coupon.and_then(|coupon| self.batches.get(&coupon.batch.uuid()));
            batch.map_or(0, |batch| batch.terms.stacking.priority)
        };
        let ids: Vec<CouponId> = cart.items.iter().map(|item| item.text.id(&cart.organization)).collect();
        let coupons = ids.iter().enumerate().map(|(at, id)| (priority(self.newest(*id)), Turn::Coupon(at)));
        let tenders = cart.tenders.iter().map(|tender| (tender.priority, Turn::Tender(tender.amount)));
        let mut turns: Vec<(i32, Turn)> = coupons.chain(tenders).collect();
        // Stable: of equals, coupons as they were named, then gift cards.
        turns.sort_by_key(|(priority, _)| -*priority);
        let (mut stack, mut added) = (Stack::new(cart.goods, cart.delivery), Added::default());
        let mut granted: BTreeMap<usize, Result<Taken, CouponError>> = BTreeMap::new();
        for (_, turn) in turns {
            match turn {
                Turn::Tender(amount) => {
                    stack.tender(amount);
                }
                Turn::Coupon(at) => {
                    let chain = cart.items[at].chain.as_str();
                    let result = if !chain.is_empty() && broken.contains(chain) {
                        Err(CouponError::ChainBroken(chain.to_owned()))
                    } else {
                        self.grant(cart, ids[at], &stack, &mut added, now)
                    };
                    if let Ok(taken) = result {
                        stack.take(taken);
                    }
                    granted.insert(at, result);
                }
            }
        }
        let verdicts = ids.into_iter().zip(granted.into_values()).map(|(coupon, granted)| {
            let generation = self.newest(coupon).map(|coupon| coupon.generation);
            Verdict { coupon, generation, granted }
        });
        (verdicts.collect(), stack)
    }

    /// What one coupon takes off, where nothing forbids it.
    fn grant(
        &self,
        cart: &Cart,
        id: CouponId,
        stack: &Stack,
        added: &mut Added,
        now: Timestamp,
    ) -> Result<Taken, CouponError> {
        let coupon = self.newest(id).ok_or(CouponError::Unknown(id))?;
        let batch = self.batches.get(&coupon.batch.uuid()).ok_or(CouponError::Unknown(id))?;
        let (terms, by) = (&batch.terms, self.by(cart));
        let holder = cart.member.and_then(|member| self.holders.get(&member));
        let is_his = |owner: MemberId| {
            Some(owner) == cart.member || holder.is_some_and(|holder| holder.kin.iter().any(|one| one.member == owner))
        };
        if coupon.owner.is_some_and(|owner| !is_his(owner.member)) {
            return Err(CouponError::NotOwned);
        }
        if now >= coupon.expire_time {
            return Err(CouponError::Expired(coupon.expire_time));
        }
        if now < coupon.start_time {
            return Err(CouponError::NotStarted(coupon.start_time));
        }
        if cart.currency != terms.currency {
            let (given, wanted) = (cart.currency.to_string(), terms.currency.to_string());
            return Err(CouponError::Currency { given, wanted });
        }
        if !terms.lets_in(cart.member.and_then(|member| self.holders.get(&member))) {
            let programs: Vec<String> = terms.programs.iter().map(|slug| format!("programs/{slug}")).collect();
            return Err(CouponError::NotEligible(programs.join(", ")));
        }
        if cart.goods < terms.minimum_order_minor {
            return Err(CouponError::BelowMinimum { goods: cart.goods, minimum: terms.minimum_order_minor });
        }
        let group = &terms.stacking.exclusive_group;
        if added.groups.contains(group) {
            return Err(CouponError::Excluded(group.clone()));
        }
        let root = batch.id.uuid();
        let (count, minor) = added.batches.get(&root).copied().unwrap_or_default();
        let redeemed = coupon.redeemed + added.coupons.get(&id).copied().unwrap_or_default();
        let mut keys = Vec::new();
        for limit in &terms.limits {
            match limit.scope {
                Scope::Customer if by.customer.is_none() => return Err(CouponError::SubjectMissing("member")),
                Scope::Store if by.store.is_none() => return Err(CouponError::SubjectMissing("store")),
                _ => {}
            }
            let used = match (batch.counter(limit, coupon, &by, now), limit.scope, limit.period) {
                (Some(key), ..) => {
                    let others = holder.filter(|_| limit.scope == Scope::Customer).into_iter().flat_map(|one| &one.kin);
                    let others = others.filter_map(|one| {
                        let by = By { customer: Some(one.customer.uuid()), store: None };
                        Some(self.counted(&batch.counter(limit, coupon, &by, now)?))
                    });
                    let others: i64 = others.sum();
                    let used = self.counted(&key) + others + added.counters.get(&key).copied().unwrap_or_default();
                    keys.push(key);
                    used
                }
                (None, Scope::Code, Period::Ever) => redeemed,
                (None, ..) => batch.redeemed + count,
            };
            if used >= limit.maximum {
                return Err(CouponError::LimitReached(*limit));
            }
        }
        if terms.budget_count.is_some_and(|budget| batch.redeemed + count >= budget) {
            return Err(CouponError::BudgetExhausted("count"));
        }
        let taken = stack.offer(&terms.discount, terms.stacking.on_initial);
        if taken.sum() == 0 && !matches!(terms.discount, Discount::Gift(_)) {
            return Err(CouponError::WithoutEffect);
        }
        let budget = terms.budget_minor.unwrap_or(MAX_GIVEN).min(MAX_GIVEN);
        if batch.redeemed_minor + minor + taken.sum() > budget {
            return Err(CouponError::BudgetExhausted("money"));
        }
        for key in keys {
            *added.counters.entry(key).or_default() += 1;
        }
        added.batches.insert(root, (count + 1, minor + taken.sum()));
        *added.coupons.entry(id).or_default() += 1;
        if !group.is_empty() {
            added.groups.insert(group.clone());
        }
        Ok(taken)
    }

    fn counted(&self, key: &CounterKey) -> i64 {
        self.counters.get(key).copied().unwrap_or_default()
    }

    /// Redeems for an order.
    ///
    /// # Errors
    /// [`RedemptionError`]; nothing has changed then.
    pub fn redeem(&mut self, redeem: &Redeem, now: Timestamp) -> Result<(Evaluation, i64), RedemptionError> {
        let cart = &redeem.cart;
        let root = order_key(&cart.organization, &redeem.order);
        let earlier = self.redemptions.get(&root).map(Vec::as_slice).unwrap_or_default();
        if let Some(open) = earlier.iter().find(|redemption| redemption.rollback_time.is_none()) {
            let (order, redemption) = (redeem.order.clone(), open.name());
            return Err(RedemptionError::OrderHasCoupons { order, redemption });
        }
        let number = earlier.last().map_or(1, |last| last.number + 1);
        let evaluation = self.evaluate(cart, now)?;
        let is_granted = |verdict: &Verdict| verdict.granted.is_ok();
        let stands = if redeem.partial {
            evaluation.verdicts.iter().any(is_granted)
        } else {
            evaluation.verdicts.iter().all(is_granted)
        };
        if let (false, Some(error)) = (stands, evaluation.first_error()) {
            return Err(error.into());
        }
        let uses = evaluation.verdicts.iter().filter_map(|verdict| {
            let generation = verdict.generation?;
            let coupon = self.coupons.get(&(verdict.coupon, generation))?;
            let taken = *verdict.granted.as_ref().ok()?;
            Some(Use { coupon: verdict.coupon, generation, batch: coupon.batch.uuid(), taken })
        });
        let redemption = Redemption {
            root,
            number,
            organization: cart.organization.clone(),
            order: redeem.order.clone(),
            member: cart.member,
            customer: cart.member.and_then(|member| self.holders.get(&member)).map(|holder| holder.customer),
            store: cart.store.clone(),
            lines: redeem.lines.clone(),
            uses: uses.collect(),
            redeem_time: now,
            rollback_time: None,
        };
        self.count(&redemption, 1, now);
        self.redemptions.entry(root).or_default().push(redemption);
        self.changes.redemptions.push((root, number));
        Ok((evaluation, number))
    }

    /// Takes a redemption back, and says what it was.
    ///
    /// # Errors
    /// [`RedemptionError`].
    pub fn roll_back(
        &mut self,
        root: Uuid,
        number: i64,
        cause: Cause,
        now: Timestamp,
    ) -> Result<Redemption, RedemptionError> {
        let all = self.redemptions.get_mut(&root).map(Vec::as_mut_slice).unwrap_or_default();
        let found = all.iter_mut().find(|redemption| redemption.number == number);
        let redemption = found.ok_or_else(|| RedemptionError::UnknownRedemption(name(root, number)))?;
        if let Some(at) = redemption.rollback_time {
            return Err(RedemptionError::RolledBack { redemption: redemption.name(), at });
        }
        redemption.rollback_time = Some(now);
        let redemption = redemption.clone();
        self.count(&redemption, -1, now);
        self.changes.rollbacks.push((root, number, cause));
        Ok(redemption)
    }

    /// The number of an order's redemption that stands.
    pub fn open(&self, root: Uuid) -> Option<&Redemption> {
        self.redemptions.get(&root)?.iter().find(|redemption| redemption.rollback_time.is_none())
    }

    /// Counts a redemption, or counts it no more.
    fn count(&mut self, redemption: &Redemption, by: i64, now: Timestamp) {
        for used in &redemption.uses {
            let key = (used.coupon, used.generation);
            let Some(coupon) = self.coupons.get(&key) else { continue };
            for counter in self.counters_of_use(coupon, &redemption.by(), redemption.redeem_time) {
                *self.counters.entry(counter.clone()).or_default() += by;
                self.changes.counters.insert(counter);
            }
            if let Some(batch) = self.batches.get_mut(&used.batch) {
                batch.redeemed += by;
                batch.redeemed_minor += by * used.taken.sum();
                self.changes.batches.insert(used.batch);
            }
            if let Some(coupon) = self.coupons.get_mut(&key) {
                coupon.redeemed += by;
                if by < 0 && coupon.owner.is_some() {
                    coupon.remind_time = reminder::next(coupon.expire_time, now);
                }
                self.changes.coupons.insert(key);
            }
        }
    }

    /// Issues a code of a batch.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn issue(
        &mut self,
        batch: Uuid,
        text: &CodeText,
        owner: Option<Owner>,
        expire_time: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<&Coupon>, IssueError> {
        let Some(of) = self.batches.get(&batch) else { return Ok(None) };
        let (latest, start_time) = (of.terms.expire_time, of.terms.start_time);
        if now >= latest {
            return Err(IssueError::BatchExpired(latest));
        }
        let expire_time = expire_time.unwrap_or(latest);
        if expire_time > latest || expire_time <= now || expire_time <= start_time {
            return Err(IssueError::ExpiryOutOfBatch { asked: expire_time, latest });
        }
        let id = text.id(&of.organization);
        let earlier = self.newest(id);
        if let Some(earlier) = earlier.filter(|earlier| now < earlier.expire_time) {
            return Err(IssueError::CodeTaken { coupon: id, until: earlier.expire_time });
        }
        let generation = earlier.map_or(1, |earlier| earlier.generation + 1);
        let coupon = Coupon {
            id,
            generation,
            organization: of.organization.clone(),
            batch: of.id.clone(),
            number: of.issued + 1,
            code: text.shown().to_owned(),
            owner,
            start_time,
            expire_time,
            redeemed: 0,
            redeemable: of.terms.redeemable(),
            remind_time: owner.and_then(|_| reminder::next(expire_time, now)),
            create_time: now,
        };
        if let Some(of) = self.batches.get_mut(&batch) {
            of.issued += 1;
        }
        self.changes.batches.insert(batch);
        self.changes.issued.insert((id, generation));
        Ok(Some(self.coupons.entry((id, generation)).or_insert(coupon)))
    }
}
