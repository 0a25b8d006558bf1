//! What the customer service told of customers: their birthdays, the segments that they are in, how likely it is that they
//! do not come back. A projection: each part keeps the version that it is of, and an older one changes nothing. It is kept
//! of every customer, since one who is told of today may become a member tomorrow.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{OrganizationId, Timestamp, Uuid};
use guanxi_store::{Cell, Column, Result, Rows, Table, Tx, time};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::occasions::{day, of_day};
use super::{kin, merges, of_roots};
use crate::domain::facts::Told;
use crate::domain::ledger::Book;
use crate::domain::occasion::Birthday;

const DAYS: Table = Table::new(
    "customer_days",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::int("version"),
        Column::int("month").nullable(),
        Column::int("day").nullable(),
        Column::text("calendar").nullable(),
        Column::time("told_time").nullable(),
        Column::bool("proven"),
        Column::text("time_zone").nullable(),
    ],
);

const SEGMENTS: Table = Table::new(
    "customer_segments",
    &[
        Column::uuid("root_id"),
        Column::text("segment"),
        Column::text("organization"),
        Column::int("version"),
        Column::bool("inside"),
        Column::time("since_time"),
    ],
);

const RISKS: Table = Table::new(
    "customer_risks",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::int("version"),
        Column::int("risk_permille"),
        Column::time("assess_time"),
    ],
);

/// A customer's days, as they were told.
#[derive(Debug, Clone, Default)]
pub struct Days {
    /// The version of the customer.
    pub version: i64,
    /// His birthday; `None` where it is not known.
    pub birthday: Option<Birthday>,
    /// His zone; `None` where it is not known.
    pub time_zone: Option<String>,
}

/// A customer's place in a segment.
#[derive(Debug, Clone)]
pub struct Place {
    /// The version of it.
    pub version: i64,
    /// Whether he is in it.
    pub inside: bool,
    /// Since when.
    pub since: Timestamp,
}

/// How likely it is that a customer does not come back.
#[derive(Debug, Clone)]
pub struct Risk {
    /// The version of it.
    pub version: i64,
    /// In thousandths.
    pub risk_permille: i64,
    /// When it was assessed.
    pub at: Timestamp,
}

#[derive(FromQueryResult)]
struct DaysRow {
    root_id: Uuid,
    version: i64,
    month: Option<i64>,
    day: Option<i64>,
    calendar: Option<String>,
    told_time: Option<DateTimeUtc>,
    proven: bool,
    time_zone: Option<String>,
}

#[derive(FromQueryResult)]
struct SegmentRow {
    root_id: Uuid,
    segment: String,
}

#[derive(FromQueryResult)]
struct RiskRow {
    root_id: Uuid,
    risk_permille: i64,
}

/// The days of these customers, of whom they are known.
///
/// # Errors
/// The database's.
pub async fn days(
    connection: &impl ConnectionTrait,
    customers: impl Iterator<Item = CustomerId>,
) -> Result<BTreeMap<Uuid, Days>> {
    let roots: BTreeSet<Uuid> = customers.map(CustomerId::uuid).collect();
    let roots: Vec<Uuid> = roots.into_iter().collect();
    let rows = of_roots::<DaysRow>(connection, "customer_days", &roots, "").await?;
    let kept = rows.into_iter().map(|row| {
        let DaysRow { version, proven, time_zone, .. } = row;
        let birthday = row.told_time.zip(row.month).zip(row.day).and_then(|((told, month), on)| {
            Some(Birthday { day: day(month, on, row.calendar.as_deref())?, told: time::from_column(told), proven })
        });
        (row.root_id, Days { version, birthday, time_zone })
    });
    Ok(kept.collect())
}

/// Keeps the days of customers, unless newer ones are known.
///
/// # Errors
/// The database's.
pub async fn keep_days(tx: &Tx, days: &BTreeMap<CustomerId, (OrganizationId, Days)>) -> Result<()> {
    let remembered = remembered(tx, days.keys()).await?;
    let mut rows = Rows::new(&DAYS);
    for (customer, (organization, days)) in days.iter().filter(|(customer, _)| remembered.contains(customer)) {
        let on = days.birthday.map(|birthday| of_day(birthday.day));
        rows.push([
            customer.uuid().into(),
            organization.slug().into(),
            days.version.into(),
            on.map(|(month, _, _)| month).into(),
            on.map(|(_, day, _)| day).into(),
            on.and_then(|(_, _, calendar)| calendar).into(),
            days.birthday.map(|birthday| birthday.told).into(),
            days.birthday.is_some_and(|birthday| birthday.proven).into(),
            days.time_zone.clone().into(),
        ]);
    }
    let set = "version = excluded.version, month = excluded.month, day = excluded.day, calendar = excluded.calendar, \
               told_time = excluded.told_time, proven = excluded.proven, time_zone = excluded.time_zone \
               WHERE customer_days.version < excluded.version";
    rows.upsert(tx, "root_id", set).await.map(drop)
}

