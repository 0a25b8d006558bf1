//! The schema, one file for each step. A release is never ahead of it by more than it can bear: expand, then contract.

mod m0001_loyalty;
mod m0002_chain;
mod m0003_earning;
mod m0004_coupons;
mod m0005_room;
mod m0006_ledger;
mod m0007_members;
mod m0009_sources;

use guanxi_store::migrate::Migrations;

/// Every step, oldest first.
pub fn all() -> Migrations {
    vec![
        Box::new(m0001_loyalty::Loyalty),
        Box::new(m0002_chain::Chain),
        Box::new(m0003_earning::Earning),
        Box::new(m0004_coupons::Coupons),
        Box::new(m0005_room::Room),
        Box::new(m0006_ledger::Ledger),
        Box::new(m0007_members::Members),
        Box::new(m0009_sources::Sources),
    ]
}
