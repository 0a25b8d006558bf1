//! What the settings promise: order of sources, all faults at once, no secret shown.

use super::*;

const SERVICES: &[&str] = &["customer", "loyalty"];

fn environment(variables: &[(&str, &str)]) -> Sources {
    let environment = variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Sources { environment, ..Sources::default() }
}

fn file(content: &str) -> (tempfile::TempDir, Sources) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("guanxi.toml");
    std::fs::write(&path, content).expect("writable");
    (dir, Sources::default().file(Some(path)))
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Loyalty {
    lanes: u16,
    #[serde(with = "duration")]
    hold: Duration,
    greeting: String,
    secret: Secret,
}

impl Default for Loyalty {
    fn default() -> Self {
        Self { lanes: 2, hold: Duration::from_secs(900), greeting: "你好".into(), secret: Secret::default() }
    }
}

impl Section for Loyalty {
    fn check(&self, path: &str, faults: &mut Faults) {
        faults.require((1..=64).contains(&self.lanes), &format!("{path}.lanes"), self.lanes, "must be from 1 to 64");
    }
}

#[test]
fn the_defaults_are_complete_and_good() {
    let settings = Settings::load(Sources::default(), SERVICES).expect("nothing wrong");
    assert_eq!(settings.server.listen.to_string(), "127.0.0.1:7400");
    assert_eq!(settings.events.retention, Duration::from_secs(7 * 86400));
    assert!(settings.database.is_embedded());
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let (_dir, sources) = file("server.rate = 1\nserver.calls = 10\nserver.drain = '1s'\n[loyalty]\nlanes = 4");
    let sources = Sources {
        environment: environment(&[("GUANXI_SERVER__RATE", "2"), ("GUANXI_SERVER__DRAIN", "2s")]).environment,
        ..sources
    };
    let settings = Settings::load(sources.flag("server.drain", Some("3s")), SERVICES).expect("nothing wrong");
    assert_eq!(settings.server.calls, 10);
    assert_eq!(settings.server.rate, 2);
    assert_eq!(settings.server.drain, Duration::from_secs(3));
    assert_eq!(settings.section::<Loyalty>("loyalty"), Ok(Loyalty { lanes: 4, ..Loyalty::default() }));
}

#[test]
fn every_fault_is_reported_at_once_with_path_value_origin_and_rule() {
    let sources = environment(&[
        ("GUANXI_SERVER__LISTEN", "7400"),
        ("GUANXI_SERVER__CALLS", "many"),
        ("GUANXI_SERVER__LISTEM", "127.0.0.1:1"),
        ("GUANXI_AUTH__MODE", "maybe"),
        ("GUANXI_TELEMETRY__SAMPLE", "1.5"),
        ("GUANXI_REDIS", "redis://x"),
        ("GUANXI_REDIS__URL", "http://:pass@word"),
        ("GUANXI_WAREHOUSE__SHELVES", "7"),
        ("GUANXI_PEERS__WAREHOUSE", "http://w:1"),
    ]);
    let faults = Settings::load(sources, SERVICES).expect_err("much is wrong");
    let told = faults.to_string();
    for expected in [
        "server.listen = \"7400\" (in the environment) ",
        "server.calls = \"many\" (in the environment) must be ",
        "server.listem (in the environment) is not a setting",
        "auth.mode = \"maybe\" (in the environment) ",
        "telemetry.sample = 1.5 must be from 0.0 to 1.0",
        "redis.url = \"http://:***@word\" must be empty or begin with redis://",
        "warehouse (in the environment) is not a setting",
        "peers.warehouse is not a service",
    ] {
        assert!(told.contains(expected), "{expected:?} is not in:\n{told}");
    }
    assert_eq!(faults.iter().count(), 8, "{told}");
}

#[test]
fn a_service_finds_all_faults_of_its_section() {
    let sources = environment(&[
        ("GUANXI_LOYALTY__LANES", "65"),
        ("GUANXI_LOYALTY__HOLD", "soon"),
        ("GUANXI_LOYALTY__HOLDS", "1s"),
    ]);
    let settings = Settings::load(sources, SERVICES).expect("the shared part is good");
    let told = settings.section::<Loyalty>("loyalty").expect_err("three faults").to_string();
    assert!(told.starts_with("3 settings are wrong:"), "{told}");
    for path in ["loyalty.lanes = 65 ", "loyalty.hold = \"soon\" ", "loyalty.holds "] {
        assert!(told.contains(path), "{path:?} is not in:\n{told}");
    }
}

#[test]
fn no_secret_is_shown() {
    let sources = environment(&[
        ("GUANXI_AUTH__MODE", "hs256"),
        ("GUANXI_AUTH__KEY", "0123456789abcdef0123456789abcdef"),
        ("GUANXI_DATABASE__URL", "postgres://crm:hunter2@db/{service}"),
        ("GUANXI_LOYALTY__SECRET", "swordfish"),
    ]);
    let settings = Settings::load(sources, SERVICES).expect("nothing wrong");
    let shown = format!("{settings}{:?}{:?}", settings.auth, settings.database);
    assert!(!shown.contains("hunter2") && !shown.contains("0123456789abcdef"), "{shown}");
    assert_eq!(settings.auth.key.expose(), "0123456789abcdef0123456789abcdef");
    let loyalty: Loyalty = settings.section("loyalty").expect("nothing wrong");
    assert_eq!(loyalty.secret.expose(), "swordfish");
    assert!(Settings::default().section::<Loyalty>("loyalty").expect("nothing wrong").secret.is_empty());
}

#[test]
fn authentication_is_off_only_for_sqlite_on_loopback() {
    for (variables, told) in [
        (("GUANXI_SERVER__LISTEN", "0.0.0.0:7400"), "server.listen"),
        (("GUANXI_DATABASE__URL", "postgres://localhost/crm"), "auth.mode"),
    ] {
        let faults = Settings::load(environment(&[variables]), SERVICES).expect_err("refused").to_string();
        assert!(faults.contains(told) && faults.starts_with("1 setting is wrong"), "{faults}");
    }
}

#[test]
fn a_file_that_is_not_there_or_not_toml_is_one_fault() {
    let missing = Sources::default().file(Some("/nowhere/guanxi.toml".into()));
    let told = Settings::load(missing, SERVICES).expect_err("no file").to_string();
    assert!(told.contains("/nowhere/guanxi.toml"), "{told}");
    let (_dir, broken) = file("[server\nlisten = 1");
    let told = Settings::load(broken, SERVICES).expect_err("not TOML").to_string();
    assert!(told.contains("guanxi.toml"), "{told}");
}
