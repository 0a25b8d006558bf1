//! The loyalty service: programs, members, the points ledger.

pub mod domain;
pub mod store;
