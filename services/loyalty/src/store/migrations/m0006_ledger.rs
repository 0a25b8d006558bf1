//! The ledger in full: what is credited and taken by hand, what members give each other. The
//! lists of the words of entries go from the schema: a new kind of entry needs no change of it then,
//! and PostgreSQL, which parses a stored list with every statement that touches its table, no longer pays for them. The
//! enums say what the words are, and the invariant `entries-are-of-known-kinds` that there are no others.

use guanxi_store::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use guanxi_store::sea_orm_migration::async_trait::async_trait;
use guanxi_store::sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

/// The ledger in full.
pub struct Ledger;

impl MigrationName for Ledger {
    fn name(&self) -> &str {
        "m0006_ledger"
    }
}

/// PostgreSQL named the lists itself when the table was made.
const POSTGRES: &[&str] = &["ALTER TABLE entries DROP CONSTRAINT IF EXISTS entries_kind_check, \
     DROP CONSTRAINT IF EXISTS entries_from_account_check, DROP CONSTRAINT IF EXISTS entries_to_account_check, \
     ALTER COLUMN kind TYPE varchar(20), ALTER COLUMN from_account TYPE varchar(20), \
     ALTER COLUMN to_account TYPE varchar(20)"];

/// SQLite takes no constraint away from a table: it is made anew, and its rows are moved over. It has no other index than
/// its primary key.
const SQLITE: &[&str] = &[
    "CREATE TABLE entries_unlisted (root_id uuid NOT NULL, number bigint NOT NULL, posting bigint NOT NULL, \
     kind varchar(20) NOT NULL, from_account varchar(20) NOT NULL, to_account varchar(20) NOT NULL, \
     points bigint NOT NULL CHECK (points > 0), lot_id bigint, order_id uuid, hold_id uuid, \
     effective_time timestamp_with_timezone_text NOT NULL, create_time timestamp_with_timezone_text NOT NULL, \
     active_from timestamp_with_timezone_text, expires_at timestamp_with_timezone_text, hash blob, \
     PRIMARY KEY (root_id, number))",
    "INSERT INTO entries_unlisted (root_id, number, posting, kind, from_account, to_account, points, lot_id, order_id, \
     hold_id, effective_time, create_time, active_from, expires_at, hash) SELECT root_id, number, posting, kind, \
     from_account, to_account, points, lot_id, order_id, hold_id, effective_time, create_time, active_from, expires_at, \
     hash FROM entries",
    "DROP TABLE entries",
    "ALTER TABLE entries_unlisted RENAME TO entries",
];

/// `{time}` stands for the type of instants, which the two databases call differently.
const STATEMENTS: &[&str] = &[
    "ALTER TABLE accounts ADD COLUMN adjusted bigint NOT NULL DEFAULT 0",
    // Why a posting was made by hand, and by whom. Never changed.
    "CREATE TABLE adjustments (root_id uuid NOT NULL, posting bigint NOT NULL, points bigint NOT NULL, \
     reason varchar(500) NOT NULL, subject varchar(255) NOT NULL, create_time {time} NOT NULL, \
     PRIMARY KEY (root_id, posting))",
    "ALTER TABLE accounts ADD COLUMN sent bigint NOT NULL DEFAULT 0",
    "ALTER TABLE accounts ADD COLUMN received bigint NOT NULL DEFAULT 0",
    // Both halves of a transfer, each with the other's member and posting. `way` is SENT or RECEIVED. Never changed.
    "CREATE TABLE transfers (root_id uuid NOT NULL, posting bigint NOT NULL, way varchar(10) NOT NULL, \
     other uuid NOT NULL, other_posting bigint NOT NULL, points bigint NOT NULL, create_time {time} NOT NULL, \
     PRIMARY KEY (root_id, posting))",
];

#[async_trait]
impl MigrationTrait for Ledger {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let (unlisting, time) = match connection.get_database_backend() {
            DbBackend::Postgres => (POSTGRES, "timestamptz"),
            _ => (SQLITE, "timestamp_with_timezone_text"),
        };
        for statement in unlisting {
            connection.execute_unprepared(statement).await?;
        }
        for statement in STATEMENTS {
            connection.execute_unprepared(&statement.replace("{time}", time)).await?;
        }
        Ok(())
    }
}
