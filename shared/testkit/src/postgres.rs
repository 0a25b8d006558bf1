//! PostgreSQL from the installed binaries: a shared server for ordinary tests, and one's own, with fsync, for fault
//! tests and benchmarks, which may be stopped and started.

use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use guanxi_store::sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement};

use crate::servers::{self, Kind, Shared};

const KIND: Kind = Kind { name: "postgres", start: start_shared, stop: stop_command };

/// The URL of a new, empty database on the shared server.
///
/// # Errors
/// Where PostgreSQL is not installed, or does not start.
pub async fn fresh_database() -> io::Result<String> {
    static SERVER: OnceLock<Shared> = OnceLock::new();
    let port = match SERVER.get() {
        Some(server) => server.port,
        None => {
            let started = tokio::task::spawn_blocking(|| servers::shared(&KIND)).await.map_err(io::Error::other)??;
            SERVER.get_or_init(|| started).port
        }
    };
    let admin = admin(&format!("postgres://postgres@127.0.0.1:{port}/postgres")).await?;
    drop_orphans(&admin).await?;
    let name = format!("t{}_{}", std::process::id(), guanxi_kernel::new_id().simple());
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.map_err(io::Error::other)?;
    admin.close().await.map_err(io::Error::other)?;
    Ok(format!("postgres://postgres@127.0.0.1:{port}/{name}"))
}

async fn admin(url: &str) -> io::Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await.map_err(io::Error::other)
}

/// Drops a few databases of test processes that have ended, so that the disk does not fill with them.
async fn drop_orphans(admin: &DatabaseConnection) -> io::Result<()> {
    const AT_ONCE: usize = 3;
    let sql = "SELECT datname FROM pg_database WHERE datname LIKE 't%\\_%'";
    let rows = admin
        .query_all_raw(Statement::from_string(admin.get_database_backend(), sql))
        .await
        .map_err(io::Error::other)?;
    let names = rows.iter().filter_map(|row| row.try_get::<String>("", "datname").ok());
    let orphaned = names.filter(|name| {
        let process = name[1..].split('_').next().and_then(|pid| pid.parse::<u32>().ok());
        process.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists())
    });
    for name in orphaned.take(AT_ONCE) {
        // Another test may drop it at the same moment.
        admin.execute_unprepared(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.ok();
    }
    Ok(())
}

async fn create_database(url: &str, name: &str) -> io::Result<()> {
    let admin = admin(url).await?;
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.map_err(io::Error::other)?;
    admin.close().await.map_err(io::Error::other)
}

fn start_shared(data: &Path, port: u16) -> io::Result<()> {
    init(data)?;
    start(data, port, false, false, "")
}

/// A PostgreSQL of one's own, with fsync and synchronous commit: it may be killed and started again. Ends with the value.
#[derive(Debug)]
pub struct OwnPostgres {
    folder: tempfile::TempDir,
    port: u16,
    tls: bool,
    options: String,
}

impl OwnPostgres {
    /// Makes a cluster and starts it.
    ///
    /// # Errors
    /// Where PostgreSQL is not installed, or does not start.
    pub fn start() -> io::Result<Self> {
        Self::started(None, "")
    }

