//! Between the contracts and the domain.

pub mod campaign;
pub mod campaign_report;
pub mod challenge;
pub mod coupon;
mod expiry;
pub mod ledger;
pub mod liability;
pub mod occasion;
pub mod outcome;
pub mod posting;
pub mod program;
pub mod purchase;
pub mod referral;
pub mod rule;
pub mod tier;
