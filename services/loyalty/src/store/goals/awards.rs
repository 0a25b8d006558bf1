//! What members were given for challenges: a row each, withdrawn ones included. They change under the lock of the member's
//! account.

use guanxi_contracts::loyalty::events::v1::{ChallengeAwarded, ChallengeWithdrawn};
use guanxi_contracts::time::to_proto;
use guanxi_kernel::name::MemberId;
use guanxi_kernel::{OrderName, Timestamp, Uuid};
use guanxi_messaging::event;
use guanxi_store::{Change, Column, NewEvent, Result, Rows, StoreError, Table, time};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::Pair;
use crate::domain::account::Account;
use crate::domain::award::{self, Award};
use crate::domain::challenge::{Challenge, ChallengeId};
use crate::domain::entry::{OrderId, text_enum};
use crate::domain::expiry::Period;
use crate::domain::points::Points;
use crate::domain::reward::RewardId;
use crate::store::{of_keys, rows};

text_enum! {
    /// What became of the reward of an award.
    RewardState {
        /// It waits for stock, or for its turn.
        Due = "DUE",
        /// It is redeemed for the member.
        Granted = "GRANTED",
        /// It is about to be taken back.
        Recalled = "RECALLED",
        /// It was taken back.
        Withdrawn = "WITHDRAWN",
        /// It had been handed over.
        Kept = "KEPT",
    }
}

const AWARDS: Table = Table::new(
    "challenge_awards",
    &[
        Column::uuid("root_id"),
        Column::uuid("award_id"),
        Column::uuid("goal_id"),
        Column::text("challenge"),
        Column::text("award_key"),
        Column::int("generation"),
        Column::int("points"),
        Column::uuid("order_id"),
        Column::text("valid_for").nullable(),
        Column::time("reach_time"),
        Column::time("create_time"),
        Column::time("withdraw_time").nullable(),
        Column::text("reward").nullable(),
        Column::text("reward_state").nullable(),
        Column::uuid("redemption_id").nullable(),
    ],
);

const CHANGES: Table = Table::new(
    "challenge_awards",
    &[
        Column::uuid("root_id"),
        Column::uuid("award_id"),
        Column::time("reach_time"),
        Column::time("withdraw_time").nullable(),
        Column::text("reward_state").nullable(),
        Column::uuid("redemption_id").nullable(),
    ],
);

#[derive(FromQueryResult)]
struct Row {
    root_id: Uuid,
    award_id: Uuid,
    goal_id: Uuid,
    challenge: String,
    award_key: String,
    generation: i64,
    points: i64,
    valid_for: Option<String>,
    reach_time: DateTimeUtc,
    create_time: DateTimeUtc,
    withdraw_time: Option<DateTimeUtc>,
    reward: Option<String>,
    reward_state: Option<String>,
    redemption_id: Option<Uuid>,
}

/// What a member was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Whose.
    pub member: MemberId,
    /// Its id.
    pub id: Uuid,
    /// The key of the challenge's row.
    pub goal: Uuid,
    /// The challenge.
    pub challenge: ChallengeId,
    /// What for, once.
    pub key: String,
    /// How often that was given, this one included.
    pub generation: i64,
    /// The points.
    pub points: Points,
    /// How long those are good.
    pub valid_for: Option<Period>,
    /// When the goal was reached.
    pub reach_time: Timestamp,
    /// When it was given.
    pub create_time: Timestamp,
    /// When it was withdrawn.
    pub withdraw_time: Option<Timestamp>,
    /// The reward, and what became of it.
    pub reward: Option<(RewardId, RewardState)>,
    /// Its redemption.
    pub redemption: Option<Uuid>,
}

impl Given {
    /// What a challenge gives.
    pub fn new(
        member: MemberId,
        id: Uuid,
        challenge: &Challenge,
        (key, generation): (String, i64),
        at: Timestamp,
        now: Timestamp,
    ) -> Self {
        Self {
            member,
            id,
            goal: challenge.goal_id,
            challenge: challenge.id.clone(),
            key,
            generation,
            points: challenge.terms.points,
            valid_for: challenge.terms.valid_for,
            reach_time: at,
            create_time: now,
            withdraw_time: None,
            reward: challenge.terms.reward_id().map(|reward| (reward, RewardState::Due)),
            redemption: None,
        }
    }

    /// What its points are called in the ledger.
    pub fn order(&self) -> OrderName {
        award::order(self.id)
    }

    /// Its points, as the ledger gives them.
    pub fn award(&self) -> Award {
        let (at, active_from) = (self.reach_time, Some(self.reach_time));
        Award { order: self.order(), points: self.points, at, active_from, valid_for: self.valid_for }
    }

    /// It is taken back.
    pub fn withdraw(&mut self, now: Timestamp) {
        self.withdraw_time = Some(now);
        if let Some((_, state)) = &mut self.reward {
            *state = if *state == RewardState::Due { RewardState::Withdrawn } else { RewardState::Recalled };
        }
    }

