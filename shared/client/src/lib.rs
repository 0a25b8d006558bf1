//! What an internal application adds to its Cargo.toml to call Guanxi: generated clients over one connection, with
//! token, deadline and request ids looked after, and retries that do a thing once.
//!
//! ```no_run
//! use guanxi_client::contracts::common::v1::{CancelJobRequest, GetSummaryRequest};
//! use guanxi_client::{Client, Error};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder().endpoint("http://127.0.0.1:7400").token("eyJ…").build()?;
//!
//! // A call is a generated client's; each is as cheap as a clone.
//! let summary = client.admin("loyalty").get_summary(GetSummaryRequest::default()).await?.into_inner();
//!
//! // Made again, the same and with the same request id, while the server is not there or asks for patience.
//! let cancel = CancelJobRequest { name: "services/loyalty/jobs/…".into(), ..Default::default() };
//! let answer = client.retry(|| {
//!     let (mut jobs, cancel) = (client.jobs("loyalty"), cancel.clone());
//!     async move { jobs.cancel_job(cancel).await }
//! });
//! match answer.await {
//!     Ok(cancelled) => println!("{:?}", cancelled.job),
//!     Err(Error { reason, .. }) if reason == "JOB_ENDED" => println!("too late"),
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```

mod builder;
mod retry;
mod services;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use builder::{Builder, SetupError};
pub use guanxi_contracts as contracts;
/// Why a call failed: code, reason, values, wrong fields, when to come back. Any `tonic::Status` becomes one by `?`.
pub use guanxi_rpc::Failure as Error;
pub use guanxi_rpc::{ClientFiles, FixedToken, Key, Mint, Resolver, TokenSource, Transport};
pub use services::{Customer, Feedback, Logistics, Loyalty};

/// A new request id, for the `request_id` of a change. Keep it while the same change is tried again.
pub fn request_id() -> String {
    guanxi_kernel::new_id().to_string()
}

/// The way to a suite, or to services that each run by themselves. Clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    transports: Arc<BTreeMap<String, Transport>>,
    otherwise: Option<Transport>,
    deadline: Duration,
}

impl Client {
    /// A client to be set up.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The way to one service (`loyalty`), for a generated client of one's own.
    pub fn to(&self, service: &str) -> Transport {
        let transport = self.transports.get(service).or(self.otherwise.as_ref());
        transport.cloned().unwrap_or_else(|| Transport::nowhere(service))
    }
}
