//! The laws of order facts.

use proptest::prelude::*;

use super::*;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(hour * 3_600).expect("in range")
}

fn line(quantity: i64, price_minor: i64, delivery_minor: i64) -> Line {
    Line {
        product: "p".into(),
        category: String::new(),
        brand: String::new(),
        seller: "s".into(),
        quantity,
        price_minor,
        tax_minor: 0,
        delivery_minor,
    }
}

fn report() -> Report {
    Report {
        name: "orders/pos:1".parse().expect("a name"),
        organization: OrganizationId::default_organization(),
        terms: Terms {
            order_time: at(10),
            store: String::new(),
            currency: "BRL".parse().expect("a currency"),
            promised_date: None,
            destination_zone: "America/Sao_Paulo".into(),
            lines: BTreeMap::from([(1, line(2, 9_990, 2_765)), (2, line(1, 14_400, 877))]),
        },
        payments: BTreeMap::new(),
        returns: BTreeMap::new(),
        cancellation: None,
    }
}

fn paid(number: i32, method: PaymentMethod, amount_minor: i64) -> Report {
    let payment = Payment { method, amount_minor, instalments: 1, pay_time: None };
    Report { payments: BTreeMap::from([(number, payment)]), ..report() }
}

fn returned(id: &str, lines: &[(i32, i64)]) -> Report {
    let back = Return { return_time: at(50), lines: lines.iter().copied().collect(), reason: String::new() };
    Report { returns: BTreeMap::from([(id.to_owned(), back)]), ..report() }
}

fn cancelled(hour: i64) -> Report {
    Report { cancellation: Some(Cancellation { cancel_time: at(hour), reason: "late".into() }), ..report() }
}

fn placed() -> Order {
    Order::place(report(), customer(), at(11)).expect("good").0
}

fn customer() -> CustomerId {
    CustomerId("0199b6a0-0000-7000-8000-000000000001".parse().expect("a uuid"))
}

#[test]
fn an_order_is_worth_the_price_and_delivery_of_its_lines_whatever_was_paid() {
    assert_eq!(report().total_minor(), 9_990 + 2_765 + 14_400 + 877);
    let other = paid(1, PaymentMethod::CreditCard, 1);
    assert_eq!(other.total_minor(), report().total_minor());
    assert!(other.contradictions(at(100)).is_empty(), "a payment that differs from the total is no error");
}

#[test]
fn vouchers_gift_cards_and_wallets_are_tenders() {
    assert_eq!(paid(1, PaymentMethod::Voucher, 500).tendered_minor(), 500);
    assert_eq!(paid(1, PaymentMethod::CreditCard, 500).tendered_minor(), 0);
}

#[test]
fn the_same_report_again_is_no_news() {
    let mut order = placed();
    let news = order.revise(&report(), customer(), at(12)).expect("agrees");
    assert!(news.is_none());
    assert_eq!((order.revision, order.update_time), (1, at(11)));
}

#[test]
fn a_payment_a_return_and_a_cancellation_revise_it() {
    let mut order = placed();
    let payment = order.revise(&paid(1, PaymentMethod::Cash, 5), customer(), at(12)).expect("agrees");
    assert_eq!(payment, News { payments: vec![1], ..News::default() });
    let back = order.revise(&returned("r1", &[(1, 1)]), customer(), at(13)).expect("agrees");
    assert_eq!(back, News { returns: vec!["r1".into()], ..News::default() });
    let end = order.revise(&cancelled(60), customer(), at(14)).expect("agrees");
    assert_eq!(end, News { cancelled: true, ..News::default() });
    assert_eq!((order.revision, order.facts.payments.len(), order.facts.state()), (4, 1, State::Cancelled));
}

#[test]
fn an_order_is_returned_when_every_piece_came_back() {
    let mut order = placed();
    order.revise(&returned("r1", &[(1, 1), (2, 1)]), customer(), at(12)).expect("agrees");
    assert_eq!(order.facts.state(), State::Placed);
    order.revise(&returned("r2", &[(1, 1)]), customer(), at(13)).expect("agrees");
    assert_eq!(order.facts.state(), State::Returned);
    let more = order.clone().revise(&returned("r3", &[(2, 1)]), customer(), at(14)).expect_err("too many");
    assert_eq!(more.refusal().field_violations()[0].rule, "RETURN_EXCEEDS_LINE");
}

#[test]
fn what_contradicts_the_record_is_refused_and_changes_nothing() {
    let mut order = Order::place(paid(1, PaymentMethod::Cash, 5), customer(), at(11)).expect("good").0;
    let before = order.clone();
    let mut later = report();
    later.terms.order_time = at(9);
    let mut other_line = report();
    other_line.terms.lines.insert(3, line(1, 1, 1));
    for (report, field) in [
        (later, "order.order_time"),
        (other_line, "order.lines"),
        (paid(1, PaymentMethod::Cash, 6), "order.payments (payment 1)"),
    ] {
        let error = order.revise(&report, customer(), at(12)).expect_err("contradicts");
        assert_eq!(error.refusal().metadata()["field"], field);
    }
    assert_eq!(
        order.revise(&report(), CustomerId::new(), at(12)).expect_err("another's").refusal().reason(),
        "ORDER_CONTRADICTED"
    );
    assert_eq!(order, before);
}

#[test]
fn everything_that_contradicts_itself_is_said_at_once() {
    let mut wrong = returned("r1", &[(1, 3), (9, 1)]);
    wrong.terms.destination_zone = "Mars/Olympus".into();
    wrong.terms.store = "organizations/hk/stores/1".into();
    wrong.cancellation = Some(Cancellation { cancel_time: at(9), reason: String::new() });
    wrong.terms.lines.values_mut().for_each(|line| line.tax_minor = line.price_minor);
    if let Some(line) = wrong.terms.lines.get_mut(&1) {
        line.tax_minor += 1;
    }
    let rules: Vec<_> = wrong.contradictions(at(100)).into_iter().map(|v| v.rule).collect();
    assert_eq!(
        rules,
        [
            "ZONE_UNKNOWN",
            "STORE_MISPLACED",
            "CANCELLED_BEFORE_PLACED",
            "TAX_TOO_HIGH",
            "RETURN_EXCEEDS_LINE",
            "RETURN_EXCEEDS_LINE",
        ]
    );
}

#[test]
fn an_order_of_next_year_is_refused_and_one_of_a_fast_clock_is_not() {
    let rules = |now| report().contradictions(now).into_iter().map(|v| v.rule).collect::<Vec<_>>();
    assert_eq!(rules(at(10 - 25)), ["TIMESTAMP_IN_FUTURE"]);
    assert!(rules(at(10 - 23)).is_empty());
}

fn any_report() -> impl Strategy<Value = Report> {
    prop_oneof![
        Just(report()),
        (1..4).prop_map(|n| paid(n, PaymentMethod::Voucher, i64::from(n))),
        Just(returned("r1", &[(1, 1)])),
        Just(returned("r2", &[(1, 1), (2, 1)])),
        Just(cancelled(20)),
    ]
}

proptest! {
    #[test]
    fn reports_may_come_twice_and_in_any_order(
        (reports, shuffled) in prop::collection::vec(any_report(), 1..8)
            .prop_flat_map(|reports| (Just(reports.clone()), Just(reports).prop_shuffle()))
    ) {
        let after = |reports: Vec<Report>| {
            let mut order = placed();
            for report in reports {
                order.revise(&report, customer(), at(12)).expect("agrees");
            }
            order.facts
        };
        let doubled = shuffled.iter().chain(&reports).cloned().collect();
        prop_assert_eq!(after(reports), after(doubled));
    }
}
