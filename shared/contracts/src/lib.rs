//! Guanxi's protobuf contracts in Rust: messages, clients, validating servers, descriptors, and what the contracts
//! declare about methods and fields. Everything here is generated from `proto/` except this file, `codec` and `time`.

#![allow(missing_docs, reason = "generated code carries the protos' comments, and some elements have none")]

pub mod codec;
pub mod time;

#[allow(clippy::all, clippy::unwrap_used, dead_code, reason = "generated")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/messages.rs"));
}
pub use generated::guanxi;
pub use guanxi::{common, customer, feedback, logistics, loyalty};

/// The generated servers, a module for each package: `server::loyalty_v1::points_service_server`.
#[allow(clippy::all, clippy::unwrap_used, reason = "generated")]
pub mod server {
    include!(concat!(env!("OUT_DIR"), "/servers.rs"));
}

#[allow(clippy::all, clippy::unwrap_used, reason = "generated")]
mod validators {
    use super::guanxi;
    include!(concat!(env!("OUT_DIR"), "/validate_impl.rs"));
}

#[allow(clippy::all, reason = "generated")]
mod declared {
    use super::{Method, guanxi};
    include!(concat!(env!("OUT_DIR"), "/declared.rs"));
}
pub use declared::{METHODS, PERSONAL};
pub use prost::{Message, Name};
pub use prost_protovalidate::Validate;

/// The encoded descriptor set of every contract, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// What a contract declares of one method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// `/package.Service/Method`, as on the wire.
    pub path: &'static str,
    /// The scope that a token must cover; empty where `anonymous`.
    pub scope: &'static str,
    /// Whether anyone may call.
    pub anonymous: bool,
    /// Whether each call is written to the audit log.
    pub audit: bool,
    /// Whether the client sends a stream.
    pub client_streaming: bool,
    /// Whether the server sends a stream.
    pub server_streaming: bool,
}

/// What the contracts declare of the method with this path; `None` where it is not one of ours.
pub fn method(path: &str) -> Option<&'static Method> {
    METHODS.binary_search_by(|method| method.path.cmp(path)).ok().map(|at| &METHODS[at])
}

/// Whether this field of this message says something about a person.
pub fn is_personal(message: &str, field: &str) -> bool {
    PERSONAL.binary_search(&(message, field)).is_ok()
}

/// A request that changes something: it carries the caller's request id.
pub trait Mutation: prost::Message {
    /// The caller's id of this request, a UUID.
    fn request_id(&self) -> &str;
}

/// A message that is published as an event.
pub trait Event: prost::Message + Default {
    /// Its full name, as envelopes carry it.
    const TYPE: &'static str;
}
