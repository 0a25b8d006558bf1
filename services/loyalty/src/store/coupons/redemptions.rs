//! Redemptions and their rollbacks: their rows. They are only ever added.

use std::collections::BTreeMap;

use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{Timestamp, Uuid};
use guanxi_store::{Change, Column, Result, Rows, StoreError, Table, dialect, time};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use crate::domain::coupon::code::CouponId;
use crate::domain::coupon::redemption::{Cause, Redemption, Use};
use crate::domain::coupon::stack::Taken;
use crate::store::{organization, rows};

const REDEMPTIONS: Table = Table::new(
    "coupon_redemptions",
    &[
        Column::uuid("root_id"),
        Column::int("number"),
        Column::int("item"),
        Column::text("organization"),
        Column::text("order_name"),
        Column::uuid("member").nullable(),
        Column::uuid("customer").nullable(),
        Column::text("store").nullable(),
        Column::text("lines"),
        Column::uuid("coupon"),
        Column::int("generation"),
        Column::uuid("batch"),
        Column::int("discount_minor"),
        Column::int("delivery_minor"),
        Column::time("redeem_time"),
    ],
);

const ROLLBACKS: Table = Table::new(
    "coupon_rollbacks",
    &[Column::uuid("root_id"), Column::int("number"), Column::text("cause"), Column::time("create_time")],
);

#[derive(FromQueryResult)]
struct Row {
    root_id: Uuid,
    number: i64,
    organization: String,
    order_name: String,
    member: Option<Uuid>,
    customer: Option<Uuid>,
    store: Option<String>,
    lines: String,
    coupon: Uuid,
    generation: i64,
    batch: Uuid,
    discount_minor: i64,
    delivery_minor: i64,
    redeem_time: DateTimeUtc,
    rollback_time: Option<DateTimeUtc>,
}

/// Each row with when its redemption was taken back.
const ROWS: &str = "SELECT r.*, b.create_time AS rollback_time FROM coupon_redemptions r \
                    LEFT JOIN coupon_rollbacks b ON b.root_id = r.root_id AND b.number = r.number";

/// What these orders redeemed, by the keys of their redemptions, oldest first.
///
/// # Errors
/// The database's.
pub async fn of_orders(connection: &impl ConnectionTrait, roots: &[Uuid]) -> Result<BTreeMap<Uuid, Vec<Redemption>>> {
    if roots.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (condition, roots) = dialect::any_uuid(connection.get_database_backend(), "r.root_id", 1, roots);
    read(connection, &format!("WHERE {condition} ORDER BY r.root_id, r.number, r.item"), vec![roots]).await
}

/// What was redeemed of a batch after a place, at most `limit` rows; the place is a root, a number and an item. Of each
/// redemption only the batch's own coupons.
///
/// # Errors
/// The database's.
pub async fn of_batch(
    connection: &impl ConnectionTrait,
    batch: Uuid,
    after: (Uuid, i64, i64),
    limit: i64,
) -> Result<(Vec<Redemption>, Option<(Uuid, i64, i64)>)> {
    #[derive(FromQueryResult)]
    struct Place {
        root_id: Uuid,
        number: i64,
        item: i64,
    }
    let (root, number, item) = after;
    let condition = "r.batch = $1 AND (r.root_id > $2 OR (r.root_id = $2 AND (r.number > $3 OR \
                     (r.number = $3 AND r.item > $4))))";
    let order = "ORDER BY r.root_id, r.number, r.item LIMIT $5";
    let values: Vec<Value> = vec![batch.into(), root.into(), number.into(), item.into(), limit.into()];
    let places = format!("SELECT r.root_id, r.number, r.item FROM coupon_redemptions r WHERE {condition} {order}");
    let last = rows::<Place>(connection, places, values.clone()).await?.pop();
    let found = read(connection, &format!("WHERE {condition} {order}"), values).await?;
    let last = last.map(|place| (place.root_id, place.number, place.item));
    Ok((found.into_values().flatten().collect(), last))
}

async fn read(
    connection: &impl ConnectionTrait,
    and: &str,
    values: Vec<Value>,
) -> Result<BTreeMap<Uuid, Vec<Redemption>>> {
    let mut found: BTreeMap<Uuid, Vec<Redemption>> = BTreeMap::new();
    for row in rows::<Row>(connection, format!("{ROWS} {and}"), values).await? {
        let used = Use {
            coupon: CouponId(row.coupon),
            generation: row.generation,
            batch: row.batch,
            taken: Taken { goods: row.discount_minor, delivery: row.delivery_minor },
        };
        let all = found.entry(row.root_id).or_default();
        match all.last_mut() {
            Some(last) if last.number == row.number => last.uses.push(used),
            _ => all.push(redemption(row, used)?),
        }
    }
    Ok(found)
}

fn redemption(row: Row, first: Use) -> Result<Redemption> {
    Ok(Redemption {
        root: row.root_id,
        number: row.number,
        organization: organization(&row.organization)?,
        order: row.order_name.parse().map_err(StoreError::row)?,
        member: row.member.map(MemberId),
        customer: row.customer.map(CustomerId),
        store: row.store,
        lines: serde_json::from_str(&row.lines).map_err(StoreError::row)?,
        uses: vec![first],
        redeem_time: time::from_column(row.redeem_time),
        rollback_time: row.rollback_time.map(time::from_column),
    })
}

/// New redemptions, to be kept.
///
/// # Errors
/// Where the lines do not encode.
pub fn new<'a>(redemptions: impl Iterator<Item = &'a Redemption>) -> Result<Change> {
    let mut rows = Rows::new(&REDEMPTIONS);
    for redemption in redemptions {
        let lines = serde_json::to_string(&redemption.lines).map_err(StoreError::row)?;
        for (item, used) in (1_i64..).zip(&redemption.uses) {
            rows.push([
                redemption.root.into(),
                redemption.number.into(),
                item.into(),
                redemption.organization.slug().into(),
                redemption.order.as_str().into(),
                redemption.member.map(MemberId::uuid).into(),
                redemption.customer.map(CustomerId::uuid).into(),
                redemption.store.clone().into(),
                lines.as_str().into(),
                used.coupon.uuid().into(),
                used.generation.into(),
                used.batch.into(),
                used.taken.goods.into(),
                used.taken.delivery.into(),
                redemption.redeem_time.into(),
            ]);
        }
    }
    Ok(rows.inserting())
}

/// New rollbacks, to be kept. A second one of a redemption has no room: its key is there.
pub fn rolled_back(rollbacks: &[(Uuid, i64, Cause)], now: Timestamp) -> Change {
    let mut rows = Rows::new(&ROLLBACKS);
    for (root, number, cause) in rollbacks {
        rows.push([(*root).into(), (*number).into(), cause.as_str().into(), now.into()]);
    }
    rows.inserting()
}
