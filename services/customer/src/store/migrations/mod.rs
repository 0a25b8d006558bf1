//! The schema, one file for each step. A release is never ahead of it by more than it can bear: expand, then contract.

mod m0001_customer;
mod m0002_line_tax;

use guanxi_store::migrate::Migrations;

/// Every step, oldest first.
pub fn all() -> Migrations {
    vec![Box::new(m0001_customer::Customer), Box::new(m0002_line_tax::LineTax)]
}
