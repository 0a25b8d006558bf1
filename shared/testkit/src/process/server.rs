//! One process that serves: started, killed, asked to end, started again on the same port and data.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::guanxi;

/// A `guanxi serve`. It ends with this value.
#[derive(Debug)]
pub struct Server {
    port: u16,
    admin: u16,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    log: Option<PathBuf>,
    child: Option<Child>,
    ready: String,
    began: Instant,
    took: Duration,
}

impl Server {
    /// What is to be started, with these arguments after `serve` and ports of its own.
    pub(super) fn new(arguments: Vec<String>, environment: Vec<(String, String)>, [port, admin]: [u16; 2]) -> Self {
        let (ready, began) = (String::new(), Instant::now());
        Self { port, admin, arguments, environment, log: None, child: None, ready, began, took: Duration::ZERO }
    }

    /// Starts the process, and does not wait until it is ready.
    pub(super) fn spawn(&mut self) {
        assert!(self.child.is_none(), "the process runs already");
        self.began = Instant::now();
        let mut command = self.command();
        if let Some(log) = &self.log {
            command.stderr(File::options().create(true).append(true).open(log).expect("a log can be written"));
        }
        self.child = Some(command.stdout(Stdio::piped()).spawn().expect("guanxi can be run"));
    }

    /// Has it log into a file from its next start on.
    pub(super) fn log_to(&mut self, file: PathBuf) {
        self.log = Some(file);
    }

    /// Waits until the process says that it is ready.
    pub(super) fn wait_until_ready(&mut self) {
        let child = self.child.as_mut().expect("the process was started");
        let Some(out) = child.stdout.take() else { return };
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        let ready = lines.find(|line| line.contains(" is ready: "));
        self.took = self.began.elapsed();
        self.ready = ready.unwrap_or_else(|| panic!("guanxi serve {:?} did not become ready", self.arguments));
        std::thread::spawn(move || lines.for_each(drop));
    }

    /// The command that starts it, to be run once more beside it.
    pub fn command(&self) -> Command {
        let mut command = self.command_of("serve");
        command.args(["--listen", &format!("127.0.0.1:{}", self.port)]);
        command.args(["--admin", &format!("127.0.0.1:{}", self.admin)]);
        command
    }

    /// Another command with its settings: `migrate`.
    pub fn command_of(&self, what: &str) -> Command {
        let mut command = guanxi();
        command.arg(what).args(&self.arguments).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Gives it a setting, such as `server.drain`, for its next start.
    pub fn set(&mut self, setting: &str, value: &str) {
        self.environment.push(variable(setting, value));
    }

    /// Has it be the next release at its next start, or this one again: see `guanxi_store`'s stand-in for it.
    pub fn be_next_release(&mut self, next: bool) {
        const PLAYED: &str = "GUANXI_NEXT_RELEASE";
        self.environment.retain(|(name, _)| name != PLAYED);
        self.environment.extend(next.then(|| (PLAYED.to_owned(), "yes".to_owned())));
    }

    /// Its URL for calls.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port for calls.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its port for probes and metrics.
    pub fn admin_port(&self) -> u16 {
        self.admin
    }

    /// The line with which it said that it is ready.
    pub fn ready(&self) -> &str {
        &self.ready
    }

    /// How long its last start took until it was ready.
    pub fn start_took(&self) -> Duration {
        self.took
    }

    /// The id of its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the process runs").id()
    }

    /// Ends it as by kill −9.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a process of ours can be killed");
            child.wait().expect("a process of ours can be waited for");
        }
    }

    /// Starts it again, on the same port and data; ready when this returns.
    pub fn start_again(&mut self) {
        self.spawn();
        self.wait_until_ready();
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([format!("-{signal}"), self.pid().to_string()]).status();
        assert!(sent.expect("kill can be run").success(), "the signal was not sent");
    }

    /// How it ended, and after how long, where it did so within `patience`.
    pub fn wait(&mut self, patience: Duration) -> Option<(ExitStatus, Duration)> {
        let since = Instant::now();
        let child = self.child.as_mut().expect("the process runs");
        while since.elapsed() < patience {
            if let Some(status) = child.try_wait().expect("a process of ours can be waited for") {
                self.child = None;
                return Some((status, since.elapsed()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    /// Asks it to end, and waits until it has, which must be well and within ten seconds.
    pub fn stop(&mut self) {
        self.signal("TERM");
        let ended = self.wait(Duration::from_secs(10));
        assert!(ended.is_some_and(|(status, _)| status.success()), "guanxi serve did not end well: {ended:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _gone = child.kill();
            let _gone = child.wait();
        }
    }
}

/// The environment variable of a setting: `GUANXI_SERVER__DRAIN` for `server.drain`.
pub(super) fn variable(setting: &str, value: &str) -> (String, String) {
    (format!("GUANXI_{}", setting.to_uppercase().replace('.', "__")), value.to_owned())
}