    fn event_key(&self) -> String {
        format!("{}/awards/{}", self.member, self.id)
    }

    fn reward_name(&self) -> String {
        self.reward.as_ref().map(|(reward, _)| reward.to_string()).unwrap_or_default()
    }

    /// Tells that it was given.
    pub fn told(&self, account: &Account) -> NewEvent {
        let message = ChallengeAwarded {
            member: self.member.to_string(),
            customer: account.customer.to_string(),
            program: account.program.to_string(),
            challenge: self.challenge.to_string(),
            key: self.key.clone(),
            points: self.points.get(),
            reward: self.reward_name(),
            reach_time: Some(to_proto(self.reach_time)),
        };
        event(self.event_key(), 1, &account.organization, self.reach_time, false, &message)
    }

    /// Tells that it was taken back.
    pub fn told_withdrawn(&self, account: &Account, now: Timestamp) -> NewEvent {
        let message = ChallengeWithdrawn {
            member: self.member.to_string(),
            customer: account.customer.to_string(),
            program: account.program.to_string(),
            challenge: self.challenge.to_string(),
            key: self.key.clone(),
            points: self.points.get(),
            reward: self.reward_name(),
        };
        event(self.event_key(), 2, &account.organization, now, false, &message)
    }
}

fn given(row: Row) -> Result<Given> {
    let reward = match (row.reward, row.reward_state) {
        (Some(slug), Some(state)) => Some((
            RewardId::from_slug(&slug).map_err(StoreError::row)?,
            state.parse::<RewardState>().map_err(StoreError::row)?,
        )),
        _ => None,
    };
    Ok(Given {
        member: MemberId(row.root_id),
        id: row.award_id,
        goal: row.goal_id,
        challenge: ChallengeId::from_slug(&row.challenge).map_err(StoreError::row)?,
        key: row.award_key,
        generation: row.generation,
        points: Points::new(row.points),
        valid_for: row.valid_for.map(|text| serde_json::from_str(&text).map_err(StoreError::row)).transpose()?,
        reach_time: time::from_column(row.reach_time),
        create_time: time::from_column(row.create_time),
        withdraw_time: row.withdraw_time.map(time::from_column),
        reward,
        redemption: row.redemption_id,
    })
}

/// What was given for these goals of members.
///
/// # Errors
/// The database's.
pub async fn of(connection: &impl ConnectionTrait, pairs: &[Pair]) -> Result<Vec<Given>> {
    of_keys::<Row>(connection, "challenge_awards", "goal_id", pairs).await?.into_iter().map(given).collect()
}

/// These awards, by their members and ids.
///
/// # Errors
/// The database's.
pub async fn load(connection: &impl ConnectionTrait, keys: &[(Uuid, Uuid)]) -> Result<Vec<Given>> {
    of_keys::<Row>(connection, "challenge_awards", "award_id", keys).await?.into_iter().map(given).collect()
}

/// A page of what a member was given, the first given first.
///
/// # Errors
/// The database's.
pub async fn page(
    connection: &impl ConnectionTrait,
    member: MemberId,
    after: Option<Uuid>,
    size: i64,
) -> Result<Vec<Given>> {
    let sql = "SELECT * FROM challenge_awards WHERE root_id = $1 AND award_id > $2 ORDER BY award_id LIMIT $3";
    let values = vec![member.uuid().into(), after.unwrap_or(Uuid::nil()).into(), size.into()];
    rows::<Row>(connection, sql.to_owned(), values).await?.into_iter().map(given).collect()
}

/// New awards, to be kept.
///
/// # Errors
/// Where something does not encode.
pub fn new<'a>(awards: impl Iterator<Item = &'a Given>) -> Result<Change> {
    let mut rows = Rows::new(&AWARDS);
    for given in awards {
        let valid_for = given.valid_for.as_ref().map(serde_json::to_string).transpose().map_err(StoreError::row)?;
        rows.push([
            given.member.uuid().into(),
            given.id.into(),
            given.goal.into(),
            given.challenge.slug().into(),
            given.key.as_str().into(),
            given.generation.into(),
            given.points.get().into(),
            OrderId::from(&given.order()).0.into(),
            valid_for.into(),
            given.reach_time.into(),
            given.create_time.into(),
            given.withdraw_time.into(),
            given.reward.as_ref().map(|(reward, _)| reward.slug()).into(),
            given.reward.as_ref().map(|(_, state)| state.as_str()).into(),
            given.redemption.into(),
        ]);
    }
    Ok(rows.inserting())
}

/// Changed awards, to be kept.
pub fn changed<'a>(awards: impl Iterator<Item = &'a Given>) -> Change {
    let mut rows = Rows::new(&CHANGES);
    for given in awards {
        rows.push([
            given.member.uuid().into(),
            given.id.into(),
            given.reach_time.into(),
            given.withdraw_time.into(),
            given.reward.as_ref().map(|(_, state)| state.as_str()).into(),
            given.redemption.into(),
        ]);
    }
    rows.updating(&["root_id", "award_id"])
}
