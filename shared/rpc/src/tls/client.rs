//! What a client shows to servers, and which of them it believes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use guanxi_kernel::Timestamp;
use rustls::{ClientConfig, RootCertStore};

use super::reload::Reloaded;
use super::server::not_over;
use super::{Contents, EVERY, TlsError, authorities, chain, key, provider};

/// The files of a client.
#[derive(Debug, Clone)]
pub struct ClientFiles {
    /// Who signs the certificates of servers; `None`: the authorities that this machine trusts.
    pub ca: Option<PathBuf>,
    /// What the client shows, where it shows something: its chain, and the private key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// How often the files are looked at.
    pub every: Duration,
}

impl Default for ClientFiles {
    fn default() -> Self {
        Self { ca: None, identity: None, every: EVERY }
    }
}

/// A client's TLS, as its files say now. Clones are one.
#[derive(Clone)]
pub struct ClientTls(Arc<Reloaded<Shown>>);

struct Shown {
    config: Arc<ClientConfig>,
    until: Option<Timestamp>,
}

impl ClientTls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`] where they cannot be read, do not go together, or the certificate is over.
    pub fn read(files: ClientFiles) -> Result<Self, TlsError> {
        let mut paths = Vec::new();
        paths.extend(files.ca.clone());
        paths.extend(files.identity.iter().flat_map(|(certificate, key)| [certificate.clone(), key.clone()]));
        let every = files.every;
        Ok(Self(Arc::new(Reloaded::read(paths, every, move |contents| shown(&files, contents))?)))
    }

    /// Believes servers whose certificates were signed by the authority in `pem`.
    ///
    /// # Errors
    /// [`TlsError`] where it holds no certificate.
    pub fn trusting(pem: &str) -> Result<Self, TlsError> {
        let roots = authorities(Path::new("the CA certificate"), pem.as_bytes())?;
        let config = with_roots(roots)?.with_no_client_auth();
        let made = move |_: &Contents| Ok(Shown { config: offering(config.clone()), until: None });
        Ok(Self(Arc::new(Reloaded::read(Vec::new(), EVERY, made)?)))
    }

    /// What the next connection is given.
    pub(crate) fn current(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0.current().config)
    }

    /// When the certificate that is shown ends, where one is.
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.0.current().until
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientTls")
    }
}

type WithRoots = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

fn with_roots(roots: Arc<RootCertStore>) -> Result<WithRoots, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| TlsError::unusable(Path::new("TLS"), error))?;
    Ok(builder.with_root_certificates(roots))
}

fn offering(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

fn shown(files: &ClientFiles, contents: &Contents) -> Result<Shown, TlsError> {
    let mut contents = contents.iter();
    let mut next = || contents.next().map(Vec::as_slice).unwrap_or_default();
    let roots = match &files.ca {
        Some(path) => authorities(path, next())?,
        None => machine()?,
    };
    let builder = with_roots(roots)?;
    let (config, until) = match &files.identity {
        None => (builder.with_no_client_auth(), None),
        Some((certificate, key_file)) => {
            let (chain, until) = chain(certificate, next())?;
            not_over(certificate, until)?;
            let config = builder.with_client_auth_cert(chain, key(key_file, next())?);
            (config.map_err(|error| TlsError::unusable(key_file, error))?, Some(until))
        }
    };
    Ok(Shown { config: offering(config), until })
}

/// The authorities that this machine trusts.
fn machine() -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let path = PathBuf::from("this machine's list of authorities");
        return Err(TlsError::Empty { path, what: "certificate; name a CA file" });
    }
    Ok(Arc::new(roots))
}
