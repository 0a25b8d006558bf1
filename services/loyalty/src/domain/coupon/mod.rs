//! Coupons: codes with a value, an owner or none, limits, and an expiry that every one of them has.

pub mod batch;
pub mod book;
pub mod code;
pub mod limit;
pub mod redemption;
pub mod refused;
pub mod reminder;
pub mod stack;

use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{OrganizationId, Uuid};
use jiff::Timestamp;

use batch::BatchId;
use code::CouponId;

/// One code in one of its lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coupon {
    /// What its text is called.
    pub id: CouponId,
    /// Which life of the text: 1, and one more each time it is used again.
    pub generation: i64,
    /// Whose data it is.
    pub organization: OrganizationId,
    /// Its batch.
    pub batch: BatchId,
    /// Which of its batch, from 1.
    pub number: i64,
    /// What is typed, in capitals.
    pub code: String,
    /// Whose it is; `None` where whoever brings it may use it.
    pub owner: Option<Owner>,
    /// From when it is good.
    pub start_time: Timestamp,
    /// The first instant at which it is no longer good.
    pub expire_time: Timestamp,
    /// How often it was redeemed and not rolled back.
    pub redeemed: i64,
    /// How often it may be redeemed in all.
    pub redeemable: Option<i64>,
    /// When its owner is to be reminded next.
    pub remind_time: Option<Timestamp>,
    /// When it was made.
    pub create_time: Timestamp,
}

/// Whose a coupon is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The member.
    pub member: MemberId,
    /// The customer who is the member.
    pub customer: CustomerId,
}

/// Where a coupon stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CouponState {
    /// Its time has not begun.
    Pending,
    /// It can be redeemed, as far as the code itself goes.
    Active,
    /// It was redeemed as often as the code may be.
    Used,
    /// Its time is over.
    Expired,
}

impl Coupon {
    /// Where it stands at `now`: what is used stays used when its time is over.
    pub fn state(&self, now: Timestamp) -> CouponState {
        if self.is_used() {
            CouponState::Used
        } else if now >= self.expire_time {
            CouponState::Expired
        } else if now < self.start_time {
            CouponState::Pending
        } else {
            CouponState::Active
        }
    }

    /// Whether it was redeemed as often as the code may be.
    pub fn is_used(&self) -> bool {
        self.redeemable.is_some_and(|most| self.redeemed >= most)
    }

    /// What counts for limits of one code: this life of the text.
    pub fn subject(&self) -> String {
        format!("{}/{}", self.id.uuid(), self.generation)
    }
}

/// A member as coupons see him.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The member.
    pub member: MemberId,
    /// The customer.
    pub customer: CustomerId,
    /// Of which program, by its slug.
    pub program: String,
    /// Whose data he is.
    pub organization: OrganizationId,
    /// The others who are one person with him: their coupons are his, and what they redeemed counts for him.
    pub kin: Vec<Owner>,
}

/// The key of what an order redeems: one for each order of an organisation.
pub fn order_key(organization: &OrganizationId, order: &guanxi_kernel::OrderName) -> Uuid {
    guanxi_kernel::natural_id("coupon-order", [organization.slug(), order.as_str()])
}

#[cfg(test)]
mod tests;
