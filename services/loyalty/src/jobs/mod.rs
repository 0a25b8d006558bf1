//! What loyalty does by itself: writing what time did, and checking the ledger.

mod sweep;
mod verify;

pub use sweep::Sweep;
pub use verify::{VERIFY_LEDGER, VerifyLedger};
