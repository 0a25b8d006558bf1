//! `guanxi serve` on PostgreSQL and Redis, as a process of its own, with authentication on.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use guanxi_testkit::{OwnPostgres, OwnRedis, servers};
use tonic::transport::{Channel, Endpoint};

/// The key that both sides know.
const KEY: &str = "a key of the bench, of thirty-two bytes and more";

/// Creates the four databases; the URL names them by `{service}`.
pub async fn databases(postgres: &OwnPostgres) -> String {
    for service in ["customer", "loyalty", "logistics", "feedback"] {
        postgres.create(service).await.unwrap();
    }
    postgres.url("{service}")
}

/// A running `guanxi serve`.
pub struct Guanxi {
    child: Child,
    pub channels: Vec<Channel>,
    pub token: String,
    pub started: Duration,
}

fn binary() -> std::path::PathBuf {
    if let Some(path) = std::env::var_os("GUANXI_BIN") {
        return path.into();
    }
    let own = std::env::current_exe().unwrap();
    own.ancestors()
        .map(|folder| folder.join("guanxi"))
        .find(|path| path.is_file())
        .expect("`cargo build --release` first")
}

impl Guanxi {
    pub async fn start(databases: &str, redis: &OwnRedis, environment: &[(&str, &str)]) -> Self {
        let (port, admin) = (servers::free_port().unwrap(), servers::free_port().unwrap());
        let began = Instant::now();
        let mut child = Command::new(binary())
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--admin", &format!("127.0.0.1:{admin}")])
            .args(["--database", databases, "--redis", &redis.url()])
            .env("GUANXI_AUTH__MODE", "hs256")
            .env("GUANXI_AUTH__KEY", KEY)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.by_ref().map_while(Result::ok).find(|line| line.contains("is ready"));
        assert!(ready.is_some(), "guanxi serve did not become ready");
        let started = began.elapsed();
        std::thread::spawn(move || lines.for_each(drop));
        let output = Command::new(binary())
            .args(["token", "--subject", "bench", "--scope", "*", "--organization", "*"])
            .env("GUANXI_AUTH__MODE", "hs256")
            .env("GUANXI_AUTH__KEY", KEY)
            .output()
            .unwrap();
        let token = format!("Bearer {}", String::from_utf8(output.stdout).unwrap().trim());
        Self { child, channels: channels(&format!("http://127.0.0.1:{port}")).await, token, started }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn processes(&self, postgres: &OwnPostgres, redis: &OwnRedis) -> Vec<u32> {
        vec![self.pid(), postgres.pid().unwrap(), redis.pid().unwrap()]
    }

    pub async fn stop(&mut self) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap();
    }
}

impl Drop for Guanxi {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) && self.child.kill().is_ok() {
            self.child.wait().unwrap();
        }
    }
}

/// A few connections: one alone is a limit of its own.
pub async fn channels(url: &str) -> Vec<Channel> {
    let mut channels = Vec::new();
    for _ in 0..8 {
        channels.push(Endpoint::from_shared(url.to_owned()).unwrap().tcp_nodelay(true).connect().await.unwrap());
    }
    channels
}
