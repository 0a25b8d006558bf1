//! Shipments by call: several packages, promises and their changes, lists.

use guanxi_client::{Error, request_id};
use guanxi_contracts::logistics::events::v1::PromiseRevised;
use guanxi_contracts::logistics::v1::*;
use guanxi_contracts::time::to_proto;
use guanxi_testkit::Env;
use jiff::SignedDuration;

use crate::support::*;

async fn revise(env: &Env, name: &str, promise: Promise, etag: &str) -> Result<Shipment, Error> {
    let request = RevisePromiseRequest {
        request_id: request_id(),
        name: name.to_owned(),
        promise: Some(promise),
        cause: "weather".into(),
        actor: "dispatch".into(),
        etag: etag.to_owned(),
    };
    let answer = env.client().logistics().shipments().revise_promise(request).await.map_err(Error::from)?;
    Ok(answer.into_inner().shipment.expect("a shipment"))
}

async fn list(env: &Env, filter: &str, page_size: i32) -> Vec<String> {
    let (mut names, mut token) = (Vec::new(), String::new());
    loop {
        let request = ListShipmentsRequest { page_size, page_token: token, filter: filter.to_owned() };
        let page = env.client().logistics().shipments().list_shipments(request).await.expect("a page").into_inner();
        names.extend(page.shipments.into_iter().map(|shipment| shipment.name));
        token = page.next_page_token;
        if token.is_empty() {
            return names;
        }
    }
}

