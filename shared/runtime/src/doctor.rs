//! `guanxi doctor`: everything that a start needs, looked at without starting, with what to do about what is wrong. It asks
//! what a start asks, by the same functions, and changes nothing.

use std::sync::Arc;
use std::time::Duration;

use guanxi_kernel::{Clock, SystemClock, Timestamp};
use serde::Serialize;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::build::{Ways, open, place, wire};
use crate::data_dir::DataDir;
use crate::error::StartError;
use crate::module::Service;
use crate::settings::{Faults, Settings, Sources};
use crate::{bus, edge};

/// How good what was found is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, but not for long, or not as well as it could.
    Warning,
    /// A start fails, or calls do.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: `database of loyalty`.
    pub check: String,
    /// What was found.
    pub found: String,
    /// How good that is.
    pub verdict: Verdict,
    /// What to do; empty where there is nothing.
    pub advice: String,
}

impl Finding {
    fn good(check: impl Into<String>, found: impl Into<String>) -> Self {
        Self { check: check.into(), found: found.into(), verdict: Verdict::Good, advice: String::new() }
    }

    /// Of "what is wrong; what to do".
    fn wrong(check: impl Into<String>, verdict: Verdict, said: &str) -> Self {
        let (found, advice) = said.split_once("; ").or_else(|| said.split_once(": ")).unwrap_or((said, ""));
        Self { check: check.into(), found: found.to_owned(), verdict, advice: advice.to_owned() }
    }

    fn bad(check: impl Into<String>, error: &StartError) -> Self {
        Self::wrong(check, Verdict::Bad, &error.to_string())
    }
}

/// A certificate that ends within this is worth a warning.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Clocks may be apart so far without a word, and so far before leases and tokens suffer.
const APART: (i64, i64) = (1_000_000, 10_000_000);

/// Looks at everything that these services need.
pub async fn doctor(sources: Sources, services: &[Service], names: &[&str]) -> Vec<Finding> {
    let settings = match Settings::load(sources, names) {
        Ok(settings) => Arc::new(settings),
        Err(faults) => return of_faults(&faults),
    };
    let mut found = Vec::new();
    for service in services {
        found.extend((service.settings)(&settings).err().iter().flat_map(of_faults));
    }
    if found.is_empty() {
        found.push(Finding::good("settings", format!("of {}", names_of(services))));
    }
    certificates(&settings, &mut found);
    let ways = match Ways::read(&settings) {
        Ok(ways) => ways,
        Err(error) => {
            found.push(Finding::bad("keys and certificates", &error));
            return found;
        }
    };
    tokens(&settings, &ways, &mut found).await;
    if settings.database.is_embedded() {
        data_dir(&settings, services, &ways, &mut found).await;
    } else {
        for service in services {
            database(&settings, service, &ways, &mut found).await;
        }
    }
    redis(&settings, &mut found).await;
    peers(&settings, &ways, &mut found).await;
    found
}

fn names_of(services: &[Service]) -> String {
    services.iter().map(|service| service.name).collect::<Vec<_>>().join(", ")
}

fn of_faults(faults: &Faults) -> Vec<Finding> {
    let finding = |fault: &crate::settings::Fault| Finding {
        check: "settings".to_owned(),
        found: match (&fault.value, &fault.origin) {
            (Some(value), Some(origin)) => format!("{} = {value} (in {origin})", fault.path),
            (Some(value), None) => format!("{} = {value}", fault.path),
            (None, Some(origin)) => format!("{} (in {origin})", fault.path),
            (None, None) => fault.path.clone(),
        },
        verdict: Verdict::Bad,
        advice: format!("it {}", fault.rule),
    };
    faults.iter().map(finding).collect()
}

fn certificates(settings: &Settings, found: &mut Vec<Finding>) {
    const EDGE: &str = "certificate for callers";
    match edge::server(settings) {
        Ok(Some(tls)) => found.push(certificate(EDGE, tls.valid_until())),
        Ok(None) if settings.server.listen.ip().is_loopback() => found.push(Finding::good(EDGE, "none: loopback only")),
        Ok(None) => {
            let said =
                "none: calls are not encrypted here; set tls.certificate_file, unless something before it encrypts";
            found.push(Finding::wrong(EDGE, Verdict::Warning, said));
        }
        Err(error) => found.push(Finding::bad(EDGE, &error)),
    }
    match edge::client(settings) {
        Ok(tls) => {
            found
                .extend(tls.and_then(|tls| tls.valid_until()).map(|until| certificate("certificate for peers", until)));
        }
        Err(error) => found.push(Finding::bad("certificate for peers", &error)),
    }
}

fn certificate(check: &str, until: Timestamp) -> Finding {
    let left = until.duration_since(SystemClock.now());
    if left.unsigned_abs() > SOON {
        return Finding::good(check, format!("good until {until}"));
    }
    Finding::wrong(check, Verdict::Warning, &format!("ends at {until}; renew it: it is read again without a restart"))
}

