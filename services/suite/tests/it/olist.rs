//! The real data: an import comes to the figures that a script computes from the files alone, as often as it is done.

use std::process::Command;

use serde_json::Value;

use crate::suite::Suite;

#[test]
fn olist_comes_to_the_figures_of_its_files_as_often_as_it_is_imported() {
    let Some(olist) = guanxi_testkit::olist() else { return };
    let script = guanxi_testkit::repository().join("services/suite/tests/olist_figures.py");
    let computed = Command::new("python3").arg(script).arg(&olist).output().unwrap();
    let expected: Value = serde_json::from_slice(&computed.stdout).unwrap();

    let suite = Suite::start();
    for _ in 0..2 {
        let said = suite.import(&olist);
        assert!(said.starts_with("settled in ") && !said.contains("left out"), "{said}");
        assert_eq!(suite.figures(), expected);
        assert_eq!(suite.rejects(), [""; 0], "the data gives no rejects");
    }
    assert!(suite.told(&["verify"]).ends_with("every invariant holds\n"));
}
