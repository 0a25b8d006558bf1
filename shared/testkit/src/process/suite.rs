//! A running suite: its processes, commands of the binary and clients against it, what it comes to.

use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use guanxi_client::Client;
use serde_json::Value;

use super::plan::LOG;
use super::{KEY, Plan, SERVICES, Server, guanxi, text};
use crate::{OwnPostgres, OwnRedis};

/// How long something that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Services at work in processes of their own. All end with this value.
#[derive(Debug)]
pub struct Suite {
    // Dropped in this order: nothing loses its database before it ends.
    processes: Vec<(Option<&'static str>, Server)>,
    token: Option<String>,
    servers: Option<(Option<OwnPostgres>, OwnRedis)>,
    folder: tempfile::TempDir,
}

impl Suite {
    /// All services in one process, on SQLite, without authentication.
    pub fn start() -> Self {
        Plan::embedded().start()
    }

    pub(super) fn new(
        processes: Vec<(Option<&'static str>, Server)>,
        tokens: bool,
        servers: Option<(Option<OwnPostgres>, OwnRedis)>,
        folder: tempfile::TempDir,
    ) -> Self {
        let mut suite = Self { processes, token: None, servers, folder };
        suite.token = tokens.then(|| suite.token(&["*"], &["*"]));
        suite
    }

    /// Ends every process, and gives the servers and the directory back, for another suite to go on with.
    pub fn end(mut self) -> (Option<(Option<OwnPostgres>, OwnRedis)>, tempfile::TempDir) {
        self.all().for_each(Server::stop);
        (self.servers, self.folder)
    }

    /// A directory of the test's own, in which commands run.
    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// What its processes have logged, where that is kept.
    pub fn logs(&self) -> String {
        let log = std::fs::read(self.dir().join(LOG)).expect("this suite keeps no logs");
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The PostgreSQL, of a suite that has one.
    pub fn postgres(&self) -> &OwnPostgres {
        let (postgres, _) = self.servers.as_ref().expect("this suite runs on SQLite");
        postgres.as_ref().expect("this suite runs on a PostgreSQL of somebody else's")
    }

    /// The Redis, of a suite that has one.
    pub fn redis(&self) -> &OwnRedis {
        &self.servers.as_ref().expect("this suite has its bus in memory").1
    }

    /// The same, to be crashed and started again.
    pub fn redis_mut(&mut self) -> &mut OwnRedis {
        &mut self.servers.as_mut().expect("this suite has its bus in memory").1
    }

    /// The process that serves `service`: the first, where there are replicas.
    pub fn server(&mut self, service: &str) -> &mut Server {
        self.replica(service, 0)
    }

    /// The `n`th process that serves `service`, from 0.
    pub fn replica(&mut self, service: &str, n: usize) -> &mut Server {
        let mut serving = self.processes.iter_mut().filter(|(name, _)| name.is_none_or(|name| name == service));
        &mut serving.nth(n).unwrap_or_else(|| panic!("there is no process {n} of {service}")).1
    }

    /// Every process.
    pub fn all(&mut self) -> impl Iterator<Item = &mut Server> {
        self.processes.iter_mut().map(|(_, server)| server)
    }

    /// The URL of a service: that of its first process.
    pub fn endpoint(&self, service: &str) -> String {
        let mut serving = self.processes.iter().filter(|(name, _)| name.is_none_or(|name| name == service));
        serving.next().unwrap_or_else(|| panic!("there is no service {service}")).1.url()
    }

    /// Kills every process without a word, and starts each again on the same data and port.
    pub fn crash_and_start_again(&mut self) {
        self.all().for_each(Server::kill);
        self.all().for_each(Server::spawn);
        self.all().for_each(Server::wait_until_ready);
    }

    /// A token of these scopes (`loyalty.points.write`, `*`) for these organisations (`cn:rw`, `*`), good for an hour.
    pub fn token(&self, scopes: &[&str], organizations: &[&str]) -> String {
        let mut command = guanxi();
        command.args(["token", "--subject", "test", "--expires", "1h"]).env("GUANXI_AUTH__KEY", KEY);
        command.args(scopes.iter().flat_map(|scope| ["--scope", scope]));
        command.args(organizations.iter().flat_map(|organization| ["--organization", organization]));
        let output = command.output().expect("guanxi can be run");
        assert!(output.status.success(), "guanxi token: {}", text(&output.stderr));
        text(&output.stdout).trim().to_owned()
    }

    /// The token with which commands and clients of this suite call, where it asks for one: it may do everything.
    pub fn own_token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// A client that may do everything. Call it within a runtime.
    pub fn client(&self) -> Client {
        self.client_with(self.own_token())
    }

    /// A client that sends this token, or none. Call it within a runtime.
    pub fn client_with(&self, token: Option<&str>) -> Client {
        self.client_of(0, token)
    }

    /// A client for each process of a service: the first calls the first of each, and so on. Call it within a runtime.
    pub fn ways(&self) -> Vec<Client> {
        let replicas = self.processes.len() / if self.processes[0].0.is_none() { 1 } else { SERVICES.len() };
        (0..replicas).map(|n| self.client_of(n, self.own_token())).collect()
    }

    fn client_of(&self, n: usize, token: Option<&str>) -> Client {
        let url = |service: &str| {
            let mut serving = self.processes.iter().filter(|(name, _)| name.is_none_or(|name| name == service));
            serving.nth(n).unwrap_or_else(|| panic!("there is no process {n} of {service}")).1.url()
        };
        let builder = SERVICES
            .into_iter()
            .fold(Client::builder(), |builder, service| builder.endpoint_for(service, &url(service)));
        let builder = token.into_iter().fold(builder, |builder, token| builder.token(token));
        builder.build().expect("the suite's own endpoints can be called")
    }

    /// Starts a command against it.
    pub fn begin(&self, arguments: &[&str]) -> Child {
        let mut command = guanxi();
        command.args(arguments).current_dir(self.dir());
        for service in SERVICES {
            command.arg("--endpoint").arg(format!("{service}={}", self.endpoint(service)));
        }
        command.envs(self.token.iter().map(|token| ("GUANXI_TOKEN", token)));
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("guanxi can be run")
    }

    /// Runs a command against it, in the test's directory.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.begin(arguments).wait_with_output().expect("a process of ours can be waited for")
    }

    /// The same, which must end well; what it wrote.
    pub fn told(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "guanxi {arguments:?}: {out}{err}");
        out
    }

