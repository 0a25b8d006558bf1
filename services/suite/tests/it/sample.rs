//! The made-up retailer: loaded twice it is the same, every invariant holds, and it grows with its customers.

use guanxi_testkit::process::{Suite, guanxi, text};

/// The arguments that load it up to a day of the past.
fn generate(customers: &'static str) -> [&'static str; 7] {
    ["generate", "--customers", customers, "--seed", "7", "--until", "2025-06-30"]
}

#[test]
fn the_sample_is_the_same_as_often_as_it_is_loaded() {
    let suite = Suite::start();
    let said = suite.told(&generate("60"));
    assert!(said.starts_with("sample retailer  60 customers, "), "{said}");
    assert!(
        said.contains("\n\ncustomers 60   members ")
            && said.contains("\nTry:\n  ")
            && said.contains("guanxi show customer pos:"),
        "{said}"
    );
    let figures = suite.figures();
    let of = |name: &str| figures[name].as_i64().unwrap_or_else(|| panic!("no {name} in {figures}"));
    assert_eq!(of("customers"), 60, "who is known to the tills and the web shop is one customer");
    assert!(of("orders") > 100 && of("shipments") >= of("orders") && of("on_time") > of("late"), "{figures}");
    assert!(of("invitations") > 0 && of("points_active") > 0 && of("points_reversed") > 0, "{figures}");

    suite.told(&generate("60"));
    assert_eq!(suite.figures(), figures);
    suite.told(&["verify"]);

    suite.told(&generate("80"));
    assert_eq!(suite.figures()["customers"], 80, "the sixty and twenty more");
}

#[test]
fn a_day_that_the_sample_does_not_have_is_refused() {
    for day in ["2023-12-31", "9999-01-01"] {
        let output = guanxi().args(["generate", "--until", day]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(
            text(&output.stderr).contains("the sample is there from 2024-01-01 up to today"),
            "{}",
            text(&output.stderr)
        );
    }
}
