//! Identifiers: version 7 UUIDs made by the server, and natural ones derived from what nature already names.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// A new identifier, roughly ordered by time. The order means nothing to the product: never sort facts by it.
#[allow(clippy::disallowed_methods, reason = "this is the one place that makes them")]
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}

/// The identifier of something that its natural key already names, such as an order number of a source.
///
/// A version 8 UUID over SHA-256 of the length-prefixed parts: the same key has the same identifier for ever, in every
/// service, without asking anyone; and a primary key alone makes the natural key unique.
pub fn natural_id<'a>(kind: &'a str, parts: impl IntoIterator<Item = &'a str>) -> Uuid {
    let mut hash = Sha256::new();
    for part in std::iter::once(kind).chain(parts) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_natural_id_depends_on_every_part_and_on_where_one_ends() {
        assert_eq!(natural_id("order", ["olist", "1"]), natural_id("order", ["olist", "1"]));
        assert_ne!(natural_id("order", ["olist", "1"]), natural_id("order", ["olis", "t1"]));
        assert_ne!(natural_id("order", ["olist", "1"]), natural_id("package", ["olist", "1"]));
        assert_eq!(natural_id("order", ["a"]).get_version_num(), 8);
    }
}
