//! Exports with faults: the rest goes in, and the file of rejects says why.

use guanxi_testkit::process::{Suite, text};
use serde_json::Value;

use crate::export::{Export, key};

/// What an import of `export` into empty services comes to: what was said, the rejects, the figures.
fn imported(export: &Export) -> (String, Vec<String>, Value) {
    let suite = Suite::start();
    let dir = suite.dir().join("export");
    std::fs::create_dir(&dir).unwrap();
    export.write(&dir);
    let said = suite.import(&dir);
    (said, suite.rejects(), suite.figures())
}

/// The figures of these names.
fn of(figures: &Value, names: &[&str]) -> Vec<i64> {
    names.iter().map(|name| figures[name].as_i64().unwrap_or_else(|| panic!("no {name} in {figures}"))).collect()
}

const FACTS: [&str; 6] = ["customers", "members", "orders", "order_value_minor", "packages", "reviews"];

#[test]
fn a_good_export_goes_in_as_it_is() {
    let (said, rejects, figures) = imported(&Export::good());
    assert!(said.starts_with("settled in "), "{said}");
    assert_eq!(rejects, [""; 0]);
    assert_eq!(of(&figures, &FACTS), [2, 2, 3, 23_792, 4, 3]);
    assert_eq!(of(&figures, &["delivered", "on_time", "late", "invitations", "cases"]), [3, 2, 1, 1, 2]);
    let points = ["points_earned", "points_active", "points_pending", "points_reversed"];
    assert_eq!(of(&figures, &points), [200, 170, 0, 30]);
    assert_eq!((figures["rating_mean"].as_f64(), &figures["nps"]), (Some(3.333_333), &Value::Null));
}

#[test]
fn an_order_with_a_bad_item_or_payment_stays_out_whole() {
    let export =
        Export::good().with("order_items.csv", "99.9", "\"99,90\"").with("order_payments.csv", "boleto", "barter");
    let (said, rejects, figures) = imported(&export);
    let expected = [
        "order_items.csv,2,price,\"\"\"99,90\"\" is not a decimal number\"",
        "order_payments.csv,4,payment_type,\"\"\"barter\"\" is not listed in the mapping's payments.methods\"",
    ];
    assert_eq!(rejects, expected);
    assert!(said.contains("2 orders left out; 2 records rejected: see rejects.csv"), "{said}");
    assert_eq!(of(&figures, &FACTS), [2, 1, 1, 3_150, 1, 3], "both people are known, and all reviews");
}

#[test]
fn an_order_with_a_bad_date_or_an_unknown_customer_stays_out() {
    let export = Export::good().with("orders.csv", "2017-07-11 14:58:04", "2017-02-30 14:58:04").with(
        "orders.csv",
        &key(23),
        key(99),
    );
    let (_, rejects, figures) = imported(&export);
    let expected = [
        "orders.csv,2,order_delivered_carrier_date,\"\"\"2017-02-30 14:58:04\"\" is not a time of the form %Y-%m-%d %H:%M:%S\"",
        "orders.csv,4,customer_id,has no good row in customers.csv",
    ];
    assert_eq!(rejects, expected);
    assert_eq!(of(&figures, &["orders", "packages"]), [1, 1]);
}

#[test]
fn what_is_there_twice_counts_once() {
    let [o1, o2, c1, r1] = [1, 2, 21, 51].map(key);
    let export = Export::good()
        .and("orders.csv", &format!("{o1},{c1},delivered,2017-07-09 21:57:05,,,,2017-08-01 00:00:00"))
        .and("customers.csv", &format!("{c1},{},1,x,MG", key(13)))
        .and("order_items.csv", &format!("{o2},1,{},{},2017-09-25 12:15:10,1.0,1.0", key(31), key(41)))
        .and("order_reviews.csv", &format!("{r1},{o1},1,,,2017-07-27 00:00:00,2017-07-28 10:00:00"));
    let (_, rejects, figures) = imported(&export);
    let expected = [
        "customers.csv,5,customer_id,is there twice",
        "order_items.csv,6,order_item_id,\"1 is there twice, first in line 4\"",
        "order_reviews.csv,6,review_id,\"this review is there twice, first in line 2\"",
        "orders.csv,5,order_id,is there twice: the first one counts",
    ];
    assert_eq!(rejects, expected);
    assert_eq!(of(&figures, &["customers", "orders", "reviews"]), [2, 2, 3], "order 2 stays out with its items");
}

