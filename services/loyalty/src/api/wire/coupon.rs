//! Coupons, batches and carts as messages.

use std::collections::BTreeSet;

use guanxi_contracts::loyalty::v1 as proto;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::name::MemberId;
use guanxi_kernel::{OrganizationId, Refuse, Refused, Timestamp, Violation};
use guanxi_rpc::convert;

use super::purchase;
use crate::domain::coupon::batch::{Batch, Terms};
use crate::domain::coupon::book::{Book, Evaluation};
use crate::domain::coupon::code::CodeText;
use crate::domain::coupon::limit::{Limit, Period, Scope};
use crate::domain::coupon::redemption::{Cart, Item, Tender};
use crate::domain::coupon::stack::{Discount, Stacking};
use crate::domain::coupon::{Coupon, CouponState};
use crate::domain::program::{Program, ProgramId};

/// What a message says of a batch's terms, under a program.
///
/// # Errors
/// INVALID_ARGUMENT for each wrong field.
pub fn terms(given: &proto::CouponBatch, program: &Program, now: Timestamp) -> Result<Terms, Refused> {
    let programs = given.eligible_programs.iter().enumerate();
    let programs = programs.map(|(at, name)| {
        let field = format!("coupon_batch.eligible_programs[{at}]");
        convert::name::<ProgramId>(name, &field).map(|id| id.slug().to_owned())
    });
    let (discount, programs, start_time, expire_time) = convert::all((
        discount(given.discount.as_ref()),
        convert::each::<_, BTreeSet<String>>(programs),
        convert::instant(given.start_time.as_ref(), "coupon_batch.start_time"),
        convert::required_instant(given.expire_time.as_ref(), "coupon_batch.expire_time"),
    ))?;
    let stacking = given.stacking.clone().unwrap_or_default();
    let budget = given.budget.unwrap_or_default();
    Ok(Terms {
        program: program.id.slug().to_owned(),
        display_name: given.display_name.clone(),
        currency: program.currency,
        time_zone: program.terms.time_zone.clone(),
        discount,
        minimum_order_minor: given.minimum_order_minor,
        programs,
        stacking: Stacking {
            priority: stacking.priority,
            on_initial: stacking.on_initial_amount,
            exclusive_group: stacking.exclusive_group,
        },
        limits: given.limits.iter().map(limit).collect(),
        budget_minor: budget.amount_minor,
        budget_count: budget.redemption_count,
        start_time: start_time.unwrap_or(now),
        expire_time,
    })
}

fn discount(given: Option<&proto::CouponDiscount>) -> Result<Discount, Refused> {
    let given = convert::required(given, "coupon_batch.discount")?;
    let percent = given.percent_off.map(|off| Discount::Percent {
        basis_points: off.basis_points,
        maximum_minor: (off.maximum_minor > 0).then_some(off.maximum_minor),
    });
    let amount = given.amount_off.map(|off| Discount::Amount(off.amount_minor));
    let delivery = given.free_delivery.map(|_| Discount::FreeDelivery);
    let gift = given.gift.as_ref().map(|gift| Discount::Gift(gift.product.clone()));
    let mut kinds = [percent, amount, delivery, gift].into_iter().flatten();
    match (kinds.next(), kinds.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(Refused::violations(vec![Violation {
            field: "coupon_batch.discount".into(),
            rule: "EXACTLY_ONE".into(),
            description: "exactly one of percent_off, amount_off, free_delivery, gift must be given".into(),
        }])),
    }
}

/// A limit; the contract refuses values that are none.
fn limit(given: &proto::CouponLimit) -> Limit {
    let scope = match given.scope() {
        proto::CouponLimitScope::Customer => Scope::Customer,
        proto::CouponLimitScope::Batch => Scope::Batch,
        proto::CouponLimitScope::Store => Scope::Store,
        proto::CouponLimitScope::Code | proto::CouponLimitScope::Unspecified => Scope::Code,
    };
    let period = match given.period() {
        proto::CouponLimitPeriod::Day => Period::Day,
        proto::CouponLimitPeriod::Week => Period::Week,
        proto::CouponLimitPeriod::Month => Period::Month,
        proto::CouponLimitPeriod::Year => Period::Year,
        proto::CouponLimitPeriod::Ever | proto::CouponLimitPeriod::Unspecified => Period::Ever,
    };
    Limit { scope, period, maximum: given.maximum }
}

