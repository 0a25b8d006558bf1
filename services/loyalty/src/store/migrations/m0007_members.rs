//! Members in full: where they stand on the tiers of their program, what tiers they were given, their days and what those
//! gave.

use guanxi_store::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use guanxi_store::sea_orm_migration::async_trait::async_trait;
use guanxi_store::sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

/// Members in full.
pub struct Members;

impl MigrationName for Members {
    fn name(&self) -> &str {
        "m0007_members"
    }
}

/// `{time}` stands for the type of instants, which the two databases call differently.
const STATEMENTS: &[&str] = &[
    // The version of the program with which its tiers became what they are: standings of another are worked out anew.
    "ALTER TABLE programs ADD COLUMN tiers bigint NOT NULL DEFAULT 0",
    // Where a member stands. Everything but `terms` and `version` can be worked out again from orders, entries and
    // grants; it changes under the lock of the member's account. `due_time`: when time alone may change it.
    "CREATE TABLE member_tiers (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     program varchar(63) NOT NULL, tier varchar(63), standing text, ladder text, terms bigint NOT NULL, \
     version bigint NOT NULL, due_time {time})",
    "CREATE INDEX member_tiers_due ON member_tiers (due_time) WHERE due_time IS NOT NULL",
    "CREATE INDEX member_tiers_by_terms ON member_tiers (program, terms)",
    // The version of the program with which its occasions became what they are.
    "ALTER TABLE programs ADD COLUMN occasions bigint NOT NULL DEFAULT 0",
    // When a member was born, and when somebody must look at his days again. It changes under the lock of his account.
    "CREATE TABLE member_occasions (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     program varchar(63) NOT NULL, month bigint, day bigint, told_time {time}, proven boolean NOT NULL, \
     time_zone varchar(64), terms bigint NOT NULL, due_time {time})",
    "CREATE INDEX member_occasions_due ON member_occasions (due_time) WHERE due_time IS NOT NULL",
    "CREATE INDEX member_occasions_by_terms ON member_occasions (program, terms)",
    // What occasions gave. Never changed.
    "CREATE TABLE occasion_gifts (root_id uuid NOT NULL, rule varchar(63) NOT NULL, year bigint NOT NULL, \
     day varchar(10) NOT NULL, points bigint NOT NULL, lot_id bigint NOT NULL, store varchar(160), \
     give_time {time} NOT NULL, PRIMARY KEY (root_id, rule, year))",
    // What somebody gave. Never changed.
    "CREATE TABLE tier_grants (root_id uuid NOT NULL, grant_id uuid NOT NULL, tier varchar(63) NOT NULL, \
     reason varchar(500) NOT NULL, start_time {time} NOT NULL, end_time {time} NOT NULL, \
     PRIMARY KEY (root_id, grant_id))",
];

#[async_trait]
impl MigrationTrait for Members {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let time = match connection.get_database_backend() {
            DbBackend::Postgres => "timestamptz",
            _ => "timestamp_with_timezone_text",
        };
        for statement in STATEMENTS {
            connection.execute_unprepared(&statement.replace("{time}", time)).await?;
        }
        if connection.get_database_backend() == DbBackend::Postgres {
            // Changed by every order: room in each page for the next version of a row.
            connection.execute_unprepared("ALTER TABLE member_tiers SET (fillfactor = 50)").await?;
        }
        Ok(())
    }
}
