//! The logistics service: shipments, tracking, promises.

pub mod domain;
pub mod events;
pub mod store;
