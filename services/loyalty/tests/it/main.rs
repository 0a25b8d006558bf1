//! Loyalty as its clients and the other services see it, over every combination of database, bus and transport.
#![allow(clippy::unwrap_used, reason = "tests")]

mod adjusting;
mod balances;
mod batches;
mod campaigns;
mod cases;
mod concurrency;
mod coupon_races;
mod coupon_support;
mod coupons;
mod earning;
mod flow;
mod gift_cards;
mod holds;
mod liability;
mod members;
mod occasions;
mod olist;
mod programs;
mod proofs;
mod redeeming;
mod returns;
mod rewards;
mod rules;
mod schema;
mod spending;
mod strangers;
mod support;
mod tiers;
mod transfers;
mod verify;
