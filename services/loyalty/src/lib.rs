//! The loyalty service: programs, members, the points ledger, coupons, gift cards, rewards.
//!
//! Points are lots with their own activation and expiry; every change is an entry of a double-entry ledger; what a
//! return must lead to is decided by the allocations that were stored when points were taken.

pub mod api;
pub mod domain;
pub mod events;
pub mod jobs;
pub mod settings;
pub mod store;

use guanxi_contracts::server::loyalty_v1::campaign_service_server::CampaignServiceServer;
use guanxi_contracts::server::loyalty_v1::coupon_service_server::CouponServiceServer;
use guanxi_contracts::server::loyalty_v1::gift_card_service_server::GiftCardServiceServer;
use guanxi_contracts::server::loyalty_v1::ledger_service_server::LedgerServiceServer;
use guanxi_contracts::server::loyalty_v1::member_service_server::MemberServiceServer;
use guanxi_contracts::server::loyalty_v1::points_service_server::PointsServiceServer;
use guanxi_contracts::server::loyalty_v1::program_service_server::ProgramServiceServer;
use guanxi_contracts::server::loyalty_v1::reward_service_server::RewardServiceServer;
use guanxi_runtime::{Module, ModuleContext, Service, StartError};
use guanxi_store::GroupCommit;

/// The service, as a process lists it.
pub const SERVICE: Service = Service {
    name: "loyalty",
    settings: |settings| settings.section::<settings::Settings>("loyalty").map(drop),
    module,
};

/// Wires the service up.
///
/// # Errors
/// Settings out of bounds.
pub fn module(ctx: &ModuleContext) -> Result<Module, StartError> {
    let settings: settings::Settings = ctx.settings()?;
    let db = ctx.database(store::migrations());
    let programs = store::programs::Programs::default();
    let ledger = store::ledger::Ledger::new(&programs);
    let queue = GroupCommit::start(&db, "points", settings.points_lanes, settings.points_batch, ledger);
    // A batch of a caller's is a commit by itself; accounts are locked in one order whichever queue it is.
    let batches = GroupCommit::start(&db, "points_batches", 1, 1, store::batches::Batches::new(&programs));
    let coupons = store::coupons::queue::Coupons;
    let coupons = GroupCommit::start(&db, "coupons", settings.coupons_lanes, settings.coupons_batch, coupons);
    let rewards = store::rewards::queue::Rewards::new(&programs);
    let rewards = GroupCommit::start(&db, "rewards", settings.points_lanes, settings.points_batch, rewards);
    Ok(Module::new("loyalty")
        .serve(ProgramServiceServer::new(api::Programs::new(&db, &ctx.jobs())))
        .serve(MemberServiceServer::new(api::Members::new(&db, &programs)))
        .serve(PointsServiceServer::new(api::Points::new(&db, &queue, &batches, &programs)))
        .serve(CampaignServiceServer::new(api::Campaigns::new(&db)))
        .serve(LedgerServiceServer::new(api::Ledgers::new(&db, &ctx.jobs())))
        .serve(CouponServiceServer::new(api::Coupons::new(&db, &coupons, &ctx.jobs())))
        .serve(GiftCardServiceServer::new(api::GiftCards::new(&db)))
        .serve(RewardServiceServer::new(api::Rewards::new(&db, &rewards)))
        .consume("customer", events::RecordOrders::new(&programs))
        .consume("customer", events::CancelOrders::new(&programs))
        .consume("customer", events::ReturnOrders::new(&programs))
        .consume("customer", events::HonourPromises::new(&programs))
        .consume("customer", events::MeetCustomers::new(&programs))
        .consume("customer", events::FollowCustomers::new(&programs))
        .consume("customer", events::EnterSegments::new(&programs))
        .consume("customer", events::LeaveSegments)
        .consume("customer", events::HearRisks::new(&programs))
        .consume("logistics", events::ExpectShipments)
        .consume("logistics", events::DeliverShipments::new(&programs))
        .consume("feedback", events::HearAnswers::new(&programs))
        .consume("feedback", events::HearReviews::new(&programs))
        .consume("feedback", events::HonourRemedies::new(&programs))
        .every(settings.sweep_interval, jobs::Sweep::new(&programs))
        .every(settings.sweep_interval, jobs::Celebrate::new(&programs))
        .job(jobs::VerifyLedger)
        .job(jobs::BacktestRule)
        .job(jobs::CreateCoupons)
        .every(settings.coupons_reminder_interval, jobs::RemindCoupons)
        .verify(store::invariants::all())
        .summary(store::figures::summary))
}
