//! The health that probes and balancers ask for, of the process and of each service, and reflection for tools.

use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// The health of a process and of its services. All start as NOT_SERVING.
#[derive(Debug, Clone)]
pub struct Health {
    reporter: HealthReporter,
    services: Vec<String>,
    probes: Routes,
}

impl Health {
    /// Health of these services (`loyalty`, `guanxi.loyalty.v1.PointsService`) and of the process (the empty name), and
    /// the routes with the health service and reflection added.
    pub async fn mount(routes: Routes, services: impl IntoIterator<Item = String>) -> (Self, Routes) {
        let (reporter, server) = tonic_health::server::health_reporter();
        let mut services: Vec<String> = services.into_iter().collect();
        services.push(String::new());
        let health = Self { reporter, services, probes: Routes::new(server.clone()) };
        health.set_all(false).await;
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(guanxi_contracts::DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let v1 = reflection().build_v1().expect("the compiled descriptors decode");
        let v1alpha = reflection().build_v1alpha().expect("the compiled descriptors decode");
        (health, routes.add_service(server).add_service(v1).add_service(v1alpha))
    }

    /// The health service alone, for a port that is asked about nothing else.
    pub fn probes(&self) -> Routes {
        self.probes.clone()
    }

    /// Says of the process and of every service whether it serves.
    pub async fn set_all(&self, serving: bool) {
        for service in &self.services {
            self.set(service, serving).await;
        }
    }

    /// Says of one service whether it serves.
    pub async fn set(&self, service: &str, serving: bool) {
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.reporter.set_service_status(service, status).await;
    }
}
