//! Reading a member's points without a transaction: what is read together must be of one moment, so an account that
//! changed meanwhile is read again.

use std::collections::BTreeMap;

use guanxi_kernel::Timestamp;
use guanxi_kernel::name::MemberId;
use guanxi_store::{Result, Session, StoreError};

use super::book::{self, Needs};
use super::{accounts, entries};
use crate::domain::account::Account;

/// How often an account that keeps changing is read again.
const ATTEMPTS: usize = 20;

/// The account of a member that the caller may read, with its open lots and placed holds.
///
/// # Errors
/// NOT_FOUND; the database's.
pub async fn account<S: Session>(session: &S, member: MemberId) -> Result<Account> {
    let mut before = accounts::read(session, member).await?;
    for _ in 0..ATTEMPTS {
        let entry = before.last_entry;
        let mut read = BTreeMap::from([(member, before)]);
        book::fill(session.connection(), &mut read, &Needs::open(member)).await?;
        before = accounts::read(session, member).await?;
        match read.remove(&member) {
            Some(account) if before.last_entry == entry => return Ok(account),
            _ => {}
        }
    }
    Err(StoreError::Conflict("the account kept changing while it was read"))
}

/// The account as it was at `as_of` of business, as it was known at `known_at`.
///
/// # Errors
/// NOT_FOUND; the database's.
pub async fn account_as_known<S: Session>(
    session: &S,
    member: MemberId,
    as_of: Timestamp,
    known_at: Timestamp,
) -> Result<Account> {
    let account = accounts::read(session, member).await?;
    let known = entries::known(session.connection(), member.uuid(), as_of, known_at).await?;
    Ok(account.replay(&known))
}
