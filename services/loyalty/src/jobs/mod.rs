//! What loyalty does by itself: writing what time did, checking the ledger, testing drafts of rules, making coupons and
//! reminding of them, giving what challenges and referrals give.

mod backtest;
mod celebrate;
mod create_coupons;
mod join;
mod remind_coupons;
mod settle_goals;
mod sweep;
mod verify;

pub use backtest::{BACKTEST_RULE, Backtest, BacktestRule};
pub use celebrate::Celebrate;
pub use create_coupons::{CREATE_COUPONS, CreateCoupons};
pub use join::JoinMembers;
pub use remind_coupons::RemindCoupons;
pub use settle_goals::SettleGoals;
pub use sweep::Sweep;
pub use verify::{VERIFY_LEDGER, VerifyLedger};