    /// Imports a directory of Olist's shape; what was said.
    pub fn import(&self, export: &Path) -> String {
        self.told(&["import", "olist", &export.to_string_lossy()])
    }

    /// The lines of the file of rejects after its header.
    pub fn rejects(&self) -> Vec<String> {
        let file = self.dir().join("rejects.csv");
        if !file.exists() {
            return Vec::new();
        }
        let rejects = std::fs::read_to_string(file).expect("the file of rejects can be read");
        rejects.lines().skip(1).map(str::to_owned).collect()
    }

    /// The figures of `report summary --json`.
    pub fn figures(&self) -> Value {
        let told = self.told(&["report", "summary", "--json"]);
        serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error} in {told}"))
    }

    /// Returns once a figure has grown so far.
    ///
    /// # Panics
    /// Where that takes longer than two minutes.
    pub fn wait_for(&self, figure: &str, reached: i64) {
        let since = Instant::now();
        while self.figures()[figure].as_i64().is_none_or(|value| value < reached) {
            assert!(since.elapsed() < PATIENCE, "{figure} has not come to {reached}");
        }
    }

    /// Checks every invariant of every service.
    ///
    /// # Panics
    /// With the rows that break one.
    pub fn verify(&self) {
        let told = self.told(&["verify"]);
        assert!(told.ends_with("every invariant holds\n"), "{told}");
    }
}
