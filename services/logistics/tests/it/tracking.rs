//! Where packages stand and stood: corrections, views of the past, pages, and the look-up that anybody may make.

use guanxi_client::{Error, request_id};
use guanxi_contracts::logistics::v1::*;
use guanxi_kernel::Clock;
use guanxi_testkit::Env;
use jiff::SignedDuration;

use crate::support::*;

async fn retract(env: &Env, request: RetractEventRequest) -> Result<Option<Tracking>, Error> {
    let request = RetractEventRequest { request_id: request_id(), reason: "did not occur".into(), ..request };
    let answer = env.client().logistics().tracking().retract_event(request).await.map_err(Error::from)?;
    Ok(answer.into_inner().tracking)
}

fn of_source(package: PackageReference, id: &str) -> RetractEventRequest {
    let source_event = SourceEvent {
        package: Some(package),
        source: "olist".into(),
        source_event_id: id.into(),
        organization: String::new(),
    };
    RetractEventRequest { source_event: Some(source_event), ..Default::default() }
}

guanxi_testkit::matrix! {
    setup();

    async fn t08_a_delivery_that_did_not_occur_re_opens_the_package(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        ingest(env, vec![event(place("1", "a"), "o", "OUT_FOR_DELIVERY", "2018-03-20T10:00:00Z")]).await;
        let answers = ingest(env, vec![event(place("1", "a"), "d", "DELIVERED", "2018-03-21T10:00:00Z")]).await;
        let delivered = env.clock().now();
        env.clock().advance(SignedDuration::from_hours(1));
        let retraction = RetractEventRequest { event: answers[0].event.clone(), ..Default::default() };
        let after = retract(env, retraction).await.expect("it was known").expect("a known package");
        assert_eq!((after.status(), after.delivered_time), (TrackingStatus::OutForDelivery, None));

        let status = |as_of: Option<&'static str>, known_at| async move {
            seen(env, place("1", "a"), as_of, known_at).await.status()
        };
        assert_eq!(status(None, Some(delivered)).await, TrackingStatus::Delivered);
        assert_eq!(status(Some("2018-03-25T00:00:00Z"), None).await, TrackingStatus::OutForDelivery);
        assert_eq!(status(Some("2018-03-19T00:00:00Z"), None).await, TrackingStatus::Created);
        assert_eq!(shipment(env, order("1").shipment("a")).await.status(), TrackingStatus::OutForDelivery);
        let kept = history(env, package("1", "a")).await;
        assert_eq!(kept.iter().map(|e| (e.effective, e.retract_time.is_some())).collect::<Vec<_>>(), [(true, false), (false, true)]);
        env.verify().await;
    }

    async fn a_retraction_may_come_before_its_event_and_its_package(env: &Env) {
        assert_eq!(retract(env, of_source(place("1", "a"), "d")).await, Ok(None));
        ingest(env, vec![event(place("1", "a"), "d", "DELIVERED", "2018-03-21T10:00:00Z")]).await;
        record(env, "1", &["a"]).await;
        env.settle().await;
        ingest(env, vec![event(place("1", "a"), "d", "DELIVERED", "2018-03-21T11:00:00Z")]).await;
        let seen = tracking(env, place("1", "a")).await;
        assert_eq!((seen.status(), seen.effective_events), (TrackingStatus::Created, 0));
        assert_eq!(history(env, package("1", "a")).await.len(), 2);
        env.verify().await;
    }

    async fn a_retraction_asked_again_is_answered_again_and_an_unknown_event_is_not_found(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        let answers = ingest(env, vec![event(place("1", "a"), "d", "DELIVERED", "2018-03-21T10:00:00Z")]).await;
        let request = RetractEventRequest {
            request_id: request_id(),
            event: answers[0].event.clone(),
            reason: "wrong parcel".into(),
            ..Default::default()
        };
        let mut client = env.client().logistics().tracking();
        let first = client.retract_event(request.clone()).await.expect("a retraction").into_inner();
        assert_eq!(client.retract_event(request.clone()).await.expect("the same").into_inner(), first);
        let other = RetractEventRequest { reason: "another".into(), ..request.clone() };
        let reused = Error::from(client.retract_event(other).await.expect_err("another body"));
        assert_eq!(reused.reason, "REQUEST_ID_REUSED");
        let unknown = format!("{}/events/{}", package("1", "a"), guanxi_kernel::new_id());
        let refused = retract(env, RetractEventRequest { event: unknown, ..Default::default() }).await;
        assert_eq!(refused.map_err(|e| e.reason), Err("NOT_FOUND".to_owned()));
    }

    async fn milestones_that_were_not_reported_have_no_time(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        ingest(env, vec![
            event(place("1", "a"), "1", "PICKED_UP", "2018-03-10T10:00:00Z"),
            event(place("1", "a"), "2", "DELIVERED", "2018-03-12T10:00:00Z"),
        ]).await;
        let seen = tracking(env, place("1", "a")).await;
        let reached: Vec<_> = seen.milestones.iter().map(|m| m.reach_time.is_some()).collect();
        assert_eq!(reached, [false, false, true, false, false, true]);
        assert_eq!(seen.transit_seconds, Some(2 * 24 * 3_600));
    }

    async fn a_history_is_read_in_pages_in_the_order_of_the_fold(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        let scans = (0..5).rev();
        ingest(env, scans.map(|n| event(place("1", "a"), &n.to_string(), "IN_TRANSIT", &format!("2018-03-10T10:0{n}:00Z"))).collect()).await;
        let (mut token, mut ids) = (String::new(), Vec::new());
        loop {
            let request = ListTrackingEventsRequest {
                parent: package("1", "a").to_string(),
                page_size: 2,
                page_token: token,
            };
            let page = env.client().logistics().tracking().list_tracking_events(request).await.expect("a page").into_inner();
            ids.extend(page.events.into_iter().map(|event| event.source_event_id));
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(ids, ["0", "1", "2", "3", "4"]);
    }

    async fn anybody_may_look_a_number_up_and_sees_the_status_alone(env: &Env) {
        let number = numbered("sf", "SF123456");
        create(env, vec![number.clone()], None).await;
        let lookup = |carrier: &str, number: &str| LookupTrackingRequest {
            tracking_number: Some(TrackingNumber { carrier: carrier.into(), number: number.into() }),
        };
        let mut anybody = env.client_with(None).logistics().tracking();
        let answer = anybody.lookup_tracking(lookup("sf", "sf123456")).await.expect("a number").into_inner();
        assert_eq!(answer.status(), TrackingStatus::Created);
        for unknown in [lookup("sf", "SF999999"), lookup("ups", "SF123456")] {
            let refused = Error::from(anybody.lookup_tracking(unknown).await.expect_err("no such number"));
            assert_eq!(refused.reason, "NOT_FOUND");
        }
        let named = GetTrackingRequest {
            package: Some(PackageReference { tracking_number: number.tracking_number, ..Default::default() }),
            ..Default::default()
        };
        let refused = Error::from(anybody.get_tracking(named).await.expect_err("no token"));
        assert_eq!(refused.code, tonic::Code::Unauthenticated);
    }
}
