//! Conditions: what holds, what is refused and where, what comes to nothing.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::condition::{Condition, ConditionError, Fault};
use super::super::facts::Facts;
use super::super::purchase::{Purchase, PurchaseLine, Setting};

fn rule(source: &str) -> &'static str {
    Condition::compile(source).expect_err(source).rule()
}

fn bought() -> Purchase {
    let line = |line, category: &str, price_minor| PurchaseLine {
        line,
        category: Some(category.into()),
        brand: Some("haier".into()),
        labels: vec!["new".into()],
        quantity: 2,
        price_minor,
        ..PurchaseLine::default()
    };
    let setting = Setting { coupons: vec!["SPRING".into()], channel: "store".into(), ..Setting::default() };
    let lines = vec![line(1, "tv", 10_000), line(2, "food", 5_000)];
    Purchase::new("CNY".parse().expect("a currency"), lines, 1_000).expect("good").at(setting)
}

fn holds(source: &str) -> Result<bool, Fault> {
    let (purchase, zone) = (bought(), TimeZone::get("Asia/Shanghai").expect("a zone"));
    let at: Timestamp = "2026-11-22T16:30:00Z".parse().expect("an instant");
    Condition::compile(source).expect(source).holds(&Facts::new(&purchase, "pos", at, &zone, None))
}

#[test]
fn conditions_of_an_order_hold_or_do_not() {
    for (source, expected) in [
        ("order.value_minor >= 14000", true),
        ("order.value_minor > 14000", false),
        ("'SPRING' in order.coupons && order.channel == 'store'", true),
        ("'tv' in order.categories && !('toys' in order.categories)", true),
        ("order.brands.exists(b, b.startsWith('hai'))", true),
        ("order.categories.all(c, c in ['tv', 'food'])", true),
        ("order.labels.exists_one(l, l == 'new')", true),
        ("time.weekday == 1 && time.date >= '2026-11-01' && time.hour < 9", true),
        ("member.known || event.source == 'pos'", true),
        ("size(order.coupons) * 10 % 4 == 2", true),
        ("order.quantity == 4 ? event.type == 'order' : false", true),
        ("-order.discount_minor < 0 && customer.name == ''", true),
    ] {
        assert_eq!(holds(source), Ok(expected), "{source}");
    }
}

#[test]
fn a_condition_of_lines_is_asked_line_by_line() {
    let (purchase, zone) = (bought(), TimeZone::UTC);
    let facts = Facts::new(&purchase, "pos", Timestamp::UNIX_EPOCH, &zone, None);
    let condition = Condition::compile("line.category == 'tv' && line.value_minor >= 9000").expect("it compiles");
    assert!(condition.is_of_lines());
    let [tv, food] = purchase.lines() else { panic!("there are two lines") };
    assert_eq!(condition.holds_for(&facts, tv, 9_333), Ok(true));
    assert_eq!(condition.holds_for(&facts, tv, 8_999), Ok(false));
    assert_eq!(condition.holds_for(&facts, food, 9_333), Ok(false));
}

#[test]
fn what_comes_to_nothing_is_a_fault() {
    assert_eq!(holds("order.goods_minor / order.delivery_minor > 2"), Err(Fault::DivisionByZero));
    assert_eq!(holds("order.goods_minor % order.delivery_minor == 1"), Err(Fault::DivisionByZero));
    assert_eq!(holds("9223372036854775807 + order.quantity > 0"), Err(Fault::Overflow));
    assert_eq!(
        holds("order.quantity == 4 || 1 / order.delivery_minor == 1"),
        Ok(true),
        "what is not needed is not asked"
    );
}

#[test]
fn what_does_not_compile_says_where() {
    let error = Condition::compile("order.value_minor >=\n  && true").expect_err("it does not parse");
    let ConditionError::Compile { position, .. } = &error else { panic!("{error:?}") };
    assert!((20..=25).contains(position), "{error}");
    let error = Condition::compile("order.quantity > 1 && order.total > 3").expect_err("there is no such field");
    assert_eq!(error, ConditionError::Unknown { position: 27, field: "order.total".into() });
    for source in
        ["order.quantity == 'a'", "1.5 > 1", "null == null", "has(order.store)", "order", "{'a': 1} == {'a': 1}"]
    {
        assert_eq!(rule(source), "RULE_DOES_NOT_COMPILE", "{source}");
    }
    for source in
        ["matches('a', 'a')", "'a'.matches('a')", "[1].map(x, x + 1) == [2]", "string(1) == '1'", "order.store[0] == 1"]
    {
        assert_eq!(rule(source), "RULE_DOES_NOT_COMPILE", "{source}");
    }
    for source in
        ["total > 1", "order.lines.exists(l, l.price > 1)", "line.colour == 'red'", "google.protobuf.Any{} == 1"]
    {
        let rule = rule(source);
        assert!(["RULE_FIELD_UNKNOWN", "RULE_DOES_NOT_COMPILE"].contains(&rule), "{source}: {rule}");
    }
}

#[test]
fn what_is_not_true_or_false_is_refused() {
    for source in ["1", "order.store", "order.quantity + 1", "order.coupons", "order.quantity > 1 ? 1 : 2"] {
        assert_eq!(rule(source), "RULE_NOT_BOOL", "{source}");
    }
}

#[test]
fn a_zero_that_is_written_as_divisor_is_refused() {
    assert_eq!(rule("order.quantity / 0 == 1"), "RULE_DIVIDES_BY_ZERO");
    assert_eq!(rule("order.quantity % 0 == 1"), "RULE_DIVIDES_BY_ZERO");
}

#[test]
fn what_could_run_long_is_refused() {
    let many = vec!["order.quantity > 1"; 60].join(" || ");
    assert_eq!(rule(&many), "RULE_TOO_COSTLY", "too long");
    let many = vec!["1==2"; 50].join("||");
    assert_eq!(rule(&many), "RULE_TOO_COSTLY", "too many parts");
    for deep in ["(", "[", "!", "-"] {
        assert_eq!(rule(&deep.repeat(990)), "RULE_TOO_COSTLY", "{deep}");
    }
    assert_eq!(rule(&format!("1{} == 1", "+1".repeat(400))), "RULE_TOO_COSTLY");
    assert_eq!(rule(&"true?".repeat(150)), "RULE_TOO_COSTLY");
    let nested = "order.brands.exists(a, order.brands.exists(b, a == b))";
    assert_eq!(rule(nested), "RULE_TOO_COSTLY");
    assert_eq!(rule("line.brand in order.brands"), "RULE_TOO_COSTLY");
    assert!(Condition::compile("'SPRING' in order.coupons && line.brand == 'x'").is_ok());
}
