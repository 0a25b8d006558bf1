//! The gRPC services: decode, decide, encode; nothing else to read.

mod cases;
mod reviews;
mod scores;
mod submissions;
mod surveys;
mod wire;

pub use cases::Cases;
pub use reviews::Reviews;
pub use scores::Scores;
pub use submissions::Submissions;
pub use surveys::Surveys;

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
