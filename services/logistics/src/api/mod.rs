//! The gRPC services: decode, decide, encode; nothing else to read.

mod element;
mod shipments;
mod tracking;
mod watch;
mod wire;

pub use shipments::Shipments;
pub use tracking::Tracks;

use guanxi_contracts::Message;
use guanxi_kernel::Refused;
use guanxi_store::Written;

/// The reply that a write stored.
fn reply<M: Message + Default>(written: &Written) -> Result<M, Refused> {
    M::decode(written.reply.as_slice()).map_err(|error| {
        tracing::error!(%error, "a stored reply does not decode");
        Refused::internal("the stored reply of this request cannot be read")
    })
}
