//! Real servers for tests: one PostgreSQL and one Redis for all test processes of this machine's user, started by the
//! first that needs them and stopped when the last has ended, whatever ended it.
//!
//! Every test process holds a shared lock while it lives; a small supervising shell waits for the exclusive one.

use std::fs::{File, OpenOptions};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A server that was started or found running, held for as long as this value lives.
#[derive(Debug)]
pub struct Shared {
    /// Its port on 127.0.0.1.
    pub port: u16,
    _user: File,
}

/// How a server of one kind is started and stopped.
pub(crate) struct Kind {
    /// The name of its folder.
    pub name: &'static str,
    /// Makes its data in a folder and starts it on a port; returns once it has been told to start.
    pub start: fn(&Path, u16) -> io::Result<()>,
    /// The shell command that ends it, run in its folder.
    pub stop: fn(&Path) -> String,
}

/// Finds the shared server of a kind, or starts it.
pub(crate) fn shared(kind: &Kind) -> io::Result<Shared> {
    let folder = root()?.join(kind.name);
    std::fs::create_dir_all(&folder)?;
    let starting = lock_file(&folder.join("starting"))?;
    starting.lock()?;
    let user = lock_file(&folder.join("users"))?;
    let port_file = folder.join("port");
    let running = std::fs::read_to_string(&port_file).ok().and_then(|port| port.trim().parse().ok());
    if let Some(port) = running.filter(|&port| answers(port)) {
        user.lock_shared()?;
        return Ok(Shared { port, _user: user });
    }
    let data = folder.join("data");
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    std::fs::create_dir_all(&data)?;
    let port = free_port()?;
    (kind.start)(&data, port)?;
    let until = Instant::now() + Duration::from_secs(60);
    while !answers(port) {
        if Instant::now() > until {
            let log = std::fs::read_to_string(data.join("log")).unwrap_or_default();
            return Err(io::Error::other(format!("{} did not start within 60 s: {log}", kind.name)));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    std::fs::write(&port_file, port.to_string())?;
    user.lock_shared()?;
    supervise(&folder, &(kind.stop)(&data))?;
    Ok(Shared { port, _user: user })
}

/// A shell of its own session that stops the server once nobody has used it for a while.
fn supervise(folder: &Path, stop: &str) -> io::Result<()> {
    let script = format!(
        "cd {folder:?} || exit; while :; do sleep 10; exec 8<starting; flock -x 8; exec 9<users; \
         if flock -n -x 9; then rm -f port; {stop}; rm -rf data; exit; fi; exec 9<&- 8<&-; done"
    );
    Command::new("setsid")
        .args(["sh", "-c", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
}

fn root() -> io::Result<PathBuf> {
    let whose = std::env::var("USER").unwrap_or_else(|_| "tests".into());
    let folder = std::env::temp_dir().join(format!("guanxi-servers-{whose}"));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn lock_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
}

/// Whether something accepts connections on this port of the loopback.
pub fn answers(port: u16) -> bool {
    TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), Duration::from_millis(500)).is_ok()
}

/// A port of the loopback that nobody listens on now. It is below those that the system gives to outgoing connections: a
/// server that is killed and started again finds it free, and nobody who tries to connect meanwhile meets himself.
///
/// # Errors
/// Where none can be bound.
pub fn free_port() -> io::Result<u16> {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    const APART: u32 = 61;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Processes that look at the same time look in different places.
    let start = std::process::id().wrapping_mul(APART);
    for _ in 0..COUNT {
        let at = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + at).map_err(io::Error::other)?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::other("no port of the loopback is free"))
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> io::Result<()> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| {
        io::Error::new(error.kind(), format!("{} cannot be run: {error}", command.get_program().to_string_lossy()))
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{} failed: {said}", command.get_program().to_string_lossy())))
}
