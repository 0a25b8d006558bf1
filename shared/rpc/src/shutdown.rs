//! The signal that the process, or one old connection, is going down: no new work, and streams are ended by us rather than
//! cut.

use std::time::Duration;

use guanxi_kernel::Refused;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Says that the process is going down. Clones are one signal; it is given once and for good.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// A signal that has not been given.
    pub fn new() -> Self {
        Self::default()
    }

    /// A connection's own: given with this one, or by itself when the connection has grown old.
    pub(crate) fn of_connection(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Gives the signal.
    pub fn begin(&self) {
        self.0.cancel();
    }

    /// Whether it was given.
    pub fn has_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is given.
    pub fn begun(&self) -> WaitForCancellationFutureOwned {
        self.0.clone().cancelled_owned()
    }

    /// How a stream ends that was still open: the client comes back, with its resume token where the stream has one.
    pub fn refusal() -> Refused {
        Refused::unavailable("SHUTTING_DOWN", "the server ends this connection: come back", Duration::from_millis(500))
    }
}
