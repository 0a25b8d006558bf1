//! Two PostgreSQL servers under pg_auto_failover's monitor, the second a synchronous standby of the first, and HAProxy in
//! front, which leads to whichever takes writes. All of it from Debian's packages, on free ports of the loopback.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use guanxi_testkit::postgres::own_by_postgres;
use guanxi_testkit::process::{SERVICES, text};
use guanxi_testkit::servers::free_port;

/// How long the pair may take to be whole.
const PATIENCE: Duration = Duration::from_secs(120);
const POSTGRES: &str = "/usr/lib/postgresql/15/bin";

/// The pair with all that belongs to it; it ends with the value.
#[derive(Debug)]
pub struct Pair {
    folder: tempfile::TempDir,
    monitor: u16,
    front: u16,
    nodes: [u16; 2],
    processes: Vec<Child>,
}

impl Pair {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        own_by_postgres(folder.path()).unwrap();
        let [monitor, front, one, two] = [(); 4].map(|()| free_port().unwrap());
        let mut pair = Self { folder, monitor, front, nodes: [one, two], processes: Vec::new() };
        pair.keep("monitor", &["create", "monitor", "--pgport", &monitor.to_string()]);
        pair.until("the monitor answers", || query(monitor, "pg_auto_failover", "SELECT 1").is_ok());
        // Its defaults suit networks; these are for one machine and a test that somebody waits for.
        for setting in [
            "health_check_period = 1000",
            "health_check_timeout = 1000",
            "node_considered_unhealthy_timeout = 5000",
            "primary_demote_timeout = 5000",
        ] {
            query(monitor, "pg_auto_failover", &format!("ALTER SYSTEM SET pgautofailover.{setting}")).unwrap();
        }
        query(monitor, "pg_auto_failover", "SELECT pg_reload_conf()").unwrap();
        let at = format!("postgres://autoctl_node@127.0.0.1:{monitor}/pg_auto_failover?sslmode=disable");
        for (name, port) in [("one", one), ("two", two)] {
            pair.keep(name, &["create", "postgres", "--name", name, "--pgport", &port.to_string(), "--monitor", &at]);
            pair.until("the node answers", || query(port, "postgres", "SELECT 1").is_ok());
        }
        pair.until("the standby is synchronous", || pair.states() == ["primary", "secondary"]);
        let primary = pair.primary().unwrap();
        for service in SERVICES {
            query(primary, "postgres", &format!("CREATE DATABASE {service}")).unwrap();
        }
        pair.lead();
        pair
    }

    /// Where whichever takes writes is found.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{{service}}", self.front)
    }

    /// The port of the server that takes writes, if one does.
    pub fn primary(&self) -> Option<u16> {
        let writes = |port: &u16| query(*port, "postgres", "SELECT pg_is_in_recovery()").is_ok_and(|said| said == "f");
        self.nodes.into_iter().find(writes)
    }

    /// Kills the primary and its keeper, as a machine that is lost; says which port it had.
    pub fn kill_the_primary(&self) -> u16 {
        let primary = self.primary().unwrap();
        let at = self.nodes.iter().position(|port| *port == primary).unwrap();
        let name = ["one", "two"][at];
        let pid = std::fs::read_to_string(self.folder.path().join(name).join("postmaster.pid")).unwrap();
        kill_group(self.processes[1 + at].id());
        signal("KILL", pid.lines().next().unwrap());
        primary
    }

    fn states(&self) -> Vec<String> {
        let sql = "SELECT reportedstate FROM pgautofailover.node ORDER BY nodeid";
        let said = query(self.monitor, "pg_auto_failover", sql).unwrap_or_default();
        said.lines().map(str::to_owned).collect()
    }

    /// Runs a keeper of the monitor or of a node.
    fn keep(&mut self, name: &str, arguments: &[&str]) {
        let dir = self.folder.path();
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "pg_autoctl"]).args(arguments);
        command
            .args(["--hostname", "127.0.0.1", "--auth", "trust", "--no-ssl", "--run", "--pgdata"])
            .arg(dir.join(name));
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{POSTGRES}:{path}")).env("HOME", dir).env("XDG_RUNTIME_DIR", dir).current_dir(dir);
        let log = std::fs::File::create(dir.join(format!("{name}.log"))).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
        self.processes.push(command.spawn().expect("pg_autoctl can be run: make failover installs it"));
    }

    /// Starts HAProxy.
    fn lead(&mut self) {
        let dir = self.folder.path().to_owned();
        let check = dir.join("takes-writes");
        let script = "#!/bin/sh\npsql -XAtq \"postgres://postgres@$3:$4/postgres?connect_timeout=2\" \
                      -c 'SELECT pg_is_in_recovery()' | grep -qx f\n";
        std::fs::write(&check, script).unwrap();
        std::fs::set_permissions(&check, PermissionsExt::from_mode(0o755)).unwrap();
        let [one, two] = self.nodes;
        let config = format!(
            "global\n external-check\n insecure-fork-wanted\n insecure-setuid-wanted\n\
             defaults\n mode tcp\n timeout connect 2s\n timeout client 1h\n timeout server 1h\n timeout check 10s\n\
             listen postgres\n bind 127.0.0.1:{}\n option external-check\n external-check path /usr/bin:/bin\n \
             external-check command {}\n default-server check inter 1s fall 3 rise 1 on-marked-down shutdown-sessions\n \
             server one 127.0.0.1:{one}\n server two 127.0.0.1:{two}\n",
            self.front,
            check.display()
        );
        std::fs::write(dir.join("haproxy.cfg"), config).unwrap();
        let log = std::fs::File::create(dir.join("haproxy.log")).unwrap();
        let mut command = Command::new("haproxy");
        command.args(["-db", "-f"]).arg(dir.join("haproxy.cfg")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.processes.push(command.process_group(0).spawn().expect("haproxy can be run: make failover installs it"));
        // It believes in every server until it has asked a few times.
        let writes = |_| query(self.front, "postgres", "SELECT pg_is_in_recovery()").is_ok_and(|said| said == "f");
        self.until("HAProxy leads to the primary", || (0..10).all(writes));
    }

    fn until(&self, what: &str, done: impl Fn() -> bool) {
        let since = Instant::now();
        while !done() {
            if since.elapsed() > PATIENCE {
                panic!("{what}: it did not; states {:?}; {}", self.states(), self.logs());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn logs(&self) -> String {
        let last = |name: &str| {
            let log = std::fs::read_to_string(self.folder.path().join(format!("{name}.log"))).unwrap_or_default();
            let lines: Vec<_> = log.lines().rev().take(8).collect();
            format!("\n{name}: {}", lines.into_iter().rev().collect::<Vec<_>>().join("\n  "))
        };
        ["monitor", "one", "two", "haproxy"].map(last).concat()
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the pair stood at {:?}: {}", self.states(), self.logs());
        }
        for mut process in std::mem::take(&mut self.processes) {
            kill_group(process.id());
            let _gone = process.wait();
        }
        for name in ["monitor", "one", "two"] {
            if let Ok(pid) = std::fs::read_to_string(self.folder.path().join(name).join("postmaster.pid")) {
                signal("QUIT", pid.lines().next().unwrap_or_default());
            }
        }
    }
}

fn kill_group(leader: u32) {
    signal("KILL", &format!("-{leader}"));
}

/// It may be gone already.
fn signal(signal: &str, whom: &str) {
    let _gone = Command::new("kill").args([&format!("-{signal}"), "--", whom]).stderr(Stdio::null()).status();
}

fn query(port: u16, database: &str, sql: &str) -> Result<String, String> {
    let url = format!("postgres://postgres@127.0.0.1:{port}/{database}?connect_timeout=2");
    let output = Command::new("psql").args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql]).arg(url).output().unwrap();
    let done = output.status.success();
    if done { Ok(text(&output.stdout).trim().to_owned()) } else { Err(text(&output.stderr)) }
}
