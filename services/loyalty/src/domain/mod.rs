//! What loyalty means: pure values and decisions. No clock, no ids made inside, no database, no wire format.

pub mod account;
pub mod adjusting;
pub mod backtest;
pub mod balance;
pub mod campaign;
pub mod cap;
pub mod chain;
pub mod condition;
pub mod coupon;
pub mod delivery;
pub mod earning;
pub mod entry;
pub mod expiry;
pub mod explanation;
pub mod fact;
pub mod facts;
mod firing;
pub mod gift_card;
pub mod hold;
pub mod ladder;
pub mod ledger;
pub mod liability;
pub mod lift;
pub mod linking;
pub mod lot;
pub mod occasion;
pub mod order;
pub mod points;
pub mod program;
pub mod purchase;
pub mod ranking;
pub mod redemption;
pub mod retention;
pub mod returns;
pub mod reward;
pub mod rule;
pub mod settling;
mod slug;
pub mod spending;
pub mod tenure;
pub mod tier;
pub mod transfer;

#[cfg(test)]
mod tests;
