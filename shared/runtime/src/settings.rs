//! What a process is told: compiled-in defaults, then a file, then the environment, then flags; checked as a whole, so
//! that every fault is reported at once.

mod check;
mod faults;
mod files;
mod secret;
mod tree;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use config::{Config, Environment, File, FileFormat, Value, ValueKind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

pub use faults::{Fault, Faults};
pub use secret::{Secret, Url};

/// The defaults, commented: the documentation of every setting.
pub const DEFAULTS: &str = include_str!("settings/defaults.toml");

/// Where settings come from, besides the defaults.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file named by `--config`.
    pub file: Option<PathBuf>,
    /// The environment's variables; those that are settings are `GUANXI_SECTION__KEY`.
    pub environment: Vec<(String, String)>,
    /// What flags set: paths such as `server.listen`, and their values.
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// This process's environment, and nothing else.
    pub fn environment() -> Self {
        let known = |(key, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((key.into_string().ok()?, value.into_string().ok()?))
        };
        Self { environment: std::env::vars_os().filter_map(known).collect(), ..Self::default() }
    }

    /// The same with a file, if one is named.
    #[must_use]
    pub fn file(mut self, file: Option<PathBuf>) -> Self {
        self.file = file;
        self
    }

    /// The same with a flag, if it was given.
    #[must_use]
    pub fn flag(mut self, path: impl Into<String>, value: Option<impl ToString>) -> Self {
        self.flags.extend(value.map(|value| (path.into(), value.to_string())));
        self
    }
}

/// The section of one service. `Default` gives its defaults, whose doc comments are the documentation.
pub trait Section: Default + Serialize + DeserializeOwned {
    /// Says what is out of bounds, by `faults.require(…)`; `path` is the section's name.
    fn check(&self, _path: &str, _faults: &mut Faults) {}
}

/// The settings of a process, read and checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Listeners and limits.
    pub server: Server,
    /// Who may call.
    pub auth: Auth,
    /// How connections are encrypted.
    pub tls: Tls,
    /// Where the services keep their data.
    pub database: Database,
    /// The bus between processes.
    pub redis: Redis,
    /// Where the other services are.
    pub peers: BTreeMap<String, Url>,
    /// The flow of events.
    pub events: Events,
    /// Scheduled and long work.
    pub jobs: Jobs,
    /// Logs, traces and metrics.
    pub telemetry: Telemetry,
    sections: BTreeMap<String, Value>,
}

/// `[server]`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Server {
    /// Where gRPC is served.
    pub listen: SocketAddr,
    /// Where metrics and probes are served over HTTP.
    pub admin: SocketAddr,
    /// Calls that may be at work at once.
    pub calls: u32,
    /// Streams that may be open at once.
    pub streams: u32,
    /// Calls a second that one caller may make; 0 means as many as it likes.
    pub rate: u32,
    /// The deadline of a call that brings none.
    #[serde(with = "duration")]
    pub deadline: Duration,
    /// The longest deadline that a caller may ask for.
    #[serde(with = "duration")]
    pub max_deadline: Duration,
    /// How long calls may go on after the process was asked to stop.
    #[serde(with = "duration")]
    pub drain: Duration,
    /// After how long a connection takes no more calls, so that clients connect anew.
    #[serde(with = "duration")]
    pub connection_age: Duration,
    /// How long streams on such a connection may go on.
    #[serde(with = "duration")]
    pub connection_grace: Duration,
    /// The origins of pages that may call by gRPC-Web.
    #[serde(deserialize_with = "list")]
    pub web_origins: Vec<String>,
}

/// `[auth]`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Auth {
    /// How callers are known.
    pub mode: AuthMode,
    /// The secret (hs256) or the public key in PEM (eddsa, jwks).
    pub key: Secret,
    /// A file that holds it.
    pub key_file: PathBuf,
    /// The file of the private key in PEM (eddsa, jwks) that tokens for other services are signed with.
    pub signing_key_file: PathBuf,
    /// Where the identity provider has its keys (jwks).
    pub jwks_url: Url,
    /// The authorities that signed that server's certificate; empty: those that this machine trusts.
    pub jwks_ca_file: PathBuf,
    /// How long the provider's keys are used that could not be fetched again.
    #[serde(with = "duration")]
    pub jwks_stale: Duration,
    /// What `iss` of the provider's tokens must be.
    pub issuer: String,
    /// What `aud` of the provider's tokens must be, or hold.
    pub audience: String,
}

