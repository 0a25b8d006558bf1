//! What a server shows to callers, and what it asks of them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use guanxi_kernel::{Clock, SystemClock, Timestamp};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;

use super::reload::Reloaded;
use super::{Contents, TlsError, authorities, chain, key, provider};

/// The files of a server.
#[derive(Debug, Clone)]
pub struct ServerFiles {
    /// Its chain, its own certificate first.
    pub certificate: PathBuf,
    /// The private key of that certificate.
    pub key: PathBuf,
    /// Who signs the certificates of callers; `None`: callers are asked for none.
    pub client_ca: Option<PathBuf>,
    /// Whether a caller without a certificate is turned away; a wrong one always is.
    pub client_required: bool,
    /// Whether HTTP/1.1 is offered beside HTTP/2.
    pub http1: bool,
    /// How often the files are looked at.
    pub every: Duration,
}

/// A server's TLS, as its files say now.
pub struct ServerTls(Reloaded<Served>);

struct Served {
    config: Arc<ServerConfig>,
    until: Timestamp,
}

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`] where they cannot be read, do not go together, or the certificate is over.
    pub fn read(files: ServerFiles) -> Result<Self, TlsError> {
        let mut paths = vec![files.certificate.clone(), files.key.clone()];
        paths.extend(files.client_ca.clone());
        let every = files.every;
        Reloaded::read(paths, every, move |contents| served(&files, contents)).map(Self)
    }

    /// What the next connection is given.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.current().config)
    }

    /// When the certificate in use ends.
    pub fn valid_until(&self) -> Timestamp {
        self.0.current().until
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls")
    }
}

fn served(files: &ServerFiles, contents: &Contents) -> Result<Served, TlsError> {
    let (chain, until) = chain(&files.certificate, &contents[0])?;
    not_over(&files.certificate, until)?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::unusable(&files.certificate, error))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(authorities(path, &contents[2])?, provider());
            let verifier = if files.client_required { verifier } else { verifier.allow_unauthenticated() };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| TlsError::unusable(path, error))?)
        }
    };
    let config = builder.with_single_cert(chain, key(&files.key, &contents[1])?);
    let mut config = config.map_err(|error| TlsError::unusable(&files.key, error))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    if files.http1 {
        config.alpn_protocols.push(b"http/1.1".to_vec());
    }
    Ok(Served { config: Arc::new(config), until })
}

pub(super) fn not_over(path: &Path, until: Timestamp) -> Result<(), TlsError> {
    if until <= SystemClock.now() {
        return Err(TlsError::Expired { path: path.to_owned(), until });
    }
    Ok(())
}
