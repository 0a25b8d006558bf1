//! Challenges: their rows.

use guanxi_kernel::{Refuse, Refused};
use guanxi_store::{Column, Result, Rows, Session, StoreError, Table, Tx, dialect, time};
use sea_orm::{ColumnTrait, ConnectionTrait, QueryFilter, QueryOrder, QuerySelect};

use super::entities::challenges::{Column as Field, Entity, Model};
use super::{campaigns, of_roots, organization, rows};
use crate::domain::challenge::{self, Challenge, ChallengeId, ChallengeTerms};
use crate::domain::program::ProgramId;

const CHALLENGES: Table = Table::new(
    "challenges",
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

/// The challenge that the caller may read.
///
/// # Errors
/// NOT_FOUND; the database's.
pub async fn read<S: Session>(session: &S, id: &ChallengeId) -> Result<Challenge> {
    let row = session.find::<Entity>().filter(Field::RootId.eq(id.uuid())).one(session.connection()).await?;
    read_row(row.ok_or_else(|| Refused::not_found("challenge", id))?)
}

/// Whether the id is taken, by anyone's challenge.
///
/// # Errors
/// The database's.
pub async fn exists(tx: &Tx, id: &ChallengeId) -> Result<bool> {
    Ok(!of_roots::<Model>(tx.conn(), "challenges", &[id.uuid()], "").await?.is_empty())
}

/// The challenge, locked, for a caller who may write it.
///
/// # Errors
/// NOT_FOUND where there is none or the caller may not read it; PERMISSION_DENIED where it may only read it.
pub async fn writable(tx: &Tx, id: &ChallengeId) -> Result<Challenge> {
    let lock = tx.lock("challenges", &[id.uuid()]).await?;
    let row = of_roots::<Model>(tx.conn(), "challenges", &[id.uuid()], lock).await?.pop();
    let row = row.filter(|row| tx.may_read(&row.organization)).ok_or_else(|| Refused::not_found("challenge", id))?;
    tx.may_write(&row.organization)?;
    read_row(row)
}

/// Refuses one more where its program has no room for it. The program must be locked.
///
/// # Errors
/// [`crate::domain::challenge::RoomError`]; the database's.
pub async fn room(tx: &Tx, one: &Challenge) -> Result<()> {
    let others = of_programs(tx.conn(), &[one.program.slug().to_owned()]).await?;
    Ok(challenge::room(one, &others, tx.now()).refuse()?)
}

/// Keeps a new challenge; orders of its program's members count for it from now on.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &Tx, challenge: &Challenge) -> Result<()> {
    one(challenge)?.insert(tx).await?;
    campaigns::changed(tx, &challenge.program).await
}

/// Keeps a changed challenge.
///
/// # Errors
/// The database's.
pub async fn save(tx: &Tx, challenge: &Challenge) -> Result<()> {
    one(challenge)?.update(tx, &["root_id"]).await?;
    campaigns::changed(tx, &challenge.program).await
}

/// All challenges of these programs, by name.
///
/// # Errors
/// The database's.
pub async fn of_programs(connection: &impl ConnectionTrait, programs: &[String]) -> Result<Vec<Challenge>> {
    let (condition, value) = dialect::any_text(connection.get_database_backend(), "program", 1, programs);
    let sql = format!("SELECT * FROM challenges WHERE {condition} ORDER BY slug");
    rows::<Model>(connection, sql, vec![value]).await?.into_iter().map(read_row).collect()
}

/// A page of challenges that the caller may read, by slug.
///
/// # Errors
/// The database's.
pub async fn page<S: Session>(
    session: &S,
    program: Option<&ProgramId>,
    after: Option<&str>,
    size: u64,
) -> Result<Vec<Challenge>> {
    let mut query = session.find::<Entity>().order_by_asc(Field::Slug).limit(size);
    if let Some(program) = program {
        query = query.filter(Field::Program.eq(program.slug()));
    }
    if let Some(after) = after {
        query = query.filter(Field::Slug.gt(after));
    }
    query.all(session.connection()).await?.into_iter().map(read_row).collect()
}

fn one(challenge: &Challenge) -> Result<Rows> {
    let mut rows = Rows::new(&CHALLENGES);
    rows.push([
        challenge.id.uuid().into(),
        challenge.organization.slug().into(),
        challenge.id.slug().into(),
        challenge.program.slug().into(),
        serde_json::to_string(&challenge.terms).map_err(StoreError::row)?.into(),
        challenge.version.into(),
        challenge.create_time.into(),
        challenge.update_time.into(),
    ]);
    Ok(rows)
}

fn read_row(row: Model) -> Result<Challenge> {
    let terms: ChallengeTerms = serde_json::from_str(&row.terms).map_err(StoreError::row)?;
    Ok(Challenge {
        id: ChallengeId::from_slug(&row.slug).map_err(StoreError::row)?,
        goal_id: row.root_id,
        organization: organization(&row.organization)?,
        program: ProgramId::from_slug(&row.program).map_err(StoreError::row)?,
        terms,
        version: row.version,
        create_time: time::from_column(row.create_time),
        update_time: time::from_column(row.update_time),
    })
}
