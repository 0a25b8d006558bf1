//! Redis from the installed binary, one of its own for each test that wants one: it starts in milliseconds.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::servers;

/// A Redis of one's own, append-only and without eviction; ends with the value, or with the test process.
#[derive(Debug)]
pub struct OwnRedis {
    folder: tempfile::TempDir,
    port: u16,
    /// Certificate, its key: the port is encrypted where there are some.
    tls: Option<(PathBuf, PathBuf)>,
    options: Vec<String>,
    child: Option<Child>,
}

impl OwnRedis {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// Where `redis-server` is not installed, or does not start.
    pub fn start() -> io::Result<Self> {
        Self::started(None, &[])
    }

    /// The same with these options more, such as `["--appendonly", "no"]`.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(options: &[&str]) -> io::Result<Self> {
        Self::started(None, options)
    }

    /// The same over TLS alone, for `localhost`, with this certificate and key.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_tls(certificate: &Path, key: &Path) -> io::Result<Self> {
        Self::started(Some((certificate.to_owned(), key.to_owned())), &[])
    }

    fn started(tls: Option<(PathBuf, PathBuf)>, options: &[&str]) -> io::Result<Self> {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut own = Self { folder: tempfile::tempdir()?, port: servers::free_port()?, tls, options, child: None };
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
        match self.tls {
            None => format!("redis://127.0.0.1:{}", self.port),
            Some(_) => format!("rediss://localhost:{}", self.port),
        }
    }

    /// Starts it again on the same port, with what its append-only file has.
    ///
    /// # Errors
    /// Where it does not answer within ten seconds.
    pub fn start_again(&mut self) -> io::Result<()> {
        self.child = Some(self.spawn()?);
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

    /// Starts the server under a shell that ends it when our end of its standard input closes: when we end, however we do.
    fn spawn(&self) -> io::Result<Child> {
        let script = "redis-server --bind 127.0.0.1 --appendonly yes --appendfsync everysec --maxmemory-policy noeviction \
                      --save '' --logfile log \"$@\" & server=$!; trap 'kill -9 $server' EXIT; read -r _; ";
        let mut command = Command::new("sh");
        command.args(["-c", script, "redis", "--dir"]).arg(self.folder.path());
        let port = self.port.to_string();
        match &self.tls {
            None => command.args(["--port", &port]),
            Some((certificate, key)) => command
                .args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no", "--tls-cert-file"])
                .arg(certificate)
                .arg("--tls-key-file")
                .arg(key)
                .arg("--tls-ca-cert-file")
                .arg(certificate),
        };
        command.args(&self.options);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
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
