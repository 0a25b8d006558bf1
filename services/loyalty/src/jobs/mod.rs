//! What loyalty does by itself: writing what time did, checking the ledger, making coupons and reminding of them.

mod create_coupons;
mod remind_coupons;
mod sweep;
mod verify;

pub use create_coupons::{CREATE_COUPONS, CreateCoupons};
pub use remind_coupons::RemindCoupons;
pub use sweep::Sweep;
pub use verify::{VERIFY_LEDGER, VerifyLedger};
