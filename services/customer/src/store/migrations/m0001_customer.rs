//! The first schema: organisations and stores, customers and their source records, identity edges, order facts.
//!
//! Every primary key begins with `root_id`, the aggregate's root; what nature names has an id derived from that name.

use guanxi_kernel::{OrganizationId, natural_id};
use guanxi_store::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use guanxi_store::sea_orm_migration::async_trait::async_trait;
use guanxi_store::sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

/// The first schema.
pub struct Customer;

impl MigrationName for Customer {
    fn name(&self) -> &str {
        "m0001_customer"
    }
}

/// `{time}` stands for the type of instants, which the two databases call differently.
const STATEMENTS: &[&str] = &[
    "CREATE TABLE organizations (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     display_name varchar(200) NOT NULL, time_zone varchar(64) NOT NULL, currency varchar(3) NOT NULL, \
     create_time {time} NOT NULL)",
    "CREATE INDEX organizations_by_name ON organizations (organization)",
    // The root is the organisation's.
    "CREATE TABLE stores (root_id uuid NOT NULL, store_id varchar(63) NOT NULL, organization varchar(63) NOT NULL, \
     display_name varchar(200) NOT NULL, locality varchar(100) NOT NULL, time_zone varchar(64) NOT NULL, \
     create_time {time} NOT NULL, PRIMARY KEY (root_id, store_id))",
    // The profile is what the customer's source records come to: kept to be found and listed by.
    "CREATE TABLE customers (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     display_name varchar(200) NOT NULL, given_name varchar(100) NOT NULL, family_name varchar(100) NOT NULL, \
     shown_name varchar(201) NOT NULL, birth_date varchar(10), region varchar(2) NOT NULL, \
     postal_code varchar(16) NOT NULL, administrative_area varchar(100) NOT NULL, locality varchar(100) NOT NULL, \
     address_lines text NOT NULL, language varchar(50) NOT NULL, version bigint NOT NULL, \
     state varchar(7) NOT NULL CHECK (state IN ('ACTIVE', 'DELETED')), create_time {time} NOT NULL, \
     update_time {time} NOT NULL, delete_time {time}, CHECK ((state = 'DELETED') = (delete_time IS NOT NULL)))",
    "CREATE INDEX customers_by_creation ON customers (create_time, root_id)",
    "CREATE INDEX customers_by_update ON customers (update_time, root_id)",
    "CREATE INDEX customers_by_shown_name ON customers (shown_name, root_id)",
    "CREATE INDEX customers_by_family_name ON customers (family_name)",
    "CREATE INDEX customers_by_locality ON customers (locality)",
    "CREATE INDEX customers_by_birth_date ON customers (birth_date)",
    "CREATE INDEX customers_by_organization ON customers (organization, create_time)",
    // Every version as it came; `body` is the record as JSON. The root is the customer that it belongs to.
    "CREATE TABLE source_records (root_id uuid NOT NULL, source varchar(32) NOT NULL, \
     external_id varchar(128) NOT NULL, number bigint NOT NULL, body text NOT NULL, historical boolean NOT NULL, \
     create_time {time} NOT NULL, PRIMARY KEY (root_id, source, external_id, number))",
    // Whose an identifier was, and when. The root is the identifier, which is derived from organisation, kind, issuer
    // and value.
    "CREATE TABLE identity_edges (root_id uuid NOT NULL, number bigint NOT NULL, organization varchar(63) NOT NULL, \
     kind varchar(12) NOT NULL CHECK (kind IN ('PHONE', 'EMAIL', 'CARD', 'EXTERNAL_ID')), issuer varchar(32) NOT NULL, \
     value varchar(320) NOT NULL, customer_id uuid NOT NULL, valid_from {time} NOT NULL, valid_to {time}, \
     last_seen {time} NOT NULL, source varchar(32) NOT NULL, rule varchar(32) NOT NULL, create_time {time} NOT NULL, \
     CHECK (valid_to IS NULL OR valid_from < valid_to), PRIMARY KEY (root_id, number))",
    "CREATE INDEX identity_edges_by_customer ON identity_edges (customer_id, valid_from, root_id, number)",
    "CREATE TABLE orders (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     source varchar(32) NOT NULL, number varchar(64) NOT NULL, customer_id uuid NOT NULL, order_time {time} NOT NULL, \
     store varchar(150) NOT NULL, currency varchar(3) NOT NULL, total_minor bigint NOT NULL, \
     promised_date varchar(10), destination_zone varchar(64) NOT NULL, cancel_time {time}, \
     cancel_reason varchar(100) NOT NULL, state varchar(9) NOT NULL \
     CHECK (state IN ('PLACED', 'CANCELLED', 'RETURNED')), revision bigint NOT NULL, historical boolean NOT NULL, \
     create_time {time} NOT NULL, update_time {time} NOT NULL)",
    "CREATE INDEX orders_by_customer ON orders (customer_id, order_time, root_id)",
    "CREATE INDEX orders_by_time ON orders (order_time, root_id)",
    "CREATE INDEX orders_by_creation ON orders (create_time, root_id)",
    "CREATE INDEX orders_by_organization ON orders (organization, order_time)",
    "CREATE INDEX orders_by_store ON orders (store, order_time)",
    "CREATE INDEX orders_by_source ON orders (source, order_time)",
    "CREATE INDEX orders_by_state ON orders (state, order_time)",
    "CREATE TABLE order_lines (root_id uuid NOT NULL, line bigint NOT NULL, product varchar(64) NOT NULL, \
     category varchar(100) NOT NULL, brand varchar(100) NOT NULL, seller varchar(64) NOT NULL, \
     quantity bigint NOT NULL CHECK (quantity > 0), price_minor bigint NOT NULL, delivery_minor bigint NOT NULL, \
     PRIMARY KEY (root_id, line))",
    "CREATE TABLE order_payments (root_id uuid NOT NULL, payment bigint NOT NULL, method varchar(13) NOT NULL \
     CHECK (method IN ('CASH', 'CREDIT_CARD', 'DEBIT_CARD', 'BANK_TRANSFER', 'VOUCHER', 'GIFT_CARD', 'E_WALLET', \
     'OTHER')), amount_minor bigint NOT NULL, instalments bigint NOT NULL, pay_time {time}, \
     PRIMARY KEY (root_id, payment))",
    "CREATE TABLE order_returns (root_id uuid NOT NULL, return_id varchar(64) NOT NULL, return_time {time} NOT NULL, \
     reason varchar(500) NOT NULL, PRIMARY KEY (root_id, return_id))",
    "CREATE TABLE order_return_lines (root_id uuid NOT NULL, return_id varchar(64) NOT NULL, line bigint NOT NULL, \
     quantity bigint NOT NULL CHECK (quantity > 0), PRIMARY KEY (root_id, return_id, line))",
];

#[async_trait]
impl MigrationTrait for Customer {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let time = match connection.get_database_backend() {
            DbBackend::Postgres => "timestamptz",
            _ => "timestamp_with_timezone_text",
        };
        for statement in STATEMENTS {
            connection.execute_unprepared(&statement.replace("{time}", time)).await?;
        }
        // The organisation of a retailer that has only one is always there.
        let default = OrganizationId::default_organization();
        let root = natural_id("organization", [default.slug()]).simple().to_string();
        let root = match connection.get_database_backend() {
            DbBackend::Postgres => format!("'{root}'"),
            _ => format!("x'{root}'"),
        };
        let sql = format!(
            "INSERT INTO organizations (root_id, organization, display_name, time_zone, currency, create_time) \
             VALUES ({root}, '{}', 'Default', 'Asia/Shanghai', 'CNY', '1970-01-01T00:00:00+00:00')",
            default.slug()
        );
        connection.execute_unprepared(&sql).await?;
        Ok(())
    }
}
