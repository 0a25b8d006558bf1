//! What clients call: each handler decodes, has it decided, encodes.

mod campaigns;
mod cards;
mod challenges;
mod coupons;
mod gift_cards;
mod ledger;
mod members;
mod points;
mod programs;
mod referrals;
mod rewards;
mod wire;

pub use campaigns::Campaigns;
pub use challenges::Challenges;
pub use coupons::Coupons;
pub use gift_cards::GiftCards;
pub use ledger::Ledgers;
pub use members::Members;
pub use points::Points;
pub use programs::Programs;
pub use referrals::Referrals;
pub use rewards::Rewards;

use guanxi_contracts::Message;
use guanxi_kernel::{PageRequest, Refused, Timestamp};
use guanxi_rpc::convert;
use guanxi_store::{StoreError, Written};

/// The stored reply of a write, as its message.
fn reply<M: Message + Default>(written: &Written) -> Result<M, Refused> {
    Ok(M::decode(written.reply.as_slice()).map_err(StoreError::row)?)
}

/// When something happened, by the business: now where it is absent, never in the future.
fn past(at: Option<&prost_types::Timestamp>, field: &str, now: Timestamp) -> Result<Timestamp, Refused> {
    match convert::instant(at, field)? {
        Some(at) if at > now => {
            Err(Refused::invalid(field, "TIMESTAMP_IN_FUTURE", format!("{at} is after now, {now}")))
        }
        at => Ok(at.unwrap_or(now)),
    }
}

/// Cuts what was read, one more than a page, to the page, and makes the token of the next one.
fn cut<T>(found: &mut Vec<T>, page: &PageRequest, key: impl Fn(&T) -> String) -> String {
    let size = usize::try_from(page.size).unwrap_or(usize::MAX);
    if found.len() <= size {
        return String::new();
    }
    found.truncate(size);
    found.last().map(|last| page.next(vec![key(last)])).unwrap_or_default()
}
