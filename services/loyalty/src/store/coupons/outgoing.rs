//! What others hear of coupons: only of those that belong to somebody.

use guanxi_contracts::loyalty::events::v1::{CouponExpiring, CouponIssued};
use guanxi_contracts::time::to_proto;
use guanxi_kernel::Timestamp;
use guanxi_messaging::event;
use guanxi_store::NewEvent;

use crate::domain::coupon::Coupon;
use crate::domain::coupon::batch::Batch;
use crate::domain::coupon::reminder::DAYS_BEFORE;

/// A coupon's version: each of its lives has one for its making and one for each reminder.
fn version(coupon: &Coupon, days_before: Option<i32>) -> i64 {
    let reminders = i64::try_from(DAYS_BEFORE.len()).unwrap_or(0);
    let place = days_before.and_then(|days| DAYS_BEFORE.iter().position(|other| *other == days));
    let place = place.and_then(|place| i64::try_from(place).ok()).map_or(0, |place| place + 1);
    (coupon.generation - 1) * (reminders + 1) + 1 + place
}

/// A coupon belongs to a member from now on; `None` where it belongs to nobody.
pub fn issued(coupon: &Coupon, batch: &Batch) -> Option<NewEvent> {
    let owner = coupon.owner?;
    let message = CouponIssued {
        coupon: coupon.id.to_string(),
        member: owner.member.to_string(),
        customer: owner.customer.to_string(),
        batch: batch.id.to_string(),
        display_name: batch.terms.display_name.clone(),
        expire_time: Some(to_proto(coupon.expire_time)),
    };
    Some(event(coupon.id, version(coupon, None), &coupon.organization, coupon.create_time, false, &message))
}

/// A member's coupon expires soon; `None` where it belongs to nobody.
pub fn expiring(coupon: &Coupon, batch: &Batch, days_before: i32, now: Timestamp) -> Option<NewEvent> {
    let owner = coupon.owner?;
    let message = CouponExpiring {
        coupon: coupon.id.to_string(),
        member: owner.member.to_string(),
        customer: owner.customer.to_string(),
        batch: batch.id.to_string(),
        display_name: batch.terms.display_name.clone(),
        expire_time: Some(to_proto(coupon.expire_time)),
        days_before,
    };
    Some(event(coupon.id, version(coupon, Some(days_before)), &coupon.organization, now, false, &message))
}
