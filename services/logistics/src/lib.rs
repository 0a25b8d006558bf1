//! The logistics service: shipments, tracking, promises.
//!
//! What scanners, carriers and aggregators report is kept as it came; where a package stands is the fold of it, whatever
//! the order in which it arrived. A shipment stands where its least package does, judged by the promise given first.

pub mod api;
pub mod domain;
pub mod events;
pub mod jobs;
pub mod settings;
pub mod store;

use std::time::Duration;

use guanxi_contracts::server::logistics_v1::shipment_service_server::ShipmentServiceServer;
use guanxi_contracts::server::logistics_v1::tracking_service_server::TrackingServiceServer;
use guanxi_runtime::{Module, ModuleContext, Service, StartError};
use guanxi_store::GroupCommit;

/// The service, as a process lists it.
pub const SERVICE: Service = Service {
    name: "logistics",
    settings: |settings| settings.section::<settings::Settings>("logistics").map(drop),
    module,
};

/// Wires the service up.
///
/// # Errors
/// Settings out of bounds.
pub fn module(ctx: &ModuleContext) -> Result<Module, StartError> {
    let settings: settings::Settings = ctx.settings()?;
    let db = ctx.database(store::migrations::all());
    let intake =
        GroupCommit::start(&db, "tracking", settings.intake_lanes, settings.intake_batch, store::intake::Intakes);
    Ok(Module::new("logistics")
        .serve(ShipmentServiceServer::new(api::Shipments::new(&db)))
        .serve(TrackingServiceServer::new(api::Tracks::new(&db, &intake, settings.watch_poll)))
        .consume("customer", events::order_recorded::OpenShipments)
        .every(Duration::from_secs(3_600), jobs::forget_changes::ForgetChanges { retention: settings.watch_retention })
        .verify(store::invariants::all())
        .measure(store::under_way::measured)
        .summary(store::summary::figures))
}
