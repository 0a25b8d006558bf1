//! Real data that some tests read, where it is there. It is no part of the repository.

use std::path::{Path, PathBuf};

/// The folder of real data: `GUANXI_TEST_DATA`, else `../shared/data` beside the repository. Where it is missing, says by
/// name that the calling test did not run, and returns `None`.
pub fn data_dir() -> Option<PathBuf> {
    let folder = std::env::var_os("GUANXI_TEST_DATA").map_or_else(beside_the_repository, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    let thread = std::thread::current();
    eprintln!("{} did not run: no test data in {}", thread.name().unwrap_or("a test"), folder.display());
    None
}

/// The folder of the Olist orders, where it is there; see [`data_dir`].
pub fn olist() -> Option<PathBuf> {
    data_dir().map(|folder| folder.join("olist"))
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("this crate is at shared/testkit").to_owned()
}

fn beside_the_repository() -> PathBuf {
    repository().join("../shared/data")
}
