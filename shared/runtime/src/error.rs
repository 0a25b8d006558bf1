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
        let said = what.to_string();
        let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        Self::Other(lines.join(" "))
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
        let advice = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => "make room on its disk",
            std::io::ErrorKind::ReadOnlyFilesystem => "mount it for writing",
            _ => "make it writable for this user",
        };
        Self::new(format!(
            "cannot write to the data directory {shown}: {error}; {advice}, or choose another one (database.data_dir, \
             --data-dir)"
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

    pub(crate) fn database(service: &str, place: &str, embedded: bool, error: &StoreError) -> Self {
        let advice = if embedded {
            "make the file one of SQLite's that this user may write, or choose another directory (--data-dir)"
        } else {
            "check that the server is up, the database exists and the user may use it (database.url, --database)"
        };
        Self::new(format!("the database of {service} cannot be opened at {place}: {error}; {advice}"))
    }

    pub(crate) fn migrate(service: &str, place: &str, error: &StoreError) -> Self {
        Self::new(match error {
            StoreError::Unfit(unfit) => format!("the database of {service} at {place} cannot be used: {unfit}"),
            error => format!(
                "the database of {service} at {place} cannot be migrated: {error}; nothing was changed by the migration \
                 that failed"
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_database_says_becomes_one_line() {
        assert_eq!(StartError::new("no\n  way\n").to_string(), "no way");
    }
}
