//! Between the contracts and the domain.

pub mod campaign;
pub mod campaign_report;
pub mod coupon;
pub mod ledger;
pub mod liability;
pub mod occasion;
pub mod outcome;
pub mod posting;
pub mod program;
pub mod purchase;
pub mod rule;
pub mod tier;
