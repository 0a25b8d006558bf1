//! The first schema: programs, members, their accounts with lots, entries and holds, and the orders that earn.
//!
//! Every primary key begins with `root_id`, the aggregate's root. A member's points are all under the member: one
//! distributed database could keep them together.

use guanxi_store::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use guanxi_store::sea_orm_migration::async_trait::async_trait;
use guanxi_store::sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

/// The first schema.
pub struct Loyalty;

impl MigrationName for Loyalty {
    fn name(&self) -> &str {
        "m0001_loyalty"
    }
}

/// The words of the ledger as they were then. A migration never changes: a database that was made yesterday must come to
/// the same schema as one that is made today, so these are not the enums'.
const KINDS: &str = "'EARN', 'ACTIVATE', 'EXTEND', 'SPEND', 'HOLD', 'CAPTURE', 'RELEASE', 'EXPIRE', 'REVERSE', 'REFUND', \
                     'RESTORE', 'COVER', 'UNCOVER', 'UNEXPIRE'";
const ACCOUNTS: &str = "'ISSUED', 'REDEEMED', 'BREAKAGE', 'OPEN', 'HELD', 'DEFICIT'";
const STATES: &str = "'PLACED', 'CAPTURED', 'VOIDED', 'TIMED_OUT'";

/// `{time}` stands for the type of instants, which the two databases call differently; `{kinds}`, `{accounts}` and
/// `{states}` for the words of the ledger.
const STATEMENTS: &[&str] = &[
    "CREATE TABLE programs (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     slug varchar(63) NOT NULL, currency varchar(3) NOT NULL, auto_enroll boolean NOT NULL, terms text NOT NULL, \
     version bigint NOT NULL, create_time {time} NOT NULL, update_time {time} NOT NULL)",
    "CREATE INDEX programs_by_organization ON programs (organization, slug)",
    "CREATE TABLE members (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     program varchar(63) NOT NULL, customer uuid NOT NULL, enroll_time {time} NOT NULL, create_time {time} NOT NULL)",
    "CREATE INDEX members_by_customer ON members (customer, root_id)",
    "CREATE INDEX members_by_program ON members (program, root_id)",
    // What a member's entries add up to: the row that every change of points locks.
    "CREATE TABLE accounts (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     program varchar(63) NOT NULL, customer uuid NOT NULL, last_entry bigint NOT NULL, last_activity {time}, \
     open_points bigint NOT NULL, held_points bigint NOT NULL, deficit bigint NOT NULL, earned bigint NOT NULL, \
     spent bigint NOT NULL, expired bigint NOT NULL, reversed bigint NOT NULL)",
    // `live`: something is open or held; a debit reads no others.
    "CREATE TABLE lots (root_id uuid NOT NULL, lot_id bigint NOT NULL, order_id uuid, points bigint NOT NULL, \
     open_points bigint NOT NULL, held_points bigint NOT NULL, expired bigint NOT NULL, covered bigint NOT NULL, \
     borrowed bigint NOT NULL, owed bigint NOT NULL, effective_time {time} NOT NULL, active_from {time}, \
     expires_at {time}, sliding boolean NOT NULL, live boolean NOT NULL, PRIMARY KEY (root_id, lot_id))",
    "CREATE INDEX lots_live ON lots (root_id) WHERE live",
    "CREATE INDEX lots_expiring ON lots (expires_at) WHERE open_points > 0 AND expires_at IS NOT NULL",
    "CREATE TABLE entries (root_id uuid NOT NULL, number bigint NOT NULL, posting bigint NOT NULL, \
     kind varchar(10) NOT NULL CHECK (kind IN ({kinds})), \
     from_account varchar(10) NOT NULL CHECK (from_account IN ({accounts})), \
     to_account varchar(10) NOT NULL CHECK (to_account IN ({accounts})), points bigint NOT NULL CHECK (points > 0), \
     lot_id bigint, order_id uuid, hold_id uuid, effective_time {time} NOT NULL, create_time {time} NOT NULL, \
     active_from {time}, expires_at {time}, PRIMARY KEY (root_id, number))",
    "CREATE TABLE holds (root_id uuid NOT NULL, hold_id uuid NOT NULL, \
     state varchar(10) NOT NULL CHECK (state IN ({states})), points bigint NOT NULL, captured bigint NOT NULL, \
     order_name varchar(110), create_time {time} NOT NULL, expire_time {time} NOT NULL, resolve_time {time}, \
     PRIMARY KEY (root_id, hold_id))",
    "CREATE INDEX holds_placed ON holds (root_id) WHERE state = 'PLACED'",
    "CREATE INDEX holds_due ON holds (expire_time) WHERE state = 'PLACED'",
    // Where the points of a hold came from; the lot is absent where it was the deficit.
    "CREATE TABLE hold_parts (root_id uuid NOT NULL, hold_id uuid NOT NULL, part bigint NOT NULL, lot_id bigint, \
     points bigint NOT NULL, PRIMARY KEY (root_id, hold_id, part))",
    // An order of a member: it earns once. `detail` is read by returns alone.
    "CREATE TABLE member_orders (root_id uuid NOT NULL, order_id uuid NOT NULL, name varchar(110) NOT NULL, \
     earned bigint, spent bigint NOT NULL, refunded bigint NOT NULL, due bigint NOT NULL, \
     returned_whole boolean NOT NULL, detail text NOT NULL, PRIMARY KEY (root_id, order_id))",
    "CREATE TABLE order_returns (root_id uuid NOT NULL, order_id uuid NOT NULL, return_id varchar(64) NOT NULL, \
     line bigint NOT NULL, PRIMARY KEY (root_id, order_id, return_id, line))",
    // An order as the customer service told of it, with the shipments that it waits for.
    "CREATE TABLE orders (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     name varchar(110) NOT NULL, customer uuid NOT NULL, complete_time {time})",
    "CREATE TABLE order_shipments (root_id uuid NOT NULL, shipment_id uuid NOT NULL, deliver_time {time}, \
     PRIMARY KEY (root_id, shipment_id))",
];

#[async_trait]
impl MigrationTrait for Loyalty {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let time = match connection.get_database_backend() {
            DbBackend::Postgres => "timestamptz",
            _ => "timestamp_with_timezone_text",
        };
        for statement in STATEMENTS {
            let statement = statement
                .replace("{time}", time)
                .replace("{kinds}", KINDS)
                .replace("{accounts}", ACCOUNTS)
                .replace("{states}", STATES);
            connection.execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}
