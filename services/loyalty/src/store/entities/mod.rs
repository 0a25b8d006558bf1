//! The tables that belong to an organisation, as rows. What a row means is read by the file of its aggregate.

pub mod accounts;
pub mod campaigns;
pub mod challenges;
pub mod coupon_batches;
pub mod coupons;
pub mod gift_cards;
pub mod members;
pub mod programs;
pub mod rewards;
