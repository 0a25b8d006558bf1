//! A process as whoever runs it sees it: its ready line, why it does not start, its probes, its end.

use std::time::{Duration, Instant};

use guanxi_runtime::settings::{Settings, Sources};
use guanxi_runtime::{Parts, Process, StartError, healthcheck, start};

use crate::sample::SERVICE;

fn settings(data_dir: &std::path::Path, listen: &str) -> Settings {
    let sources = Sources::default()
        .flag("database.data_dir", Some(data_dir.display()))
        .flag("server.listen", Some(listen))
        .flag("server.admin", Some("127.0.0.1:0"));
    Settings::load(sources, &["sample"]).expect("good settings")
}

async fn started(data_dir: &std::path::Path) -> Process {
    start(settings(data_dir, "127.0.0.1:0"), &[SERVICE], Parts::default()).await.expect("it starts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_says_what_it_is_and_answers_probes_until_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let process = started(folder.path()).await;
    let (address, admin) = (process.address().unwrap(), process.admin_address().unwrap());
    let told = format!(
        "guanxi {} is ready: sample on {address}, admin {}, data in {} (SQLite, no authentication: loopback only)",
        env!("CARGO_PKG_VERSION"),
        admin.port(),
        folder.path().display()
    );
    assert_eq!(process.ready_line(), told);
    assert_eq!(healthcheck(admin).await, Ok(()));
    let began = Instant::now();
    process.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(2), "an idle process took {:?} to end", began.elapsed());
    assert!(healthcheck(admin).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_ends_in_time_with_a_peer_that_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let process = started(folder.path()).await;
    let silent = tokio::net::TcpStream::connect(process.address().unwrap()).await.unwrap();
    let began = Instant::now();
    process.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
    drop(silent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_fails_says_in_one_line_what_where_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let process = started(folder.path()).await;
    let taken = process.address().unwrap().to_string();

    let same_data = start(settings(folder.path(), "127.0.0.1:0"), &[SERVICE], Parts::default()).await;
    let other = tempfile::tempdir().unwrap();
    let same_port = start(settings(other.path(), &taken), &[SERVICE], Parts::default()).await;
    says(same_data, &["another guanxi process uses the data directory", "--data-dir"]);
    says(same_port, &[&taken, "--listen"]);
    process.shutdown().await;
    started(folder.path()).await.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_its_database_says_where_it_looked_and_no_password() {
    let sources = Sources::default()
        .flag("auth.mode", Some("hs256"))
        .flag("auth.key", Some("0123456789abcdef0123456789abcdef"))
        .flag("database.url", Some("postgres://crm:hunter2@127.0.0.1:1/crm"));
    let settings = Settings::load(sources, &["sample"]).unwrap();
    let failed = start(settings, &[SERVICE], Parts::default()).await;
    says(failed, &["postgres://crm:***@127.0.0.1:1/crm", "--database"]);
}

fn says(failed: Result<Process, StartError>, parts: &[&str]) {
    let told = failed.expect_err("it must not start").to_string();
    assert!(parts.iter().all(|part| told.contains(part)), "{told}");
    assert!(!told.contains('\n') && !told.contains("hunter2"), "{told}");
}

#[tokio::test]
async fn all_that_is_wrong_in_the_sections_of_services_is_said_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let sources = Sources::default()
        .flag("database.data_dir", Some(folder.path().display()))
        .flag("sample.slices", Some("0"))
        .flag("sample.slice", Some("1"));
    let settings = Settings::load(sources, &["sample"]).expect("the shared part is good");
    let failed = start(settings, &[SERVICE], Parts::default()).await.expect_err("two faults");
    assert!(matches!(&failed, StartError::Settings(faults) if faults.iter().count() == 2), "{failed}");
}
