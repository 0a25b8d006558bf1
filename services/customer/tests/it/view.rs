//! GetCustomer360 where the other services do not run: it answers with what it has, and says what is missing and why.

use guanxi_client::Error;
use guanxi_contracts::common::v1::Money;
use guanxi_contracts::customer::v1::*;
use guanxi_testkit::matrix;

use crate::support::*;

matrix! {
    setup();

    async fn a_view_without_the_others_says_what_is_missing_and_why(env: &Env) {
        let client = env.client();
        let made = ingest_one(&client, record("pos", "1", "2023-01-01", "王小明", &[phone("13900139000")])).await;
        place(&client, (1..=7).map(|n| order(&n.to_string(), &format!("2024-02-0{n}"), "pos", "1"))).await;
        let view = |client: guanxi_client::Client, name: String| async move {
            let answer = client.customer().customers().get_customer360(GetCustomer360Request { name }).await;
            Ok::<_, Error>(answer.map_err(Error::from)?.into_inner().customer_360.expect("a view"))
        };
        let seen = view(client.clone(), made.customer.clone()).await.expect("answers");
        assert_eq!(seen.customer.expect("a customer").display_name, "王小明");
        assert_eq!(seen.identity_edges.len(), 2);
        let orders = seen.orders.expect("orders");
        assert_eq!((orders.order_count, orders.latest_orders.len()), (7, 5));
        assert_eq!(orders.values, [Money { currency_code: "BRL".into(), minor_units: 7 * 28_032 }]);
        assert_eq!((orders.first_order_time, orders.last_order_time), (time("2024-02-01"), time("2024-02-07")));
        assert_eq!(orders.latest_orders[0].name, "orders/pos:7");
        assert_eq!(orders.latest_orders[0].total.as_ref().map(|money| money.minor_units), Some(28_032));
        let missing: Vec<_> = seen.missing.iter().map(|part| (part.part.as_str(), part.service.as_str())).collect();
        assert_eq!(missing, [("loyalty", "loyalty"), ("open_shipments", "logistics"), ("open_cases", "feedback")]);
        assert!(seen.missing.iter().all(|part| !part.code.is_empty() && !part.message.is_empty()), "{:?}", seen.missing);
        let unknown = format!("customers/{}", guanxi_kernel::new_id());
        assert_eq!(reason(view(client, unknown).await), "NOT_FOUND");
        let stranger = env.client_as("stranger", &["customer.*", "admin.read"], &["hk:rw"]);
        assert_eq!(reason(view(stranger, made.customer).await), "NOT_FOUND");
    }
}
