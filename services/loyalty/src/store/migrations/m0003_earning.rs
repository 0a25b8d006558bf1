//! Earning in full: campaigns with their budgets, what was bought, what capped and carrying rules gave, and what every
//! order came to in the campaigns of its time.

use guanxi_store::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use guanxi_store::sea_orm_migration::async_trait::async_trait;
use guanxi_store::sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

/// Earning in full.
pub struct Earning;

impl MigrationName for Earning {
    fn name(&self) -> &str {
        "m0003_earning"
    }
}

/// `{time}` stands for the type of instants, which the two databases call differently.
const STATEMENTS: &[&str] = &[
    // Grows with every change of the program's campaigns: whoever knows a program knows by it whether he knows those.
    "ALTER TABLE programs ADD COLUMN campaigns bigint NOT NULL DEFAULT 0",
    "CREATE TABLE campaigns (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     slug varchar(63) NOT NULL, program varchar(63) NOT NULL, terms text NOT NULL, version bigint NOT NULL, \
     create_time {time} NOT NULL, update_time {time} NOT NULL)",
    "CREATE INDEX campaigns_by_organization ON campaigns (organization, slug)",
    "CREATE INDEX campaigns_by_program ON campaigns (program, root_id)",
    // What a campaign may give, and gave: the row that every earning by it locks. The limits are here too, so that no
    // earning goes by limits that were lowered meanwhile.
    "CREATE TABLE campaign_budgets (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     points_limit bigint, orders_limit bigint, points bigint NOT NULL, orders bigint NOT NULL)",
    // What was bought, by whom as he was then: what a draft of a rule is tested on. Set when the order earns.
    "ALTER TABLE member_orders ADD COLUMN earn_time {time}",
    "ALTER TABLE member_orders ADD COLUMN source varchar(32)",
    "ALTER TABLE member_orders ADD COLUMN purchase text",
    "ALTER TABLE member_orders ADD COLUMN buyer text",
    // What a rule with a cap, or one that carries what is left of a step, gave for an order. Never changed: caps and what
    // is carried are sums over it.
    "CREATE TABLE rule_grants (root_id uuid NOT NULL, rule varchar(127) NOT NULL, order_id uuid NOT NULL, \
     day varchar(10) NOT NULL, points bigint NOT NULL, carried_minor bigint NOT NULL, \
     PRIMARY KEY (root_id, rule, order_id))",
    // What an order of a member came to in a campaign of its time. Only `returned` changes.
    "CREATE TABLE campaign_orders (root_id uuid NOT NULL, campaign_id uuid NOT NULL, order_id uuid NOT NULL, \
     held_out boolean NOT NULL, qualified boolean NOT NULL, points bigint NOT NULL, returned bigint NOT NULL, \
     value_minor bigint NOT NULL, PRIMARY KEY (root_id, campaign_id, order_id))",
    "CREATE INDEX campaign_orders_by_campaign ON campaign_orders (campaign_id, root_id)",
];

#[async_trait]
impl MigrationTrait for Earning {
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
