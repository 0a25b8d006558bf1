//! `guanxi serve` as a child of the test, and `guanxi …` against it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// The binary.
pub fn guanxi() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guanxi"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GUANXI_")) {
        command.env_remove(name);
    }
    command
}

/// All services, embedded, on free ports and with data of their own.
pub struct Suite {
    child: Child,
    endpoint: String,
    /// The line with which it said that it is ready.
    pub ready: String,
    /// A directory of the test's own; the data is below it.
    pub dir: TempDir,
}

impl Suite {
    /// Starts it; ready when this returns.
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (child, ready) = serve(dir.path(), "127.0.0.1:0");
        let endpoint = format!("http://{}", address(&ready));
        Self { child, endpoint, ready, dir }
    }

    /// Kills it without a word, and starts it again on the same data and port.
    pub fn crash_and_start_again(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        (self.child, self.ready) = serve(self.dir.path(), address(&self.ready));
    }

    /// Starts a command against it.
    pub fn begin(&self, arguments: &[&str]) -> Child {
        let mut command = guanxi();
        command.args(arguments).args(["--endpoint", &self.endpoint]).current_dir(self.dir.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs a command against it, in the test's directory.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.begin(arguments).wait_with_output().unwrap()
    }

    /// The same, which must end well; what it wrote.
    pub fn told(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "guanxi {arguments:?}: {out}{err}");
        out
    }

    /// The figures of `report summary --json`.
    pub fn figures(&self) -> serde_json::Value {
        serde_json::from_str(&self.told(&["report", "summary", "--json"])).unwrap()
    }

    /// Imports a directory of Olist's shape; what was said.
    pub fn import(&self, export: &Path) -> String {
        self.told(&["import", "olist", export.to_str().unwrap()])
    }

    /// The lines of the file of rejects after its header.
    pub fn rejects(&self) -> Vec<String> {
        let file = self.dir.path().join("rejects.csv");
        let rejects = std::fs::read_to_string(file).unwrap_or_default();
        rejects.lines().skip(1).map(str::to_owned).collect()
    }
}

/// A process that serves all services, and its ready line.
fn serve(dir: &Path, listen: &str) -> (Child, String) {
    let mut child = guanxi()
        .args(["serve", "--listen", listen, "--admin", "127.0.0.1:0", "--data-dir"])
        .arg(dir.join("data"))
        .env("GUANXI_TELEMETRY__LEVEL", "error")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    (child, ready)
}

/// The address in a ready line.
fn address(ready: &str) -> &str {
    let address = ready.split(" on ").nth(1).and_then(|rest| rest.split(',').next());
    address.expect("the ready line names the address")
}

impl Drop for Suite {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// What a process wrote.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
