//! Orders become shipments, events become deliveries, and the others hear of it.

use guanxi_contracts::logistics::events::v1::{ShipmentCreated, ShipmentDelivered, ShipmentStatusChanged};
use guanxi_contracts::logistics::v1::{IngestOutcome, TrackingStatus};

use crate::support::*;

guanxi_testkit::matrix! {
    setup();

    async fn t07_two_sellers_are_two_shipments_and_a_scan_after_the_delivery_challenges_it(env: &Env) {
        record(env, "77", &["a", "b", "a"]).await;
        env.settle().await;
        let created = env.events_of::<ShipmentCreated>("logistics").await;
        assert_eq!(created.len(), 2);
        assert!(created.iter().all(|shipment| shipment.packages.len() == 1 && shipment.promised_date == "2018-03-21"));

        let answers = outcomes(env, vec![
            event(place("77", "a"), "1", "CREATED", "2018-03-01T12:00:00Z"),
            event(place("77", "a"), "2", "DELIVERED", "2018-03-20T10:00:00Z"),
            event(place("77", "a"), "3", "PICKED_UP", "2018-03-20T11:00:00Z"),
        ]).await;
        assert_eq!(answers, [IngestOutcome::Accepted, IngestOutcome::Accepted, IngestOutcome::Anomalous]);
        let seen = tracking(env, place("77", "a")).await;
        assert_eq!((seen.status(), seen.challenged, seen.transit_seconds), (TrackingStatus::Delivered, true, None));
        assert_eq!(shipment(env, order("77").shipment("a")).await.status(), TrackingStatus::Delivered);
        assert_eq!(shipment(env, order("77").shipment("b")).await.status(), TrackingStatus::Created);
        env.verify().await;
    }

    async fn events_that_come_before_their_order_wait_and_count_in_the_moment_it_is_recorded(env: &Env) {
        let answers = ingest(env, vec![
            event(place("1", "a"), "1", "PICKED_UP", "2018-03-10T10:00:00Z"),
            event(place("1", "a"), "2", "DELIVERED", "2018-03-21T18:16:52-03:00"),
            event(place("1", "a"), "2", "DELIVERED", "2018-03-21T18:16:52-03:00"),
        ]).await;
        assert!(answers.iter().all(|answer| answer.event.is_empty()));
        assert_eq!(answers[2].outcome(), IngestOutcome::Duplicate);
        assert!(answers[0].parked && answers[1].parked);

        record(env, "1", &["a"]).await;
        env.settle().await;
        let seen = shipment(env, order("1").shipment("a")).await;
        assert_eq!((seen.status(), seen.on_time), (TrackingStatus::Delivered, Some(true)));
        assert_eq!(history(env, package("1", "a")).await.len(), 2);
        let delivered = env.events_of::<ShipmentDelivered>("logistics").await;
        assert_eq!(delivered.len(), 1);
        assert_eq!((delivered[0].delivered_date.as_str(), delivered[0].on_time), ("2018-03-21", Some(true)));
        assert_eq!((delivered[0].order.as_str(), delivered[0].customer.clone()), ("orders/olist:1", customer().to_string()));

        let again = outcomes(env, vec![event(place("1", "a"), "1", "PICKED_UP", "2018-03-10T10:00:00Z")]).await;
        assert_eq!(again, [IngestOutcome::Duplicate]);
        env.verify().await;
    }

    async fn events_wait_by_number_too(env: &Env) {
        let number = numbered("sf", "SF123456");
        let reference = guanxi_contracts::logistics::v1::PackageReference {
            tracking_number: number.tracking_number.clone(),
            ..Default::default()
        };
        ingest(env, vec![event(reference.clone(), "1", "PICKED_UP", "2018-03-10T10:00:00Z")]).await;
        let made = create(env, vec![number], None).await;
        assert_eq!(made.status(), TrackingStatus::PickedUp);
        assert_eq!(tracking(env, reference).await.package, made.packages[0].name);
        env.verify().await;
    }

    async fn the_others_hear_of_every_change_once_and_whether_it_is_history(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        let live = event(place("1", "a"), "1", "PICKED_UP", "2018-03-10T10:00:00Z");
        ingest(env, vec![live.clone()]).await;
        ingest(env, vec![live]).await;
        let mut old = event(place("1", "a"), "2", "DELIVERED", "2018-03-22T10:00:00Z");
        old.historical = true;
        ingest(env, vec![old]).await;
        ingest(env, vec![event(place("1", "a"), "3", "IN_TRANSIT", "2018-03-11T10:00:00Z")]).await;
        env.settle().await;

        let changed = env.events_of::<ShipmentStatusChanged>("logistics").await;
        let moves: Vec<_> = changed.iter().map(|e| (e.from_status.as_str(), e.to_status.as_str())).collect();
        assert_eq!(moves, [("CREATED", "PICKED_UP"), ("PICKED_UP", "DELIVERED")]);
        let delivered = env.events_of::<ShipmentDelivered>("logistics").await;
        assert_eq!(delivered.iter().map(|e| e.on_time).collect::<Vec<_>>(), [Some(false)]);
        let told = env.events("logistics").await;
        let historical: Vec<_> = told.iter().map(|event| event.historical).collect();
        assert_eq!(historical, [true, false, true, true], "created, picked up, delivered twice told");
    }

    async fn the_figures_count_what_is_delivered_and_how_promises_were_kept(env: &Env) {
        record(env, "1", &["a", "b"]).await;
        record(env, "2", &["a"]).await;
        env.settle().await;
        ingest(env, vec![
            event(place("1", "a"), "1", "DELIVERED", "2018-03-21T23:59:59-03:00"),
            event(place("1", "b"), "1", "DELIVERED", "2018-03-22T00:00:00-03:00"),
            event(place("2", "a"), "1", "CANCELLED", "2018-03-02T00:00:00Z"),
        ]).await;
        let expected = [("shipments", 3), ("packages", 3), ("delivered", 2), ("on_time", 1), ("late", 1)];
        let figures = figures(env).await;
        assert_eq!(figures, expected.map(|(name, value)| (name.to_owned(), value)));
    }

    async fn a_cancelled_order_that_was_delivered_all_the_same_is_delivered(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        ingest(env, vec![
            event(place("1", "a"), "c", "CANCELLED", "2018-03-20T10:00:00Z"),
            event(place("1", "a"), "d", "DELIVERED", "2018-03-20T10:00:00Z"),
        ]).await;
        let seen = tracking(env, place("1", "a")).await;
        assert_eq!((seen.status(), seen.anomalous_events), (TrackingStatus::Delivered, 1));
    }
}