/// How callers are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum AuthMode {
    /// Not at all.
    Off,
    /// By tokens signed with a shared secret.
    Hs256,
    /// By tokens signed with an Ed25519 key.
    Eddsa,
    /// By tokens of an identity provider, and those that services sign for each other with an Ed25519 key.
    Jwks,
}

impl TryFrom<String> for AuthMode {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "off" => Ok(Self::Off),
            "hs256" => Ok(Self::Hs256),
            "eddsa" => Ok(Self::Eddsa),
            "jwks" => Ok(Self::Jwks),
            _ => Err("must be off, hs256, eddsa or jwks"),
        }
    }
}

/// `[tls]`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tls {
    /// The chain that callers are shown; empty: calls are not encrypted.
    pub certificate_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
    /// The authorities that sign callers' certificates; empty: callers are asked for none.
    pub client_ca_file: PathBuf,
    /// Whether a caller must show a certificate.
    pub client_required: bool,
    /// The authorities that signed the certificates of `https` peers.
    pub peer_ca_file: PathBuf,
    /// The chain that peers are shown; empty: none.
    pub peer_certificate_file: PathBuf,
    /// Its private key.
    pub peer_key_file: PathBuf,
    /// How often the files are looked at.
    #[serde(with = "duration")]
    pub reload: Duration,
}

/// `[database]`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Database {
    /// The PostgreSQL server; empty for SQLite.
    pub url: Url,
    /// A file that holds the URL.
    pub url_file: PathBuf,
    /// The authorities that signed the server's certificate.
    pub ca_file: PathBuf,
    /// The directory of the SQLite files.
    pub data_dir: PathBuf,
    /// PostgreSQL connections of each service.
    pub connections: u32,
    /// SQLite connections of each service that read.
    pub readers: u32,
}

impl Database {
    /// Whether the data is in SQLite files of this process's own.
    pub fn is_embedded(&self) -> bool {
        self.url.is_empty()
    }

    /// The URL with the authorities that the server's certificate is checked with.
    pub(crate) fn connection_url(&self) -> String {
        let url = self.url.expose();
        if self.ca_file.as_os_str().is_empty() {
            return url.to_owned();
        }
        let joint = if url.contains('?') { '&' } else { '?' };
        format!("{url}{joint}sslrootcert={}", self.ca_file.display())
    }
}

/// `[redis]`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Redis {
    /// The server, or nodes of the cluster; empty for the bus in memory.
    pub url: Url,
    /// A file that holds the URL.
    pub url_file: PathBuf,
    /// The authorities that signed the server's certificate; empty: those that this machine trusts.
    pub ca_file: PathBuf,
    /// Whether it is a Redis Cluster.
    pub cluster: bool,
}

/// `[events]`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Events {
    /// Partitions of each service's outbox; 0 for what suits the database.
    pub partitions: u16,
    /// How long published events stay for replays.
    #[serde(with = "duration")]
    pub retention: Duration,
}

/// `[jobs]`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Jobs {
    /// How long a runner holds a job without a sign of life.
    #[serde(with = "duration")]
    pub lease: Duration,
    /// How often a runner looks for work.
    #[serde(with = "duration")]
    pub poll: Duration,
    /// How often the invariants of each service are checked; zero for never.
    #[serde(with = "duration")]
    pub verify: Duration,
}

/// `[telemetry]`
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Telemetry {
    /// How log lines look.
    pub log: LogFormat,
    /// What is logged.
    pub level: String,
    /// The OTLP collector; empty for none.
    pub otlp: Url,
    /// The share of traces that are exported.
    pub sample: f64,
    /// How often metrics go to the collector.
    #[serde(with = "duration")]
    pub metrics_every: Duration,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum LogFormat {
    /// For people.
    Human,
    /// One object a line, for machines.
    Json,
}

impl TryFrom<String> for LogFormat {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err("must be human or json"),
        }
    }
}

/// Durations as `1m30s`.
pub use jiff::fmt::serde::unsigned_duration::friendly::compact::required as duration;

