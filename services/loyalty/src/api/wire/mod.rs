//! Between the contracts and the domain.

pub mod campaign;
pub mod coupon;
pub mod ledger;
pub mod outcome;
pub mod posting;
pub mod occasion;
pub mod program;
pub mod purchase;
pub mod rule;
pub mod tier;
