//! Order facts: duplicates, revisions, contradictions, whose they are, lists, and what is told of them.

use guanxi_client::Error;
use guanxi_contracts::common::v1::Money;
use guanxi_contracts::customer::events::v1::{OrderCancelled, OrderRecorded, OrderReturned};
use guanxi_contracts::customer::v1::*;
use guanxi_testkit::{Env, matrix};

use crate::support::*;

/// A customer of source `pos` with external id `1`.
async fn customer(env: &Env) -> String {
    ingest_one(&env.client(), record("pos", "1", "2023-01-01", "王小明", &[phone("13900139000")])).await.customer
}

fn with(mut request: RecordOrdersRequest, change: impl FnOnce(&mut Order)) -> RecordOrdersRequest {
    change(request.order.as_mut().expect("an order"));
    request
}

fn paid(payment: i32, method: PaymentMethod, amount_minor: i64) -> Payment {
    Payment { payment, method: method.into(), amount_minor, instalments: 1, pay_time: None }
}

fn returned(id: &str, line: i32, quantity: i64) -> OrderReturn {
    OrderReturn {
        return_id: id.into(),
        return_time: time("2024-03-01"),
        lines: vec![OrderReturnLine { line, quantity }],
        reason: "too small".into(),
    }
}

async fn read(client: &guanxi_client::Client, name: &str) -> Result<Order, Error> {
    let answer = client.customer().orders().get_order(GetOrderRequest { name: name.into() }).await;
    Ok(answer.map_err(Error::from)?.into_inner().order.expect("an order"))
}

