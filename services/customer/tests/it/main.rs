//! The customer service as its clients and the other services see it, over every combination of database, bus and
//! transport.

mod customers;
mod identity;
mod olist;
mod orders;
mod organizations;
mod support;
mod view;
