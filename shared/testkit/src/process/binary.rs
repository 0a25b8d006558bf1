//! Where the binary is, and how it is called: without the settings of whoever runs the tests.

use std::path::PathBuf;
use std::process::Command;

/// A call of `guanxi`, with none of the caller's `GUANXI_…` variables.
pub fn guanxi() -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GUANXI_")) {
        command.env_remove(name);
    }
    command
}

/// `GUANXI_BIN`, else the one in a folder above the test's own executable: `target/debug` for `target/debug/deps/it-…`.
fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("GUANXI_BIN") {
        return path.into();
    }
    let own = std::env::current_exe().expect("a process knows its own executable");
    let found = own.ancestors().skip(1).map(|folder| folder.join("guanxi")).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("there is no guanxi above {}: run `cargo build` first", own.display()))
}

/// What a process wrote.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
