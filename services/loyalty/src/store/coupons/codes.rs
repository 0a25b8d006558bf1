//! Coupons: their rows. Codes are kept as they are, since they must be exported again: whoever reads the database can use
//! those that belong to nobody.

use std::collections::BTreeMap;

use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{Refused, Uuid};
use guanxi_store::{Change, Column, Result, Rows, Session, StoreError, Table, time};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};

use crate::domain::coupon::batch::BatchId;
use crate::domain::coupon::code::CouponId;
use crate::domain::coupon::{Coupon, CouponState, Owner};
use crate::store::entities::coupons::{Column as Field, Entity, Model};
use crate::store::{of_roots, organization, rows};

const COUPONS: Table = Table::new(
    "coupons",
    &[
        Column::uuid("root_id"),
        Column::int("generation"),
        Column::text("organization"),
        Column::uuid("batch"),
        Column::text("batch_slug"),
        Column::int("number"),
        Column::text("code"),
        Column::uuid("member").nullable(),
        Column::uuid("customer").nullable(),
        Column::time("start_time"),
        Column::time("expire_time"),
        Column::int("redeemed"),
        Column::int("redeemable").nullable(),
        Column::time("remind_time").nullable(),
        Column::time("create_time"),
    ],
);

const CHANGED: Table = Table::new(
    "coupons",
    &[
        Column::uuid("root_id"),
        Column::int("generation"),
        Column::int("redeemed"),
        Column::time("remind_time").nullable(),
    ],
);

#[derive(FromQueryResult)]
struct OfBatch {
    batch: Uuid,
}

/// New coupons, to be kept.
pub fn new<'a>(coupons: impl Iterator<Item = &'a Coupon>) -> Change {
    let mut rows = Rows::new(&COUPONS);
    for coupon in coupons {
        rows.push([
            coupon.id.uuid().into(),
            coupon.generation.into(),
            coupon.organization.slug().into(),
            coupon.batch.uuid().into(),
            coupon.batch.slug().into(),
            coupon.number.into(),
            coupon.code.as_str().into(),
            coupon.owner.map(|owner| owner.member.uuid()).into(),
            coupon.owner.map(|owner| owner.customer.uuid()).into(),
            coupon.start_time.into(),
            coupon.expire_time.into(),
            coupon.redeemed.into(),
            coupon.redeemable.into(),
            coupon.remind_time.into(),
            coupon.create_time.into(),
        ]);
    }
    rows.inserting()
}

/// What changed of coupons, to be kept.
pub fn changed<'a>(coupons: impl Iterator<Item = &'a Coupon>) -> Change {
    let mut rows = Rows::new(&CHANGED);
    for coupon in coupons {
        rows.push([
            coupon.id.uuid().into(),
            coupon.generation.into(),
            coupon.redeemed.into(),
            coupon.remind_time.into(),
        ]);
    }
    rows.updating(&["root_id", "generation"])
}

/// The batches of these codes, in all their lives.
///
/// # Errors
/// The database's.
pub async fn batches_of(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (condition, ids) = guanxi_store::dialect::any_uuid(connection.get_database_backend(), "root_id", 1, ids);
    let sql = format!("SELECT DISTINCT batch FROM coupons WHERE {condition}");
    Ok(rows::<OfBatch>(connection, sql, vec![ids]).await?.into_iter().map(|row| row.batch).collect())
}

/// These codes, in all their lives.
///
/// # Errors
/// The database's.
pub async fn load(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<BTreeMap<(CouponId, i64), Coupon>> {
    let found = of_roots::<Model>(connection, "coupons", ids, "").await?;
    found.into_iter().map(|row| coupon(row).map(|coupon| ((coupon.id, coupon.generation), coupon))).collect()
}

/// The newest life of a code that the caller may read.
///
/// # Errors
/// NOT_FOUND; the database's.
pub async fn read<S: Session>(session: &S, id: CouponId) -> Result<Coupon> {
    let query = session.find::<Entity>().filter(Field::RootId.eq(id.uuid())).order_by_desc(Field::Generation);
    let row = query.limit(1).one(session.connection()).await?;
    coupon(row.ok_or_else(|| Refused::not_found("coupon", id))?)
}

/// Which coupons to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those of this batch.
    pub batch: Option<BatchId>,
    /// Only those of these members.
    pub members: Option<Vec<MemberId>>,
    /// Only those in this state.
    pub state: Option<CouponState>,
}

/// A page of coupons that the caller may read, by their keys.
///
/// # Errors
/// The database's.
pub async fn page<S: Session>(
    session: &S,
    filter: &Filter,
    after: Option<(Uuid, i64)>,
    size: u64,
) -> Result<Vec<Coupon>> {
    let query = session.find::<Entity>().order_by_asc(Field::RootId).order_by_asc(Field::Generation).limit(size);
    let now = time::to_column(session.now());
    let used = || Expr::cust("(redeemable IS NOT NULL AND redeemed >= redeemable)");
    let unused = || Expr::cust("(redeemable IS NULL OR redeemed < redeemable)");
    let mut condition = Condition::all();
    if let Some(batch) = &filter.batch {
        condition = condition.add(Field::Batch.eq(batch.uuid()));
    }
    if let Some(members) = &filter.members {
        condition = condition.add(Field::Member.is_in(members.iter().map(|member| member.uuid())));
    }
    if let Some((root, generation)) = after {
        let same = Condition::all().add(Field::RootId.eq(root)).add(Field::Generation.gt(generation));
        condition = condition.add(Condition::any().add(Field::RootId.gt(root)).add(same));
    }
    condition = match filter.state {
        None => condition,
        Some(CouponState::Used) => condition.add(used()),
        Some(CouponState::Expired) => condition.add(unused()).add(Field::ExpireTime.lte(now)),
        Some(CouponState::Pending) => {
            condition.add(unused()).add(Field::ExpireTime.gt(now)).add(Field::StartTime.gt(now))
        }
        Some(CouponState::Active) => {
            condition.add(unused()).add(Field::ExpireTime.gt(now)).add(Field::StartTime.lte(now))
        }
    };
    query.filter(condition).all(session.connection()).await?.into_iter().map(coupon).collect()
}

/// The coupons of a batch that were made after `number`, in the order in which they were made.
///
/// # Errors
/// The database's.
pub async fn made_after(
    connection: &impl ConnectionTrait,
    batch: &BatchId,
    number: i64,
    limit: i64,
) -> Result<Vec<Coupon>> {
    let sql = "SELECT * FROM coupons WHERE batch = $1 AND number > $2 ORDER BY number LIMIT $3";
    let values = vec![batch.uuid().into(), number.into(), limit.into()];
    rows::<Model>(connection, sql.to_owned(), values).await?.into_iter().map(coupon).collect()
}

/// A coupon from its row.
///
/// # Errors
/// Where the row holds what this release does not understand.
pub fn coupon(row: Model) -> Result<Coupon> {
    let owner = row.member.zip(row.customer);
    Ok(Coupon {
        id: CouponId(row.root_id),
        generation: row.generation,
        organization: organization(&row.organization)?,
        batch: BatchId::from_slug(&row.batch_slug).map_err(StoreError::row)?,
        number: row.number,
        code: row.code,
        owner: owner.map(|(member, customer)| Owner { member: MemberId(member), customer: CustomerId(customer) }),
        start_time: time::from_column(row.start_time),
        expire_time: time::from_column(row.expire_time),
        redeemed: row.redeemed,
        redeemable: row.redeemable,
        remind_time: row.remind_time.map(time::from_column),
        create_time: time::from_column(row.create_time),
    })
}
