//! What the logistics service does by the clock.

pub mod forget_changes;
