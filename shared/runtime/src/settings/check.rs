//! The bounds of the runtime's own settings, and the rules between them.

use std::path::Path;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::{Auth, AuthMode, Faults, Settings, Url};

/// Says everything that is out of bounds.
pub(super) fn check(settings: &Settings, services: &[&str], faults: &mut Faults) {
    let Settings { server, tls, database, redis, peers, events, jobs, telemetry, .. } = settings;
    let second = Duration::from_secs(1);
    let millis = Duration::from_millis;

    let within = |low: u64, value: u64, high: u64| (low..=high).contains(&value);
    for (path, value) in [("server.calls", server.calls), ("server.streams", server.streams)] {
        faults.require(within(1, value.into(), 1_000_000), path, value, "must be from 1 to 1,000,000");
    }
    let mut between = |path: &str, low: Duration, value: Duration, high: Duration| {
        faults.require(low <= value && value <= high, path, value, &format!("must be from {low:?} to {high:?}"));
    };
    between("server.deadline", millis(1), server.deadline, server.max_deadline.max(millis(1)));
    between("server.max_deadline", millis(1), server.max_deadline, 3600 * second);
    between("server.drain", Duration::ZERO, server.drain, 3600 * second);
    between("server.connection_age", second, server.connection_age, 365 * 86400 * second);
    between("server.connection_grace", Duration::ZERO, server.connection_grace, 24 * 3600 * second);
    between("tls.reload", 100 * millis(1), tls.reload, 24 * 3600 * second);
    between("auth.jwks_stale", Duration::ZERO, settings.auth.jwks_stale, 365 * 86400 * second);
    between("events.retention", 60 * second, events.retention, 3650 * 86400 * second);
    between("jobs.lease", second, jobs.lease, 3600 * second);
    between("jobs.poll", millis(10), jobs.poll, 3600 * second);
    between("jobs.verify", Duration::ZERO, jobs.verify, 366 * 86400 * second);
    between("telemetry.metrics_every", second, telemetry.metrics_every, 3600 * second);

    faults.require(
        within(2, database.connections.into(), 1000),
        "database.connections",
        database.connections,
        "must be from 2 to 1,000",
    );
    faults.require(
        within(1, database.readers.into(), 64),
        "database.readers",
        database.readers,
        "must be from 1 to 64",
    );
    faults.require(
        within(0, events.partitions.into(), 256),
        "events.partitions",
        events.partitions,
        "must be from 0 to 256",
    );
    faults.require(
        (0.0..=1.0).contains(&telemetry.sample),
        "telemetry.sample",
        telemetry.sample,
        "must be from 0.0 to 1.0",
    );
    faults.require(
        EnvFilter::try_new(&telemetry.level).is_ok(),
        "telemetry.level",
        &telemetry.level,
        "must be a level, or levels by target such as \"info,guanxi_store=debug\"",
    );

    for (path, url, schemes) in [
        ("database.url", &database.url, ["postgres", "postgresql"]),
        ("redis.url", &redis.url, ["redis", "rediss"]),
        ("telemetry.otlp", &telemetry.otlp, ["http", "https"]),
    ] {
        let rule = format!("must be empty or begin with {}://", schemes[0]);
        faults.require(url.is_empty() || url.has_scheme(&schemes), path, url.to_string(), &rule);
    }
    for (service, url) in peers {
        let path = format!("peers.{service}");
        faults.require_that(services.contains(&service.as_str()), &path, "is not a service");
        faults.require(
            url.has_scheme(&["http", "https"]),
            &path,
            url.to_string(),
            "must begin with http://, or with https:// for TLS",
        );
        let believed = !url.has_scheme(&["https"]) || named(&tls.peer_ca_file);
        faults.require_that(believed, "tls.peer_ca_file", &format!("must be set: {path} begins with https://"));
    }
    faults.require_that(
        peers.is_empty() || !redis.url.is_empty(),
        "redis.url",
        "must be set where there are peers: the bus in memory serves one process",
    );
    for origin in &server.web_origins {
        let good = origin == "*" || Url::from(origin.as_str()).has_scheme(&["http", "https"]) && !origin.ends_with('/');
        faults.require(good, "server.web_origins", origin, "must be such as https://crm.example, without a path, or *");
    }
    files(settings, faults);
    auth(settings, faults);
}

fn named(file: &Path) -> bool {
    !file.as_os_str().is_empty()
}

/// Files that are good for something only together with others.
fn files(settings: &Settings, faults: &mut Faults) {
    let Settings { tls, redis, database, .. } = settings;
    for (path, file, other_path, other) in [
        ("tls.certificate_file", &tls.certificate_file, "tls.key_file", &tls.key_file),
        ("tls.peer_certificate_file", &tls.peer_certificate_file, "tls.peer_key_file", &tls.peer_key_file),
    ] {
        let rule = format!("and {other_path} must both be set, or neither");
        faults.require_that(named(file) == named(other), path, &rule);
    }
    for (path, file, good, rule) in [
        ("tls.client_ca_file", &tls.client_ca_file, named(&tls.certificate_file), "needs tls.certificate_file"),
        ("redis.ca_file", &redis.ca_file, redis.url.has_scheme(&["rediss"]), "needs a redis.url of rediss://"),
        ("database.ca_file", &database.ca_file, !database.is_embedded(), "needs a database.url"),
    ] {
        faults.require_that(!named(file) || good, path, rule);
    }
    let asked = !tls.client_required || named(&tls.client_ca_file);
    faults.require_that(asked, "tls.client_ca_file", "must be set where tls.client_required is true");
}

fn auth(settings: &Settings, faults: &mut Faults) {
    let Settings { auth, database, server, .. } = settings;
    let Auth { mode, key, key_file, signing_key_file, jwks_url, issuer, audience, .. } = auth;
    if *mode == AuthMode::Off {
        faults.require_that(
            database.is_embedded(),
            "auth.mode",
            "may be \"off\" with SQLite only: with PostgreSQL set hs256, eddsa or jwks and a key",
        );
        faults.require(
            server.listen.ip().is_loopback(),
            "server.listen",
            server.listen,
            "must be a loopback address while auth.mode is \"off\": set hs256, eddsa or jwks and a key, or listen on 127.0.0.1",
        );
        return;
    }
    faults.require_that(
        key.is_empty() == named(key_file),
        "auth.key",
        "or auth.key_file must be set, one of the two, unless auth.mode is \"off\"",
    );
    if *mode == AuthMode::Hs256 && !key.is_empty() {
        faults.require_that(key.expose().len() >= 32, "auth.key", "must be at least 32 bytes for hs256");
    }
    if matches!(mode, AuthMode::Eddsa | AuthMode::Jwks) {
        faults.require_that(
            named(signing_key_file),
            "auth.signing_key_file",
            "must be set with eddsa and jwks: services sign the tokens for each other with it",
        );
    }
    if *mode == AuthMode::Jwks {
        let near = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
        let good = jwks_url.has_scheme(&["https"]) || near.iter().any(|start| jwks_url.expose().starts_with(start));
        let rule = "must begin with https:// (http:// on loopback only)";
        faults.require(good, "auth.jwks_url", jwks_url.to_string(), rule);
        for (path, value) in [("auth.issuer", issuer), ("auth.audience", audience)] {
            faults.require_that(!value.is_empty(), path, "must be set with jwks: whose tokens, and for whom");
        }
    }
}
