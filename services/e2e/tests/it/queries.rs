//! Every query of every dashboard, and every rule, against a real Prometheus that scrapes a loaded suite: none may be
//! empty but those that are declared to be so while all is well. `make telemetry`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use guanxi_testkit::process::{Plan, Server, Suite};
use serde_json::Value;

use crate::collector::Receiver;
use crate::http::{encoded, prometheus};
use crate::things;

/// How long series may take to be there: what is looked at is looked at every quarter of a minute.
const PATIENCE: Duration = Duration::from_secs(90);
/// Ends the description of a panel that is empty while all is well.
const QUIET: &str = "Empty is well.";
/// What alerts ask for and nobody emits here: no process of this suite loads a certificate.
const ABSENT: [&str; 2] = ["guanxi_certificate_expiry_timestamp_seconds", "guanxi_certificate"];

/// One query of a dashboard, or a recorded rule.
struct Query {
    place: String,
    expression: String,
    quiet: bool,
}

/// A Prometheus of the test's own. It ends with this value.
struct Prometheus {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

impl Prometheus {
    fn start(targets: &[u16]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let targets = targets.iter().map(|port| format!("'127.0.0.1:{port}'")).collect::<Vec<_>>().join(", ");
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{}/*.yaml']\n\
             scrape_configs:\n  - job_name: guanxi\n    static_configs: [{{targets: [{targets}]}}]\n",
            chart("rules").display()
        );
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--enable-feature=exemplar-storage", "--log.level=error"])
            .stdin(Stdio::null())
            .spawn()
            .expect("prometheus is installed: make telemetry does so");
        let this = Self { child, port, _folder: folder };
        let since = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(since.elapsed() < PATIENCE, "Prometheus did not start");
            std::thread::yield_now();
        }
        this
    }

    /// The values of an expression's series.
    fn values(&self, expression: &str) -> Vec<f64> {
        let data = prometheus(self.port, &format!("/api/v1/query?query={}", encoded(expression)));
        let result = data["result"].as_array().unwrap().clone();
        let value = |series: &Value| series["value"][1].as_str().and_then(|text| text.parse().ok());
        result.iter().map(|series| value(series).unwrap_or(f64::NAN)).collect()
    }

    fn names(&self, path: &str) -> BTreeSet<String> {
        let names = prometheus(self.port, path);
        names.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn rules(&self) -> Vec<Value> {
        let data = prometheus(self.port, "/api/v1/rules");
        let groups = data["groups"].as_array().unwrap().clone();
        groups.into_iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Prometheus: make telemetry"]
async fn every_query_returns_series() {
    let (_receiver, url) = Receiver::start().await;
    let mut suite = Plan::apart().setting("telemetry.otlp", &url).setting("telemetry.sample", "1.0").start();
    let targets: Vec<u16> = suite.all().map(|server: &mut Server| server.admin_port()).collect();
    let prometheus = Prometheus::start(&targets);
    // Twice: what a counter began with is no growth.
    load(&suite, 1);
    things::earning_member(&suite.client()).await;
    load(&suite, 2);

    let mut queries = dashboards();
    let rules = prometheus.rules();
    queries.extend(rules.iter().filter(|rule| rule["type"] == "recording").map(|rule| Query {
        place: "rule".to_owned(),
        expression: rule["name"].as_str().unwrap().to_owned(),
        quiet: false,
    }));
    let since = Instant::now();
    let answers = loop {
        let answers: Vec<Vec<f64>> = queries.iter().map(|query| prometheus.values(&query.expression)).collect();
        let all = queries.iter().zip(&answers).all(|(query, values)| query.quiet || says_something(values));
        if all || since.elapsed() > PATIENCE {
            break answers;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    println!("{}", told(&queries, &answers));
    let empty: Vec<&str> = queries
        .iter()
        .zip(&answers)
        .filter(|(query, values)| !query.quiet && !says_something(values))
        .map(|(query, _)| query.place.as_str())
        .collect();
    assert!(empty.is_empty(), "these returned nothing: {}", empty.join(", "));
    check_alerts(&prometheus);
    check_exemplars(&prometheus);
}

/// Makes every service do what it does.
fn load(suite: &Suite, seed: u32) {
    suite.told(&["generate", "--customers", "60", "--seed", &seed.to_string()]);
    suite.verify();
}

fn says_something(values: &[f64]) -> bool {
    values.iter().any(|value| !value.is_nan())
}

/// What was asked, and what came back.
fn told(queries: &[Query], answers: &[Vec<f64>]) -> String {
    let mut text = format!("{:44} {:>6} {:>14}  query\n", "panel", "series", "largest");
    for (query, values) in queries.iter().zip(answers) {
        let largest = values.iter().copied().filter(|value| !value.is_nan()).reduce(f64::max);
        let largest = largest.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
        let quiet = if query.quiet { " (may be empty)" } else { "" };
        writeln!(text, "{:44} {:>6} {largest:>14}  {}{quiet}", query.place, values.len(), query.expression).unwrap();
    }
    text
}

/// Every alert is evaluated without fault, over metrics and labels that there are, and none fires.
fn check_alerts(prometheus: &Prometheus) {
    let mut known = prometheus.names("/api/v1/label/__name__/values");
    known.extend(prometheus.names("/api/v1/labels"));
    known.extend(ABSENT.map(str::to_owned));
    let mut alerts = 0;
    for rule in prometheus.rules().iter().filter(|rule| rule["type"] == "alerting") {
        let (name, query) = (rule["name"].as_str().unwrap(), rule["query"].as_str().unwrap());
        assert_eq!(rule["health"], "ok", "{name}: {}", rule["lastError"]);
        assert_eq!(
            rule["state"],
            if rule["alerts"] == serde_json::json!([]) { "inactive" } else { "pending" },
            "{name}"
        );
        for word in query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':') {
            let ours = ["guanxi", "rpc_", "db_", "messaging_"].iter().any(|start| word.starts_with(start));
            assert!(!ours || word == "guanxi" || known.contains(word), "{name}: nobody emits {word}");
        }
        println!("{name:44} {:>6} {:>14}  {}", "", rule["state"].as_str().unwrap(), query.replace('\n', " "));
        alerts += 1;
    }
    assert!(alerts > 15, "only {alerts} alerts");
}

/// Latency leads to traces.
fn check_exemplars(prometheus: &Prometheus) {
    let now = prometheus.values("vector(time())")[0];
    let path = format!(
        "/api/v1/query_exemplars?query=rpc_server_call_duration_seconds_bucket&start={}&end={}",
        now - 600.0,
        now + 60.0
    );
    let series = crate::http::prometheus(prometheus.port, &path);
    let series = series.as_array().unwrap().clone();
    let exemplars = series.iter().flat_map(|series| series["exemplars"].as_array().unwrap().clone());
    let traced = exemplars.filter(|exemplar| exemplar["labels"]["trace_id"].as_str().is_some_and(|id| id.len() == 32));
    let traced = traced.count();
    println!("exemplars: {traced} with a trace, of {} series", series.len());
    assert!(traced > 0, "no exemplar has a trace");
}

/// Every query of every dashboard, as Grafana would ask it.
fn dashboards() -> Vec<Query> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(chart("dashboards")).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let mut queries = Vec::new();
    for file in files {
        let board: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        for panel in board["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let expression = target["expr"].as_str().unwrap();
                queries.push(Query {
                    place: format!("{name}: {}", panel["title"].as_str().unwrap()),
                    expression: expression.replace("$service", ".+").replace("$__rate_interval", "5m"),
                    quiet: panel["description"].as_str().is_some_and(|text| text.ends_with(QUIET)),
                });
            }
        }
    }
    queries
}

/// A folder of the chart.
fn chart(folder: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap().join("k8s/charts/guanxi").join(folder)
}
