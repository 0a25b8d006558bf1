//! The calls of logistics.

use guanxi_client::contracts::Message;
use guanxi_client::contracts::logistics::v1::*;
use guanxi_client::request_id;

use super::{Fate, OWNERS, Row, read, row};
use crate::things::{self, Things};

/// A row for each.
pub fn rows(t: &Things) -> Vec<Row> {
    let promise =
        Promise { promised_date: "2030-01-01".into(), time_zone: "Asia/Shanghai".into(), ..Promise::default() };
    let package = Some(things::package(&t.package));
    let status_only = |answer: &[u8]| {
        let status = read::<LookupTrackingResponse>(answer).status;
        answer == LookupTrackingResponse { status }.encode_to_vec()
    };
    use Fate::{Empty, Harmless, Missing};
    vec![
        row(
            "ShipmentService/CreateShipment",
            Missing,
            CreateShipmentRequest {
                request_id: request_id(),
                organization: OWNERS.into(),
                packages: vec![NewPackage::default()],
                ..CreateShipmentRequest::default()
            },
        ),
        row("ShipmentService/GetShipment", Missing, GetShipmentRequest { name: t.shipment.clone() }),
        row("ShipmentService/ListShipments", Empty, ListShipmentsRequest::default()),
        row(
            "ShipmentService/RevisePromise",
            Missing,
            RevisePromiseRequest {
                request_id: request_id(),
                name: t.shipment.clone(),
                promise: Some(promise),
                cause: "weather".into(),
                actor: "test".into(),
                etag: String::new(),
            },
        ),
        // A package of others is as unknown as one that there is not yet: what is said of it waits, in his own organisation.
        row(
            "TrackingService/IngestEvents",
            Harmless(|answer| read::<IngestEventsResponse>(answer).parked),
            things::event(things::package(&t.package), "9", "DELIVERED", 9),
        ),
        row(
            "TrackingService/RetractEvent",
            Missing,
            RetractEventRequest {
                request_id: request_id(),
                event: t.event.clone(),
                source_event: None,
                reason: "x".into(),
            },
        ),
        row(
            "TrackingService/GetTracking",
            Missing,
            GetTrackingRequest { package: package.clone(), ..GetTrackingRequest::default() },
        ),
        row(
            "TrackingService/ListTrackingEvents",
            Missing,
            ListTrackingEventsRequest { parent: t.package.clone(), ..ListTrackingEventsRequest::default() },
        ),
        row("TrackingService/ListQuarantine", Empty, ListQuarantineRequest::default()),
        row(
            "TrackingService/WatchShipments",
            Missing,
            WatchShipmentsRequest { shipment: t.shipment.clone(), ..WatchShipmentsRequest::default() },
        ),
        // Open to everybody who has the number, by contract.
        row(
            "TrackingService/LookupTracking",
            Harmless(status_only),
            LookupTrackingRequest { tracking_number: Some(things::number()) },
        ),
    ]
}
