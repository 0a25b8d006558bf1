//! Challenges and referrals: what orders count for, what is given for it, and who brought whom.

use guanxi_store::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use guanxi_store::sea_orm_migration::async_trait::async_trait;
use guanxi_store::sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

/// Challenges and referrals.
pub struct Challenges;

impl MigrationName for Challenges {
    fn name(&self) -> &str {
        "m0010_challenges"
    }
}

/// `{time}` stands for the type of instants, which the two databases call differently.
const STATEMENTS: &[&str] = &[
    // A change of one counts as a change of its program's campaigns: whoever knows the program reads both again.
    "CREATE TABLE challenges (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     slug varchar(63) NOT NULL, program varchar(63) NOT NULL, terms text NOT NULL, version bigint NOT NULL, \
     create_time {time} NOT NULL, update_time {time} NOT NULL)",
    "CREATE INDEX challenges_by_program ON challenges (program)",
    // What an order of a member counts for a goal (a challenge, or the program's referrals), less what came back. It changes
    // under the lock of the member's account.
    "CREATE TABLE goal_orders (root_id uuid NOT NULL, goal_id uuid NOT NULL, order_id uuid NOT NULL, \
     order_time {time} NOT NULL, how text NOT NULL, amount bigint NOT NULL CHECK (amount >= 0), \
     PRIMARY KEY (root_id, goal_id, order_id))",
    "CREATE INDEX goal_orders_by_order ON goal_orders (root_id, order_id)",
    // Goals of members of which something changed since it was last worked out what follows.
    "CREATE TABLE goals_due (root_id uuid NOT NULL, goal_id uuid NOT NULL, PRIMARY KEY (root_id, goal_id))",
    // What members were given for challenges. `generation` counts how often one thing was given, withdrawn ones included.
    "CREATE TABLE challenge_awards (root_id uuid NOT NULL, award_id uuid NOT NULL, goal_id uuid NOT NULL, \
     challenge varchar(63) NOT NULL, award_key varchar(20) NOT NULL, generation bigint NOT NULL, \
     points bigint NOT NULL CHECK (points >= 0), order_id uuid NOT NULL, valid_for text, reach_time {time} NOT NULL, \
     create_time {time} NOT NULL, withdraw_time {time}, reward varchar(63), reward_state varchar(20), \
     redemption_id uuid, PRIMARY KEY (root_id, award_id), UNIQUE (root_id, goal_id, award_key, generation))",
    "CREATE INDEX challenge_awards_rewards ON challenge_awards (reward_state) \
     WHERE reward_state = 'DUE' OR reward_state = 'RECALLED'",
    // Codes by their key, and the code of each member. Never changed.
    "CREATE TABLE referral_codes (root_id uuid NOT NULL PRIMARY KEY, member uuid NOT NULL, create_time {time} NOT NULL)",
    "CREATE TABLE member_referral_codes (root_id uuid NOT NULL PRIMARY KEY, code varchar(64) NOT NULL, \
     create_time {time} NOT NULL)",
    // Who was brought, by whom, and what came of it. It changes under the locks of both accounts.
    "CREATE TABLE referrals (root_id uuid NOT NULL PRIMARY KEY, organization varchar(63) NOT NULL, \
     program varchar(63) NOT NULL, referrer uuid NOT NULL, code varchar(64) NOT NULL, state varchar(20) NOT NULL, \
     generation bigint NOT NULL, order_id uuid, order_name varchar(110), convert_time {time}, limit_from varchar(10), \
     referrer_points bigint NOT NULL, referee_points bigint NOT NULL, limited boolean NOT NULL, \
     create_time {time} NOT NULL)",
    "CREATE INDEX referrals_by_referrer ON referrals (referrer, root_id)",
];

#[async_trait]
impl MigrationTrait for Challenges {
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
