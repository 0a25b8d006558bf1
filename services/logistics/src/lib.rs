//! The logistics service: shipments, tracking, promises.

pub mod domain;