/// A list, or, as in the environment, its parts separated by commas.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        List(Vec<String>),
        Text(String),
    }
    Ok(match Given::deserialize(deserializer)? {
        Given::List(list) => list,
        Given::Text(text) => {
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        }
    })
}

/// The sections that the runtime reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Shared {
    server: Server,
    auth: Auth,
    tls: Tls,
    database: Database,
    redis: Redis,
    peers: BTreeMap<String, Url>,
    events: Events,
    jobs: Jobs,
    telemetry: Telemetry,
}

impl Settings {
    /// Reads and checks all sources. `services` are all there are, whether or not this process runs them: one file may
    /// serve every process.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn load(sources: Sources, services: &[&str]) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let mut raw = read(sources, &mut faults);
        let mut sections = BTreeMap::new();
        for service in services {
            sections.extend(raw.remove(*service).map(|section| ((*service).to_owned(), section)));
        }
        let Some(shared) = tree::typed("", raw, &Shared::defaults(), &mut faults) else { return Err(faults) };
        let Shared { server, auth, tls, database, redis, peers, events, jobs, telemetry } = shared;
        let mut settings = Self { server, auth, tls, database, redis, peers, events, jobs, telemetry, sections };
        files::read(&mut settings, &mut faults);
        check::check(&settings, services, &mut faults);
        faults.or(settings)
    }

    /// The section of `service`, over its defaults.
    ///
    /// # Errors
    /// Every fault in it at once.
    pub fn section<T: Section>(&self, service: &str) -> Result<T, Faults> {
        let mut faults = Faults::default();
        let raw = match self.sections.get(service) {
            None => tree::Table::new(),
            Some(Value { kind: ValueKind::Table(table), .. }) => table.clone(),
            Some(other) => {
                faults.require(false, service, other.to_string(), "must be a section with keys of its own");
                return Err(faults);
            }
        };
        let Some(section) = tree::typed(service, raw, &T::default(), &mut faults) else { return Err(faults) };
        section.check(service, &mut faults);
        faults.or(section)
    }
}

impl Default for Settings {
    /// The defaults alone: everything embedded, in `.guanxi`.
    fn default() -> Self {
        let Shared { server, auth, tls, database, redis, peers, events, jobs, telemetry } = Shared::defaults();
        Self { server, auth, tls, database, redis, peers, events, jobs, telemetry, sections: BTreeMap::new() }
    }
}

impl fmt::Display for Settings {
    /// The runtime's sections as a file would hold them, secrets masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let this = self.clone();
        let shared = Shared {
            server: this.server,
            auth: this.auth,
            tls: this.tls,
            database: this.database,
            redis: this.redis,
            peers: this.peers,
            events: this.events,
            jobs: this.jobs,
            telemetry: this.telemetry,
        };
        f.write_str(&toml::to_string(&shared).map_err(|_| fmt::Error)?)
    }
}

impl Shared {
    fn defaults() -> Self {
        toml::from_str(DEFAULTS).expect("the compiled-in defaults are complete, as a test checks")
    }
}

/// The raw settings of files, environment and flags, the last one winning.
fn read(sources: Sources, faults: &mut Faults) -> tree::Table {
    let mut builder = Config::builder();
    let image = sources.environment.iter().find(|(key, _)| key == IMAGE_DEFAULTS).map(|(_, file)| PathBuf::from(file));
    for file in image.into_iter().chain(sources.file) {
        builder = builder.add_source(File::from(file).format(FileFormat::Toml));
    }
    let variables = sources.environment.into_iter().filter(|(key, _)| key.contains("__")).collect();
    builder = builder
        .add_source(Environment::with_prefix("GUANXI").prefix_separator("_").separator("__").source(Some(variables)));
    for (path, value) in sources.flags {
        builder = builder.set_override(path, value).expect("flags are named by paths that parse");
    }
    let raw = builder.build().and_then(|config| config.cache.into_table());
    raw.unwrap_or_else(|error| {
        faults.require_that(false, "the settings", &format!("cannot be read: {error}"));
        tree::Table::new()
    })
}

/// The variable that names a file of settings over which all others go: an image has other defaults than a machine.
const IMAGE_DEFAULTS: &str = "GUANXI_DEFAULTS";

#[cfg(test)]
mod tests;
