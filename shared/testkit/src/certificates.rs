//! An authority and the certificates that it signs for `localhost`, in files of a test's own.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use guanxi_rpc::{ClientFiles, ServerFiles};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SerialNumber, date_time_ymd};

/// How often the files of a test are looked at, where it says nothing else.
const EVERY: Duration = Duration::from_millis(20);

/// An authority. Its files go with it.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// Where its files cannot be written.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let authority = Self { issuer, folder: tempfile::tempdir().expect("a folder") };
        std::fs::write(authority.ca(), authority.issuer.pem()).expect("writable");
        authority
    }

    /// The file of its own certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The files of a certificate of this name for localhost, with this serial number.
    pub fn sign(&self, name: &str, serial: u64) -> (PathBuf, PathBuf) {
        self.sign_until(name, serial, 4096)
    }

    /// One that ends with this year's first day.
    pub fn sign_until(&self, name: &str, serial: u64, year: i32) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("parameters");
        params.serial_number = Some(SerialNumber::from(serial));
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let [at, key_at] = ["crt", "key"].map(|end| self.folder.path().join(format!("{name}.{end}")));
        // As Kubernetes does: each file is whole at any moment, the two of them are not.
        replace(&at, &certificate.pem());
        replace(&key_at, &key.serialize_pem());
        (at, key_at)
    }

    /// What a server has that shows such a certificate, and asks callers for one of this authority's.
    pub fn server(&self, client_ca: Option<PathBuf>, required: bool) -> ServerFiles {
        let (certificate, key) = self.sign("server", 1);
        ServerFiles { certificate, key, client_ca, client_required: required, http1: false, every: EVERY }
    }

    /// What a client has that believes this authority, and shows such a certificate where it has one.
    pub fn client(&self, identity: Option<(PathBuf, PathBuf)>) -> ClientFiles {
        ClientFiles { ca: Some(self.ca()), identity, every: EVERY }
    }
}

fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).expect("writable");
    std::fs::rename(&new, path).expect("the same folder");
}
