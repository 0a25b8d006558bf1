//! The figures of a real retailer's orders, each found a second time from the files by a few lines of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use guanxi_contracts::customer::events::v1::{OrderCancelled, OrderLine, OrderRecorded};
use guanxi_contracts::logistics::events::v1::ShipmentDelivered;
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{OrderName, OrganizationId, Timestamp, natural_id};
use guanxi_messaging::event;
use guanxi_store::NewEvent;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::support::*;

/// The rows of a CSV file without line breaks in its fields, as maps from column to value.
fn rows(folder: &Path, file: &str) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(folder.join(file)).expect("a file");
    let mut lines = text.lines();
    let header: Vec<String> = lines.next().expect("a header").split(',').map(str::to_owned).collect();
    let cells = |line: &str| -> Vec<String> { line.split(',').map(|cell| cell.trim_matches('"').to_owned()).collect() };
    lines.map(|line| header.iter().cloned().zip(cells(line)).collect()).collect()
}

/// Minor units of a decimal number with at most two digits behind the point.
fn minor(decimal: &str) -> i64 {
    let (whole, part) = decimal.split_once('.').unwrap_or((decimal, ""));
    whole.parse::<i64>().expect("digits") * 100 + format!("{part:0<2}").parse::<i64>().expect("digits")
}

fn local(text: &str) -> Option<Timestamp> {
    let at: DateTime = (!text.is_empty()).then(|| text.parse().expect("a local time"))?;
    let zone = TimeZone::get("America/Sao_Paulo").expect("a zone");
    Some(at.to_zoned(zone).expect("an instant").timestamp())
}

#[derive(Default)]
struct Told {
    customer: Vec<NewEvent>,
    logistics: Vec<NewEvent>,
    figures: BTreeMap<String, i64>,
}

fn read(olist: &Path, organization: &OrganizationId) -> Told {
    let people: BTreeMap<String, String> = rows(olist, "customers.csv")
        .into_iter()
        .map(|row| (row["customer_id"].clone(), row["customer_unique_id"].clone()))
        .collect();
    let mut lines = BTreeMap::<String, Vec<OrderLine>>::new();
    for row in rows(olist, "order_items.csv") {
        lines.entry(row["order_id"].clone()).or_default().push(OrderLine {
            line: row["order_item_id"].parse().expect("a number"),
            product: row["product_id"].clone(),
            seller: row["seller_id"].clone(),
            quantity: 1,
            price_minor: minor(&row["price"]),
            delivery_minor: minor(&row["freight_value"]),
            ..OrderLine::default()
        });
    }
    let mut told = Told::default();
    let mut members = BTreeSet::new();
    for row in rows(olist, "orders.csv") {
        let order = OrderName::new("olist", &row["order_id"]).expect("a name");
        let person = &people[&row["customer_id"]];
        let customer = CustomerId(natural_id("test", [person.as_str()])).to_string();
        let placed = local(&row["order_purchase_timestamp"]).expect("every order was placed");
        let lines = lines.get(&row["order_id"]).cloned().unwrap_or_default();
        let points = lines.iter().map(|line| line.price_minor).sum::<i64>() / 100;
        let arrived = local(&row["order_delivered_customer_date"]);
        let is_cancelled = ["canceled", "unavailable"].contains(&row["order_status"].as_str());
        members.insert(person.clone());
        for figure in match (is_cancelled, arrived) {
            (true, _) => ["points_earned", "points_reversed"],
            (false, Some(_)) => ["points_earned", "points_active"],
            (false, None) => ["points_earned", "points_pending"],
        } {
            *told.figures.entry(figure.into()).or_default() += points;
        }
        let sellers: BTreeSet<String> = lines.iter().map(|line| line.seller.clone()).collect();
        let message = OrderRecorded {
            order: order.to_string(),
            customer: customer.clone(),
            order_time: Some(to_proto(placed)),
            lines,
            currency_code: "BRL".into(),
            ..OrderRecorded::default()
        };
        told.customer.push(event(&order, 1, organization, placed, true, &message));
        if is_cancelled {
            let message = OrderCancelled {
                order: order.to_string(),
                customer,
                cancel_time: Some(to_proto(placed)),
                reason: String::new(),
            };
            told.customer.push(event(&order, 2, organization, placed, true, &message));
        }
        for (seller, at) in sellers.iter().filter_map(|seller| Some((seller, arrived?))) {
            let shipment = order.shipment(seller);
            let message = ShipmentDelivered {
                shipment: shipment.to_string(),
                order: order.to_string(),
                delivered_time: Some(to_proto(at)),
                ..ShipmentDelivered::default()
            };
            told.logistics.push(event(shipment, 1, organization, at, true, &message));
        }
    }
    told.figures.insert("members".into(), i64::try_from(members.len()).expect("a few"));
    told
}

guanxi_testkit::matrix! {
    setup();

    async fn the_orders_of_olist_add_up_to_the_point(env: &Env) {
        let Some(olist) = guanxi_testkit::olist() else { return };
        let organization = OrganizationId::from_slug("olist").expect("a slug");
        let currency = Program { currency_code: "BRL".into(), time_zone: "America/Sao_Paulo".into(), ..waiting_program() };
        create(&env.client(), "olist", Program { organization: organization.to_string(), ..currency }).await;
        let told = read(&olist, &organization);
        // Each in its own order, side by side: deliveries come before their orders too.
        let mut logistics = told.logistics.chunks(500);
        for chunk in told.customer.chunks(500) {
            if let Some(chunk) = logistics.next() {
                env.tell("logistics", chunk.to_vec()).await;
            }
            env.tell("customer", chunk.to_vec()).await;
        }
        for chunk in logistics {
            env.tell("logistics", chunk.to_vec()).await;
        }
        env.settle().await;
        let figures = figures(&env.client()).await;
        assert_eq!(figures, told.figures);
        let table = [("members", 5_608), ("points_active", 502_946), ("points_earned", 765_895)];
        let table = table.into_iter().chain([("points_pending", 198_101), ("points_reversed", 64_848)]);
        assert_eq!(figures, table.map(|(name, value)| (name.to_owned(), value)).collect());
        env.verify().await;
    }
}
