//! The first schema: orders as feedback knows them, cases, reviews, surveys, invitations, responses.
//!
//! Every primary key begins with `root_id`, the aggregate's root; what nature names has an id derived from that name.

use guanxi_store::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use guanxi_store::sea_orm_migration::async_trait::async_trait;
use guanxi_store::sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

/// The first schema.
pub struct Feedback;

impl MigrationName for Feedback {
    fn name(&self) -> &str {
        "m0001_feedback"
    }
}

/// `{time}` stands for the type of instants, which the two databases call differently.
const STATEMENTS: &[&str] = &[
    // An order. `awaited` where only a review speaks of it: then the organisation is the review's.
    "CREATE TABLE orders (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     name varchar(110) NOT NULL, state varchar(8) NOT NULL CHECK (state IN ('awaited', 'known')), customer uuid, \
     cancelled boolean NOT NULL, invited boolean NOT NULL, update_time {time} NOT NULL)",
    "CREATE TABLE order_shipments (root_id uuid NOT NULL, shipment_id uuid NOT NULL, expected boolean NOT NULL, \
     delivered boolean NOT NULL, late boolean NOT NULL, deliver_time {time}, PRIMARY KEY (root_id, shipment_id))",
    "CREATE TABLE cases (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     kind varchar(10) NOT NULL CHECK (kind IN ('question', 'complaint', 'repair', 'return')), \
     state varchar(8) NOT NULL CHECK (state IN ('new', 'open', 'pending', 'on_hold', 'solved', 'closed')), \
     subject text NOT NULL, description text NOT NULL, customer uuid, order_name varchar(110), source varchar(32), \
     external_id varchar(128), follows uuid, historical boolean NOT NULL, create_time {time} NOT NULL, \
     update_time {time} NOT NULL, solve_time {time}, revision bigint NOT NULL)",
    "CREATE INDEX cases_by_time ON cases (create_time, root_id)",
    "CREATE INDEX cases_by_customer ON cases (customer, create_time)",
    "CREATE INDEX cases_by_order ON cases (order_name, create_time)",
    "CREATE INDEX cases_by_state ON cases (state, create_time)",
    "CREATE TABLE case_causes (root_id uuid NOT NULL, cause_id uuid NOT NULL, kind varchar(16) NOT NULL \
     CHECK (kind IN ('late_delivery', 'low_rating')), origin varchar(110) NOT NULL, occur_time {time} NOT NULL, \
     record_time {time} NOT NULL, PRIMARY KEY (root_id, cause_id))",
    "CREATE TABLE case_messages (root_id uuid NOT NULL, message_id uuid NOT NULL, author varchar(10) NOT NULL \
     CHECK (author IN ('customer', 'agent', 'automatic')), body text NOT NULL, create_time {time} NOT NULL, \
     PRIMARY KEY (root_id, message_id))",
    "CREATE TABLE reviews (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     source varchar(32) NOT NULL, external_id varchar(128) NOT NULL, subject varchar(140) NOT NULL, \
     subject_kind varchar(10) NOT NULL CHECK (subject_kind IN ('orders', 'products', 'stores', 'shipments')), \
     order_id uuid, customer uuid, rating bigint NOT NULL CHECK (rating BETWEEN 1 AND 5), title text NOT NULL, \
     body text NOT NULL, review_time {time} NOT NULL, create_time {time} NOT NULL, update_time {time} NOT NULL, \
     revision bigint NOT NULL)",
    "CREATE INDEX reviews_by_time ON reviews (review_time, root_id)",
    "CREATE INDEX reviews_by_subject ON reviews (subject, rating)",
    "CREATE INDEX reviews_by_kind ON reviews (organization, subject_kind, rating)",
    "CREATE INDEX reviews_by_customer ON reviews (customer, review_time)",
    "CREATE INDEX reviews_low ON reviews (order_id) WHERE rating <= 2",
    "CREATE TABLE surveys (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     slug varchar(63) NOT NULL, trigger_kind varchar(10) NOT NULL CHECK (trigger_kind IN ('manual', 'delivered')), \
     version bigint NOT NULL, create_time {time} NOT NULL)",
    "CREATE TABLE survey_versions (root_id uuid NOT NULL, version bigint NOT NULL, display_name varchar(200) NOT NULL, \
     questions text NOT NULL, time_zone varchar(64) NOT NULL, create_time {time} NOT NULL, \
     PRIMARY KEY (root_id, version))",
    // The one survey of an organisation that is sent on delivery; the root is the organisation's.
    "CREATE TABLE delivery_surveys (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     survey_id uuid NOT NULL)",
    "CREATE TABLE invitations (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     survey_id uuid NOT NULL, survey varchar(63) NOT NULL, version bigint NOT NULL, customer uuid NOT NULL, \
     order_name varchar(110), state varchar(10) NOT NULL \
     CHECK (state IN ('invited', 'shown', 'dismissed', 'answered')), historical boolean NOT NULL, \
     create_time {time} NOT NULL, show_time {time}, \
     dismiss_time {time}, answer_time {time}, revision bigint NOT NULL)",
    "CREATE INDEX invitations_by_survey ON invitations (survey_id, create_time)",
    "CREATE INDEX invitations_by_order ON invitations (order_name)",
    "CREATE TABLE impressions (root_id uuid NOT NULL, impression_id uuid NOT NULL, kind varchar(10) NOT NULL \
     CHECK (kind IN ('shown', 'dismissed')), version bigint NOT NULL, create_time {time} NOT NULL, \
     PRIMARY KEY (root_id, impression_id))",
    // The response to an invitation; the root is the invitation's.
    "CREATE TABLE responses (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     survey_id uuid NOT NULL, version bigint NOT NULL, answer_time {time} NOT NULL, create_time {time} NOT NULL)",
    "CREATE TABLE answers (root_id uuid NOT NULL, question varchar(32) NOT NULL, place bigint NOT NULL, \
     organization varchar(63) NOT NULL, survey_id uuid NOT NULL, kind varchar(8) NOT NULL \
     CHECK (kind IN ('nps', 'csat', 'ces', 'text')), number bigint, body text, answer_time {time} NOT NULL, \
     CHECK ((number IS NULL) <> (body IS NULL)), PRIMARY KEY (root_id, question))",
    "CREATE INDEX answers_by_question ON answers (survey_id, question, answer_time) WHERE number IS NOT NULL",
    "CREATE INDEX answers_by_kind ON answers (kind, number) WHERE number IS NOT NULL",
];

#[async_trait]
impl MigrationTrait for Feedback {
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