guanxi_testkit::matrix! {
    setup();

    async fn t05_a_promised_window_is_local_and_ends_at_its_end(env: &Env) {
        let promise = Promise {
            promised_date: "2016-12-30".into(),
            window_start: "14:15".into(),
            window_end: "18:15".into(),
            time_zone: "-05:00".into(),
            end_time: None,
        };
        let made = create(env, vec![NewPackage::default()], Some(promise.clone())).await;
        let given = shipment(env, &made.name).await.promise.expect("a promise");
        assert_eq!(given, Promise { end_time: Some(to_proto(at("2016-12-30T23:15:00Z"))), ..promise });
    }

    async fn t06_delivered_on_the_promised_day_in_the_evening_is_on_time(env: &Env) {
        let made = create(env, vec![NewPackage::default()], Some(day("2018-03-21"))).await;
        let mut delivered = event(named(&made.packages[0].name), "d", "DELIVERED", "2018-03-21T18:16:52");
        delivered.time_zone = "America/Sao_Paulo".into();
        ingest(env, vec![delivered]).await;
        let seen = shipment(env, &made.name).await;
        assert_eq!((seen.on_time, seen.packages[0].on_time), (Some(true), Some(true)));
        assert_eq!(seen.packages[0].delivered_date, "2018-03-21");
    }

    async fn t09_of_two_packages_one_delivered_is_partially_delivered_and_the_last_one_is_judged(env: &Env) {
        let made = create(env, vec![NewPackage::default(), NewPackage::default()], Some(day("2018-03-21"))).await;
        let package = |at: usize| named(&made.packages[at].name);
        ingest(env, vec![event(package(0), "d", "DELIVERED", "2018-03-20T10:00:00Z")]).await;
        let seen = shipment(env, &made.name).await;
        assert_eq!((seen.status(), seen.on_time), (TrackingStatus::PartiallyDelivered, None));
        ingest(env, vec![event(package(1), "d", "DELIVERED", "2018-03-23T10:00:00Z")]).await;
        let seen = shipment(env, &made.name).await;
        assert_eq!((seen.status(), seen.on_time), (TrackingStatus::Delivered, Some(false)));
        assert_eq!(seen.delivered_time, Some(to_proto(at("2018-03-23T10:00:00Z"))));
        env.verify().await;
    }

    async fn a_revised_promise_keeps_the_original_and_calls_a_person_after_two_postponements(env: &Env) {
        let made = create(env, vec![NewPackage::default()], Some(day("2018-03-21"))).await;
        let first = revise(env, &made.name, day("2018-03-23"), &made.etag).await.expect("a later date");
        assert_eq!((first.postponements, first.needs_person), (1, false));
        let stale = revise(env, &made.name, day("2018-03-24"), &made.etag).await.expect_err("an old etag");
        assert_eq!((stale.code, stale.reason.as_str()), (tonic::Code::Aborted, "ETAG_MISMATCH"));
        let same = revise(env, &made.name, day("2018-03-23"), "").await.expect_err("it stands already");
        assert_eq!(same.reason, "PROMISE_UNCHANGED");
        let second = revise(env, &made.name, day("2018-03-25"), "").await.expect("a later date");
        assert_eq!((second.postponements, second.needs_person, second.promise_revisions.len()), (2, true, 2));
        assert_eq!(second.original_promise.clone().map(|p| p.promised_date), Some("2018-03-21".to_owned()));
        assert_eq!(shipment(env, &made.name).await, second);

        ingest(env, vec![event(named(&made.packages[0].name), "d", "DELIVERED", "2018-03-24T10:00:00Z")]).await;
        assert_eq!(shipment(env, &made.name).await.on_time, Some(false), "judged by the original");
        let ended = revise(env, &made.name, day("2018-03-26"), "").await.expect_err("it is over");
        assert_eq!(ended.reason, "SHIPMENT_ENDED");
        env.settle().await;
        let told = env.events_of::<PromiseRevised>("logistics").await;
        let dates: Vec<_> = told.iter().map(|e| (e.previous_date.as_str(), e.promised_date.as_str(), e.postponements)).collect();
        assert_eq!(dates, [("2018-03-21", "2018-03-23", 1), ("2018-03-23", "2018-03-25", 2)]);
        env.verify().await;
    }

    async fn a_shipment_of_order_and_seller_exists_once(env: &Env) {
        let request = CreateShipmentRequest {
            request_id: request_id(),
            order: order("7").to_string(),
            seller: "a".into(),
            customer: customer().to_string(),
            packages: vec![NewPackage::default()],
            ..Default::default()
        };
        let mut client = env.client().logistics().shipments();
        let made = client.create_shipment(request.clone()).await.expect("a shipment").into_inner();
        assert_eq!(made.shipment.as_ref().map(|s| s.name.clone()), Some(order("7").shipment("a").to_string()));
        assert_eq!(client.create_shipment(request.clone()).await.expect("a replay").into_inner(), made);
        let again = CreateShipmentRequest { request_id: request_id(), ..request };
        let refused = Error::from(client.create_shipment(again).await.expect_err("it exists"));
        assert_eq!(refused.reason, "ALREADY_EXISTS");
        record(env, "7", &["a", "b"]).await;
        env.settle().await;
        assert_eq!(list(env, "", 0).await.len(), 2, "the order adds the other seller's");
    }

    async fn a_number_is_given_again_only_when_its_package_is_over(env: &Env) {
        let made = create(env, vec![numbered("sf", "SF123456")], None).await;
        let request = CreateShipmentRequest {
            request_id: request_id(),
            packages: vec![numbered("sf", "sf123456")],
            ..Default::default()
        };
        let mut client = env.client().logistics().shipments();
        let refused = Error::from(client.create_shipment(request.clone()).await.expect_err("in use"));
        assert_eq!(refused.reason, "TRACKING_NUMBER_IN_USE");
        ingest(env, vec![event(named(&made.packages[0].name), "d", "DELIVERED", "2018-03-20T10:00:00Z")]).await;
        env.clock().advance(SignedDuration::from_hours(1));
        let next = client.create_shipment(request).await.expect("free again").into_inner().shipment.expect("a shipment");
        let reference = PackageReference { tracking_number: next.packages[0].tracking_number.clone(), ..Default::default() };
        assert_eq!(tracking(env, reference.clone()).await.package, next.packages[0].name);
        let old = ingest(env, vec![event(reference, "o", "OUT_FOR_DELIVERY", "2018-03-20T09:00:00Z")]).await;
        assert!(old[0].event.starts_with(&made.packages[0].name), "an old scan is of the old package");
        env.verify().await;
    }

    async fn shipments_are_listed_by_order_customer_and_status_newest_first(env: &Env) {
        for number in ["1", "2", "3"] {
            record(env, number, &["a", "b"]).await;
            env.settle().await;
            env.clock().advance(SignedDuration::from_secs(1));
        }
        ingest(env, vec![event(place("2", "a"), "d", "DELIVERED", "2018-03-20T10:00:00Z")]).await;
        assert_eq!(list(env, "", 0).await.len(), 6);
        assert_eq!(list(env, "", 4).await, list(env, "", 0).await, "pages are the list");
        assert!(list(env, "", 2).await[..2].contains(&order("3").shipment("a").to_string()));
        assert_eq!(list(env, "order = \"orders/olist:2\"", 0).await.len(), 2);
        assert_eq!(list(env, "order = \"orders/olist:2\" AND status = DELIVERED", 0).await, [order("2").shipment("a").to_string()]);
        assert_eq!(list(env, &format!("customer = \"{}\"", customer()), 0).await.len(), 6);
        assert_eq!(list(env, "status = CREATED", 2).await.len(), 5);
    }
}
