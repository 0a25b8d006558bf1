//! Campaigns: their rows.

use guanxi_kernel::{Refused, Uuid};
use guanxi_store::{Column, Result, Rows, Session, StoreError, Table, Tx, dialect, time};
use sea_orm::{ColumnTrait, ConnectionTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Statement};

use super::entities::campaigns::{Column as Field, Entity, Model};
use super::{of_roots, organization, rows};
use crate::domain::campaign::{Campaign, CampaignId};
use crate::domain::program::ProgramId;

const CAMPAIGNS: Table = Table::new(
    "campaigns",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::text("slug"),
        Column::text("program"),
        Column::text("terms"),
        Column::int("version"),
        Column::time("create_time"),
        Column::time("update_time"),
    ],
);

/// The campaign that the caller may read.
///
/// # Errors
/// NOT_FOUND; the database's.
pub async fn read<S: Session>(session: &S, id: &CampaignId) -> Result<Campaign> {
    let row = session.find::<Entity>().filter(Field::RootId.eq(id.uuid())).one(session.connection()).await?;
    campaign(row.ok_or_else(|| Refused::not_found("campaign", id))?)
}

/// Whether the id is taken, by anyone's campaign.
///
/// # Errors
/// The database's.
pub async fn exists(tx: &Tx, id: &CampaignId) -> Result<bool> {
    Ok(!of_roots::<Model>(tx.conn(), "campaigns", &[id.uuid()], "").await?.is_empty())
}

/// The campaign, locked, for a caller who may write it.
///
/// # Errors
/// NOT_FOUND where there is none or the caller may not read it; PERMISSION_DENIED where it may only read it.
pub async fn writable(tx: &Tx, id: &CampaignId) -> Result<Campaign> {
    let lock = tx.lock("campaigns", &[id.uuid()]).await?;
    let row = of_roots::<Model>(tx.conn(), "campaigns", &[id.uuid()], lock).await?.pop();
    let row = row.filter(|row| tx.may_read(&row.organization)).ok_or_else(|| Refused::not_found("campaign", id))?;
    tx.may_write(&row.organization)?;
    campaign(row)
}

/// Keeps a new campaign; its program's members earn by it from now on.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &Tx, campaign: &Campaign) -> Result<()> {
    one(campaign)?.insert(tx).await?;
    changed(tx, &campaign.program).await
}

/// Keeps a changed campaign.
///
/// # Errors
/// The database's.
pub async fn save(tx: &Tx, campaign: &Campaign) -> Result<()> {
    one(campaign)?.update(tx, &["root_id"]).await?;
    changed(tx, &campaign.program).await
}

/// Whoever knows the program must read its campaigns and challenges again.
///
/// # Errors
/// The database's.
pub(super) async fn changed(tx: &Tx, program: &ProgramId) -> Result<()> {
    let sql = "UPDATE programs SET campaigns = campaigns + 1 WHERE root_id = $1";
    let statement = Statement::from_sql_and_values(tx.backend(), sql, [program.uuid().into()]);
    tx.conn().execute_raw(statement).await?;
    Ok(())
}

/// All campaigns of these programs, by name.
///
/// # Errors
/// The database's.
pub async fn of_programs(connection: &impl ConnectionTrait, programs: &[String]) -> Result<Vec<Campaign>> {
    let (condition, value) = dialect::any_text(connection.get_database_backend(), "program", 1, programs);
    let sql = format!("SELECT * FROM campaigns WHERE {condition} ORDER BY slug");
    rows::<Model>(connection, sql, vec![value]).await?.into_iter().map(campaign).collect()
}

/// A page of campaigns that the caller may read, by slug.
///
/// # Errors
/// The database's.
pub async fn page<S: Session>(
    session: &S,
    program: Option<&ProgramId>,
    after: Option<&str>,
    size: u64,
) -> Result<Vec<Campaign>> {
    let mut query = session.find::<Entity>().order_by_asc(Field::Slug).limit(size);
    if let Some(program) = program {
        query = query.filter(Field::Program.eq(program.slug()));
    }
    if let Some(after) = after {
        query = query.filter(Field::Slug.gt(after));
    }
    query.all(session.connection()).await?.into_iter().map(campaign).collect()
}