    /// The same, with more options of `postgres`, such as `-c work_mem=8MB`.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(options: &str) -> io::Result<Self> {
        Self::started(None, options)
    }

    /// The same with TLS, for `localhost`, with this certificate and key.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_tls(certificate: &Path, key: &Path) -> io::Result<Self> {
        Self::started(Some((certificate, key)), "")
    }

    fn started(tls: Option<(&Path, &Path)>, options: &str) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755))?;
        let own = Self { folder, port: servers::free_port()?, tls: tls.is_some(), options: options.to_owned() };
        std::fs::create_dir(own.data())?;
        init(&own.data())?;
        if let Some((certificate, key)) = tls {
            for (from, name) in [(certificate, CERTIFICATE), (key, KEY)] {
                let to = own.data().join(name);
                std::fs::copy(from, &to)?;
                std::fs::set_permissions(&to, PermissionsExt::from_mode(0o600))?;
                own_by_postgres(&to)?;
            }
        }
        own.start_again()?;
        Ok(own)
    }

    /// Runs statements in one of its databases, as its owner.
    ///
    /// # Errors
    /// The database's.
    pub async fn execute(&self, database: &str, statements: &str) -> io::Result<()> {
        let connection = admin(&format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)).await?;
        connection.execute_unprepared(statements).await.map_err(io::Error::other)?;
        connection.close().await.map_err(io::Error::other)
    }

    /// The folder of its cluster.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The port that it listens on, of 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process that started all its others.
    ///
    /// # Errors
    /// Where it does not run.
    pub fn pid(&self) -> io::Result<u32> {
        let text = std::fs::read_to_string(self.data().join("postmaster.pid"))?;
        text.lines()
            .next()
            .and_then(|line| line.parse().ok())
            .ok_or_else(|| io::Error::other("postmaster.pid is empty"))
    }

    /// The URL of a database on it, which `{service}` may name.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// What a query answers: a line for each row, its columns separated by `|`.
    ///
    /// # Errors
    /// Where `psql` is not installed, or the query fails.
    pub fn query(&self, database: &str, sql: &str) -> io::Result<Vec<String>> {
        let output = Command::new(find("psql")?)
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .arg(self.url(database))
            .output()?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if !output.status.success() {
            return Err(io::Error::other(said(&output.stderr)));
        }
        Ok(said(&output.stdout).lines().map(str::to_owned).collect())
    }

    /// Creates a database and returns its URL.
    ///
    /// # Errors
    /// The database's.
    pub async fn create(&self, database: &str) -> io::Result<String> {
        create_database(&self.url("postgres"), database).await?;
        Ok(self.url(database))
    }

    /// Ends it at once, as a crash does: what it had not flushed is gone.
    ///
    /// # Errors
    /// Where `pg_ctl` fails.
    pub fn crash(&self) -> io::Result<()> {
        servers::run(Command::new("sh").arg("-c").arg(stop_command(&self.data())))
    }

    /// Starts it again on the same port.
    ///
    /// # Errors
    /// Where `pg_ctl` fails.
    pub fn start_again(&self) -> io::Result<()> {
        start(&self.data(), self.port, true, self.tls, &self.options)
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        if let Err(error) = self.crash() {
            eprintln!("a PostgreSQL of a test was not stopped: {error}");
        }
    }
}

fn init(data: &Path) -> io::Result<()> {
    own_by_postgres(data)?;
    let mut command = as_postgres("initdb")?;
    servers::run(command.arg("-D").arg(data).args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]))
}

/// The files of a server with TLS, in its data.
const CERTIFICATE: &str = "test.crt";
const KEY: &str = "test.key";

fn start(data: &Path, port: u16, durable: bool, tls: bool, more: &str) -> io::Result<()> {
    let [flush, ssl] = [durable, tls].map(|on| if on { "on" } else { "off" });
    let options = format!(
        "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=300 \
         -c fsync={flush} -c synchronous_commit={flush} -c full_page_writes={flush} -c shared_buffers=256MB \
         -c max_wal_size=4GB -c log_min_messages=fatal -c ssl={ssl} -c ssl_cert_file={CERTIFICATE} -c ssl_key_file={KEY} {more}"
    );
    let mut command = as_postgres("pg_ctl")?;
    servers::run(
        command.arg("-D").arg(data).arg("-l").arg(data.join("log")).args(["-w", "-t", "60", "-o", &options, "start"]),
    )
}

fn stop_command(data: &Path) -> String {
    let mut command = as_postgres("pg_ctl").unwrap_or_else(|_| Command::new("pg_ctl"));
    command.arg("-D").arg(data).args(["-m", "immediate", "-w", "stop"]);
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" ") + " >/dev/null"
}

/// A command of PostgreSQL's or another, as the user `postgres` where we are root (it refuses to run as root).
///
/// # Errors
/// Where it is not installed.
pub fn as_postgres(program: &str) -> io::Result<Command> {
    let path = find(program)?;
    if !is_root() {
        return Ok(Command::new(path));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
    Ok(command)
}

/// Debian keeps the servers out of PATH; the newest of `/usr/lib/postgresql/*` is taken before what PATH has.
fn find(program: &str) -> io::Result<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin").join(program)).collect())
        .unwrap_or_default();
    versions.retain(|path| path.exists());
    versions.sort();
    let in_path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = versions.into_iter().rev().chain(std::env::split_paths(&in_path).map(|dir| dir.join(program)));
    let mut candidates = candidates.filter(|path| path.exists());
    candidates.next().ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, format!("{program} is not installed: `make tools` installs PostgreSQL"))
    })
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|of| std::os::unix::fs::MetadataExt::uid(&of) == 0)
}

/// Gives a file or folder to the user that [`as_postgres`] runs as.
///
/// # Errors
/// Where there is no such user.
pub fn own_by_postgres(folder: &Path) -> io::Result<()> {
    if !is_root() {
        return Ok(());
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    let fields = users.lines().find_map(|line| line.strip_prefix("postgres:")).unwrap_or_default();
    let ids: Vec<u32> = fields.split(':').filter_map(|field| field.parse().ok()).take(2).collect();
    match ids[..] {
        [user, group] => chown(folder, Some(user), Some(group)),
        _ => {
            Err(io::Error::new(io::ErrorKind::NotFound, "there is no user postgres: `make tools` installs PostgreSQL"))
        }
    }
}
