//! Why a process does not start: one line that says what, where, and what to do.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::Path;

use guanxi_store::StoreError;
use thiserror::Error;

use crate::settings::Faults;

/// Why a process does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Settings are wrong: every fault, a line each.
    #[error(transparent)]
    Settings(#[from] Faults),
    /// Anything else, in one line.
    #[error("{0}")]
    Other(String),
}

impl StartError {
    /// Something that a module needs and cannot have: say what, where, and what to do, in one line.
    pub fn new(what: impl Display) -> Self {
        Self::Other(what.to_string())
    }

    pub(crate) fn telemetry(what: &str, error: &dyn Display) -> Self {
        Self::Other(format!("telemetry: the {what} cannot be set up: {error}; check the section [telemetry]"))
    }

    pub(crate) fn listen(what: &str, setting: &str, address: SocketAddr, error: &std::io::Error) -> Self {
        let advice = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another process listens there: stop it, or choose another port",
            std::io::ErrorKind::PermissionDenied => "ports below 1024 need rights that this process does not have",
            std::io::ErrorKind::AddrNotAvailable => "this machine has no such address",
            _ => "choose another address",
        };
        Self::Other(format!("cannot serve {what} on {address}: {error}; {advice} ({setting})"))
    }

    pub(crate) fn data_dir(data_dir: &Path, error: &std::io::Error) -> Self {
        let shown = data_dir.display();
        Self::Other(format!(
            "cannot write to the data directory {shown}: {error}; make it writable for this user, or choose another one \
             (database.data_dir, --data-dir)"
        ))
    }

    pub(crate) fn half_restored(data_dir: &Path) -> Self {
        let shown = data_dir.display();
        Self::Other(format!("a restore into {shown} did not end: remove that directory, and restore once more"))
    }

    pub(crate) fn in_use(data_dir: &Path) -> Self {
        let shown = data_dir.display();
        Self::Other(format!(
            "another guanxi process uses the data directory {shown}; stop it, choose another directory (--data-dir), or \
             use PostgreSQL, which several processes can share (--database)"
        ))
    }

    pub(crate) fn database(service: &str, place: &dyn Display, error: &StoreError) -> Self {
        Self::Other(format!(
            "the database of {service} cannot be opened at {place}: {error}; check that the server is up, the database \
             exists and the user may use it (database.url, --database)"
        ))
    }

    pub(crate) fn migrate(service: &str, error: &StoreError) -> Self {
        Self::Other(format!(
            "the database of {service} cannot be migrated: {error}; nothing was changed by the migration that failed"
        ))
    }
}
