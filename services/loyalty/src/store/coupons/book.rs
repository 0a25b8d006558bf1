//! The book of a batch of calls: what they need, locked and read in sets, and what changed of it, written in sets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{Timestamp, Uuid};
use guanxi_store::{Change, Result, StoreError, Tx};
use sea_orm::ConnectionTrait;

use super::{batches, codes, counters, outgoing, redemptions};
use crate::domain::coupon::Holder;
use crate::domain::coupon::batch::BatchId;
use crate::domain::coupon::book::Book;
use crate::domain::coupon::code::CouponId;
use crate::domain::coupon::limit::CounterKey;
use crate::domain::coupon::redemption::Cart;
use crate::store::entities::members::Model as Member;
use crate::store::{kin, of_roots, organization};

/// What calls need.
#[derive(Debug, Clone, Default)]
pub struct Needs<'a> {
    /// Carts whose codes are looked at.
    pub carts: Vec<&'a Cart>,
    /// Orders whose redemptions are, by their keys.
    pub orders: BTreeSet<Uuid>,
    /// Codes that are to be issued.
    pub codes: BTreeSet<CouponId>,
    /// Batches that are to issue.
    pub batches: BTreeSet<BatchId>,
    /// Members.
    pub members: BTreeSet<MemberId>,
}

impl Needs<'_> {
    fn ids(&self, book: &Book) -> Vec<Uuid> {
        let items = self.carts.iter().flat_map(|cart| cart.items.iter().map(|item| item.text.id(&cart.organization)));
        let used = book.redemptions.values().flatten().flat_map(|one| one.uses.iter().map(|used| used.coupon));
        let ids: BTreeSet<Uuid> = items.chain(used).chain(self.codes.iter().copied()).map(CouponId::uuid).collect();
        ids.into_iter().collect()
    }

    fn members(&self) -> Vec<Uuid> {
        let buyers = self.carts.iter().filter_map(|cart| cart.member);
        let members: BTreeSet<Uuid> = buyers.chain(self.members.iter().copied()).map(MemberId::uuid).collect();
        members.into_iter().collect()
    }
}

/// Locks the batches of what is needed, in the order of their keys, then reads the rest.
///
/// # Errors
/// The database's; a conflict where a code got another batch meanwhile: the transaction then runs again.
pub async fn lock(tx: &Tx, needs: &Needs<'_>) -> Result<Book> {
    let mut book = Book { redemptions: orders(tx.conn(), needs).await?, ..Book::default() };
    let ids = needs.ids(&book);
    let mut keys: BTreeSet<Uuid> = codes::batches_of(tx.conn(), &ids).await?.into_iter().collect();
    keys.extend(needs.batches.iter().map(BatchId::uuid));
    book.batches = batches::lock(tx, &keys.into_iter().collect::<Vec<_>>()).await?;
    rest(tx.conn(), &mut book, needs, &ids, tx.now()).await?;
    if book.coupons.values().any(|coupon| !book.batches.contains_key(&coupon.batch.uuid())) {
        return Err(StoreError::Conflict("a code was issued again meanwhile"));
    }
    Ok(book)
}

/// Reads what is needed, without locks: for looking only.
///
/// # Errors
/// The database's.
pub async fn read(connection: &impl ConnectionTrait, needs: &Needs<'_>, now: Timestamp) -> Result<Book> {
    let mut book = Book { redemptions: orders(connection, needs).await?, ..Book::default() };
    let ids = needs.ids(&book);
    let keys = codes::batches_of(connection, &ids).await?;
    book.batches = batches::load(connection, &keys).await?;
    rest(connection, &mut book, needs, &ids, now).await?;
    Ok(book)
}

async fn orders(
    connection: &impl ConnectionTrait,
    needs: &Needs<'_>,
) -> Result<BTreeMap<Uuid, Vec<crate::domain::coupon::redemption::Redemption>>> {
    redemptions::of_orders(connection, &needs.orders.iter().copied().collect::<Vec<_>>()).await
}

async fn rest(
    connection: &impl ConnectionTrait,
    book: &mut Book,
    needs: &Needs<'_>,
    ids: &[Uuid],
    now: Timestamp,
) -> Result<()> {
    book.coupons = codes::load(connection, ids).await?;
    book.holders = holders(connection, &needs.members()).await?;
    let asked = needs.carts.iter().flat_map(|cart| book.counters_of(cart, now));
    let standing = book.redemptions.values().flatten().filter(|one| one.rollback_time.is_none());
    let keys: BTreeSet<CounterKey> =
        asked.chain(standing.flat_map(|redemption| book.counters_of_redemption(redemption))).collect();
    book.counters = counters::load(connection, keys).await?;
    Ok(())
}

/// Members as coupons see them; those that do not exist are left out.
///
/// # Errors
/// The database's.
pub async fn holders(connection: &impl ConnectionTrait, members: &[Uuid]) -> Result<BTreeMap<MemberId, Holder>> {
    let found = of_roots::<Member>(connection, "members", members, " AND erase_time IS NULL").await?;
    let same = kin::owners(connection, found.iter().filter_map(|row| row.kin)).await?;
    let holder = |row: Member| {
        let (member, organization) = (MemberId(row.root_id), organization(&row.organization)?);
        let all = same.get(&member).map(Vec::as_slice).unwrap_or_default();
        // What he redeems counts under his own name, whatever he is merged into.
        let own = all.iter().find(|one| one.member == member).map_or(CustomerId(row.customer), |one| one.customer);
        let kin = all.iter().filter(|one| one.member != member).copied().collect();
        Ok((member, Holder { member, customer: own, program: row.program, organization, kin }))
    };
    found.into_iter().map(holder).collect()
}

/// What changed of the book, to be written; tells of it. `traces` says which trace goes on with the issue of a coupon.
///
/// # Errors
/// Where something does not encode.
pub fn changes(tx: &Tx, book: &mut Book, traces: &BTreeMap<(CouponId, i64), Option<Arc<str>>>) -> Result<[Change; 6]> {
    let changes = std::mem::take(&mut book.changes);
    let issued = || changes.issued.iter().filter_map(|key| book.coupons.get(key));
    for coupon in issued() {
        if let Some(event) = book.batches.get(&coupon.batch.uuid()).and_then(|batch| outgoing::issued(coupon, batch)) {
            let trace = traces.get(&(coupon.id, coupon.generation)).cloned().flatten();
            tx.emit_for(event, trace);
        }
    }
    let moved = changes.coupons.difference(&changes.issued).filter_map(|key| book.coupons.get(key));
    let counted = changes
        .counters
        .iter()
        .filter_map(|key| Some((key, &book.batches.get(&key.batch)?.organization, *book.counters.get(key)?)));
    let redeemed = changes.redemptions.iter().filter_map(|(root, number)| {
        book.redemptions.get(root)?.iter().find(|redemption| redemption.number == *number)
    });
    Ok([
        batches::counted(changes.batches.iter().filter_map(|key| book.batches.get(key))),
        codes::new(issued()),
        codes::changed(moved),
        counters::kept(counted),
        redemptions::new(redeemed)?,
        redemptions::rolled_back(&changes.rollbacks, tx.now()),
    ])
}