#[test]
fn rows_of_orders_that_there_are_not_stay_out() {
    let stranger = key(9);
    let export = Export::good()
        .and("order_items.csv", &format!("{stranger},1,{},{},2017-09-25 12:15:10,1.0,1.0", key(31), key(41)))
        .and("order_payments.csv", &format!("{stranger},1,boleto,1,2.0"))
        .and("order_reviews.csv", &format!("{},{stranger},1,,,2017-07-27 00:00:00,2017-07-28 10:00:00", key(54)));
    let (_, rejects, figures) = imported(&export);
    let expected = ["order_items.csv,6", "order_payments.csv,6", "order_reviews.csv,6"];
    assert_eq!(rejects, expected.map(|place| format!("{place},order_id,there is no such order")));
    assert_eq!(of(&figures, &FACTS), [2, 2, 3, 23_792, 4, 3]);
}

#[test]
fn bytes_that_are_not_utf8_and_ratings_out_of_scale_cost_their_review() {
    let export =
        Export::good().with("order_reviews.csv", "péssimo", b"p\xe9ssimo").with("order_reviews.csv", ",4,,,", ",6,,,");
    let (_, rejects, figures) = imported(&export);
    let expected = [
        "order_reviews.csv,4,review_score,\"\"\"6\"\" is not from 1 to 5\"",
        "order_reviews.csv,5,review_comment_title,bytes that are not UTF-8",
    ];
    assert_eq!(rejects, expected);
    assert_eq!(of(&figures, &["orders", "reviews"]), [3, 1]);
}

#[test]
fn cut_lines_cost_themselves() {
    let [o1, o2] = [1, 2].map(key);
    let export = Export::good()
        .with("order_items.csv", &format!("{o2},1,{}", key(31)), format!("{o2},1\n{o2},2,{}", key(31)))
        .with("order_reviews.csv", "bom, \"\"gostei\"\"\"", "bom");
    let (_, rejects, figures) = imported(&export);
    assert_eq!(rejects.len(), 2, "{rejects:?}");
    assert_eq!(rejects[0], "order_items.csv,4,,a cut line: 2 fields where the header has 7");
    assert!(rejects[1].starts_with("order_reviews.csv,2,,a cut line: "), "{rejects:?}");
    assert_eq!(of(&figures, &["orders", "reviews"]), [2, 2], "the order of the cut item stays out whole: not {o1}");
}

#[test]
fn a_wrong_header_costs_its_file_and_what_cannot_be_whole_without_it() {
    let export = Export::good().with("order_reviews.csv", "review_score", "stars");
    let (_, rejects, figures) = imported(&export);
    assert_eq!(rejects, ["order_reviews.csv,1,review_score,a wrong header: it has no such column"]);
    assert_eq!(of(&figures, &["orders", "reviews"]), [3, 0]);

    let export = Export::good().with("order_items.csv", "price", "preis");
    let (said, rejects, figures) = imported(&export);
    assert_eq!(rejects, ["order_items.csv,1,price,a wrong header: it has no such column"]);
    assert!(said.contains("3 orders left out"), "{said}");
    assert_eq!(of(&figures, &["customers", "orders", "reviews"]), [2, 0, 3]);
}

#[test]
fn what_a_service_refuses_is_left_out_with_its_reason() {
    let export = Export::good().with("order_reviews.csv", ",4,,,", format!(",4,{},,", "x".repeat(501)));
    let (_, rejects, figures) = imported(&export);
    assert_eq!(rejects.len(), 1, "{rejects:?}");
    assert!(rejects[0].starts_with("order_reviews.csv,4,review.title,"), "{rejects:?}");
    assert_eq!(of(&figures, &["reviews"]), [2]);
}

#[test]
fn a_mended_export_brings_what_was_left_out() {
    let suite = Suite::start();
    let dir = suite.dir().join("export");
    std::fs::create_dir(&dir).unwrap();
    Export::good().with("order_items.csv", "99.9", "x").write(&dir);
    suite.import(&dir);
    assert_eq!(of(&suite.figures(), &["orders"]), [2]);
    Export::good().write(&dir);
    suite.import(&dir);
    assert_eq!((of(&suite.figures(), &FACTS), suite.rejects().len()), (vec![2, 2, 3, 23_792, 4, 3], 0));
}

#[test]
fn a_file_that_is_not_there_ends_the_import_before_it_begins() {
    let suite = Suite::start();
    let export = tempfile::tempdir().unwrap();
    Export::good().write(export.path());
    std::fs::remove_file(export.path().join("orders.csv")).unwrap();
    let output = suite.run(&["import", "olist", export.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let err = text(&output.stderr);
    assert!(err.lines().count() == 1 && err.contains("orders.csv cannot be read"), "{err}");
    assert_eq!(of(&suite.figures(), &["customers"]), [0]);
}
