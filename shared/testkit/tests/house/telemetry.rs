//! That what is emitted has its name in one file, and that whoever reads it finds it: in docs/telemetry.md, dashboards,
//! rules and runbooks.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use guanxi_kernel::signals::{Kind, METRICS, attribute};

use crate::source::{product, root, walk};

/// Where names are spelt out.
const NAMES: &str = "shared/kernel/src/signals/";

/// What makes an instrument, and nothing but `signals` should call.
const MAKERS: [&str; 9] = [
    "u64_counter",
    "f64_counter",
    "i64_up_down_counter",
    "f64_up_down_counter",
    "u64_gauge",
    "i64_gauge",
    "f64_gauge",
    "u64_histogram",
    "f64_histogram",
];

#[test]
fn names_of_metrics_and_attributes_are_spelt_out_in_one_file() {
    let names: BTreeSet<&str> = METRICS.iter().map(|m| m.name).chain(attribute::ALL.iter().copied()).collect();
    let mut wrong = Vec::new();
    for source in product().iter().filter(|source| !source.path.starts_with(NAMES)) {
        for (at, text) in source.literals.iter().filter(|(at, _)| source.is_product(*at)) {
            if names.contains(text.as_str()) || source.code[..*at].trim_end().ends_with("KeyValue::new(") {
                wrong.push(format!("{}:{}: {text:?}", source.path, source.line(*at)));
            }
        }
        for at in MAKERS.iter().flat_map(|maker| source.words(maker)) {
            wrong.push(format!("{}:{}: makes an instrument", source.path, source.line(at)));
        }
    }
    assert!(wrong.is_empty(), "these belong into {NAMES}:\n{}", wrong.join("\n"));
}

#[test]
fn the_documentation_names_every_metric_and_attribute() {
    let page = fs::read_to_string(root().join("docs/telemetry.md")).expect("docs/telemetry.md is there");
    let metrics = METRICS.iter().flat_map(|metric| [metric.name.to_owned(), metric.prometheus()]);
    let names = metrics.chain(attribute::ALL.iter().map(|name| (*name).to_owned()));
    let missing: Vec<String> = names.filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/telemetry.md does not name {}", missing.join(", "));
}

#[test]
fn dashboards_and_rules_use_only_names_that_there_are() {
    let mut known: BTreeSet<String> = attribute::ALL.iter().map(|name| name.replace('.', "_")).collect();
    for metric in METRICS {
        let name = metric.prometheus();
        if matches!(metric.kind, Kind::Seconds | Kind::Sizes) {
            known.extend(["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}")));
        } else {
            known.insert(name);
        }
    }
    let mut wrong = BTreeSet::new();
    for path in charts("dashboards", "json").into_iter().chain(charts("rules", "yaml")) {
        let text = fs::read_to_string(&path).expect("a file of the chart is readable");
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':') {
            let ours = ["guanxi_", "rpc_", "db_", "messaging_"].iter().any(|start| word.starts_with(start));
            if ours && !known.contains(word) {
                wrong.insert(format!("{}: {word}", path.file_name().unwrap_or_default().to_string_lossy()));
            }
        }
    }
    assert!(wrong.is_empty(), "no such metric or label:\n{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_alert_has_a_runbook_and_a_case_and_every_runbook_an_alert() {
    let cases = fs::read_to_string(root().join("deploy/observability/rules_test.yaml")).expect("alerts have cases");
    let mut alerts = BTreeSet::new();
    for path in charts("rules", "yaml") {
        let text = fs::read_to_string(&path).expect("a file of the chart is readable");
        for alert in text.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
            assert!(alerts.insert(alert.to_owned()), "{alert} is there twice");
            assert!(text.contains(&format!("docs/runbooks/{alert}.md")), "{alert} does not name its runbook");
            assert!(cases.contains(&format!("alertname=\"{alert}\"")), "no case makes {alert} fire");
        }
    }
    let mut pages = Vec::new();
    walk(&root().join("docs/runbooks"), "md", &mut pages);
    let stems = pages.iter().filter_map(|path| path.file_stem()).map(|stem| stem.to_string_lossy().into_owned());
    let pages: BTreeSet<String> = stems.filter(|stem| stem != "README").collect();
    assert_eq!(alerts, pages, "alerts of k8s/charts/guanxi/rules on the left, pages of docs/runbooks on the right");
}

fn charts(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(&root().join("k8s/charts/guanxi").join(folder), extension, &mut found);
    assert!(!found.is_empty(), "there are no {folder}");
    found
}