matrix! {
    setup();

    async fn an_order_is_recorded_once_and_worth_its_lines(env: &Env) {
        let (client, customer) = (env.client(), customer(env).await);
        let request = with(order("77120", "2024-02-01", "pos", "1"), |order| {
            order.payments = vec![paid(1, PaymentMethod::CreditCard, 1), paid(2, PaymentMethod::Voucher, 500)];
            order.lines[0].tax_minor = 1_300;
        });
        let first = place_one(&client, request.clone()).await;
        assert_eq!((first.outcome(), first.customer.as_str()), (RecordOutcome::Recorded, customer.as_str()));
        assert_eq!(place_one(&client, request).await.outcome(), RecordOutcome::Duplicate);
        let order = read(&client, "orders/pos:77120").await.expect("is there");
        assert_eq!(order.total, Some(Money { currency_code: "BRL".into(), minor_units: 28_032 }));
        assert_eq!((order.state(), order.revision, order.lines.len(), order.payments.len()), (OrderState::Placed, 1, 2, 2));
        let figures = figures(&client).await;
        assert_eq!((figures["orders"], figures["order_value_minor"]), (1, 28_032));
        env.settle().await;
        let told = env.events_of::<OrderRecorded>("customer").await;
        assert_eq!(told.len(), 1, "a duplicate tells nothing");
        assert_eq!((told[0].customer.as_str(), told[0].lines.len(), told[0].promised_date.as_str()), (customer.as_str(), 2, "2024-12-24"));
        assert_eq!(told[0].tendered.as_ref().map(|money| money.minor_units), Some(500));
        assert_eq!((order.lines[0].tax_minor, told[0].lines[0].tax_minor, told[0].lines[1].tax_minor), (1_300, 1_300, 0));
        env.verify().await;
    }

    async fn payments_returns_and_a_cancellation_revise_it_in_any_order(env: &Env) {
        let client = env.client();
        customer(env).await;
        let placed = order("1", "2024-02-01", "pos", "1");
        let payment = with(placed.clone(), |order| order.payments = vec![paid(1, PaymentMethod::Cash, 28_032)]);
        let back = with(placed.clone(), |order| order.returns = vec![returned("r1", 1, 2)]);
        let end = with(placed.clone(), |order| {
            order.cancel_time = time("2024-04-01");
            order.cancel_reason = "late".into();
        });
        let answers = place(&client, [placed.clone(), payment.clone(), back.clone(), placed, end.clone(), back, end, payment]).await;
        let outcomes: Vec<_> = answers.iter().map(|answer| answer.outcome()).collect();
        use RecordOutcome::{Duplicate, Recorded, Revised};
        assert_eq!(outcomes, [Recorded, Revised, Revised, Duplicate, Revised, Duplicate, Duplicate, Duplicate]);
        let order = read(&client, "orders/pos:1").await.expect("is there");
        assert_eq!((order.revision, order.state(), order.cancel_reason.as_str()), (4, OrderState::Cancelled, "late"));
        assert_eq!((order.payments.len(), order.returns.len()), (1, 1));
        env.settle().await;
        assert_eq!(env.events_of::<OrderRecorded>("customer").await.len(), 1);
        let cancelled = env.events_of::<OrderCancelled>("customer").await;
        assert_eq!((cancelled.len(), cancelled[0].cancel_time), (1, time("2024-04-01")));
        let back = env.events_of::<OrderReturned>("customer").await;
        assert_eq!((back.len(), back[0].return_id.as_str(), back[0].lines[0].quantity), (1, "r1", 2));
        env.verify().await;
    }

    async fn an_order_already_cancelled_is_told_of_as_both(env: &Env) {
        let client = env.client();
        customer(env).await;
        place_one(&client, with(order("1", "2024-02-01", "pos", "1"), |order| order.cancel_time = time("2024-02-02"))).await;
        env.settle().await;
        assert_eq!(env.events_of::<OrderRecorded>("customer").await[0].cancel_time, time("2024-02-02"));
        assert_eq!(env.events_of::<OrderCancelled>("customer").await.len(), 1);
        let told = env.events("customer").await;
        let order: Vec<_> = told.iter().map(|event| event.event_type.rsplit('.').next().unwrap_or_default().to_owned()).collect();
        assert_eq!(order, ["CustomerCreated", "OrderRecorded", "OrderCancelled"]);
    }

    async fn what_contradicts_the_record_is_rejected_with_the_field(env: &Env) {
        let client = env.client();
        customer(env).await;
        let placed = order("1", "2024-02-01", "pos", "1");
        let other = with(placed.clone(), |order| order.lines[0].price_minor = 1);
        let answers = place(&client, [placed, other, order("2", "2024-02-01", "pos", "1")]).await;
        let outcomes: Vec<_> = answers.iter().map(|answer| answer.outcome()).collect();
        assert_eq!(outcomes, [RecordOutcome::Recorded, RecordOutcome::Rejected, RecordOutcome::Recorded]);
        let rejection = answers[1].rejection.as_ref().expect("is rejected");
        assert_eq!(rejection.reason, "ORDER_CONTRADICTED");
        assert!(rejection.message.contains("order.lines"), "{}", rejection.message);
    }

    async fn an_unknown_customer_rejects_that_element_only(env: &Env) {
        let (client, customer) = (env.client(), customer(env).await);
        let by_name = |name: &str| RecordOrdersRequest { identifier: None, ..with(order("2", "2024-02-01", "pos", "1"), |order| order.customer = name.into()) };
        let unknown = by_name(&format!("customers/{}", guanxi_kernel::new_id()));
        let nobody = RecordOrdersRequest { identifier: None, ..order("3", "2024-02-01", "pos", "1") };
        let twice = RecordOrdersRequest { identifier: Some(phone("13900139000")), ..by_name(&customer) };
        let answers = place(&client, [order("1", "2024-02-01", "pos", "nobody"), unknown, by_name(&customer), nobody, twice]).await;
        let outcomes: Vec<_> = answers.iter().map(|answer| answer.outcome()).collect();
        use RecordOutcome::{Recorded, Rejected};
        assert_eq!(outcomes, [Rejected, Rejected, Recorded, Rejected, Rejected]);
        assert_eq!(answers[0].rejection.as_ref().expect("is rejected").reason, "CUSTOMER_UNKNOWN");
        assert_eq!(answers[1].rejection.as_ref().expect("is rejected").reason, "CUSTOMER_UNKNOWN");
        assert_eq!(rejected(answers[3].rejection.as_ref()), [("order.customer", "CUSTOMER_REQUIRED")]);
        assert_eq!(rejected(answers[4].rejection.as_ref()), [("identifier", "CUSTOMER_TWICE")]);
    }

    async fn c14_an_order_by_number_is_its_owners_at_the_time(env: &Env) {
        let client = env.client();
        let mut first = record("pos", "1", "2022-05-01", "王小明", &[phone("13900139000")]);
        first.identifiers[0].valid_to_time = time("2024-01-10");
        let a = ingest_one(&client, first).await.customer;
        let b = ingest_one(&client, record("pos", "2", "2024-06-01", "李雷", &[phone("13900139000")])).await.customer;
        let by_number = |number, day| RecordOrdersRequest { identifier: Some(phone("139 0013 9000")), ..order(number, day, "pos", "1") };
        let answers = place(&client, [by_number("1", "2023-12-05"), by_number("2", "2024-06-02"), by_number("3", "2024-03-01")]).await;
        assert_eq!((&answers[0].customer, &answers[1].customer), (&a, &b));
        assert_eq!(answers[2].rejection.as_ref().expect("was nobody's").reason, "CUSTOMER_UNKNOWN");
    }

    async fn everything_that_is_wrong_with_an_element_is_said_at_once(env: &Env) {
        let client = env.client();
        customer(env).await;
        let wrong = with(order("1", "2024-02-01", "pos", "1"), |order| {
            order.name = "orders/pos".into();
            order.currency_code = "brl".into();
            order.lines[0].quantity = 0;
            order.lines[1].price_minor = -1;
        });
        let repeated = with(order("2", "2024-02-01", "pos", "1"), |order| {
            order.lines[1].line = 1;
            order.cancel_reason = "alone".into();
            order.promised_date = "2024-02-31".into();
        });
        let contradictory = with(order("3", "2024-02-01", "pos", "1"), |order| {
            order.destination_zone = "Mars/Olympus".into();
            order.cancel_time = time("2023-01-01");
            order.returns = vec![returned("r1", 1, 3)];
            order.store = "organizations/hk/stores/1".into();
        });
        let answers = place(&client, [wrong, repeated, contradictory]).await;
        let fields = |at: usize| rejected(answers[at].rejection.as_ref()).into_iter().map(|(field, _)| field.to_owned()).collect::<Vec<_>>();
        assert_eq!(fields(0), ["order.name", "order.currency_code", "order.lines[0].quantity", "order.lines[1].price_minor"]);
        let mut second = fields(1);
        second.sort();
        assert_eq!(second, ["order.cancel_reason", "order.lines[1].line", "order.promised_date"]);
        // A store that is not one of the organisation's is not looked for further.
        let third = answers[2].rejection.as_ref().expect("is rejected");
        assert!(third.reason == "STORE_UNKNOWN" || third.fields.len() == 4, "{third:?}");
    }

    async fn orders_are_listed_by_customer_filter_and_time(env: &Env) {
        let (client, customer) = (env.client(), customer(env).await);
        ingest_one(&client, record("pos", "2", "2023-01-01", "李雷", &[])).await;
        let orders = (1..=5).map(|n| order(&n.to_string(), &format!("2024-02-0{n}"), "pos", if n == 5 { "2" } else { "1" }));
        let cancelled = with(order("3", "2024-02-03", "pos", "1"), |order| order.cancel_time = time("2024-03-01"));
        place(&client, orders.chain([cancelled])).await;
        let list = |customer: &str, filter: &str, order_by: &str, page_size, page_token: &str| {
            let request = ListOrdersRequest {
                customer: customer.into(),
                filter: filter.into(),
                order_by: order_by.into(),
                page_size,
                page_token: page_token.into(),
                ..ListOrdersRequest::default()
            };
            let client = client.clone();
            async move {
                let page = client.customer().orders().list_orders(request).await.map_err(Error::from)?.into_inner();
                let numbers = page.orders.iter().map(|order| order.name.rsplit(':').next().unwrap_or_default());
                Ok::<_, Error>((numbers.collect::<Vec<_>>().concat(), page.next_page_token))
            }
        };
        assert_eq!(list("", "", "", 0, "").await.expect("lists").0, "54321");
        let (first, token) = list(&customer, "", "order_time", 3, "").await.expect("lists");
        let (second, end) = list(&customer, "", "order_time", 3, &token).await.expect("lists");
        assert_eq!((first.as_str(), second.as_str(), end.as_str()), ("123", "4", ""));
        assert_eq!(list("", "state = CANCELLED", "", 0, "").await.expect("lists").0, "3");
        assert_eq!(list("", "order_time >= \"2024-02-04T00:00:00Z\"", "order_time", 0, "").await.expect("lists").0, "45");
        let unknown = format!("customers/{}", guanxi_kernel::new_id());
        assert_eq!(reason(list(&unknown, "", "", 0, "").await), "NOT_FOUND");
        assert_eq!(broken(list("", "colour = red", "colour", 0, "").await).len(), 2);
    }

    async fn a_foreign_order_is_not_there(env: &Env) {
        let client = env.client();
        customer(env).await;
        make_organization(&client, "hk", "Asia/Hong_Kong", "HKD").await;
        place_one(&client, order("1", "2024-02-01", "pos", "1")).await;
        let stranger = env.client_as("stranger", &["customer.*", "admin.read"], &["hk:rw"]);
        assert_eq!(reason(read(&stranger, "orders/pos:1").await), "NOT_FOUND");
        ingest_one(&stranger, record("pos", "1", "2024-01-01", "李雷", &[])).await;
        let taken = place_one(&stranger, order("1", "2024-02-01", "pos", "1")).await;
        assert_eq!(taken.rejection.expect("is rejected").reason, "NOT_FOUND");
        let theirs = place_one(&stranger, with(order("2", "2024-02-01", "pos", "1"), |order| order.destination_zone.clear())).await;
        assert_eq!(theirs.outcome(), RecordOutcome::Recorded);
        let order = read(&stranger, "orders/pos:2").await.expect("is theirs");
        assert_eq!((order.organization.as_str(), order.destination_zone.as_str()), ("organizations/hk", "Asia/Hong_Kong"));
        assert_eq!(figures(&stranger).await["orders"], 1);
    }

    async fn streams_that_send_the_same_orders_at_once_record_each_once(env: &Env) {
        let client = env.client();
        customer(env).await;
        let orders = || (0..100).map(|n| order(&n.to_string(), "2024-02-01", "pos", "1"));
        let answers = futures::future::join_all((0..4).map(|_| place(&client, orders()))).await;
        let recorded = answers.iter().flatten().filter(|answer| answer.outcome() == RecordOutcome::Recorded).count();
        let duplicate = answers.iter().flatten().filter(|answer| answer.outcome() == RecordOutcome::Duplicate).count();
        assert_eq!((recorded, duplicate), (100, 300));
        let figures = figures(&client).await;
        assert_eq!((figures["orders"], figures["order_value_minor"]), (100, 2_803_200));
        env.settle().await;
        assert_eq!(env.events_of::<OrderRecorded>("customer").await.len(), 100);
        env.verify().await;
    }

    async fn a_crash_in_between_loses_nothing_that_was_answered(env: &Env) {
        customer(env).await;
        let orders = || (0..50).map(|n| order(&n.to_string(), "2024-02-01", "pos", "1"));
        place(&env.client(), orders()).await;
        env.crash_and_start_again().await;
        let again = place(&env.client(), orders()).await;
        assert!(again.iter().all(|answer| answer.outcome() == RecordOutcome::Duplicate));
        env.settle().await;
        assert_eq!(env.events_of::<OrderRecorded>("customer").await.len(), 50);
        env.verify().await;
    }
}
