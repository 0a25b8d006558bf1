//! TLS: what a server shows at the edge, what services show each other, and whom they believe. Everything is read from
//! PEM files, and read again when the files change: nobody restarts for a new certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use guanxi_kernel::Timestamp;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use x509_cert::der::Decode;

mod client;
mod reload;
mod server;

pub use client::{ClientFiles, ClientTls};
pub use server::{ServerFiles, ServerTls};

/// How often files are looked at, where nothing else is said.
pub const EVERY: Duration = Duration::from_secs(10);

/// Certificates or keys that cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The file is not there, or not for us.
    #[error("{path} cannot be read: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file holds none of what it should.
    #[error("{path} holds no {what} in PEM")]
    Empty {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// The certificate is over.
    #[error("the certificate in {path} expired at {until}: renew it")]
    Expired {
        /// The file.
        path: PathBuf,
        /// When.
        until: Timestamp,
    },
    /// What the files hold does not go together.
    #[error("{path} cannot be used: {problem}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

impl TlsError {
    fn unusable(path: &Path, problem: impl std::fmt::Display) -> Self {
        Self::Unusable { path: path.to_owned(), problem: problem.to_string() }
    }
}

/// The files' contents, in the files' order.
type Contents = Vec<Vec<u8>>;

fn read(paths: &[PathBuf]) -> Result<Contents, TlsError> {
    let one = |path: &PathBuf| std::fs::read(path).map_err(|error| TlsError::Unreadable { path: path.clone(), error });
    paths.iter().map(one).collect()
}

/// A chain, the leaf first, and when the leaf ends.
fn chain(path: &Path, pem: &[u8]) -> Result<(Vec<CertificateDer<'static>>, Timestamp), TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|error| TlsError::unusable(path, error))?;
    let leaf = certificates.first().ok_or(TlsError::Empty { path: path.to_owned(), what: "certificate" })?;
    let leaf = x509_cert::Certificate::from_der(leaf).map_err(|error| TlsError::unusable(path, error))?;
    let seconds = leaf.tbs_certificate.validity.not_after.to_unix_duration().as_secs();
    let until = i64::try_from(seconds).ok().and_then(|second| Timestamp::from_second(second).ok());
    Ok((certificates, until.unwrap_or(Timestamp::MAX)))
}

fn key(path: &Path, pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| TlsError::Empty { path: path.to_owned(), what: "private key" })
}

/// The authorities in a file.
fn authorities(path: &Path, pem: &[u8]) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| TlsError::unusable(path, error))?;
        roots.add(certificate).map_err(|error| TlsError::unusable(path, error))?;
    }
    if roots.is_empty() {
        return Err(TlsError::Empty { path: path.to_owned(), what: "certificate" });
    }
    Ok(Arc::new(roots))
}

/// The one provider of cryptography of this process.
fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    // Whoever comes second finds the first one's provider, which is the same.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    rustls::crypto::CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| rustls::crypto::ring::default_provider().into())
}
