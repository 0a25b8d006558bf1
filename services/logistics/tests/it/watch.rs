//! Watches: what is, then what changes, without gap or repetition, also after the stream or the server ended.

use guanxi_contracts::logistics::v1::*;
use guanxi_testkit::Env;
use tonic::Streaming;

use crate::support::*;

async fn open(env: &Env, request: WatchShipmentsRequest) -> Streaming<WatchShipmentsResponse> {
    let mut client = env.client().logistics().tracking();
    client.watch_shipments(request).await.expect("a watch").into_inner()
}

/// The next message that is no heartbeat.
async fn next(watch: &mut Streaming<WatchShipmentsResponse>) -> WatchShipmentsResponse {
    loop {
        let message = watch.message().await.expect("the watch goes on").expect("the watch has not ended");
        if message.heartbeat.is_none() {
            return message;
        }
    }
}

fn change(message: &WatchShipmentsResponse) -> (i64, TrackingStatus, TrackingStatus) {
    let change = message.change.as_ref().expect("a change");
    (change.number, change.package_status(), change.shipment_status())
}

guanxi_testkit::matrix! {
    setup().set("logistics.watch_poll", "100ms");

    async fn a_watch_begins_with_what_is_and_goes_on_with_what_changes(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        let name = order("1").shipment("a").to_string();
        let request = WatchShipmentsRequest { shipment: name.clone(), ..Default::default() };
        let mut watch = open(env, request.clone()).await;
        let first = next(&mut watch).await;
        assert_eq!(first.snapshot.as_ref().map(|shipment| shipment.name.clone()), Some(name.clone()));
        ingest(env, vec![event(place("1", "a"), "1", "PICKED_UP", "2018-03-10T10:00:00Z")]).await;
        let second = next(&mut watch).await;
        assert_eq!(change(&second), (2, TrackingStatus::PickedUp, TrackingStatus::PickedUp));
        assert_eq!(second.change.as_ref().map(|change| change.name.clone()), Some(format!("{name}/changes/2")));
        drop(watch);

        ingest(env, vec![event(place("1", "a"), "2", "IN_TRANSIT", "2018-03-11T10:00:00Z")]).await;
        ingest(env, vec![event(place("1", "a"), "3", "DELIVERED", "2018-03-12T10:00:00Z")]).await;
        env.crash_and_start_again().await;
        let resumed = WatchShipmentsRequest { resume_token: second.resume_token, ..request };
        let mut watch = open(env, resumed).await;
        assert_eq!(change(&next(&mut watch).await), (3, TrackingStatus::InTransit, TrackingStatus::InTransit));
        assert_eq!(change(&next(&mut watch).await), (4, TrackingStatus::Delivered, TrackingStatus::Delivered));
    }

    async fn a_customers_watch_hears_of_shipments_to_come(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        let mut watch = open(env, WatchShipmentsRequest { customer: customer().to_string(), ..Default::default() }).await;
        assert!(next(&mut watch).await.snapshot.is_some());
        record(env, "2", &["a"]).await;
        let second = next(&mut watch).await.snapshot.expect("a snapshot of the new one");
        assert_eq!(second.order, order("2").to_string());
        ingest(env, vec![event(place("1", "a"), "1", "PICKED_UP", "2018-03-10T10:00:00Z")]).await;
        assert_eq!(change(&next(&mut watch).await).1, TrackingStatus::PickedUp);
    }

    async fn a_packages_watch_does_not_hear_of_its_neighbours(env: &Env) {
        let made = create(env, vec![NewPackage::default(), NewPackage::default()], None).await;
        let (mine, other) = (&made.packages[0].name, &made.packages[1].name);
        let mut watch = open(env, WatchShipmentsRequest { package: mine.clone(), ..Default::default() }).await;
        assert!(next(&mut watch).await.snapshot.is_some());
        ingest(env, vec![event(named(other), "1", "PICKED_UP", "2018-03-10T10:00:00Z")]).await;
        ingest(env, vec![event(named(mine), "1", "PICKED_UP", "2018-03-10T11:00:00Z")]).await;
        let heard = next(&mut watch).await.change.expect("a change");
        assert_eq!((&heard.package, heard.number), (mine, 3));
    }

    async fn a_watch_without_news_says_that_it_lives_and_ends_at_its_age(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        let request = WatchShipmentsRequest {
            shipment: order("1").shipment("a").to_string(),
            heartbeat_seconds: 1,
            max_age_seconds: 2,
            ..Default::default()
        };
        let messages = collect(open(env, request.clone()).await).await;
        let heartbeat = messages.iter().rfind(|message| message.heartbeat.is_some()).expect("a heartbeat");
        assert!(messages[0].snapshot.is_some() && heartbeat.resume_token == messages[0].resume_token);
        let resumed = WatchShipmentsRequest { resume_token: heartbeat.resume_token.clone(), ..request };
        assert!(collect(open(env, resumed).await).await.iter().all(|message| message.heartbeat.is_some()));
    }

    async fn a_watcher_that_fell_behind_what_is_kept_gets_a_snapshot(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        let request = WatchShipmentsRequest { shipment: order("1").shipment("a").to_string(), ..Default::default() };
        let first = next(&mut open(env, request.clone()).await).await;
        ingest(env, vec![event(place("1", "a"), "1", "PICKED_UP", "2018-03-10T10:00:00Z")]).await;
        env.clock().advance(jiff::SignedDuration::from_hours(8 * 24));
        env.run_jobs().await;
        ingest(env, vec![event(place("1", "a"), "2", "DELIVERED", "2018-03-11T10:00:00Z")]).await;
        let resumed = WatchShipmentsRequest { resume_token: first.resume_token, ..request };
        let snapshot = next(&mut open(env, resumed).await).await.snapshot.expect("a snapshot");
        assert_eq!(snapshot.status(), TrackingStatus::Delivered);
        env.verify().await;
    }
}
