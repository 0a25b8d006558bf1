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

#[test]
fn an_images_defaults_are_below_the_file_that_is_named() {
    let (dir, sources) = file("server.rate = 1");
    let image = dir.path().join("image.toml");
    std::fs::write(&image, "server.rate = 7\nserver.calls = 7\ntelemetry.log = 'json'").expect("writable");
    let image = image.display().to_string();
    let variables = environment(&[("GUANXI_DEFAULTS", &image), ("GUANXI_SERVER__STREAMS", "3")]).environment;
    let settings = Settings::load(Sources { environment: variables, ..sources }, SERVICES).expect("nothing wrong");
    assert_eq!((settings.server.rate, settings.server.calls, settings.server.streams), (1, 7, 3));
    assert_eq!(settings.telemetry.log, LogFormat::Json);
}

#[test]
fn a_url_may_be_in_a_file_as_secrets_are_mounted() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("url");
    std::fs::write(&path, "rediss://:hunter2@redis:6379\n").expect("writable");
    let path = path.display().to_string();
    let settings = Settings::load(environment(&[("GUANXI_REDIS__URL_FILE", &path)]), SERVICES).expect("nothing wrong");
    assert_eq!(settings.redis.url.expose(), "rediss://:hunter2@redis:6379");
    assert!(!settings.to_string().contains("hunter2"), "{settings}");
    std::fs::write(&path, "http://:hunter2@redis").expect("writable");
    let told = Settings::load(environment(&[("GUANXI_REDIS__URL_FILE", &path)]), SERVICES).expect_err("no Redis");
    assert_eq!(
        told.to_string(),
        "1 setting is wrong: redis.url = \"http://:***@redis\" must be empty or begin with redis://"
    );
}

#[test]
fn origins_are_a_list_in_a_file_and_in_the_environment() {
    let (_dir, sources) = file("server.web_origins = ['https://a.example', '*']");
    let settings = Settings::load(sources, SERVICES).expect("nothing wrong");
    assert_eq!(settings.server.web_origins, ["https://a.example", "*"]);
    let variables = [("GUANXI_SERVER__WEB_ORIGINS", "https://a.example, http://b.example:8080")];
    let settings = Settings::load(environment(&variables), SERVICES).expect("nothing wrong");
    assert_eq!(settings.server.web_origins, ["https://a.example", "http://b.example:8080"]);
    let told =
        Settings::load(environment(&[("GUANXI_SERVER__WEB_ORIGINS", "a.example")]), SERVICES).expect_err("no origin");
    assert!(told.to_string().contains("server.web_origins = \"a.example\" must be such as"), "{told}");
}

#[test]
fn what_is_good_only_together_is_asked_for_together() {
    for (variables, told) in [
        (vec![("GUANXI_TLS__KEY_FILE", "/k")], "tls.certificate_file and tls.key_file must both be set"),
        (vec![("GUANXI_TLS__CLIENT_REQUIRED", "true")], "tls.client_ca_file must be set"),
        (vec![("GUANXI_TLS__CLIENT_CA_FILE", "/ca")], "tls.client_ca_file needs tls.certificate_file"),
        (vec![("GUANXI_REDIS__CA_FILE", "/ca"), ("GUANXI_REDIS__URL", "redis://x")], "redis.ca_file needs"),
        (vec![("GUANXI_DATABASE__CA_FILE", "/ca")], "database.ca_file needs a database.url"),
        (
            vec![("GUANXI_PEERS__LOYALTY", "https://l:1"), ("GUANXI_REDIS__URL", "redis://x")],
            "tls.peer_ca_file must be set: peers.loyalty begins with https://",
        ),
    ] {
        let said = Settings::load(environment(&variables), SERVICES).expect_err("it is not enough").to_string();
        assert!(said.starts_with("1 setting is wrong: ") && said.contains(told), "{said}");
    }
}

#[test]
fn an_identity_provider_is_named_with_all_that_its_tokens_must_say() {
    let given = [
        ("GUANXI_AUTH__MODE", "jwks"),
        ("GUANXI_AUTH__KEY_FILE", "/key"),
        ("GUANXI_AUTH__SIGNING_KEY_FILE", "/signing-key"),
        ("GUANXI_AUTH__ISSUER", "https://login.example"),
        ("GUANXI_AUTH__AUDIENCE", "guanxi"),
        ("GUANXI_AUTH__JWKS_URL", "https://login.example/keys"),
    ];
    assert_eq!(Settings::load(environment(&given), SERVICES).map(|settings| settings.auth.mode), Ok(AuthMode::Jwks));
    for left_out in 2..given.len() {
        let mut some = given.to_vec();
        let (variable, _) = some.remove(left_out);
        let path = variable.replace("GUANXI_", "").replace("__", ".").to_lowercase();
        let said = Settings::load(environment(&some), SERVICES).expect_err("it is missing").to_string();
        assert!(said.contains(&path), "{path} is not in {said}");
    }
    for (url, good) in [("http://login.example/keys", false), ("http://127.0.0.1:1/keys", true)] {
        let mut some = given.to_vec();
        some[5].1 = url;
        assert_eq!(Settings::load(environment(&some), SERVICES).is_ok(), good, "{url}");
    }
}
