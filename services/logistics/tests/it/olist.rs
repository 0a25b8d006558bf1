//! A real retailer's parcels: two years of orders of several sellers, with the scans that its shop system kept.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_contracts::customer::events::v1::{OrderLine, OrderRecorded};
use guanxi_contracts::logistics::v1::*;
use guanxi_kernel::{OrganizationId, civil, tz};
use guanxi_testkit::Combination;

use crate::support::*;

struct Row {
    order: String,
    state: String,
    purchased: String,
    approved: String,
    handed_over: String,
    delivered: String,
    promised: String,
}

fn read(folder: &std::path::Path) -> (Vec<Row>, BTreeMap<String, BTreeSet<String>>) {
    let file = |name: &str| csv::Reader::from_path(folder.join(name)).expect("a CSV file").into_records();
    let orders = file("orders.csv").map(|row| {
        let row = row.expect("a row");
        let field = |at: usize| row[at].to_owned();
        Row {
            order: field(0),
            state: field(2),
            purchased: field(3),
            approved: field(4),
            handed_over: field(5),
            delivered: field(6),
            promised: field(7)[..10].to_owned(),
        }
    });
    let mut sellers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in file("order_items.csv") {
        let row = row.expect("a row");
        sellers.entry(row[0].to_owned()).or_default().insert(row[3].to_owned());
    }
    (orders.collect(), sellers)
}

/// What the shop system knows of the way of one seller's parcel.
fn scans(row: &Row, seller: &str) -> Vec<IngestEventsRequest> {
    let mut known = vec![
        ("purchase", "CREATED", row.purchased.as_str()),
        ("approval", "INFO_RECEIVED", &row.approved),
        ("hand-over", "PICKED_UP", &row.handed_over),
        ("delivery", "DELIVERED", &row.delivered),
    ];
    known.retain(|(.., when)| !when.is_empty());
    if matches!(row.state.as_str(), "canceled" | "unavailable") {
        let latest = known.iter().map(|(.., when)| *when).max().expect("every order was placed");
        known.push(("cancellation", "CANCELLED", latest));
    }
    known
        .into_iter()
        .map(|(id, status, when)| IngestEventsRequest {
            time_zone: "America/Sao_Paulo".into(),
            historical: true,
            ..event(place(&row.order, seller), id, status, when)
        })
        .collect()
}

guanxi_testkit::matrix! {
    setup();

    async fn every_parcel_of_olist_ends_where_its_scans_say_and_is_judged_by_its_promise(env: &Env) {
        let Some(folder) = guanxi_testkit::olist() else { return };
        let (mut orders, sellers) = read(&folder);
        let whole = env.combination() == Combination::Embedded;
        if !whole {
            orders.truncate(800);
        }
        let none = BTreeSet::new();
        let of = |order: &str| sellers.get(order).unwrap_or(&none);
        let organization = OrganizationId::default_organization();
        let zone = tz::TimeZone::get("America/Sao_Paulo").expect("a zone");
        let recorded = |row: &Row| {
            let placed: civil::DateTime = row.purchased.parse().expect("a local time");
            let occurred = zone.to_timestamp(placed).expect("an instant");
            let line = |seller: &String| OrderLine { seller: seller.clone(), ..OrderLine::default() };
            let event = OrderRecorded {
                order: order(&row.order).to_string(),
                lines: of(&row.order).iter().map(line).collect(),
                promised_date: row.promised.clone(),
                destination_zone: "America/Sao_Paulo".into(),
                ..OrderRecorded::default()
            };
            guanxi_messaging::event(order(&row.order), 1, &organization, occurred, true, &event)
        };
        let events = |orders: &[Row]| -> Vec<_> {
            orders.iter().flat_map(|row| of(&row.order).iter().flat_map(|seller| scans(row, seller))).collect()
        };

        // The first half of the orders is scanned before it is recorded, the second after.
        let (first, second) = orders.split_at(orders.len() / 2);
        ingest(env, events(first)).await;
        for chunk in orders.chunks(500) {
            env.tell("customer", chunk.iter().map(recorded)).await;
        }
        env.settle().await;
        let answers = ingest(env, events(second)).await;
        assert!(answers.iter().all(|answer| !answer.parked));

        let count = |counts: &dyn Fn(&Row) -> bool| -> i64 {
            orders.iter().filter(|row| counts(row)).map(|row| of(&row.order).len() as i64).sum()
        };
        let there = |row: &Row| !row.delivered.is_empty();
        let delivered = count(&there);
        let expected = [
            ("shipments", count(&|_| true)),
            ("packages", count(&|_| true)),
            ("delivered", delivered),
            ("on_time", count(&|row| there(row) && row.delivered[..10] <= row.promised[..])),
            ("late", count(&|row| there(row) && row.delivered[..10] > row.promised[..])),
        ];
        if whole {
            assert_eq!(expected.map(|(_, value)| value), [5178, 5178, 3654, 3420, 234]);
        }
        assert_eq!(figures(env).await, expected.map(|(name, value)| (name.to_owned(), value)));
        env.settle().await;
        let told = env.events_of::<guanxi_contracts::logistics::events::v1::ShipmentDelivered>("logistics").await;
        assert_eq!(told.len() as i64, delivered);
        assert!(env.events("logistics").await.iter().all(|event| event.historical));
        let again = outcomes(env, events(second)).await;
        assert!(again.iter().all(|&outcome| outcome == IngestOutcome::Duplicate));
        env.verify().await;
    }
}
