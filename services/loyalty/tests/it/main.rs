//! Loyalty as its clients and the other services see it, over every combination of database, bus and transport.
#![allow(clippy::unwrap_used, reason = "tests")]

mod balances;
mod campaigns;
mod concurrency;
mod coupon_races;
mod coupon_support;
mod coupons;
mod earning;
mod flow;
mod gift_cards;
mod holds;
mod members;
mod occasions;
mod olist;
mod programs;
mod returns;
mod rewards;
mod rules;
mod spending;
mod strangers;
mod support;
mod tiers;
mod verify;
