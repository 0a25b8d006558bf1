//! Sources: what gives points besides orders and days, and what the customer service tells of customers.

use guanxi_store::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use guanxi_store::sea_orm_migration::async_trait::async_trait;
use guanxi_store::sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

/// Sources.
pub struct Sources;

impl MigrationName for Sources {
    fn name(&self) -> &str {
        "m0009_sources"
    }
}

/// `{time}` stands for the type of instants, which the two databases call differently.
const STATEMENTS: &[&str] = &[
    // What gave a member points, or was heard of in vain, by its natural name: once. Never changed.
    "CREATE TABLE member_sources (root_id uuid NOT NULL, source_id uuid NOT NULL, name varchar(255) NOT NULL, \
     points bigint NOT NULL, posting bigint, explanation text, effective_time {time} NOT NULL, \
     create_time {time} NOT NULL, PRIMARY KEY (root_id, source_id))",
    // What campaigns gave of it. Never changed.
    "CREATE TABLE campaign_sources (root_id uuid NOT NULL, campaign_id uuid NOT NULL, source_id uuid NOT NULL, \
     points bigint NOT NULL, PRIMARY KEY (root_id, campaign_id, source_id))",
    // What was told of customers; their roots are customers. `version` is that of what each row is about.
    "CREATE TABLE customer_days (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     version bigint NOT NULL, month bigint, day bigint, calendar varchar(20), told_time {time}, \
     proven boolean NOT NULL, time_zone varchar(64))",
    "CREATE TABLE customer_segments (root_id uuid NOT NULL, segment varchar(63) NOT NULL, \
     organization varchar(63) NOT NULL, version bigint NOT NULL, inside boolean NOT NULL, since_time {time} NOT NULL, \
     PRIMARY KEY (root_id, segment))",
    "CREATE TABLE customer_risks (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     version bigint NOT NULL, risk_permille bigint NOT NULL, assess_time {time} NOT NULL)",
    // CHINESE, or LEAP in a leap month of that; absent for the Gregorian calendar.
    "ALTER TABLE member_occasions ADD COLUMN calendar varchar(20)",
    // Who can have a reward, as one text; absent: every member of its program.
    "ALTER TABLE rewards ADD COLUMN eligibility text",
];

#[async_trait]
impl MigrationTrait for Sources {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let time = match connection.get_database_backend() {
            DbBackend::Postgres => "timestamptz",
            _ => "timestamp_with_timezone_text",
        };
        for statement in STATEMENTS {
            connection.execute_unprepared(&statement.replace("{time}", time)).await?;
        }
        Ok(())
    }
}
