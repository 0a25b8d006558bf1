//! TLS towards everybody: callers, peers, PostgreSQL and Redis; and what `guanxi doctor` makes of it.

use std::path::Path;
use std::process::Command;

use guanxi_client::contracts::common::v1::GetSummaryRequest;
use guanxi_client::{Client, ClientFiles};
use guanxi_testkit::process::{KEY, guanxi, text};
use guanxi_testkit::{Authority, OwnPostgres, OwnRedis};
use serde_json::Value;
use tonic::Code;

use crate::started::{Started, refused, with};

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn signed() -> String {
    let output = guanxi().args(["token", "--expires", "1h"]).env("GUANXI_AUTH__KEY", KEY).output().unwrap();
    text(&output.stdout).trim().to_owned()
}

/// What `guanxi doctor --json` found, and its exit code.
fn doctor(arguments: &[&str], settings: &[(&str, &str)]) -> (Vec<Value>, Option<i32>) {
    let output = with(&[&["doctor", "--json"], arguments].concat(), settings).output().unwrap();
    let found =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    (found, output.status.code())
}

/// The verdict and the words about one check.
fn about(found: &[Value], check: &str) -> (String, String) {
    let finding = found.iter().find(|finding| finding["check"] == check);
    let finding = finding.unwrap_or_else(|| panic!("nothing is said of {check}: {found:#?}"));
    let text = |key: &str| finding[key].as_str().unwrap().to_owned();
    (text("verdict"), format!("{}; {}", text("found"), text("advice")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_and_redis_are_reached_by_tls_and_believed_by_their_authority_only() {
    let (ours, other) = (Authority::new(), Authority::new());
    let (certificate, key) = ours.sign("server", 1);
    let postgres = OwnPostgres::start_tls(&certificate, &key).unwrap();
    let redis = OwnRedis::start_tls(&certificate, &key).unwrap();
    postgres.create("loyalty").await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, content: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, content + "\n").unwrap();
        shown(&path)
    };
    // As secrets are mounted: a file with the URL, one with the authority.
    let at = postgres.url("{service}").replace("127.0.0.1", "localhost");
    let database = file("database", format!("{at}?sslmode=verify-full"));
    let bus = file("redis", redis.url());
    let (ca, stranger) = (shown(&ours.ca()), shown(&other.ca()));
    let settings = |database_ca, redis_ca| {
        vec![
            ("auth.mode", "hs256"),
            ("auth.key", KEY),
            ("database.url_file", database.as_str()),
            ("database.ca_file", database_ca),
            ("redis.url_file", bus.as_str()),
            ("redis.ca_file", redis_ca),
        ]
    };
    let good = settings(&ca, &ca);
    let server = Started::serve(with(&["serve", "loyalty"], &good));
    let client = Client::builder().endpoint(&format!("127.0.0.1:{}", server.port)).token(&signed()).build().unwrap();
    client.admin("loyalty").get_summary(GetSummaryRequest::default()).await.unwrap();
    let (found, code) = doctor(&["loyalty"], &good);
    assert_eq!(code, Some(0), "{found:#?}");
    for check in
        ["settings", "tokens", "database of loyalty", "clock of PostgreSQL (loyalty)", "Redis", "clock of Redis"]
    {
        assert_eq!(about(&found, check).0, "good", "{check}: {found:#?}");
    }
    assert!(about(&found, "database of loyalty").1.contains("up to date"), "{found:#?}");

    let told = refused(with(&["serve", "loyalty", "--listen", "127.0.0.1:0"], &settings(&stranger, &ca)));
    assert!(told.contains("loyalty") && told.contains("certificate"), "{told}");
    let (found, code) = doctor(&["loyalty"], &settings(&ca, &stranger));
    assert_eq!((code, about(&found, "Redis").0.as_str()), (Some(1), "bad"), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_and_peers_show_certificates_and_probes_need_none() {
    let ours = Authority::new();
    let (certificate, key) = ours.sign("server", 1);
    let (identity, identity_key) = ours.sign("client", 2);
    let [ca, certificate, key, identity, identity_key] =
        [ours.ca(), certificate, key, identity, identity_key].map(|path| shown(&path));
    let data = tempfile::tempdir().unwrap();
    let data = shown(data.path());
    let server = Started::serve(with(
        &["serve"],
        &[
            ("database.data_dir", &data),
            ("tls.certificate_file", &certificate),
            ("tls.key_file", &key),
            ("tls.client_ca_file", &ca),
            ("tls.client_required", "true"),
        ],
    ));
    let metrics = crate::http::get(server.admin, "/metrics", "text/plain");
    let expiry = "guanxi_certificate_expiry_timestamp_seconds{guanxi_certificate=\"server\"";
    assert!(metrics.contains(expiry), "{metrics}");
    let url = format!("https://localhost:{}", server.port);
    let summary = async |files: ClientFiles| {
        let client = Client::builder().endpoint(&url).tls(files).build().unwrap();
        client.admin("loyalty").get_summary(GetSummaryRequest::default()).await
    };
    let files = |identity| ClientFiles { ca: Some(ours.ca()), identity, ..ClientFiles::default() };
    summary(files(Some(((&identity).into(), (&identity_key).into())))).await.unwrap();
    assert_eq!(summary(files(None)).await.expect_err("no certificate").code(), Code::Unavailable);
    let told = guanxi().args(["report", "summary", "--endpoint", &url, "--ca", &ca]).output().unwrap();
    assert!(!told.status.success(), "it shows no certificate: {}", text(&told.stdout));
    let shows = ["--certificate", &identity, "--certificate-key", &identity_key];
    let told = guanxi().args(["report", "summary", "--endpoint", &url, "--ca", &ca]).args(shows).output().unwrap();
    assert!(told.status.success(), "{}", text(&told.stderr));

    // Whoever probes asks the other port, without TLS: over HTTP, and by gRPC.
    let healthy = guanxi().args(["healthcheck", "--admin", &format!("127.0.0.1:{}", server.admin)]).output().unwrap();
    assert!(healthy.status.success(), "{}", text(&healthy.stderr));
    let probe = Client::builder().endpoint(&format!("127.0.0.1:{}", server.admin)).build().unwrap();
    let answer = crate::raw::call(&probe, "/grpc.health.v1.Health/Check", "").await.unwrap().unwrap();
    assert_eq!(answer, [8, 1].as_slice());

    // A service elsewhere calls it as a peer.
    let elsewhere = tempfile::tempdir().unwrap();
    let elsewhere = shown(&elsewhere.path().join("none"));
    let peers = |certificate: &'static str| {
        let mut settings = vec![
            ("database.data_dir", elsewhere.as_str()),
            ("redis.url", "redis://127.0.0.1:1"),
            ("peers.customer", url.as_str()),
            ("tls.peer_ca_file", ca.as_str()),
        ];
        if !certificate.is_empty() {
            settings.extend([
                ("tls.peer_certificate_file", identity.as_str()),
                ("tls.peer_key_file", identity_key.as_str()),
            ]);
        }
        about(&doctor(&["loyalty"], &settings).0, "peer customer")
    };
    assert_eq!(peers("shown"), ("good".to_owned(), format!("{url} answers; ")));
    assert_eq!(peers("").0, "warning");
}

#[test]
fn doctor_says_what_is_wrong_and_what_to_do_and_changes_nothing() {
    let redis = OwnRedis::start_with(&["--appendonly", "no"]).unwrap();
    let ours = Authority::new();
    let (certificate, key) = ours.sign_until("old", 1, 2020);
    let dir = tempfile::tempdir().unwrap();
    let data = shown(&dir.path().join("data"));
    let url = redis.url();
    let (certificate, key) = (shown(&certificate), shown(&key));
    let settings = [
        ("database.data_dir", data.as_str()),
        ("redis.url", url.as_str()),
        ("tls.certificate_file", certificate.as_str()),
        ("tls.key_file", key.as_str()),
    ];
    let (found, code) = doctor(&[], &settings);
    assert_eq!(code, Some(1), "{found:#?}");
    let (verdict, said) = about(&found, "certificate for callers");
    assert!(verdict == "bad" && said.contains("expired at 2020-01-01"), "{said}");
    let (verdict, said) = about(&found, "Redis");
    assert!(verdict == "warning" && said.contains("set it to yes"), "{said}");
    assert_eq!(about(&found, "data directory").0, "good");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "it made something");

    let (found, code) = doctor(&[], &[("server.listem", "x"), ("server.calls", "0")]);
    assert_eq!((code, found.len()), (Some(1), 2), "{found:#?}");
    let told = Command::output(&mut with(&["doctor", "loyalty", "--data-dir", &data], &[])).unwrap();
    let shown = text(&told.stdout);
    assert!(told.status.success() && shown.starts_with("check") || shown.contains("check "), "{shown}");
    assert!(shown.contains("data directory") && shown.contains("the first start makes it"), "{shown}");
}
