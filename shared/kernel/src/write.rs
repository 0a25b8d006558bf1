//! What makes a write the same write when it is sent again.

use uuid::Uuid;

/// The identity of a write: what it is about, the caller's request id, and the digest of what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The root of the aggregate that is written.
    pub root: Uuid,
    /// The method, so that one request id may be used for two of them.
    pub scope: &'static str,
    /// The caller's id of this request: the same id and body gets the same answer.
    pub request_id: Uuid,
    /// SHA-256 over the deterministic encoding of the request.
    pub digest: [u8; 32],
}