fn one(campaign: &Campaign) -> Result<Rows> {
    let mut rows = Rows::new(&CAMPAIGNS);
    rows.push([
        campaign.id.uuid().into(),
        campaign.organization.slug().into(),
        campaign.id.slug().into(),
        campaign.program.slug().into(),
        serde_json::to_string(&campaign.terms).map_err(StoreError::row)?.into(),
        campaign.version.into(),
        campaign.create_time.into(),
        campaign.update_time.into(),
    ]);
    Ok(rows)
}

fn campaign(row: Model) -> Result<Campaign> {
    Ok(Campaign {
        id: CampaignId::from_slug(&row.slug).map_err(StoreError::row)?,
        organization: organization(&row.organization)?,
        program: ProgramId::from_slug(&row.program).map_err(StoreError::row)?,
        terms: serde_json::from_str(&row.terms).map_err(StoreError::row)?,
        version: row.version,
        create_time: time::from_column(row.create_time),
        update_time: time::from_column(row.update_time),
    })
}

#[derive(FromQueryResult)]
struct Arm {
    held_out: bool,
    buyers: i64,
    orders: i64,
    qualified: i64,
    value_minor: i64,
    value_squares: f64,
    order_squares: f64,
}

/// What the orders of one arm of a campaign came to, with the sums of squares over its members.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bought {
    /// Members who bought.
    pub buyers: i64,
    /// Their orders.
    pub orders: i64,
    /// Orders that the rules fitted.
    pub qualified: i64,
    /// In minor units.
    pub value_minor: i64,
    /// Of what each member's orders came to.
    pub value_squares: f64,
    /// Of how many each member placed.
    pub order_squares: f64,
}

/// What those who were reached bought in a campaign's time, and what those who were held out did.
///
/// # Errors
/// The database's.
pub async fn bought(connection: &impl ConnectionTrait, campaign: &CampaignId) -> Result<[Bought; 2]> {
    let sum = |what: &str, name: &str| format!("CAST(SUM({what}) AS bigint) AS {name}");
    let squares = |what: &str, name: &str| {
        format!("SUM(CAST({what} AS double precision) * CAST({what} AS double precision)) AS {name}")
    };
    let sql = format!(
        "SELECT held_out, COUNT(*) AS buyers, {}, {}, {}, {}, {} FROM (SELECT held_out, root_id, COUNT(*) AS orders, \
         {}, {} FROM campaign_orders WHERE campaign_id = $1 GROUP BY root_id, held_out) AS m GROUP BY held_out",
        sum("orders", "orders"),
        sum("qualified", "qualified"),
        sum("value_minor", "value_minor"),
        squares("value_minor", "value_squares"),
        squares("orders", "order_squares"),
        sum("CASE WHEN qualified THEN 1 ELSE 0 END", "qualified"),
        sum("value_minor", "value_minor"),
    );
    let mut arms = [Bought::default(); 2];
    for arm in rows::<Arm>(connection, sql, vec![campaign.uuid().into()]).await? {
        let Arm { held_out, buyers, orders, qualified, value_minor, value_squares, order_squares } = arm;
        arms[usize::from(held_out)] = Bought { buyers, orders, qualified, value_minor, value_squares, order_squares };
    }
    Ok(arms)
}

#[derive(FromQueryResult)]
struct Root {
    root_id: Uuid,
}

/// The next members of a program, after `after`, who joined before `until`.
///
/// # Errors
/// The database's.
pub async fn members_before(
    connection: &impl ConnectionTrait,
    program: &ProgramId,
    until: guanxi_kernel::Timestamp,
    after: Uuid,
    size: i64,
) -> Result<Vec<Uuid>> {
    let sql = "SELECT root_id FROM members WHERE program = $1 AND root_id > $2 AND enroll_time < $3 \
               ORDER BY root_id LIMIT $4";
    let values = vec![program.slug().into(), after.into(), time::to_column(until).into(), size.into()];
    let found = rows::<Root>(connection, sql.to_owned(), values).await?;
    Ok(found.into_iter().map(|row| row.root_id).collect())
}
