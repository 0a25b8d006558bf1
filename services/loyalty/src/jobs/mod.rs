//! What loyalty does by itself: writing what time did, checking the ledger, testing drafts of rules.

mod backtest;
mod sweep;
mod verify;

pub use backtest::{BACKTEST_RULE, Backtest, BacktestRule};
pub use sweep::Sweep;
pub use verify::{VERIFY_LEDGER, VerifyLedger};
