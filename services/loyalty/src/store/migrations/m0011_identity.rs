//! Who a member is: customers who turned out to be one person, cards, and customers who asked to be forgotten.

use guanxi_store::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use guanxi_store::sea_orm_migration::async_trait::async_trait;
use guanxi_store::sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

/// Who a member is.
pub struct Identity;

impl MigrationName for Identity {
    fn name(&self) -> &str {
        "m0011_identity"
    }
}

/// `{time}` stands for the type of instants, which the two databases call differently.
const STATEMENTS: &[&str] = &[
    // What a hot statement reads anyway says whether there is more to read: `kin` is the key of those who are, or were, one
    // person with a member.
    "ALTER TABLE accounts ADD COLUMN kin uuid",
    "ALTER TABLE accounts ADD COLUMN erase_time {time}",
    "ALTER TABLE members ADD COLUMN kin uuid",
    "ALTER TABLE members ADD COLUMN survivor uuid",
    "ALTER TABLE members ADD COLUMN erase_time {time}",
    // A merge that was told, once below each of its two customers. Only `undone` changes.
    "CREATE TABLE customer_merges (root_id uuid NOT NULL, merge_id uuid NOT NULL, organization varchar(63) NOT NULL, \
     survivor uuid NOT NULL, absorbed uuid NOT NULL, undone boolean NOT NULL, merge_time {time} NOT NULL, \
     PRIMARY KEY (root_id, merge_id))",
    // Who is who is worked out by one transaction at a time in each organisation.
    "CREATE TABLE merge_locks (root_id uuid NOT NULL PRIMARY KEY, taken bigint NOT NULL)",
    // Members who are, or were, one person: the same `survivor` now. `since` is when a member became one with others.
    "CREATE TABLE member_kin (root_id uuid NOT NULL, member uuid NOT NULL, organization varchar(63) NOT NULL, \
     program varchar(63) NOT NULL, customer uuid NOT NULL, survivor uuid NOT NULL, since_time {time}, \
     PRIMARY KEY (root_id, member))",
    // What was given to a person on a day of a member's, while they were one: it is not given again when they are parted.
    "CREATE TABLE shared_gifts (root_id uuid NOT NULL, rule varchar(63) NOT NULL, year bigint NOT NULL, \
     PRIMARY KEY (root_id, rule, year))",
    // A card's root is its number within the program, so it is one member's, and a blocked one is blocked for ever. The
    // number goes when the member is forgotten.
    "CREATE TABLE member_cards (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     program varchar(63) NOT NULL, member uuid NOT NULL, number varchar(32), start_time {time} NOT NULL, end_time {time}, \
     ended_by varchar(10))",
    "CREATE INDEX member_cards_by_member ON member_cards (member, root_id)",
    "CREATE TABLE erased_customers (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     erase_time {time} NOT NULL)",
];

#[async_trait]
impl MigrationTrait for Identity {
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
