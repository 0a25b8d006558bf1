//! The customer service: identity, orders, organisations, the unified view.

pub mod domain;
pub mod settings;
pub mod store;
