//! What is wrong is said of every field at once; what is somebody else's does not exist.

use guanxi_client::{Client, Error, request_id};
use guanxi_contracts::logistics::v1::*;
use tonic::Code;

use crate::support::*;

fn fields(error: &Error) -> Vec<&str> {
    error.violations.iter().map(|violation| violation.field.as_str()).collect()
}

async fn answers(client: &Client, events: Vec<IngestEventsRequest>) -> Vec<IngestEventsResponse> {
    let stream = futures::stream::iter(events);
    collect(client.logistics().tracking().ingest_events(stream).await.expect("the stream opens").into_inner()).await
}

guanxi_testkit::matrix! {
    setup();

    async fn a_bad_element_is_answered_with_every_wrong_field_and_its_neighbours_go_on(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        let good = event(place("1", "a"), "1", "PICKED_UP", "2018-03-10T10:00:00Z");
        let empty = IngestEventsRequest::default();
        let contradictory = IngestEventsRequest {
            package: Some(PackageReference { package: package("1", "a").to_string(), ..place("1", "a") }),
            occurred_time: Some(guanxi_contracts::time::to_proto(at("2018-03-10T10:00:00Z"))),
            time_zone: "Mars/Olympus".into(),
            ..good.clone()
        };
        let nul = IngestEventsRequest { code: "a\0b".into(), description: "\0".into(), ..good.clone() };
        let answers = ingest(env, vec![empty, contradictory, good, nul]).await;
        let wrong = |at: usize| answers[at].violations.iter().map(|v| v.field.as_str()).collect::<Vec<_>>();
        assert_eq!((answers[0].outcome(), answers[0].reason.as_str()), (IngestOutcome::Rejected, "INVALID_ARGUMENT"));
        assert_eq!(wrong(0), ["package", "source", "source_kind"]);
        assert_eq!(wrong(1), ["package", "occurred_text", "time_zone"]);
        assert_eq!(answers[2].outcome(), IngestOutcome::Accepted);
        assert_eq!(wrong(3), ["code", "description"]);
    }

    async fn a_request_says_every_wrong_field_at_once(env: &Env) {
        let mut client = env.client().logistics().shipments();
        let request = CreateShipmentRequest { customer: "me".into(), order: "77".into(), ..Default::default() };
        let refused = Error::from(client.create_shipment(request).await.expect_err("much is wrong"));
        assert_eq!(refused.code, Code::InvalidArgument);
        assert_eq!(fields(&refused), ["request_id", "order", "customer", "packages"]);
        let promise = Promise { window_start: "09:00".into(), window_end: "08:00".into(), ..day("2018-03-21") };
        let request = CreateShipmentRequest {
            request_id: request_id(),
            packages: vec![NewPackage::default()],
            promise: Some(promise),
            ..Default::default()
        };
        let refused = Error::from(client.create_shipment(request).await.expect_err("the window is backwards"));
        assert_eq!(fields(&refused), ["promise.window_end"]);
        for filter in ["status = GONE", "colour = red", "status ="] {
            let request = ListShipmentsRequest { filter: filter.into(), ..Default::default() };
            let refused = Error::from(client.list_shipments(request).await.expect_err("no filter"));
            assert_eq!((refused.code, fields(&refused)), (Code::InvalidArgument, vec!["filter"]), "{filter}");
        }
        let request = ListShipmentsRequest { page_size: -1, ..Default::default() };
        let refused = Error::from(client.list_shipments(request).await.expect_err("negative"));
        assert_eq!(fields(&refused), ["page_size"]);
    }

    async fn what_is_unknown_is_not_found(env: &Env) {
        let shipment = format!("shipments/{}", guanxi_kernel::new_id());
        let package = format!("packages/{}", guanxi_kernel::new_id());
        let (mut shipments, mut tracking) = (env.client().logistics().shipments(), env.client().logistics().tracking());
        let got = shipments.get_shipment(GetShipmentRequest { name: shipment.clone() }).await;
        let refused = Error::from(got.expect_err("unknown"));
        assert_eq!((refused.code, refused.resource.map(|r| r.name)), (Code::NotFound, Some(shipment.clone())));
        let request = GetTrackingRequest { package: Some(named(&package)), ..Default::default() };
        assert_eq!(tracking.get_tracking(request).await.expect_err("unknown").code(), Code::NotFound);
        let request = ListTrackingEventsRequest { parent: package.clone(), ..Default::default() };
        assert_eq!(tracking.list_tracking_events(request).await.expect_err("unknown").code(), Code::NotFound);
        for request in [
            WatchShipmentsRequest { shipment, ..Default::default() },
            WatchShipmentsRequest { package, ..Default::default() },
        ] {
            assert_eq!(tracking.watch_shipments(request).await.expect_err("unknown").code(), Code::NotFound);
        }
        let nothing = tracking.watch_shipments(WatchShipmentsRequest::default()).await;
        assert_eq!(nothing.expect_err("nothing is watched").code(), Code::InvalidArgument);
    }

    async fn what_is_a_strangers_does_not_exist_for_him(env: &Env) {
        record(env, "1", &["a"]).await;
        env.settle().await;
        let name = order("1").shipment("a").to_string();
        let stranger = env.client_as("stranger", &["logistics.*"], &["hk:rw"]);
        let reader = env.client_as("reader", &["logistics.*"], &["default:r"]);
        let (mut shipments, mut tracking) = (stranger.logistics().shipments(), stranger.logistics().tracking());

        let got = shipments.get_shipment(GetShipmentRequest { name: name.clone() }).await;
        assert_eq!(got.expect_err("foreign").code(), Code::NotFound);
        let listed = shipments.list_shipments(ListShipmentsRequest::default()).await.expect("a list").into_inner();
        assert_eq!(listed.shipments, []);
        let request = GetTrackingRequest { package: Some(place("1", "a")), ..Default::default() };
        assert_eq!(tracking.get_tracking(request).await.expect_err("foreign").code(), Code::NotFound);
        let revision = RevisePromiseRequest {
            request_id: request_id(),
            name: name.clone(),
            promise: Some(day("2018-03-25")),
            cause: "weather".into(),
            actor: "x".into(),
            etag: String::new(),
        };
        assert_eq!(shipments.revise_promise(revision.clone()).await.expect_err("foreign").code(), Code::NotFound);
        let read_only = reader.logistics().shipments().revise_promise(revision).await;
        assert_eq!(read_only.expect_err("read only").code(), Code::PermissionDenied);
        let watch = tracking.watch_shipments(WatchShipmentsRequest { shipment: name, ..Default::default() }).await;
        assert_eq!(watch.expect_err("foreign").code(), Code::NotFound);

        // A stranger's event waits for a package of his own, which never comes: the foreign one is not touched by it.
        let scan = event(place("1", "a"), "1", "DELIVERED", "2018-03-10T10:00:00Z");
        let taken = answers(&stranger, vec![scan.clone()]).await;
        assert!(taken[0].parked);
        let refused = answers(&reader, vec![scan.clone()]).await;
        assert_eq!((refused[0].outcome(), refused[0].reason.as_str()), (IngestOutcome::Rejected, "ORGANIZATION_READ_ONLY"));
        assert_eq!(crate::support::tracking(env, place("1", "a")).await.status(), TrackingStatus::Created);
        let mistaken = IngestEventsRequest { organization: "organizations/hk".into(), ..scan };
        assert_eq!(ingest(env, vec![mistaken]).await[0].reason, "ORGANIZATION_MISMATCH");
        env.verify().await;
    }

    async fn a_call_without_its_scope_is_denied_by_its_name(env: &Env) {
        let reader = env.client_as("reader", &["logistics.tracking.read"], &["*"]);
        let refused = reader.logistics().shipments().list_shipments(ListShipmentsRequest::default()).await;
        let refused = Error::from(refused.expect_err("another scope"));
        assert_eq!((refused.code, refused.reason.as_str()), (Code::PermissionDenied, "SCOPE_MISSING"));
    }
}
