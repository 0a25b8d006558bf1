//! Real data that some tests read, where it is there. It is no part of the repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

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

/// What `report summary --json` must say after an import of a directory of Olist's shape: computed by `olist_figures.py`
/// from the files alone, without a line of the product.
///
/// # Panics
/// Where there is no Python, or a file cannot be read.
pub fn olist_figures(export: &Path) -> Value {
    let script = repository().join("shared/testkit/src/olist_figures.py");
    let output = Command::new("python3").arg(script).arg(export).output().expect("python3 can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("olist_figures.py: {error}: {said}"))
}

/// Writes the first `orders` orders of an export of Olist's shape, with all that belongs to them, into another directory.
///
/// # Panics
/// Where Python or a file is missing.
pub fn first_orders(export: &Path, orders: usize, into: &Path) {
    let script = repository().join("shared/testkit/src/olist_first_orders.py");
    let mut command = Command::new("python3");
    let output =
        command.arg(script).arg(export).arg(orders.to_string()).arg(into).output().expect("python3 can be run");
    assert!(output.status.success(), "olist_first_orders.py: {}", String::from_utf8_lossy(&output.stderr));
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("this crate is at shared/testkit").to_owned()
}

fn beside_the_repository() -> PathBuf {
    repository().join("../shared/data")
}
