//! The hash chain of an account: every entry's hash covers the entry and the hash before it, so none can be changed,
//! removed or slipped in later without its own hash, or the next one, being wrong.
//!
//! hash(n) = SHA-256(hash(n − 1) ‖ member ‖ encoding(n)), and 32 zero bytes stand before the first. The encoding is the
//! entry's columns in their order: numbers and instants (microseconds since 1970) as 8 bytes, big-endian; ids as 16
//! bytes; texts as their length in one byte and their bytes; before what may be absent a byte 0 or 1. It never changes:
//! whoever keeps a hash from outside can prove the history up to it.

use guanxi_kernel::Uuid;
use guanxi_kernel::name::MemberId;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::entry::Entry;

/// The hash of an entry and all entries before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHash([u8; 32]);

impl ChainHash {
    /// What stands before the first entry.
    pub const START: Self = Self([0; 32]);

    /// From its 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The hash of the entry that comes after this one.
    #[must_use]
    pub fn after(self, member: MemberId, entry: &Entry) -> Self {
        let mut hash = Hasher(Sha256::new_with_prefix(self.0));
        hash.id(member.uuid());
        hash.number(entry.number);
        hash.number(entry.posting);
        hash.text(entry.kind.as_str());
        hash.text(entry.from.as_str());
        hash.text(entry.to.as_str());
        hash.number(entry.points.get());
        hash.optional(entry.lot, |hash, lot| hash.number(lot.0));
        hash.optional(entry.order, |hash, order| hash.id(order.0));
        hash.optional(entry.hold, |hash, hold| hash.id(hold.0));
        hash.instant(entry.effective_time);
        hash.instant(entry.create_time);
        hash.optional(entry.active_from, Hasher::instant);
        hash.optional(entry.expires_at, Hasher::instant);
        Self(hash.0.finalize().into())
    }
}

struct Hasher(Sha256);

impl Hasher {
    fn number(&mut self, number: i64) {
        self.0.update(number.to_be_bytes());
    }

    fn id(&mut self, id: Uuid) {
        self.0.update(id.as_bytes());
    }

    fn instant(&mut self, at: Timestamp) {
        self.number(at.as_microsecond());
    }

    fn text(&mut self, text: &str) {
        self.0.update([u8::try_from(text.len()).expect("the ledger's words are short")]);
        self.0.update(text);
    }

    fn optional<T>(&mut self, value: Option<T>, add: impl FnOnce(&mut Self, T)) {
        self.0.update([u8::from(value.is_some())]);
        if let Some(value) = value {
            add(self, value);
        }
    }
}

/// The number of the first entry whose hash is not what it and those before it come to. Entries that were recorded before
/// the chain began, if any, have no hash and come first.
pub fn first_broken(member: MemberId, entries: &[Entry]) -> Option<i64> {
    let mut last = ChainHash::START;
    for entry in entries {
        let begun = last != ChainHash::START;
        match entry.hash {
            Some(hash) if hash == last.after(member, entry) => last = hash,
            None if !begun => {}
            _ => return Some(entry.number),
        }
    }
    None
}

/// The last hash of these entries.
pub fn last(entries: &[Entry]) -> ChainHash {
    entries.iter().rev().find_map(|entry| entry.hash).unwrap_or(ChainHash::START)
}

#[cfg(test)]
mod tests {
    use super::super::entry::{EntryKind, HoldId, LedgerAccount, OrderId};
    use super::super::lot::LotId;
    use super::super::points::Points;
    use super::*;

    fn member() -> MemberId {
        MemberId(Uuid::from_u128(1))
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_microsecond(micros).expect("in range")
    }

    fn entry(number: i64) -> Entry {
        Entry {
            number,
            posting: number,
            kind: EntryKind::Earn,
            from: LedgerAccount::Issued,
            to: LedgerAccount::Open,
            points: Points::new(10),
            lot: Some(LotId(number)),
            order: None,
            hold: None,
            effective_time: at(number),
            create_time: at(number),
            active_from: Some(at(number)),
            expires_at: None,
            hash: None,
        }
    }

    fn chained(count: i64) -> Vec<Entry> {
        let mut last = ChainHash::START;
        let entries = (1..=count).map(|number| {
            let entry = entry(number);
            last = last.after(member(), &entry);
            Entry { hash: Some(last), ..entry }
        });
        entries.collect()
    }

    #[test]
    fn the_encoding_is_the_one_that_was_published() {
        let hash = ChainHash::START.after(member(), &entry(1));
        let hex: String = hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        // Computed by Python's hashlib from the module's words.
        assert_eq!(hex, "8c13757e4255ec5999d30f4d28c4939d71cd92372619d92cf434d0dfa687fd98");
    }

    #[test]
    fn a_change_of_any_column_breaks_the_chain_where_it_was_made() {
        let changes: [fn(&mut Entry); 13] = [
            |e| e.number += 1,
            |e| e.posting -= 1,
            |e| e.kind = EntryKind::Refund,
            |e| e.from = LedgerAccount::Redeemed,
            |e| e.to = LedgerAccount::Held,
            |e| e.points += Points::new(1),
            |e| e.lot = None,
            |e| e.order = Some(OrderId(Uuid::nil())),
            |e| e.hold = Some(HoldId(Uuid::nil())),
            |e| e.effective_time = at(7),
            |e| e.create_time = at(7),
            |e| e.active_from = None,
            |e| e.expires_at = Some(at(9)),
        ];
        for (n, change) in changes.into_iter().enumerate() {
            let mut entries = chained(5);
            change(&mut entries[2]);
            assert_eq!(first_broken(member(), &entries), Some(entries[2].number), "change {n}");
        }
    }

    #[test]
    fn an_entry_that_was_removed_added_or_moved_to_another_member_is_found() {
        let good = chained(5);
        assert_eq!(first_broken(member(), &good), None);
        let mut removed = good.clone();
        removed.remove(2);
        assert_eq!(first_broken(member(), &removed), Some(4));
        let mut added = good.clone();
        added.push(entry(6));
        assert_eq!(first_broken(member(), &added), Some(6));
        assert_eq!(first_broken(MemberId(Uuid::from_u128(2)), &good), Some(1));
        let older: Vec<Entry> = std::iter::once(entry(0)).chain(good).collect();
        assert_eq!(first_broken(member(), &older), None);
    }
}
