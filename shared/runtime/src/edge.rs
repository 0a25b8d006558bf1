//! From the section `[tls]` to what encrypts calls, of others to us and of ours to peers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use guanxi_kernel::signals::certificate_expires;
use guanxi_rpc::tls::TlsError;
use guanxi_rpc::{ClientFiles, ClientTls, ServerFiles, ServerTls};

use tokio_util::sync::CancellationToken;

use crate::error::StartError;
use crate::settings::Settings;

/// What callers are shown and asked for; `None` where calls are not encrypted.
pub(crate) fn server(settings: &Settings) -> Result<Option<Arc<ServerTls>>, StartError> {
    let tls = &settings.tls;
    let Some(certificate) = named(&tls.certificate_file) else { return Ok(None) };
    let files = ServerFiles {
        certificate,
        key: tls.key_file.clone(),
        client_ca: named(&tls.client_ca_file),
        client_required: tls.client_required,
        http1: !settings.server.web_origins.is_empty(),
        every: tls.reload,
    };
    ServerTls::read(files).map(|tls| Some(Arc::new(tls))).map_err(unusable)
}

/// Which peers are believed, and what they are shown; `None` where no peer is called by `https`.
pub(crate) fn client(settings: &Settings) -> Result<Option<ClientTls>, StartError> {
    let tls = &settings.tls;
    let Some(ca) = named(&tls.peer_ca_file) else { return Ok(None) };
    let identity = named(&tls.peer_certificate_file).map(|certificate| (certificate, tls.peer_key_file.clone()));
    ClientTls::read(ClientFiles { ca: Some(ca), identity, every: tls.reload }).map(Some).map_err(unusable)
}

/// The certificates in use.
pub(crate) struct Certificates {
    pub(crate) server: Option<Arc<ServerTls>>,
    pub(crate) client: Option<ClientTls>,
}

impl Certificates {
    /// Tells the metrics when they end.
    pub(crate) fn tell(&self) {
        if let Some(server) = &self.server {
            certificate_expires("server", server.valid_until());
        }
        if let Some(until) = self.client.as_ref().and_then(ClientTls::valid_until) {
            certificate_expires("client", until);
        }
    }

    /// Tells it again and again until `stop`: they are renewed, however few connections are made with them.
    pub(crate) async fn keep_telling(self, stop: CancellationToken) {
        const EVERY: Duration = Duration::from_secs(15);
        while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            self.tell();
        }
    }
}

fn named(file: &Path) -> Option<PathBuf> {
    (!file.as_os_str().is_empty()).then(|| file.to_owned())
}

fn unusable(error: TlsError) -> StartError {
    StartError::new(format!("{error}; check the section [tls]"))
}
