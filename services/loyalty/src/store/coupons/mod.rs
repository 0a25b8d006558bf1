//! What is kept of coupons. Every redemption and every new code locks the batches that it touches, in the order of their
//! keys, before it reads the rest: a batch's coupons and counters change only under that lock.

pub mod batches;
pub mod book;
pub mod codes;
pub mod counters;
pub mod invariants;
pub mod outgoing;
pub mod queue;
pub mod redemptions;
pub mod reminders;
pub mod returns;
