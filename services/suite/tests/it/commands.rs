//! The other commands, and how they fail: one line, and an exit code that says what sort of failure it is.

use guanxi_testkit::process::{Suite, guanxi, text};

use crate::export::{Export, key};

/// The exit code and the one line of a command that fails by itself.
fn failed(arguments: &[&str]) -> (Option<i32>, String) {
    let output = guanxi().args(arguments).output().unwrap();
    (output.status.code(), text(&output.stderr))
}

#[test]
fn a_customer_is_shown_as_all_services_know_it() {
    let mut suite = Suite::start();
    let ready = suite.server("customer").ready();
    assert!(ready.contains("is ready: customer, loyalty, logistics, feedback on 127.0.0.1:"), "{ready}");
    let export = tempfile::tempdir().unwrap();
    Export::good().write(export.path());
    suite.import(export.path());

    let page = suite.told(&["show", "customer", &format!("olist:{}", key(11))]);
    for part in ["customers/", "olist:", "orders       2, worth 206.42 BRL", "170 active, 0 pending", "1 open: late"] {
        assert!(page.contains(part), "no {part:?} in\n{page}");
    }
    let name = page.split("customers/").nth(1).and_then(|rest| rest.get(..36)).expect("the page has its name");
    assert_eq!(suite.told(&["show", "customer", &format!("customers/{name}")]), page);

    let member = suite.told(&["report", "member", &format!("olist:{}", key(11))]);
    for part in ["members/", "points       170 to spend, 0 pending, 0 held", "earned for olist:", ": 120 on "] {
        assert!(member.contains(part), "no {part:?} in\n{member}");
    }
    let read: serde_json::Value =
        serde_json::from_str(&suite.told(&["report", "member", &format!("customers/{name}"), "--json"])).unwrap();
    assert_eq!(
        (&read[0]["balance"]["available"], &read[0]["customer"]),
        (&170.into(), &format!("customers/{name}").into())
    );
    assert_eq!(suite.told(&["report", "member", read[0]["member"].as_str().unwrap()]), member);

    let page = suite.told(&["report", "liability"]);
    for part in ["programs/", "owed ", "by age", "within 1 month", "by expiry", "breakage by month of earning"] {
        assert!(page.contains(part), "no {part:?} in\n{page}");
    }
    let read: serde_json::Value = serde_json::from_str(&suite.told(&["report", "liability", "--json"])).unwrap();
    let figures: serde_json::Value = serde_json::from_str(&suite.told(&["report", "summary", "--json"])).unwrap();
    let owed = read[0]["owed"]["points"].as_i64().unwrap();
    let [active, pending] = ["points_active", "points_pending"].map(|name| figures[name].as_i64().unwrap());
    assert_eq!(owed - read[0]["deficit"]["points"].as_i64().unwrap(), active + pending, "the same as the summary says");
    assert_eq!(read[0]["all"]["open"], read[0]["owed"]["points"]);

    let output = suite.run(&["show", "customer", "olist:nobody"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("nobody is called \"nobody\" by \"olist\""));
}

#[test]
fn figures_are_for_people_too() {
    let suite = Suite::start();
    let table = suite.told(&["report", "summary"]);
    assert!(table.contains("customers") && table.contains("no data"), "{table}");
    assert!(suite.told(&["verify"]).contains("every invariant holds"));
}

#[test]
fn what_is_asked_wrongly_ends_with_2() {
    for wrong in [
        vec!["import", "olist"],
        vec!["import", "shopify", "."],
        vec!["import", "olist", "/no/such/directory"],
        vec!["import", "--mapping", "/no/such/file", "."],
        vec!["serve", "loyalti"],
        vec!["report", "summary", "--endpoint", "loyalti=http://127.0.0.1:1"],
        vec!["show", "customer", "nobody"],
        vec!["report", "member", "nobody"],
        vec!["report", "liability", "--as-of", "yesterday"],
        vec!["token", "--key", "0123456789abcdef0123456789abcdef", "--organization", "cn"],
    ] {
        let (code, said) = failed(&wrong);
        assert_eq!(code, Some(2), "guanxi {wrong:?}: {said}");
    }
}

#[test]
fn a_service_that_is_not_there_is_named_in_one_line() {
    let (code, said) = failed(&["report", "summary", "--endpoint", "http://127.0.0.1:1"]);
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("customer GetSummary") && said.contains("is it running there?"), "{said}");
    let (code, said) = failed(&["healthcheck", "--admin", "127.0.0.1:1"]);
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
}

#[test]
fn a_token_opens_what_its_key_guards() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    let key = key.to_str().unwrap();
    let made = guanxi().args(["token", "--new-key", key]).output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    let (code, said) = failed(&["token", "--new-key", key]);
    assert_eq!(code, Some(1), "a key that is there is not overwritten: {said}");
    let token = guanxi().args(["token", "--key-file", key, "--expires", "5m", "--organization", "cn:rw"]).output();
    let token = text(&token.unwrap().stdout);
    assert_eq!(token.trim().split('.').count(), 3, "{token}");
}

#[test]
fn a_reader_who_closes_the_pipe_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = guanxi().args(["migrate", "--data-dir"]).arg(dir.path()).stdout(writer).status().unwrap();
    assert!(status.success(), "{status}");
}
