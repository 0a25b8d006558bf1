//! The feedback service: cases, reviews, surveys, scores.
//!
//! A broken promise or a bad review opens the one case of an order; an order that came whole and in time is asked about
//! once; scores say what they are made of and how sure they are.

pub mod api;
pub mod domain;
pub mod events;
pub mod settings;
pub mod store;

use guanxi_contracts::server::feedback_v1::case_service_server::CaseServiceServer;
use guanxi_contracts::server::feedback_v1::review_service_server::ReviewServiceServer;
use guanxi_contracts::server::feedback_v1::score_service_server::ScoreServiceServer;
use guanxi_contracts::server::feedback_v1::survey_service_server::SurveyServiceServer;
use guanxi_runtime::{Module, ModuleContext, Service, StartError};
use guanxi_store::GroupCommit;

/// The service, as a process lists it.
pub const SERVICE: Service = Service {
    name: "feedback",
    settings: |settings| settings.section::<settings::Settings>("feedback").map(drop),
    module,
};

/// Wires the service up.
///
/// # Errors
/// Settings out of bounds.
pub fn module(ctx: &ModuleContext) -> Result<Module, StartError> {
    let settings: settings::Settings = ctx.settings()?;
    let db = ctx.database(store::migrations());
    let submissions =
        GroupCommit::start(&db, "reviews", settings.review_lanes, settings.review_batch, api::Submissions);
    Ok(Module::new("feedback")
        .serve(CaseServiceServer::new(api::Cases::new(&db)))
        .serve(ReviewServiceServer::new(api::Reviews::new(&db, &submissions)))
        .serve(SurveyServiceServer::new(api::Surveys::new(&db)))
        .serve(ScoreServiceServer::new(api::Scores::new(&db)))
        .consume("customer", events::RecordOrders)
        .consume("customer", events::CancelOrders)
        .consume("logistics", events::DeliverShipments)
        .verify(store::invariants::all())
        .measure(store::figures::open_cases)
        .summary(store::figures::summary))
}
