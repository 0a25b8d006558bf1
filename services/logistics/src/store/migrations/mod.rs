//! The schema of the logistics service, oldest migration first.

mod m0001_shipments;
mod m0002_tracking;

use guanxi_store::migrate::Migrations;

/// Every migration of the service.
pub fn all() -> Migrations {
    vec![Box::new(m0001_shipments::Migration), Box::new(m0002_tracking::Migration)]
}
