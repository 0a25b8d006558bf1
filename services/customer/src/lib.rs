//! The customer service: identity, orders, organisations, the unified view.

pub mod api;
pub mod domain;
pub mod events;
pub mod settings;
pub mod store;

use std::sync::Arc;

use guanxi_contracts::server::customer_v1::customer_service_server::CustomerServiceServer;
use guanxi_contracts::server::customer_v1::identity_service_server::IdentityServiceServer;
use guanxi_contracts::server::customer_v1::order_service_server::OrderServiceServer;
use guanxi_contracts::server::customer_v1::organization_service_server::OrganizationServiceServer;
use guanxi_kernel::Call;
use guanxi_runtime::{Figures, Module, ModuleContext, Service, StartError};
use guanxi_store::{Database, GroupCommit, Result};

use crate::settings::Settings;
use crate::store::figures;

/// The service, for those that run it.
pub const SERVICE: Service = Service {
    name: "customer",
    settings: |settings| settings.section::<settings::Settings>("customer").map(drop),
    module,
};

/// The wiring.
///
/// # Errors
/// Where the settings are wrong.
pub fn module(ctx: &ModuleContext) -> Result<Module, StartError> {
    let settings: Settings = ctx.settings()?;
    let db = ctx.database(store::migrations());
    let policy = Arc::new(settings.policy());
    let ingesting = api::Ingesting { policy: Arc::clone(&policy) };
    // One lane each: what a stream says is taken in its order, and a second lane gains nothing.
    let records = GroupCommit::start(&db, "source-records", 1, settings.largest_batch, ingesting);
    let reports = GroupCommit::start(&db, "orders", 1, settings.largest_batch, api::Recording);
    let customers = api::Customers::new(&db, &policy, ctx.peers(), settings.patience_360);
    Ok(Module::new(SERVICE.name)
        .serve(CustomerServiceServer::new(customers))
        .serve(IdentityServiceServer::new(api::Identity::new(&db, &policy, &records)))
        .serve(OrderServiceServer::new(api::Orders::new(&db, &policy, &reports)))
        .serve(OrganizationServiceServer::new(api::Organizations::new(&db)))
        .verify(store::invariants::all(&policy.ranks))
        .summary(summary))
}

/// Customers, orders and what they are worth: one figure where all are in one currency, else one for each.
async fn summary(db: Database, call: Call) -> Result<Figures> {
    let totals = figures::totals(&db.reader(&call)).await?;
    let figures = Figures::new().integer("customers", totals.customers).integer("orders", totals.orders);
    Ok(match totals.values.as_slice() {
        [] => figures.integer("order_value_minor", 0),
        [(_, value)] => figures.integer("order_value_minor", *value),
        several => several.iter().fold(figures, |figures, (currency, value)| {
            figures.integer(&format!("order_value_minor_{}", currency.to_lowercase()), *value)
        }),
    })
}
