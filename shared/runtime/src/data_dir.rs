//! The data directory of an embedded process, and its lock: one process at a time, even after kill −9; and none while it
//! holds a part of a backup only.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::StartError;

/// A data directory that is ours until this is dropped, or the process ends in whatever way.
#[derive(Debug)]
pub(crate) struct DataDir {
    _lock: File,
}

impl DataDir {
    /// Makes the directory where it is missing, and takes its lock.
    pub(crate) fn take(data_dir: &Path) -> Result<Self, StartError> {
        Self::try_take(data_dir)?.ok_or_else(|| StartError::in_use(data_dir))
    }

    /// The same; `None` where another process has it. Writes as much as a new database takes, to disk, so that a full one
    /// is found out before anything is promised.
    pub(crate) fn try_take(data_dir: &Path) -> Result<Option<Self>, StartError> {
        let failed = |error| StartError::data_dir(data_dir, &error);
        fs::create_dir_all(data_dir).map_err(failed)?;
        let lock = File::create(data_dir.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) if Self::restoring(data_dir).exists() => return Err(StartError::half_restored(data_dir)),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let probe = data_dir.join("probe");
        let written = write_through(&probe);
        fs::remove_file(&probe).ok();
        written.map(|()| Some(Self { _lock: lock })).map_err(failed)
    }

    /// Where files are made ready that are restored. It is gone when all are in their places.
    pub(crate) fn restoring(data_dir: &Path) -> PathBuf {
        data_dir.join("restoring")
    }
}

/// Writes a mebibyte and waits until it is on disk.
fn write_through(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(&[0x5a; 1 << 20])?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_is_one_processes_at_a_time() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("new");
        let held = DataDir::take(&path).expect("free");
        let told = DataDir::take(&path).expect_err("held").to_string();
        assert!(told.contains("another guanxi process uses the data directory"), "{told}");
        drop(held);
        DataDir::take(&path).expect("free again");
    }

    #[test]
    fn a_data_directory_that_was_restored_in_part_is_nobodys() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(DataDir::restoring(dir.path())).expect("writable");
        let told = DataDir::take(dir.path()).expect_err("half restored").to_string();
        assert!(told.contains("did not end") && told.contains("restore once more") && !told.contains('\n'), "{told}");
    }

    #[test]
    fn a_data_directory_that_cannot_be_made_says_where_and_what_to_do() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("file");
        fs::write(&file, "").expect("writable");
        let told = DataDir::take(&file.join("data")).expect_err("a file is no directory").to_string();
        assert!(told.contains("file/data") && told.contains("--data-dir") && !told.contains('\n'), "{told}");
    }
}