fn to_limit(limit: &Limit) -> proto::CouponLimit {
    let scope = match limit.scope {
        Scope::Code => proto::CouponLimitScope::Code,
        Scope::Customer => proto::CouponLimitScope::Customer,
        Scope::Batch => proto::CouponLimitScope::Batch,
        Scope::Store => proto::CouponLimitScope::Store,
    };
    let period = match limit.period {
        Period::Ever => proto::CouponLimitPeriod::Ever,
        Period::Day => proto::CouponLimitPeriod::Day,
        Period::Week => proto::CouponLimitPeriod::Week,
        Period::Month => proto::CouponLimitPeriod::Month,
        Period::Year => proto::CouponLimitPeriod::Year,
    };
    proto::CouponLimit { scope: scope.into(), period: period.into(), maximum: limit.maximum }
}

/// A batch as a message.
pub fn batch(batch: &Batch) -> proto::CouponBatch {
    let terms = &batch.terms;
    let mut discount = proto::CouponDiscount::default();
    match &terms.discount {
        Discount::Percent { basis_points, maximum_minor } => {
            let (basis_points, maximum_minor) = (*basis_points, maximum_minor.unwrap_or_default());
            discount.percent_off = Some(proto::PercentOff { basis_points, maximum_minor });
        }
        Discount::Amount(amount_minor) => {
            discount.amount_off = Some(proto::AmountOff { amount_minor: *amount_minor });
        }
        Discount::FreeDelivery => discount.free_delivery = Some(proto::FreeDelivery {}),
        Discount::Gift(product) => discount.gift = Some(proto::GiftProduct { product: product.clone() }),
    }
    let budget = proto::CouponBudget { amount_minor: terms.budget_minor, redemption_count: terms.budget_count };
    proto::CouponBatch {
        name: batch.id.to_string(),
        organization: batch.organization.to_string(),
        program: format!("programs/{}", terms.program),
        display_name: terms.display_name.clone(),
        discount: Some(discount),
        minimum_order_minor: terms.minimum_order_minor,
        eligible_programs: terms.programs.iter().map(|slug| format!("programs/{slug}")).collect(),
        stacking: Some(proto::CouponStacking {
            priority: terms.stacking.priority,
            on_initial_amount: terms.stacking.on_initial,
            exclusive_group: terms.stacking.exclusive_group.clone(),
        }),
        limits: terms.limits.iter().map(to_limit).collect(),
        budget: (budget != proto::CouponBudget::default()).then_some(budget),
        start_time: Some(to_proto(terms.start_time)),
        expire_time: Some(to_proto(terms.expire_time)),
        coupon_count: batch.issued,
        redeemed_count: batch.redeemed,
        redeemed_minor: batch.redeemed_minor,
        create_time: Some(to_proto(batch.create_time)),
    }
}

fn kind(discount: &Discount) -> proto::CouponKind {
    match discount {
        Discount::Percent { .. } => proto::CouponKind::PercentOff,
        Discount::Amount(_) => proto::CouponKind::AmountOff,
        Discount::FreeDelivery => proto::CouponKind::FreeDelivery,
        Discount::Gift(_) => proto::CouponKind::Gift,
    }
}

/// A coupon of a batch as a message, as it stands at `now`.
pub fn coupon(coupon: &Coupon, batch: &Batch, now: Timestamp) -> proto::Coupon {
    let state = match coupon.state(now) {
        CouponState::Pending => proto::CouponState::Pending,
        CouponState::Active => proto::CouponState::Active,
        CouponState::Used => proto::CouponState::Used,
        CouponState::Expired => proto::CouponState::Expired,
    };
    proto::Coupon {
        name: coupon.id.to_string(),
        code: coupon.code.clone(),
        kind: kind(&batch.terms.discount).into(),
        expire_time: Some(to_proto(coupon.expire_time)),
        state: state.into(),
        batch: batch.id.to_string(),
        member: coupon.owner.map(|owner| owner.member.to_string()).unwrap_or_default(),
        start_time: Some(to_proto(coupon.start_time)),
        redeemed_count: coupon.redeemed,
        redeemable_count: coupon.redeemable,
        create_time: Some(to_proto(coupon.create_time)),
        organization: coupon.organization.to_string(),
    }
}

