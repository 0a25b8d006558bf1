//! Shipments, their packages, tracking numbers, promises and numbered changes.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0001_shipments"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let postgres = connection.get_database_backend() == DbBackend::Postgres;
        let time = if postgres { "timestamptz" } else { "timestamp_with_timezone_text" };
        let promise = |prefix: &str, null: &str| {
            format!(
                "{prefix}_date varchar(10) {null}, {prefix}_start varchar(5), {prefix}_end varchar(5), \
                 {prefix}_zone varchar(64) {null}"
            )
        };
        let statuses = "'CREATED', 'INFO_RECEIVED', 'PICKED_UP', 'IN_TRANSIT', 'OUT_FOR_DELIVERY', \
                        'AVAILABLE_FOR_PICKUP', 'ATTEMPT_FAILED', 'ON_HOLD', 'DELIVERED', 'RETURNING', 'RETURNED', \
                        'LOST', 'DAMAGED', 'CANCELLED'";
        for sql in [
            format!(
                "CREATE TABLE shipments (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
                 order_name varchar(128), seller varchar(64), customer_id uuid, \
                 status varchar(24) NOT NULL CHECK (status IN ({statuses}, 'PARTIALLY_DELIVERED')), \
                 {}, {}, told_date varchar(10), promise_revisions bigint NOT NULL, postponements bigint NOT NULL, \
                 version bigint NOT NULL, create_time {time} NOT NULL, update_time {time} NOT NULL)",
                promise("original", ""),
                promise("promised", "")
            ),
            "CREATE INDEX shipments_by_time ON shipments (organization, create_time, root_id)".to_owned(),
            "CREATE INDEX shipments_by_status ON shipments (organization, status, create_time, root_id)".to_owned(),
            "CREATE INDEX shipments_by_order ON shipments (order_name) WHERE order_name IS NOT NULL".to_owned(),
            "CREATE INDEX shipments_by_customer ON shipments (customer_id, create_time) WHERE customer_id IS NOT NULL"
                .to_owned(),
            format!(
                "CREATE TABLE packages (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
                 shipment_id uuid NOT NULL, position bigint NOT NULL, carrier varchar(32), number varchar(40), \
                 status varchar(24) NOT NULL CHECK (status IN ({statuses})), sub_status varchar(32), \
                 status_time {time}, delivered_time {time}, delivered_date varchar(10), on_time bigint, \
                 challenged boolean NOT NULL, found boolean NOT NULL, moved_after_cancellation boolean NOT NULL, \
                 events bigint NOT NULL, anomalous bigint NOT NULL, last_time {time}, created_time {time}, \
                 info_received_time {time}, picked_up_time {time}, in_transit_time {time}, \
                 out_for_delivery_time {time}, reported_delivered_time {time})"
            ),
            "CREATE INDEX packages_by_shipment ON packages (shipment_id, position)".to_owned(),
            "CREATE INDEX packages_by_delivery ON packages (organization, delivered_date, on_time)".to_owned(),
            format!(
                "CREATE TABLE tracking_numbers (root_id uuid NOT NULL, package_id uuid NOT NULL, \
                 organization varchar(63) NOT NULL, carrier varchar(32) NOT NULL, number varchar(40) NOT NULL, \
                 valid_from {time} NOT NULL, PRIMARY KEY (root_id, package_id))"
            ),
            format!(
                "CREATE TABLE shipment_changes (root_id uuid NOT NULL, number bigint NOT NULL, package_id uuid, \
                 package_status varchar(24), package_sub_status varchar(32), status varchar(24) NOT NULL, \
                 promised_date varchar(10), create_time {time} NOT NULL, PRIMARY KEY (root_id, number))"
            ),
            format!(
                "CREATE TABLE promise_revisions (root_id uuid NOT NULL, number bigint NOT NULL, {}, {}, \
                 cause varchar(64) NOT NULL, actor varchar(128) NOT NULL, tells_customer boolean NOT NULL, \
                 create_time {time} NOT NULL, PRIMARY KEY (root_id, number))",
                promise("previous", "NOT NULL"),
                promise("promised", "NOT NULL")
            ),
        ] {
            connection.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
