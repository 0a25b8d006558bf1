//! The other services: where each is, and how a service calls it on behalf of whom it serves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guanxi_kernel::Call;

use crate::token::TokenSource;
use crate::transport::{AddressError, Local, RemoteSettings, Transport};

/// Where the other services are.
#[derive(Debug, Clone)]
pub struct PeerSettings {
    /// The URL of each service that does not run in this process.
    pub urls: BTreeMap<String, String>,
    /// The deadline of calls to them, where the call that is being served leaves more.
    pub deadline: Duration,
    /// How they are reached.
    pub remote: RemoteSettings,
}

impl Default for PeerSettings {
    fn default() -> Self {
        Self { urls: BTreeMap::new(), deadline: Duration::from_secs(5), remote: RemoteSettings::default() }
    }
}

/// The ways to the other services. Clones share connections.
#[derive(Debug, Clone)]
pub struct Peers {
    remote: Arc<BTreeMap<String, Transport>>,
    local: Transport,
}

impl Peers {
    /// Services with a URL are called there, all others in this process.
    ///
    /// # Errors
    /// [`AddressError`] for the first URL that cannot be called.
    pub fn new(local: &Local, settings: &PeerSettings, tokens: Arc<dyn TokenSource>) -> Result<Self, AddressError> {
        let prepared =
            |transport: Transport| transport.with_tokens(Arc::clone(&tokens)).with_default_deadline(settings.deadline);
        let mut remote = BTreeMap::new();
        for (service, url) in &settings.urls {
            remote.insert(service.clone(), prepared(Transport::remote(url, &settings.remote)?));
        }
        Ok(Self { remote: Arc::new(remote), local: prepared(local.transport()) })
    }

    /// The way to `service` (`loyalty`) for the service's own purposes: events, jobs.
    pub fn to(&self, service: &str) -> Transport {
        self.remote.get(service).unwrap_or(&self.local).clone()
    }

    /// The way to `service` for what is done to serve `call`.
    pub fn for_call(&self, service: &str, call: &Call) -> Transport {
        self.remote.get(service).unwrap_or(&self.local).for_call(call)
    }
}
