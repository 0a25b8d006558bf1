//! The rows of the tables, one file for each.

pub mod customers;
pub mod identity_edges;
pub mod order_lines;
pub mod order_payments;
pub mod order_return_lines;
pub mod order_returns;
pub mod orders;
pub mod organizations;
pub mod source_records;
pub mod stores;
