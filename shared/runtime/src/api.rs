//! The services that a process mounts once, over all modules in it: AdminService, EventService, JobService.

mod admin;
mod events;
mod jobs;

use std::sync::Arc;

use guanxi_contracts::server::common_v1::admin_service_server::AdminServiceServer;
use guanxi_contracts::server::common_v1::event_service_server::EventServiceServer;
use guanxi_contracts::server::common_v1::job_service_server::JobServiceServer;
use guanxi_kernel::Refused;
use guanxi_store::Database;
use guanxi_store::verify::Invariant;
use tonic::service::Routes;

use crate::figures::Summary;
use crate::jobs::Jobs;

/// A service of this process, as those who run it see it.
#[derive(Clone)]
pub(crate) struct Hosted {
    pub(crate) service: &'static str,
    pub(crate) db: Database,
    pub(crate) jobs: Jobs,
    pub(crate) invariants: Vec<Invariant>,
    pub(crate) summary: Option<Arc<dyn Summary>>,
    /// The services whose events it reads.
    pub(crate) producers: Vec<&'static str>,
}

/// All services of this process.
#[derive(Clone)]
pub(crate) struct Host(Arc<[Hosted]>);

impl Host {
    /// Those services.
    pub(crate) fn new(hosted: Vec<Hosted>) -> Self {
        Self(hosted.into())
    }

    /// Adds their common services to the routes.
    pub(crate) fn mount(self, routes: Routes) -> Routes {
        routes
            .add_service(AdminServiceServer::new(self.clone()))
            .add_service(EventServiceServer::new(self.clone()))
            .add_service(JobServiceServer::new(self))
    }

    /// The names under which health is asked for.
    pub(crate) const SERVICES: [&str; 3] =
        ["guanxi.common.v1.AdminService", "guanxi.common.v1.EventService", "guanxi.common.v1.JobService"];

    /// The service called so; all of them where the name is empty.
    fn named(&self, service: &str) -> Result<&[Hosted], Refused> {
        if service.is_empty() {
            return Ok(&self.0);
        }
        let at = self.0.iter().position(|hosted| hosted.service == service);
        at.map(|at| &self.0[at..=at]).ok_or_else(|| not_here(service))
    }

    /// The service called so; the only one where the name is empty.
    fn only(&self, service: &str) -> Result<&Hosted, Refused> {
        match self.named(service)? {
            [only] => Ok(only),
            several => {
                let names: Vec<_> = several.iter().map(|hosted| hosted.service).collect();
                let description = format!("must name one of the services that run here: {}", names.join(", "));
                Err(Refused::invalid("service", "required", description))
            }
        }
    }
}

fn not_here(service: &str) -> Refused {
    Refused::not_found("service", format!("services/{service}"))
}
