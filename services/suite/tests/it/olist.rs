//! The real data: an import comes to the figures that a script computes from the files alone, as often as it is done,
//! and whatever happens to the services meanwhile.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::suite::{Suite, text};

/// The figures, computed from the files alone.
fn computed(olist: &Path) -> Value {
    let script = guanxi_testkit::repository().join("services/suite/tests/olist_figures.py");
    let computed = Command::new("python3").arg(script).arg(olist).output().unwrap();
    serde_json::from_slice(&computed.stdout).unwrap_or_else(|_| panic!("{}", text(&computed.stderr)))
}

#[test]
fn olist_comes_to_the_figures_of_its_files_as_often_as_it_is_imported() {
    let Some(olist) = guanxi_testkit::olist() else { return };
    let expected = computed(&olist);
    let suite = Suite::start();
    for _ in 0..2 {
        let said = suite.import(&olist);
        assert!(said.starts_with("settled in ") && !said.contains("left out"), "{said}");
        assert_eq!(suite.figures(), expected);
        assert_eq!(suite.rejects(), [""; 0], "the data gives no rejects");
    }
    assert!(suite.told(&["verify"]).ends_with("every invariant holds\n"));
}

#[test]
fn an_import_goes_on_by_itself_when_the_services_die_and_come_back() {
    let Some(olist) = guanxi_testkit::olist() else { return };
    let mut suite = Suite::start();
    let import = suite.begin(&["import", "olist", olist.to_str().unwrap()]);
    for (figure, reached) in [("customers", 1_000), ("orders", 500), ("reviews", 4_000)] {
        wait_for(&suite, figure, reached);
        suite.crash_and_start_again();
    }
    let output = import.wait_with_output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(suite.figures(), computed(&olist));
    assert!(suite.told(&["verify"]).ends_with("every invariant holds\n"));
}

/// Returns once a figure has grown so far.
fn wait_for(suite: &Suite, figure: &str, reached: i64) {
    let since = Instant::now();
    while suite.figures()[figure].as_i64().is_none_or(|value| value < reached) {
        assert!(since.elapsed() < Duration::from_secs(120), "{figure} has not come to {reached}");
    }
}
