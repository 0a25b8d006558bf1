//! Between the contracts and the domain.

pub mod ledger;
pub mod program;
pub mod purchase;
