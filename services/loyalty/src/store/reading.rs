//! Reading a member's points without a transaction: what is read together must be of one moment, so an account that
//! changed meanwhile is read again.

use std::collections::BTreeMap;

use guanxi_kernel::Timestamp;
use guanxi_kernel::name::MemberId;
use guanxi_store::{Result, Session, StoreError};

use super::book::{self, Needs};
use super::{accounts, entries, kin};
use crate::domain::account::Account;

/// How often an account that keeps changing is read again.
const ATTEMPTS: usize = 20;

/// The accounts of a member that the caller may read, with their open lots and placed holds: his own first, then those of
/// whoever is one person with him. All are of one moment.
///
/// # Errors
/// NOT_FOUND; the database's.
pub async fn accounts_of<S: Session>(session: &S, member: MemberId) -> Result<Vec<Account>> {
    let mut before = sides(session, member).await?;
    for _ in 0..ATTEMPTS {
        let entries: Vec<i64> = before.iter().map(|account| account.last_entry).collect();
        let order: Vec<MemberId> = before.iter().map(|account| account.member).collect();
        let needs = Needs::open(order.iter().copied());
        let mut read: BTreeMap<_, _> = before.into_iter().map(|account| (account.member, account)).collect();
        book::fill(session.connection(), &mut read, &needs).await?;
        before = sides(session, member).await?;
        let moments = before.iter().map(|account| (account.member, account.last_entry));
        if moments.eq(order.iter().copied().zip(entries)) {
            return Ok(order.into_iter().filter_map(|member| read.remove(&member)).collect());
        }
    }
    Err(StoreError::Conflict("the account kept changing while it was read"))
}

async fn sides<S: Session>(session: &S, member: MemberId) -> Result<Vec<Account>> {
    let account = accounts::read(session, member).await?;
    kin::sides(session, account).await
}

/// The accounts as they were at `as_of` of business, as they were known at `known_at`.
///
/// # Errors
/// NOT_FOUND; the database's.
pub async fn accounts_as_known<S: Session>(
    session: &S,
    member: MemberId,
    as_of: Timestamp,
    known_at: Timestamp,
) -> Result<Vec<Account>> {
    let mut replayed = Vec::new();
    for account in sides(session, member).await? {
        let known = entries::known(session.connection(), account.member.uuid(), as_of, known_at).await?;
        replayed.push(account.replay(&known));
    }
    Ok(replayed)
}
