//! What a collector gets of four processes that are loaded: every signal of each, every call and every event between two
//! of them in one trace, and nothing personal in any of it, in the logs or in `/metrics`.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use guanxi_client::contracts::customer::v1::{GetCustomer360Request, ListCustomersRequest};
use guanxi_testkit::process::{Plan, SERVICES, Suite};

use crate::collector::{Received, Receiver};
use crate::http::get;
use crate::things;

/// How long signals may take to arrive: spans are sent every five seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a Prometheus asks for that keeps exemplars.
const OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0";

/// Who calls whom: for the 360, and to confirm events or ask for them again.
const CALLS: [(&str, &str); 8] = [
    ("customer", "loyalty"),
    ("customer", "logistics"),
    ("customer", "feedback"),
    ("loyalty", "customer"),
    ("loyalty", "logistics"),
    ("logistics", "customer"),
    ("feedback", "customer"),
    ("feedback", "logistics"),
];

/// Whose events who handles.
const EVENTS: [(&str, &str); 5] = [
    ("customer", "loyalty"),
    ("customer", "logistics"),
    ("customer", "feedback"),
    ("logistics", "loyalty"),
    ("logistics", "feedback"),
];

/// Metrics that every service has once it was loaded.
const METRICS: [&str; 11] = [
    "rpc.server.call.duration",
    "guanxi.rpc.active_calls",
    "guanxi.group_commit.size",
    "db.client.operation.duration",
    "db.client.connection.wait_time",
    "db.client.connection.count",
    "guanxi.db.migrations",
    "messaging.client.operation.duration",
    "guanxi.outbox.waiting",
    "guanxi.inbox.dead_letters",
    "guanxi.build.info",
];

/// What is personal, and the columns that hold it.
const PERSONAL: [(&str, &str); 6] = [
    ("customer", "SELECT display_name FROM customers UNION SELECT shown_name FROM customers"),
    ("customer", "SELECT birth_date FROM customers WHERE birth_date IS NOT NULL"),
    ("customer", "SELECT value FROM identity_edges WHERE kind <> 'EXTERNAL_ID'"),
    ("feedback", "SELECT title FROM reviews UNION SELECT body FROM reviews"),
    (
        "feedback",
        "SELECT subject FROM cases UNION SELECT description FROM cases UNION SELECT body FROM case_messages \
         UNION SELECT body FROM answers WHERE body IS NOT NULL",
    ),
    (
        "logistics",
        "SELECT description FROM tracking_events WHERE description <> 'delivered' \
         UNION SELECT location FROM tracking_events",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_signal_of_every_service_arrives_in_whole_traces_and_says_nothing_personal() {
    let (receiver, url) = Receiver::start().await;
    let mut suite = Plan::apart()
        .setting("telemetry.otlp", &url)
        .setting("telemetry.sample", "1.0")
        .setting("telemetry.metrics_every", "1s")
        .setting("telemetry.level", "info")
        .keep_logs()
        .start();
    suite.told(&["generate", "--customers", "40"]);
    let client = suite.client();
    things::earning_member(&client).await;
    let customers = client.customer().customers().list_customers(ListCustomersRequest::default()).await.unwrap();
    for customer in customers.into_inner().customers.into_iter().take(5) {
        let request = GetCustomer360Request { name: customer.name };
        client.customer().customers().get_customer360(request).await.unwrap();
    }

    let since = Instant::now();
    loop {
        let missing = missing(&receiver.received());
        if missing.is_empty() {
            break;
        }
        assert!(since.elapsed() < PATIENCE, "{} is missing", missing.into_iter().collect::<Vec<_>>().join(", "));
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    // Taken out, so that the collector goes on while the databases are read.
    let received = std::mem::take(&mut *receiver.received());
    for attributes in received.resources.values() {
        assert_eq!(attributes["service.namespace"], "guanxi");
        assert!(attributes.contains_key("service.version") && attributes.contains_key("service.instance.id"));
    }
    println!("{} spans, {} bytes of signals", received.spans.len(), received.text.len());

    let personal = personal(&suite);
    let scraped: Vec<String> = suite.all().map(|server| get(server.admin_port(), "/metrics", OPENMETRICS)).collect();
    assert!(scraped.iter().all(|text| text.contains("# {trace_id=\"") && text.ends_with("# EOF\n")), "no exemplar");
    let logs = suite.logs();
    assert!(logs.contains("migrated"), "{logs}");
    let texts = [("signals", &received.text), ("logs", &logs)].into_iter();
    for (what, text) in texts.chain(scraped.iter().map(|text| ("metrics", text))) {
        let found: Vec<&String> = personal.iter().filter(|secret| text.contains(secret.as_str())).collect();
        assert!(found.is_empty(), "{what} hold {found:?}");
    }
}

/// What has not arrived yet.
fn missing(received: &Received) -> BTreeSet<String> {
    let mut missing = BTreeSet::new();
    let pair = |(from, to): (&str, &str)| (format!("guanxi-{from}"), format!("guanxi-{to}"));
    let (calls, events) = (received.calls(), received.events());
    missing.extend(CALLS.map(pair).iter().filter(|edge| !calls.contains(edge)).map(|edge| format!("call {edge:?}")));
    missing.extend(EVENTS.map(pair).iter().filter(|edge| !events.contains(edge)).map(|edge| format!("event {edge:?}")));
    for service in SERVICES.map(|service| format!("guanxi-{service}")) {
        if !received.spans.iter().any(|span| span.service == service) {
            missing.insert(format!("traces of {service}"));
        }
        if received.logs.get(&service).is_none_or(|(lines, _)| *lines == 0) {
            missing.insert(format!("logs of {service}"));
        }
        let has = |metric: &str| received.metrics.get(&service).is_some_and(|names| names.contains(metric));
        missing.extend(METRICS.iter().filter(|metric| !has(metric)).map(|metric| format!("{metric} of {service}")));
    }
    if !received.logs.values().any(|(_, traced)| *traced > 0) {
        missing.insert("a line of log within a trace".to_owned());
    }
    missing
}

/// What the databases hold of people: short words are left out, which stand for other things, too.
fn personal(suite: &Suite) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (database, query) in PERSONAL {
        let output =
            Command::new("psql").args(["-XqAt", &suite.postgres().url(database), "-c", query]).output().unwrap();
        let told = guanxi_testkit::process::text(&output.stdout);
        let found: BTreeSet<String> =
            told.lines().map(str::trim).filter(|text| text.len() >= 6).map(str::to_owned).collect();
        assert!(
            output.status.success() && !found.is_empty(),
            "{query}: {}",
            guanxi_testkit::process::text(&output.stderr)
        );
        all.extend(found);
    }
    println!("{} personal texts", all.len());
    all
}