/// The state that a list asks for; `None` where it asks for none.
pub fn state(given: proto::CouponState) -> Option<CouponState> {
    match given {
        proto::CouponState::Unspecified => None,
        proto::CouponState::Pending => Some(CouponState::Pending),
        proto::CouponState::Active => Some(CouponState::Active),
        proto::CouponState::Used => Some(CouponState::Used),
        proto::CouponState::Expired => Some(CouponState::Expired),
    }
}

/// What a message says of a cart.
#[derive(Debug)]
pub struct Given<'a> {
    /// Who buys.
    pub member: &'a str,
    /// Where.
    pub store: &'a str,
    /// What.
    pub purchase: Option<&'a proto::Purchase>,
    /// The codes.
    pub items: &'a [proto::CouponItem],
    /// What gift cards pay.
    pub tenders: &'a [proto::CouponTender],
}

impl Given<'_> {
    /// The cart.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for each wrong field.
    pub fn cart(&self, organization: OrganizationId) -> Result<Cart, Refused> {
        let mut seen = BTreeSet::new();
        let items = self.items.iter().enumerate().map(|(at, item)| {
            let field = format!("items[{at}].code");
            let text: CodeText = item.code.parse().refuse_in(&field)?;
            if seen.insert(text.id(&organization)) {
                Ok(Item { text, chain: item.chain.clone() })
            } else {
                Err(Refused::invalid(field, "CODE_REPEATED", "is given twice"))
            }
        });
        let (member, bought, items) = convert::all((
            convert::optional_name::<MemberId>(self.member, "member"),
            purchase::purchase(self.purchase),
            convert::each::<_, Vec<Item>>(items),
        ))?;
        let lines = bought.lines();
        let prices: i64 = lines.iter().map(|line| line.price_minor).sum();
        let given = self.purchase.cloned().unwrap_or_default();
        Ok(Cart {
            organization,
            member,
            store: Some(self.store.to_owned()).filter(|store| !store.is_empty()),
            currency: convert::currency(&given.currency_code, "purchase.currency_code")?,
            goods: prices - given.discount_minor,
            delivery: lines.iter().map(|line| line.delivery_minor).sum(),
            items,
            tenders: self.tenders.iter().map(tender).collect(),
        })
    }
}

fn tender(given: &proto::CouponTender) -> Tender {
    Tender { priority: given.priority, amount: given.amount_minor }
}

/// Each code of a cart with what becomes of it.
pub fn verdicts(cart: &Cart, book: &Book, evaluation: &Evaluation) -> Vec<proto::CouponVerdict> {
    let both = cart.items.iter().zip(&evaluation.verdicts);
    let verdict = both.map(|(item, verdict)| {
        let found = verdict.generation.and_then(|generation| book.coupons.get(&(verdict.coupon, generation)));
        let batch = found.and_then(|coupon| book.batches.get(&coupon.batch.uuid()));
        let mut said = proto::CouponVerdict {
            code: item.text.shown().to_owned(),
            coupon: verdict.coupon.to_string(),
            kind: batch.map_or(proto::CouponKind::Unspecified, |batch| kind(&batch.terms.discount)).into(),
            expire_time: found.map(|coupon| to_proto(coupon.expire_time)),
            ..proto::CouponVerdict::default()
        };
        match &verdict.granted {
            Ok(taken) => {
                said.discount_minor = taken.goods;
                said.delivery_discount_minor = taken.delivery;
                if let Some(Discount::Gift(product)) = batch.map(|batch| &batch.terms.discount) {
                    said.gift_product.clone_from(product);
                }
            }
            Err(error) => {
                said.reason = guanxi_kernel::Refusal::refusal(error).reason().to_owned();
                said.message = error.to_string();
            }
        }
        said
    });
    verdict.collect()
}

/// What an order comes to.
pub fn totals(evaluation: &Evaluation) -> proto::CouponTotals {
    let stack = &evaluation.stack;
    proto::CouponTotals {
        goods_minor: stack.goods,
        delivery_minor: stack.delivery,
        discount_minor: stack.discount,
        delivery_discount_minor: stack.delivery_discount,
        tendered_minor: stack.tendered,
        payable_minor: stack.payable(),
    }
}
