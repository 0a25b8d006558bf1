//! Rewards and what was redeemed of them. A redemption locks the reward first, then the member's account.

pub mod invariants;
pub mod queue;
pub mod redemptions;

use std::collections::BTreeMap;

use guanxi_kernel::{Refused, Uuid};
use guanxi_store::{Change, Column, Result, Rows, Session, StoreError, Table, Tx, time};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};

use super::entities::rewards::{Column as Field, Entity, Model};
use super::{of_roots, organization};
use crate::domain::points::Points;
use crate::domain::program::ProgramId;
use crate::domain::reward::{Eligibility, Reward, RewardId, Terms};

const REWARDS: Table = Table::new(
    "rewards",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::text("slug"),
        Column::text("program"),
        Column::text("display_name"),
        Column::int("points"),
        Column::int("price_minor"),
        Column::int("stock_total").nullable(),
        Column::int("redeemed"),
        Column::int("version"),
        Column::time("create_time"),
        Column::text("eligibility").nullable(),
    ],
);

const REDEEMED: Table = Table::new("rewards", &[Column::uuid("root_id"), Column::int("redeemed")]);

/// Keeps a new reward.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &Tx, reward: &Reward) -> Result<()> {
    one(reward)?.insert(tx).await
}

/// Keeps a changed reward.
///
/// # Errors
/// The database's.
pub async fn save(tx: &Tx, reward: &Reward) -> Result<()> {
    one(reward)?.update(tx, &["root_id"]).await.map(drop)
}

/// How often rewards were redeemed, to be kept.
pub fn redeemed<'a>(rewards: impl Iterator<Item = &'a Reward>) -> Change {
    let mut rows = Rows::new(&REDEEMED);
    for reward in rewards {
        rows.push([reward.id.uuid().into(), reward.redeemed.into()]);
    }
    rows.updating(&["root_id"])
}

fn one(reward: &Reward) -> Result<Rows> {
    let eligibility = Some(&reward.terms.eligibility).filter(|eligibility| !eligibility.is_open());
    let mut rows = Rows::new(&REWARDS);
    rows.push([
        reward.id.uuid().into(),
        reward.organization.slug().into(),
        reward.id.slug().into(),
        reward.program.slug().into(),
        reward.terms.display_name.as_str().into(),
        reward.terms.points.get().into(),
        reward.terms.price_minor.into(),
        reward.terms.stock_total.into(),
        reward.redeemed.into(),
        reward.version.into(),
        reward.create_time.into(),
        eligibility.map(serde_json::to_string).transpose().map_err(StoreError::row)?.into(),
    ]);
    Ok(rows)
}

/// Whether the id is taken, by anyone's reward.
///
/// # Errors
/// The database's.
pub async fn exists(tx: &Tx, id: &RewardId) -> Result<bool> {
    Ok(!of_roots::<Model>(tx.conn(), "rewards", &[id.uuid()], "").await?.is_empty())
}

/// The rewards with these keys, locked in the order of their keys.
///
/// # Errors
/// The database's.
pub async fn lock(tx: &Tx, keys: &[Uuid]) -> Result<BTreeMap<Uuid, Reward>> {
    let and = format!(" ORDER BY root_id{}", tx.lock("rewards", keys).await?);
    let rows = of_roots::<Model>(tx.conn(), "rewards", keys, &and).await?;
    rows.into_iter().map(|row| Ok((row.root_id, reward(row)?))).collect()
}

/// The reward, locked, for a caller who may write it.
///
/// # Errors
/// NOT_FOUND where there is none or the caller may not read it; PERMISSION_DENIED where it may only read it.
pub async fn writable(tx: &Tx, id: &RewardId) -> Result<Reward> {
    let found = lock(tx, &[id.uuid()]).await?.remove(&id.uuid());
    let found = found.filter(|reward| tx.may_read(reward.organization.slug()));
    let found = found.ok_or_else(|| Refused::not_found("reward", id))?;
    tx.may_write(found.organization.slug())?;
    Ok(found)
}

/// The reward that the caller may read.
///
/// # Errors
/// NOT_FOUND; the database's.
pub async fn read<S: Session>(session: &S, id: &RewardId) -> Result<Reward> {
    let row = session.find::<Entity>().filter(Field::RootId.eq(id.uuid())).one(session.connection()).await?;
    reward(row.ok_or_else(|| Refused::not_found("reward", id))?)
}

/// A page of rewards that the caller may read, by slug.
///
/// # Errors
/// The database's.
pub async fn page<S: Session>(
    session: &S,
    program: Option<&ProgramId>,
    after: Option<&str>,
    size: u64,
) -> Result<Vec<Reward>> {
    let mut query = session.find::<Entity>().order_by_asc(Field::Slug).limit(size);
    if let Some(program) = program {
        query = query.filter(Field::Program.eq(program.slug()));
    }
    if let Some(after) = after {
        query = query.filter(Field::Slug.gt(after));
    }
    query.all(session.connection()).await?.into_iter().map(reward).collect()
}

fn reward(row: Model) -> Result<Reward> {
    Ok(Reward {
        id: RewardId::from_slug(&row.slug).map_err(StoreError::row)?,
        organization: organization(&row.organization)?,
        program: ProgramId::from_slug(&row.program).map_err(StoreError::row)?,
        terms: Terms {
            display_name: row.display_name,
            points: Points::new(row.points),
            price_minor: row.price_minor,
            stock_total: row.stock_total,
            eligibility: match row.eligibility {
                Some(eligibility) => serde_json::from_str(&eligibility).map_err(StoreError::row)?,
                None => Eligibility::default(),
            },
        },
        redeemed: row.redeemed,
        version: row.version,
        create_time: time::from_column(row.create_time),
    })
}
