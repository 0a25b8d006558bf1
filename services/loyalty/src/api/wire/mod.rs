//! Between the contracts and the domain.

pub mod campaign;
pub mod challenge;
pub mod coupon;
mod expiry;
pub mod ledger;
pub mod occasion;
pub mod outcome;
pub mod posting;
pub mod program;
pub mod purchase;
pub mod referral;
pub mod rule;
pub mod tier;
