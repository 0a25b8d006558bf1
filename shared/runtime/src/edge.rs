//! From the section `[tls]` to what encrypts calls, of others to us and of ours to peers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use guanxi_rpc::tls::TlsError;
use guanxi_rpc::{ClientFiles, ClientTls, ServerFiles, ServerTls};

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

fn named(file: &Path) -> Option<PathBuf> {
    (!file.as_os_str().is_empty()).then(|| file.to_owned())
}

fn unusable(error: TlsError) -> StartError {
    StartError::new(format!("{error}; check the section [tls]"))
}
