//! Real orders: every customer and every order of the Olist sample goes in, and the figures are those of its files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use guanxi_contracts::customer::v1::*;
use guanxi_contracts::time::to_proto;
use guanxi_testkit::matrix;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::support::*;

/// The rows of a CSV file without quoted fields, as maps from column to value.
fn rows(folder: &Path, file: &str) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(folder.join(file)).expect("a file");
    let mut lines = text.lines();
    let header: Vec<String> = lines.next().expect("a header").split(',').map(str::to_owned).collect();
    lines
        .map(|line| header.iter().cloned().zip(line.split(',').map(|cell| cell.trim_matches('"').to_owned())).collect())
        .collect()
}

/// Minor units of a decimal number with at most two digits behind the point.
fn minor(decimal: &str) -> i64 {
    let (whole, part) = decimal.split_once('.').unwrap_or((decimal, ""));
    whole.parse::<i64>().expect("digits") * 100 + format!("{part:0<2}").parse::<i64>().expect("digits")
}

fn local(text: &str) -> Option<prost_types::Timestamp> {
    let at: DateTime = text.parse().expect("a local time");
    let zone = TimeZone::get("America/Sao_Paulo").expect("a zone");
    Some(to_proto(at.to_zoned(zone).expect("an instant").timestamp()))
}

matrix! {
    setup();

    async fn the_sample_adds_up_to_the_cent_and_again_changes_nothing(env: &Env) {
        let Some(olist) = guanxi_testkit::olist() else { return };
        let client = env.client();
        make_organization(&client, "olist", "America/Sao_Paulo", "BRL").await;
        let people: BTreeMap<String, String> = rows(&olist, "customers.csv")
            .into_iter()
            .map(|row| (row["customer_id"].clone(), row["customer_unique_id"].clone()))
            .collect();
        let mut items = BTreeMap::<String, Vec<OrderLine>>::new();
        let mut value = 0;
        for row in rows(&olist, "order_items.csv") {
            let line = OrderLine {
                line: row["order_item_id"].parse().expect("a number"),
                product: row["product_id"].clone(),
                seller: row["seller_id"].clone(),
                quantity: 1,
                price_minor: minor(&row["price"]),
                delivery_minor: minor(&row["freight_value"]),
                ..OrderLine::default()
            };
            value += line.price_minor + line.delivery_minor;
            items.entry(row["order_id"].clone()).or_default().push(line);
        }
        let orders = rows(&olist, "orders.csv");
        let persons: BTreeSet<&String> = orders.iter().map(|row| &people[&row["customer_id"]]).collect();
        let organization = "organizations/olist".to_owned();
        let records: Vec<SourceRecord> = orders
            .iter()
            .map(|row| SourceRecord {
                organization: organization.clone(),
                event_time: local(&row["order_purchase_timestamp"]),
                ..record("olist", &people[&row["customer_id"]], "2017-01-01", "", &[])
            })
            .collect();
        let placed: Vec<RecordOrdersRequest> = orders
            .iter()
            .map(|row| RecordOrdersRequest {
                order: Some(Order {
                    name: format!("orders/olist:{}", row["order_id"]),
                    organization: organization.clone(),
                    order_time: local(&row["order_purchase_timestamp"]),
                    currency_code: "BRL".into(),
                    lines: items.get(&row["order_id"]).cloned().unwrap_or_default(),
                    promised_date: row["order_estimated_delivery_date"][..10].to_owned(),
                    ..Order::default()
                }),
                identifier: Some(external("olist", &people[&row["customer_id"]])),
                historical: true,
            })
            .collect();
        for run in 0..2 {
            let begun = std::time::Instant::now();
            let answers = ingest(&client, records.clone()).await;
            let taken = place(&client, placed.clone()).await;
            println!("run {run}: {} records and {} orders in {:?}", answers.len(), taken.len(), begun.elapsed());
            let rejected: Vec<_> = taken.iter().filter(|answer| answer.rejection.is_some()).take(3).collect();
            assert!(rejected.is_empty(), "{rejected:?}");
            let new = taken.iter().filter(|answer| answer.outcome() == RecordOutcome::Recorded).count();
            assert_eq!(new, if run == 0 { orders.len() } else { 0 });
            let figures = figures(&client).await;
            assert_eq!(figures["customers"], persons.len() as i64);
            assert_eq!((figures["orders"], figures["order_value_minor"]), (orders.len() as i64, value));
        }
        env.verify().await;
    }
}
