//! Coupons: batches with their counters, codes, what orders redeemed and what of it was taken back, and who was reminded;
//! gift cards with their entries; rewards and what was redeemed of them.
//!
//! A code's root is its text within its organisation, so one text has one live coupon: its lives are numbered below it.
//! Redemptions, rollbacks, notices and returned lines are only ever added; all counters can be counted again from them.

use guanxi_store::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use guanxi_store::sea_orm_migration::async_trait::async_trait;
use guanxi_store::sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

use crate::domain::coupon::limit::{Period, Scope};
use crate::domain::coupon::redemption::Cause;
use crate::domain::reward::State;

/// Coupons.
pub struct Coupons;

impl MigrationName for Coupons {
    fn name(&self) -> &str {
        "m0004_coupons"
    }
}

/// `{time}` stands for the type of instants; `{scopes}`, `{periods}`, `{causes}` and `{states}` for the words of the domain.
const STATEMENTS: &[&str] = &[
    // The row that every redemption and every new code of a batch locks.
    "CREATE TABLE coupon_batches (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     slug varchar(63) NOT NULL, terms text NOT NULL, issued bigint NOT NULL, redeemed bigint NOT NULL, \
     redeemed_minor bigint NOT NULL, create_time {time} NOT NULL)",
    "CREATE INDEX coupon_batches_by_slug ON coupon_batches (slug)",
    "CREATE TABLE coupons (root_id uuid NOT NULL, generation bigint NOT NULL, organization varchar(63) NOT NULL, \
     batch uuid NOT NULL, batch_slug varchar(63) NOT NULL, number bigint NOT NULL, code varchar(64) NOT NULL, \
     member uuid, customer uuid, start_time {time} NOT NULL, expire_time {time} NOT NULL, redeemed bigint NOT NULL, \
     redeemable bigint, remind_time {time}, create_time {time} NOT NULL, PRIMARY KEY (root_id, generation))",
    "CREATE INDEX coupons_by_batch ON coupons (batch, number)",
    "CREATE INDEX coupons_by_member ON coupons (member, root_id) WHERE member IS NOT NULL",
    "CREATE INDEX coupons_to_remind ON coupons (remind_time) WHERE remind_time IS NOT NULL",
    "CREATE TABLE coupon_counters (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     batch uuid NOT NULL, scope varchar(10) NOT NULL CHECK (scope IN ({scopes})), \
     period varchar(10) NOT NULL CHECK (period IN ({periods})), begins varchar(10), subject varchar(160) NOT NULL, \
     used bigint NOT NULL)",
    "CREATE INDEX coupon_counters_by_batch ON coupon_counters (batch, root_id)",
    // One row for each coupon of a redemption.
    "CREATE TABLE coupon_redemptions (root_id uuid NOT NULL, number bigint NOT NULL, item bigint NOT NULL, \
     organization varchar(63) NOT NULL, order_name varchar(110) NOT NULL, member uuid, customer uuid, \
     store varchar(160), lines text NOT NULL, coupon uuid NOT NULL, generation bigint NOT NULL, batch uuid NOT NULL, \
     discount_minor bigint NOT NULL, delivery_minor bigint NOT NULL, redeem_time {time} NOT NULL, \
     PRIMARY KEY (root_id, number, item))",
    "CREATE INDEX coupon_redemptions_by_batch ON coupon_redemptions (batch, root_id)",
    "CREATE TABLE coupon_rollbacks (root_id uuid NOT NULL, number bigint NOT NULL, \
     cause varchar(10) NOT NULL CHECK (cause IN ({causes})), create_time {time} NOT NULL, \
     PRIMARY KEY (root_id, number))",
    "CREATE TABLE coupon_notices (root_id uuid NOT NULL, generation bigint NOT NULL, days_before bigint NOT NULL, \
     create_time {time} NOT NULL, PRIMARY KEY (root_id, generation, days_before))",
    // What came back of orders that redeemed.
    "CREATE TABLE coupon_returns (root_id uuid NOT NULL, return_id varchar(64) NOT NULL, line bigint NOT NULL, \
     pieces bigint NOT NULL, PRIMARY KEY (root_id, return_id, line))",
    // A gift card's root is a hash of its code, which is kept nowhere.
    "CREATE TABLE gift_cards (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     last_characters varchar(4) NOT NULL, currency varchar(3) NOT NULL, initial bigint NOT NULL, \
     balance bigint NOT NULL CHECK (balance >= 0), last_entry bigint NOT NULL, expire_time {time}, \
     create_time {time} NOT NULL)",
    "CREATE TABLE gift_card_entries (root_id uuid NOT NULL, number bigint NOT NULL, amount bigint NOT NULL, \
     order_name varchar(110), reverses bigint, create_time {time} NOT NULL, PRIMARY KEY (root_id, number))",
    // The row that every redemption of a reward locks.
    "CREATE TABLE rewards (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     slug varchar(63) NOT NULL, program varchar(63) NOT NULL, display_name varchar(200) NOT NULL, \
     points bigint NOT NULL, price_minor bigint NOT NULL, stock_total bigint, redeemed bigint NOT NULL, \
     version bigint NOT NULL, create_time {time} NOT NULL)",
    "CREATE INDEX rewards_by_slug ON rewards (slug)",
    "CREATE TABLE reward_redemptions (root_id uuid NOT NULL, redemption_id uuid NOT NULL, slug varchar(63) NOT NULL, \
     member uuid NOT NULL, order_id uuid NOT NULL, state varchar(10) NOT NULL CHECK (state IN ({states})), \
     points bigint NOT NULL, price_minor bigint NOT NULL, create_time {time} NOT NULL, update_time {time} NOT NULL, \
     PRIMARY KEY (root_id, redemption_id))",
];

fn words(words: &[&str]) -> String {
    words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ")
}

#[async_trait]
impl MigrationTrait for Coupons {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let time = match connection.get_database_backend() {
            DbBackend::Postgres => "timestamptz",
            _ => "timestamp_with_timezone_text",
        };
        for statement in STATEMENTS {
            let statement = statement
                .replace("{time}", time)
                .replace("{scopes}", &words(Scope::ALL))
                .replace("{periods}", &words(Period::ALL))
                .replace("{causes}", &words(Cause::ALL))
                .replace("{states}", &words(State::ALL));
            connection.execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}
