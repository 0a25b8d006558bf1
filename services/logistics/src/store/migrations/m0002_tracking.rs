//! Tracking events in all their revisions, retractions, and quarantine. The root of an event is its package; while that
//! is not known, it is the place where the events of its reference wait.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// See the module.
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0002_tracking"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let postgres = connection.get_database_backend() == DbBackend::Postgres;
        let time = if postgres { "timestamptz" } else { "timestamp_with_timezone_text" };
        let raw = "source varchar(32) NOT NULL, source_event_id varchar(128), source_kind bigint NOT NULL \
                   CHECK (source_kind BETWEEN 1 AND 3), carrier varchar(32) NOT NULL, feed_version varchar(32) NOT NULL, \
                   status_name varchar(64) NOT NULL, code varchar(64) NOT NULL, description text NOT NULL, \
                   location text NOT NULL, occurred_text varchar(64) NOT NULL, zone varchar(64) NOT NULL";
        for sql in [
            format!(
                "CREATE TABLE tracking_events (root_id uuid NOT NULL, event_id uuid NOT NULL, digest uuid NOT NULL, \
                 organization varchar(63) NOT NULL, {raw}, revision_time {time}, occurred_time {time} NOT NULL, \
                 offset_seconds bigint, time_basis varchar(16) NOT NULL, effective_time {time} NOT NULL, \
                 clamped boolean NOT NULL, status varchar(24) NOT NULL, sub_status varchar(32), \
                 code_map varchar(16) NOT NULL, historical boolean NOT NULL, receive_time {time} NOT NULL, \
                 create_time {time} NOT NULL, PRIMARY KEY (root_id, event_id, digest))"
            ),
            format!(
                "CREATE TABLE retractions (root_id uuid NOT NULL, event_id uuid NOT NULL, \
                 organization varchar(63) NOT NULL, source varchar(32) NOT NULL, source_event_id varchar(128), \
                 digest uuid, reason text NOT NULL, actor varchar(128) NOT NULL, create_time {time} NOT NULL, \
                 PRIMARY KEY (root_id, event_id))"
            ),
            format!(
                "CREATE TABLE quarantine (root_id uuid NOT NULL, event_id uuid NOT NULL, digest uuid NOT NULL, \
                 id uuid NOT NULL, organization varchar(63) NOT NULL, package_id uuid, reference_carrier varchar(32), \
                 reference_number varchar(40), reason varchar(24) NOT NULL, {raw}, historical boolean NOT NULL, \
                 receive_time {time} NOT NULL, PRIMARY KEY (root_id, event_id, digest))"
            ),
            "CREATE INDEX quarantine_by_time ON quarantine (organization, receive_time, id)".to_owned(),
        ] {
            connection.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
