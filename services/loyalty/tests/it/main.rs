//! Loyalty as its clients and the other services see it, over every combination of database, bus and transport.
#![allow(clippy::unwrap_used, reason = "tests")]

mod adjusting;
mod balances;
mod batches;
mod campaigns;
mod cards;
mod challenges;
mod concurrency;
mod coupon_races;
mod coupon_support;
mod coupons;
mod earning;
mod erasing;
mod flow;
mod gift_cards;
mod holds;
mod hour;
mod members;
mod merging;
mod occasions;
mod olist;
mod programs;
mod redeeming;
mod referrals;
mod returns;
mod rewards;
mod rules;
mod schema;
mod sources;
mod spending;
mod strangers;
mod support;
mod terms;
mod tiers;
mod transfers;
mod verify;