async fn tokens(settings: &Settings, ways: &Ways, found: &mut Vec<Finding>) {
    const CHECK: &str = "tokens";
    match ways.keys.authentication().and_then(|_| ways.keys.tokens("doctor")) {
        Ok(_) => found.push(Finding::good(CHECK, format!("{:?}", settings.auth.mode).to_lowercase())),
        Err(error) => found.push(Finding::bad(CHECK, &error)),
    }
    if let Some(provider) = ways.keys.provider() {
        let check = "keys of the identity provider";
        found.push(match provider.fetch().await {
            Ok(count) => Finding::good(check, format!("{count} at {}", settings.auth.jwks_url)),
            Err(error) => Finding::wrong(check, Verdict::Bad, &format!("{error}; check auth.jwks_url")),
        });
    }
}

async fn data_dir(settings: &Arc<Settings>, services: &[Service], ways: &Ways, found: &mut Vec<Finding>) {
    const CHECK: &str = "data directory";
    let path = &settings.database.data_dir;
    let shown = path.display();
    if !path.exists() {
        found.push(Finding::good(CHECK, format!("{shown} is not there yet: the first start makes it")));
        return;
    }
    let _held = match DataDir::try_take(path) {
        Ok(Some(held)) => held,
        Ok(None) => {
            found.push(Finding::good(CHECK, format!("{shown} is in use by a running process")));
            return;
        }
        Err(error) => {
            found.push(Finding::bad(CHECK, &error));
            return;
        }
    };
    found.push(Finding::good(CHECK, format!("{shown} can be written")));
    // Opening a database would make it.
    for service in services.iter().filter(|service| path.join(format!("{}.db", service.name)).exists()) {
        database(settings, service, ways, found).await;
    }
}

async fn database(settings: &Arc<Settings>, service: &Service, ways: &Ways, found: &mut Vec<Finding>) {
    let check = format!("database of {}", service.name);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let opened = open(settings, service.name, &clock).await.and_then(|db| wire(settings, service, db, ways));
    let (built, migrations) = match opened {
        Ok(opened) => opened,
        Err(error) => return found.push(Finding::bad(check, &error)),
    };
    match built.db.inspect(&migrations).await {
        Ok(seen) => {
            found.extend(seen.unfit.iter().map(|unfit| Finding::wrong(&check, Verdict::Bad, &unfit.to_string())));
            if seen.unfit.is_empty() {
                found.push(match seen.missing.len() {
                    0 => Finding::good(&check, format!("{}, up to date", seen.server)),
                    n => {
                        let said =
                            format!("{}, {n} migrations are missing; guanxi migrate, or the next start", seen.server);
                        Finding::wrong(&check, Verdict::Warning, &said)
                    }
                });
            }
            found.extend(
                seen.clock_micros.map(|micros| skew(&format!("clock of PostgreSQL ({})", service.name), micros)),
            );
        }
        Err(error) => found.push(Finding::bad(&check, &StartError::migrate(service.name, &place(settings), &error))),
    }
    // It was only looked at: what cannot be closed well ends with the process.
    built.db.close().await.ok();
}

fn skew(check: &str, theirs: i64) -> Finding {
    let apart = theirs - SystemClock.now().as_microsecond();
    let shown = format!("{} ms apart from this machine's", apart / 1_000);
    let (warning, bad) = APART;
    let verdict = match apart.abs() {
        far if far > bad => Verdict::Bad,
        far if far > warning => Verdict::Warning,
        _ => return Finding::good(check, shown),
    };
    Finding::wrong(check, verdict, &format!("{shown}; have both set by NTP: leases and tokens go by the clock"))
}

async fn redis(settings: &Settings, found: &mut Vec<Finding>) {
    const CHECK: &str = "Redis";
    if settings.redis.url.is_empty() {
        return found.push(Finding::good(CHECK, "none: the bus is in memory"));
    }
    let opened = match bus::open(&settings.redis) {
        Ok(opened) => opened,
        Err(error) => return found.push(Finding::bad(CHECK, &error)),
    };
    match bus::state(&opened, PATIENCE).await {
        Ok(state) => {
            let unfit = state.unfit();
            if unfit.is_empty() {
                found.push(Finding::good(CHECK, format!("{} with append-only file, noeviction", state.version)));
            }
            found.extend(unfit.iter().map(|fault| Finding::wrong(CHECK, Verdict::Warning, fault)));
            found.push(skew("clock of Redis", state.clock_micros));
        }
        Err(error) => {
            let said = format!(
                "{error}; check that {} is up and takes the password: events wait meanwhile",
                settings.redis.url
            );
            found.push(Finding::wrong(CHECK, Verdict::Bad, &said));
        }
    }
}

async fn peers(settings: &Settings, ways: &Ways, found: &mut Vec<Finding>) {
    let reached = match ways.peers(settings, "doctor") {
        Ok(reached) => reached,
        Err(error) => return found.push(Finding::bad("peers", &error)),
    };
    for (name, url) in &settings.peers {
        let check = format!("peer {name}");
        let asked = HealthCheckRequest { service: name.clone() };
        found.push(match HealthClient::new(reached.to(name)).check(asked).await {
            Ok(_) => Finding::good(check, format!("{url} answers")),
            Err(status) => {
                let said = format!("{}; is it running there? check peers.{name}", status.message());
                Finding::wrong(check, Verdict::Warning, &said)
            }
        });
    }
}