/// Keeps the places of customers in segments, unless newer ones are known.
///
/// # Errors
/// The database's.
pub async fn keep_places(tx: &Tx, places: &BTreeMap<(CustomerId, String), (OrganizationId, Place)>) -> Result<()> {
    let remembered = remembered(tx, places.keys().map(|(customer, _)| customer)).await?;
    let mut rows = Rows::new(&SEGMENTS);
    let kept = places.iter().filter(|((customer, _), _)| remembered.contains(customer));
    for ((customer, segment), (organization, place)) in kept {
        rows.push([
            customer.uuid().into(),
            segment.as_str().into(),
            organization.slug().into(),
            place.version.into(),
            place.inside.into(),
            place.since.into(),
        ]);
    }
    let set = "version = excluded.version, inside = excluded.inside, since_time = excluded.since_time \
               WHERE customer_segments.version < excluded.version";
    rows.upsert(tx, "root_id, segment", set).await.map(drop)
}

/// Keeps the risks of customers, unless newer ones are known.
///
/// # Errors
/// The database's.
pub async fn keep_risks(tx: &Tx, risks: &BTreeMap<CustomerId, (OrganizationId, Risk)>) -> Result<()> {
    let remembered = remembered(tx, risks.keys()).await?;
    let mut rows = Rows::new(&RISKS);
    for (customer, (organization, risk)) in risks.iter().filter(|(customer, _)| remembered.contains(customer)) {
        rows.push([
            customer.uuid().into(),
            organization.slug().into(),
            risk.version.into(),
            risk.risk_permille.into(),
            Cell::from(risk.at),
        ]);
    }
    let set = "version = excluded.version, risk_permille = excluded.risk_permille, assess_time = excluded.assess_time \
               WHERE customer_risks.version < excluded.version";
    rows.upsert(tx, "root_id", set).await.map(drop)
}

/// Deletes all that was told of these customers.
///
/// # Errors
/// The database's.
pub async fn forget(tx: &Tx, customers: &[Uuid]) -> Result<()> {
    for table in ["customer_days", "customer_segments", "customer_risks"] {
        kin::update(tx, &format!("DELETE FROM {table} WHERE {{roots}}"), customers, vec![]).await?;
    }
    Ok(())
}

/// Those of these customers of whom something may be kept: nobody who asked to be forgotten, whatever is told of him later.
async fn remembered<'a>(tx: &Tx, customers: impl Iterator<Item = &'a CustomerId>) -> Result<BTreeSet<CustomerId>> {
    let all: BTreeSet<CustomerId> = customers.copied().collect();
    let roots: Vec<Uuid> = all.iter().map(|customer| customer.uuid()).collect();
    let gone = merges::erased(tx.conn(), &roots).await?;
    Ok(all.into_iter().filter(|customer| !gone.contains(&customer.uuid())).collect())
}

/// What conditions may ask of these customers.
///
/// # Errors
/// The database's.
pub async fn told(
    connection: &impl ConnectionTrait,
    customers: &BTreeSet<CustomerId>,
) -> Result<BTreeMap<CustomerId, Told>> {
    let roots: Vec<Uuid> = customers.iter().map(|customer| customer.uuid()).collect();
    let mut told = BTreeMap::<CustomerId, Told>::new();
    let and = " AND inside ORDER BY root_id, segment";
    for row in of_roots::<SegmentRow>(connection, "customer_segments", &roots, and).await? {
        told.entry(CustomerId(row.root_id)).or_default().segments.push(row.segment);
    }
    for row in of_roots::<RiskRow>(connection, "customer_risks", &roots, "").await? {
        told.entry(CustomerId(row.root_id)).or_default().churn_risk_permille = row.risk_permille;
    }
    Ok(told)
}

/// Gives the accounts of these members, and of those who are one person with them, what was told of their customers.
///
/// # Errors
/// The database's.
pub async fn attach(connection: &impl ConnectionTrait, book: &mut Book, members: &BTreeSet<MemberId>) -> Result<()> {
    let kin = members.iter().filter_map(|member| book.accounts.get(member)?.kin.as_ref()).flat_map(|kin| &kin.now);
    let members: BTreeSet<MemberId> = members.iter().chain(kin).copied().collect();
    let of = |member: &MemberId| book.accounts.get(member).map(|account| account.customer);
    let customers: BTreeSet<CustomerId> = members.iter().filter_map(of).collect();
    let told = told(connection, &customers).await?;
    for member in &members {
        if let Some(account) = book.accounts.get_mut(member) {
            account.told = told.get(&account.customer).cloned().unwrap_or_default();
        }
    }
    Ok(())
}
