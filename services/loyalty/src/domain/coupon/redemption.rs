//! What an order asks of coupons, and what is kept of it: one redemption at a time, which never changes, and perhaps its
//! rollback.

use std::collections::BTreeMap;

use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{Currency, OrderName, OrganizationId, Uuid};
use jiff::Timestamp;

use super::batch::By;
use super::code::{CodeText, CouponId};
use super::stack::Taken;

/// What is bought, with codes and gift cards. Amounts are in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cart {
    /// Whose coupons.
    pub organization: OrganizationId,
    /// Who buys, where that is known.
    pub member: Option<MemberId>,
    /// Where, where it is a store.
    pub store: Option<String>,
    /// The currency of every amount.
    pub currency: Currency,
    /// What goods cost after earlier discounts.
    pub goods: i64,
    /// What delivery costs.
    pub delivery: i64,
    /// The codes.
    pub items: Vec<Item>,
    /// What gift cards pay.
    pub tenders: Vec<Tender>,
}

/// A code that a customer brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The code.
    pub text: CodeText,
    /// Its chain: redeemed all or none; empty where it stands alone.
    pub chain: String,
}

/// What a gift card pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tender {
    /// The higher goes first.
    pub priority: i32,
    /// At most so much.
    pub amount: i64,
}

/// An order that redeems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeem {
    /// The order.
    pub order: OrderName,
    /// What is bought.
    pub cart: Cart,
    /// Its lines with their pieces: the order has come back when all of them have.
    pub lines: BTreeMap<i32, i64>,
    /// Whether to redeem those that can be where others cannot.
    pub partial: bool,
}

/// What an order redeemed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redemption {
    /// The key of the order's redemptions.
    pub root: Uuid,
    /// Which of them, from 1.
    pub number: i64,
    /// Whose data it is.
    pub organization: OrganizationId,
    /// The order.
    pub order: OrderName,
    /// Who bought, where that is known.
    pub member: Option<MemberId>,
    /// The customer who is the member.
    pub customer: Option<CustomerId>,
    /// Where, where it was a store.
    pub store: Option<String>,
    /// The order's lines with their pieces.
    pub lines: BTreeMap<i32, i64>,
    /// The coupons; at least one.
    pub uses: Vec<Use>,
    /// When.
    pub redeem_time: Timestamp,
    /// When it was taken back.
    pub rollback_time: Option<Timestamp>,
}

/// One coupon of a redemption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// The coupon.
    pub coupon: CouponId,
    /// Which of its lives.
    pub generation: i64,
    /// The batch's key.
    pub batch: Uuid,
    /// What it took off.
    pub taken: Taken,
}

impl Redemption {
    /// `couponOrders/{uuid}/redemptions/{number}`.
    pub fn name(&self) -> String {
        name(self.root, self.number)
    }

    /// Who redeemed, and where.
    pub fn by(&self) -> By<'_> {
        By { customer: self.customer.map(CustomerId::uuid), store: self.store.as_deref() }
    }

    /// Whether all pieces of all lines came back; `returned` says how many of each line did.
    pub fn is_returned(&self, returned: &BTreeMap<i32, i64>) -> bool {
        self.lines.iter().all(|(line, bought)| returned.get(line).is_some_and(|back| back >= bought))
    }
}

/// The name of a redemption.
pub fn name(root: Uuid, number: i64) -> String {
    format!("couponOrders/{root}/redemptions/{number}")
}

/// The root and number of a redemption's name.
pub fn parse_name(name: &str) -> Option<(Uuid, i64)> {
    let (root, number) = name.strip_prefix("couponOrders/")?.split_once("/redemptions/")?;
    Some((Uuid::try_parse(root).ok()?, number.parse().ok().filter(|number| *number > 0)?))
}

/// Why a redemption was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A caller asked.
    Asked,
    /// The order was cancelled.
    Cancelled,
    /// The order came back as a whole.
    Returned,
}

impl Cause {
    /// Every one, as the column has it.
    pub const ALL: &[&str] = &["ASKED", "CANCELLED", "RETURNED"];

    /// As the column has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "ASKED",
            Self::Cancelled => "CANCELLED",
            Self::Returned => "RETURNED",
        }
    }
}
