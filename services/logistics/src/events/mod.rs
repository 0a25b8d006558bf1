//! Events of the logistics service: what it tells, and what it hears.

pub mod order_recorded;
pub mod outgoing;
