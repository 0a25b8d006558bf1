//! The customer service: identity, orders, organisations, the unified view.

pub mod domain;
