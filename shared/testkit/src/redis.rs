//! Redis from the installed binary, one of its own for each test that wants one: it starts in milliseconds.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::servers;

/// A Redis of one's own, append-only and without eviction; ends with the value, or with the test process.
#[derive(Debug)]
pub struct OwnRedis {
    folder: tempfile::TempDir,
    port: u16,
    options: String,
    child: Option<Child>,
}

impl OwnRedis {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// Where `redis-server` is not installed, or does not start.
    pub fn start() -> io::Result<Self> {
        Self::start_with("")
    }

    /// The same, with more options of `redis-server`.
    ///
    /// # Errors
    /// The same.
    pub fn start_with(options: &str) -> io::Result<Self> {
        let (folder, port, options) = (tempfile::tempdir()?, servers::free_port()?, options.to_owned());
        let mut own = Self { folder, port, options, child: None };
        own.start_again()?;
        Ok(own)
    }

    /// The port that it listens on, of 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process that it runs under.
    ///
    /// # Errors
    /// Where it does not run.
    pub fn pid(&self) -> io::Result<u32> {
        self.child.as_ref().map(Child::id).ok_or_else(|| io::Error::other("redis-server does not run"))
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it again on the same port, with what its append-only file has.
    ///
    /// # Errors
    /// Where it does not answer within ten seconds.
    pub fn start_again(&mut self) -> io::Result<()> {
        self.child = Some(spawn(self.folder.path(), self.port, &self.options)?);
        let until = Instant::now() + Duration::from_secs(10);
        while !servers::answers(self.port) {
            if Instant::now() > until {
                return Err(io::Error::other("redis-server did not start within 10 s"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Ends it at once.
    ///
    /// # Errors
    /// The system's.
    pub fn crash(&mut self) -> io::Result<()> {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            child.wait()?;
        }
        Ok(())
    }

    /// Empties it.
    ///
    /// # Errors
    /// Where it does not answer.
    pub fn flush_all(&self) -> io::Result<()> {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            match self.ask(b"FLUSHALL\r\n")?.as_str() {
                "+OK" => return Ok(()),
                // It has just started, and reads its append-only file.
                loading if loading.starts_with("-LOADING") && Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                other => return Err(io::Error::other(format!("FLUSHALL was answered with {other}"))),
            }
        }
    }

    /// The first line of the answer to a command.
    fn ask(&self, command: &[u8]) -> io::Result<String> {
        use std::io::{BufRead, BufReader, Write};
        let mut connection = std::net::TcpStream::connect(("127.0.0.1", self.port))?;
        connection.write_all(command)?;
        let mut line = String::new();
        BufReader::new(connection).read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        if let Err(error) = self.crash() {
            eprintln!("a Redis of a test was not stopped: {error}");
        }
    }
}

/// Starts the server under a shell that ends it when our end of its standard input closes: when we end, however we do.
fn spawn(folder: &Path, port: u16, options: &str) -> io::Result<Child> {
    let script = "redis-server --port \"$1\" --bind 127.0.0.1 --dir \"$2\" --appendonly yes --appendfsync everysec \
                  --maxmemory-policy noeviction --save '' --logfile log $3 & server=$!; trap 'kill -9 $server' EXIT; read -r _; ";
    let mut command = Command::new("sh");
    command.args(["-c", script, "redis"]).arg(port.to_string()).arg(folder).arg(options);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}
