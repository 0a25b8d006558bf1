//! Starts that fail: at once, with one line that says what, where and what to do; and those that do not, as documented.

use std::path::Path;

use guanxi_testkit::process::text;
use guanxi_testkit::{Authority, OwnPostgres, OwnRedis};

use crate::mount::Mount;
use crate::started::{Started, refused, with};

const KEY: (&str, &str) = ("auth.key", "0123456789abcdef0123456789abcdef");
const MODE: (&str, &str) = ("auth.mode", "hs256");

/// A start that must fail, and what it must say.
struct Bad<'a> {
    what: &'a str,
    settings: Vec<(&'a str, String)>,
    said: Vec<&'a str>,
}

fn bad<'a>(what: &'a str, settings: &[(&'a str, &str)], said: &[&'a str]) -> Bad<'a> {
    let settings = settings.iter().map(|(setting, value)| (*setting, (*value).to_owned())).collect();
    Bad { what, settings, said: said.to_vec() }
}

fn check(cases: &[Bad<'_>]) {
    for Bad { what, settings, said } in cases {
        for log in ["human", "json"] {
            let dir = tempfile::tempdir().unwrap();
            let mut all: Vec<(&str, &str)> = vec![("telemetry.log", log)];
            let data = dir.path().join("data").display().to_string();
            all.push(("database.data_dir", &data));
            all.extend(settings.iter().map(|(setting, value)| (*setting, value.as_str())));
            let mut command = with(&["serve", "loyalty", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"], &all);
            command.current_dir(dir.path());
            let told = refused(command);
            assert!(said.iter().all(|part| told.contains(part)), "{what}: {said:?} is not all in {told}");
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn what_is_wrong_with_settings_secrets_and_certificates_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        shown(&path)
    };
    let (ours, other) = (Authority::new(), Authority::new());
    let (certificate, key) = ours.sign("server", 1);
    let (expired, expired_key) = ours.sign_until("old", 1, 2020);
    let (_, foreign_key) = other.sign("server", 1);
    let [certificate, key, expired, expired_key, foreign_key] =
        [certificate, key, expired, expired_key, foreign_key].map(|path| shown(&path));
    let empty = file("empty", "");
    check(&[
        bad("a typo", &[("server.listem", "x")], &["server.listem", "environment", "is not a setting"]),
        bad("a typo of a service", &[("loyalty.lanez", "1")], &["loyalty.lanez", "is not a setting"]),
        bad(
            "no key file",
            &[MODE, ("auth.key_file", "/nowhere/key")],
            &["/nowhere/key", "cannot be read", "auth.key_file"],
        ),
        bad("no key", &[MODE], &["auth.key", "must be set"]),
        bad(
            "no file of the URL",
            &[MODE, KEY, ("database.url_file", "/nowhere/url")],
            &["database.url_file", "/nowhere/url"],
        ),
        bad("an empty file of the URL", &[("redis.url_file", &empty)], &["redis.url_file", "is empty", "URL"]),
        bad(
            "a URL twice",
            &[MODE, KEY, ("redis.url", "redis://x"), ("redis.url_file", &file("url", "redis://:hunter2@y"))],
            &["redis.url", "not both"],
        ),
        bad("a certificate that is over", &tls(&expired, &expired_key), &["old.crt expired at 2020-01-01", "renew it"]),
        bad("a key of another", &tls(&certificate, &foreign_key), &["server.key cannot be used", "[tls]"]),
        bad("no certificate", &tls("/nowhere/crt", &key), &["/nowhere/crt cannot be read", "[tls]"]),
        bad("half of it", &[("tls.key_file", &key)], &["tls.certificate_file", "tls.key_file must both be set"]),
        bad(
            "no authority",
            &[MODE, KEY, ("redis.url", "rediss://localhost:1"), ("redis.ca_file", "/nowhere/ca")],
            &["/nowhere/ca cannot be read", "redis.ca_file"],
        ),
        bad(
            "peers by TLS without authority",
            &[MODE, KEY, ("redis.url", "redis://localhost:1"), ("peers.customer", "https://customer:7400")],
            &["tls.peer_ca_file", "must be set", "peers.customer"],
        ),
        bad(
            "a database that is away",
            &[MODE, KEY, ("database.url", "postgres://crm:hunter2@127.0.0.1:1/crm")],
            &["loyalty", "postgres://crm:***@127.0.0.1:1/crm", "refused", "check that the server is up", "--database"],
        ),
    ]);
}

fn tls<'a>(certificate: &'a str, key: &'a str) -> [(&'static str, &'a str); 2] {
    [("tls.certificate_file", certificate), ("tls.key_file", key)]
}

#[test]
fn a_data_directory_that_cannot_be_written_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let damaged = dir.path().join("damaged");
    std::fs::create_dir(&damaged).unwrap();
    std::fs::write(damaged.join("loyalty.db"), "this is no database, but a text of some length".repeat(99)).unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    check(&[
        bad("no directory", &[("database.data_dir", &shown(&file))], &["data directory", "/file", "--data-dir"]),
        bad(
            "no database",
            &[("database.data_dir", &shown(&damaged))],
            &["loyalty", "damaged", "not a database", "--data-dir"],
        ),
    ]);
    for (options, said) in [
        ("ro", ["Read-only file system", "mount it for writing", "--data-dir"]),
        ("size=64k", ["No space left on device", "make room", "--data-dir"]),
    ] {
        let mount = Mount::new(options);
        let told = refused(mount.within(with(
            &["serve", "loyalty", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
            &[("database.data_dir", &shown(&mount.path))],
        )));
        assert!(said.iter().all(|part| told.contains(part)), "{options}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_too_new_or_closed_to_the_role_is_said() {
    let postgres = OwnPostgres::start().unwrap();
    postgres.create("loyalty").await.unwrap();
    postgres.execute("loyalty", "CREATE ROLE reader LOGIN").await.unwrap();
    let reader = postgres.url("loyalty").replace("postgres@", "reader@");
    let owner = postgres.url("loyalty");
    let start = |url: &str| {
        with(
            &["serve", "loyalty", "--database", url, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
            &[MODE, KEY],
        )
    };
    let says = |command, parts: &[&str]| {
        let told = refused(command);
        assert!(parts.iter().all(|part| told.contains(part)), "{parts:?} is not all in {told}");
    };
    // Nothing is there yet, and the role may not make it. (In a schema of its own: the database is not named by `{service}`.)
    says(start(&reader), &["loyalty", "reader@", "permission denied"]);
    let migrated = with(&["migrate", "loyalty", "--database", &owner], &[MODE, KEY]).output().unwrap();
    assert!(migrated.status.success(), "{}", text(&migrated.stderr));
    says(start(&reader), &["the role reader", "loyalty", "GRANT"]);
    // All is there, and the role may use it but not change it: that is enough.
    let granted = "GRANT USAGE ON SCHEMA loyalty TO reader; \
                   GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA loyalty TO reader";
    postgres.execute("loyalty", granted).await.unwrap();
    let url = reader.clone();
    drop(Started::serve(with(&["serve", "loyalty", "--database", &url], &[MODE, KEY])));
    postgres.execute("loyalty", "REVOKE INSERT ON loyalty.outbox FROM reader").await.unwrap();
    says(start(&reader), &["the role reader may not read and write the table outbox", "GRANT USAGE ON SCHEMA loyalty"]);
    // What a newer release added is no harm; what it took away is.
    postgres.execute("loyalty", "INSERT INTO loyalty.migration VALUES ('m9998_more', 'now')").await.unwrap();
    drop(Started::serve(with(&["serve", "loyalty", "--database", &owner], &[MODE, KEY])));
    postgres.execute("loyalty", "INSERT INTO loyalty.migration VALUES ('m9999_less_contract', 'now')").await.unwrap();
    says(start(&owner), &["too new for this release", "m9999_less_contract", "run the release that made it"]);
}

#[test]
fn a_redis_that_forgets_is_warned_of_and_served_with() {
    let redis = OwnRedis::start_with(&["--appendonly", "no", "--maxmemory-policy", "allkeys-lru"]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let data = shown(dir.path());
    let log = dir.path().join("log");
    let url = redis.url();
    let mut command =
        with(&["serve"], &[("database.data_dir", &data), ("redis.url", &url), ("telemetry.level", "warn")]);
    command.stderr(std::fs::File::create(&log).unwrap());
    drop(Started::serve(command));
    let said = std::fs::read_to_string(&log).unwrap();
    for part in ["maxmemory-policy is allkeys-lru: set noeviction", "appendonly is no: set it to yes"] {
        assert_eq!(said.lines().filter(|line| line.contains(part)).count(), 1, "{part} is not once in {said}");
    }
}
