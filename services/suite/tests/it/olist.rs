//! The real data: an import comes to the figures that a script computes from the files alone, as often as it is done,
//! and whatever happens to the services meanwhile.

use guanxi_testkit::process::{Suite, text};

#[test]
fn olist_comes_to_the_figures_of_its_files_as_often_as_it_is_imported() {
    let Some(olist) = guanxi_testkit::olist() else { return };
    let expected = guanxi_testkit::data::olist_figures(&olist);
    let suite = Suite::start();
    for _ in 0..2 {
        let said = suite.import(&olist);
        assert!(said.starts_with("settled in ") && !said.contains("left out"), "{said}");
        assert_eq!(suite.figures(), expected);
        assert_eq!(suite.rejects(), [""; 0], "the data gives no rejects");
    }
    suite.verify();
}

#[test]
fn an_import_goes_on_by_itself_when_the_services_die_and_come_back() {
    let Some(olist) = guanxi_testkit::olist() else { return };
    let mut suite = Suite::start();
    let import = suite.begin(&["import", "olist", &olist.to_string_lossy()]);
    for (figure, reached) in [("customers", 1_000), ("orders", 500), ("reviews", 4_000)] {
        suite.wait_for(figure, reached);
        suite.crash_and_start_again();
    }
    let output = import.wait_with_output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(suite.figures(), guanxi_testkit::data::olist_figures(&olist));
    suite.verify();
}
