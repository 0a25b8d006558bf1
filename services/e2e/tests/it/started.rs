//! A `guanxi serve` with settings of a test's own, and what it says where it does not start.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use guanxi_testkit::process::{guanxi, text};
use guanxi_testkit::servers::free_port;

/// How long a start may take to fail: at once, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(8);

/// The environment variable of a setting.
pub fn variable(setting: &str) -> String {
    format!("GUANXI_{}", setting.to_uppercase().replace('.', "__"))
}

/// `guanxi COMMAND` with these settings, and errors only in its log.
pub fn with(command: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut guanxi = guanxi();
    guanxi.args(command).stdin(Stdio::null()).env("GUANXI_TELEMETRY__LEVEL", "error");
    guanxi.envs(settings.iter().map(|(setting, value)| (variable(setting), value)));
    guanxi
}

/// A process that is ready. It ends with this value.
pub struct Started {
    child: Child,
    pub port: u16,
    pub admin: u16,
}

impl Started {
    /// Starts it on free ports.
    pub fn serve(mut command: Command) -> Self {
        let [port, admin] = [(); 2].map(|()| free_port().unwrap());
        command.env("GUANXI_SERVER__LISTEN", format!("127.0.0.1:{port}"));
        command.env("GUANXI_SERVER__ADMIN", format!("127.0.0.1:{admin}"));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let ready = lines.any(|line| line.contains(" is ready: "));
        assert!(ready, "it did not become ready");
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port, admin }
    }

    /// Ends it as by kill −9.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// The one line with which a start fails, at once.
pub fn refused(mut command: Command) -> String {
    let began = Instant::now();
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (took, said) = (began.elapsed(), text(&stderr));
    assert!(!status.success(), "it started: {}", text(&stdout));
    assert!(took < AT_ONCE, "it took {took:?}: {said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    said
}
