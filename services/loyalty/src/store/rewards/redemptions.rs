//! Redemptions of rewards: their rows. What they took does not change; where they stand does.

use std::collections::BTreeMap;

use guanxi_kernel::Uuid;
use guanxi_kernel::name::MemberId;
use guanxi_store::{Change, Column, Result, Rows, StoreError, Table, time};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::domain::entry::OrderId;
use crate::domain::points::Points;
use crate::domain::reward::{Redemption, RewardId, State, order};
use crate::store::of_keys;

const REDEMPTIONS: Table = Table::new(
    "reward_redemptions",
    &[
        Column::uuid("root_id"),
        Column::uuid("redemption_id"),
        Column::text("slug"),
        Column::uuid("member"),
        Column::uuid("order_id"),
        Column::text("state"),
        Column::int("points"),
        Column::int("price_minor"),
        Column::time("create_time"),
        Column::time("update_time"),
    ],
);

const STATES: Table = Table::new(
    "reward_redemptions",
    &[Column::uuid("root_id"), Column::uuid("redemption_id"), Column::text("state"), Column::time("update_time")],
);

#[derive(FromQueryResult)]
struct Row {
    redemption_id: Uuid,
    slug: String,
    member: Uuid,
    state: String,
    points: i64,
    price_minor: i64,
    create_time: DateTimeUtc,
    update_time: DateTimeUtc,
}

/// New redemptions, to be kept.
pub fn new<'a>(redemptions: impl Iterator<Item = &'a Redemption>) -> Change {
    let mut rows = Rows::new(&REDEMPTIONS);
    for redemption in redemptions {
        rows.push([
            redemption.reward.uuid().into(),
            redemption.id.into(),
            redemption.reward.slug().into(),
            redemption.member.uuid().into(),
            OrderId::from(&order(redemption.id)).0.into(),
            redemption.state.as_str().into(),
            redemption.points.get().into(),
            redemption.price_minor.into(),
            redemption.create_time.into(),
            redemption.update_time.into(),
        ]);
    }
    rows.inserting()
}

/// Where redemptions stand, to be kept.
pub fn moved<'a>(redemptions: impl Iterator<Item = &'a Redemption>) -> Change {
    let mut rows = Rows::new(&STATES);
    for redemption in redemptions {
        rows.push([
            redemption.reward.uuid().into(),
            redemption.id.into(),
            redemption.state.as_str().into(),
            redemption.update_time.into(),
        ]);
    }
    rows.updating(&["root_id", "redemption_id"])
}

/// These redemptions, by the keys of their rewards and their ids. Lock their rewards before they change.
///
/// # Errors
/// The database's.
pub async fn load(connection: &impl ConnectionTrait, keys: &[(Uuid, Uuid)]) -> Result<BTreeMap<Uuid, Redemption>> {
    let rows = of_keys::<Row>(connection, "reward_redemptions", "redemption_id", keys).await?;
    let redemption = |row: Row| {
        let state = State::parse(&row.state).ok_or_else(|| StoreError::row("a redemption in no state"))?;
        let redemption = Redemption {
            id: row.redemption_id,
            reward: RewardId::from_slug(&row.slug).map_err(StoreError::row)?,
            member: MemberId(row.member),
            state,
            points: Points::new(row.points),
            price_minor: row.price_minor,
            create_time: time::from_column(row.create_time),
            update_time: time::from_column(row.update_time),
        };
        Ok((redemption.id, redemption))
    };
    rows.into_iter().map(redemption).collect()
}
