//! Programs: their rows, and a cache of them by version, since every change of points needs one and they hardly change.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use guanxi_kernel::{OrganizationId, Refused, Uuid};
use guanxi_store::{Column, Result, Rows, Session, StoreError, Table, Tx, dialect, time};
use sea_orm::{ColumnTrait, ConnectionTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};

use super::entities::programs::{Column as Field, Entity, Model};
use super::{campaigns, challenges, of_roots, organization, rows};
use crate::domain::program::{Program, ProgramId};

const PROGRAMS: Table = Table::new(
    "programs",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::text("slug"),
        Column::text("currency"),
        Column::bool("auto_enroll"),
        Column::text("terms"),
        Column::int("version"),
        Column::time("create_time"),
        Column::time("update_time"),
        Column::int("tiers"),
        Column::int("occasions"),
    ],
);

/// The programs that were read, by their row's key.
#[derive(Debug, Clone, Default)]
pub struct Programs(Arc<Mutex<HashMap<Uuid, Known>>>);

/// A program with its campaigns and challenges, and the version of those.
#[derive(Debug, Clone)]
struct Known {
    program: Arc<Program>,
    campaigns: i64,
}

#[derive(FromQueryResult)]
struct Version {
    root_id: Uuid,
    version: i64,
    campaigns: i64,
}

impl Programs {
    /// The programs of these ids, as they are now.
    ///
    /// # Errors
    /// The database's.
    pub async fn load(
        &self,
        connection: &impl ConnectionTrait,
        ids: impl IntoIterator<Item = &ProgramId>,
    ) -> Result<BTreeMap<ProgramId, Arc<Program>>> {
        let roots: Vec<Uuid> = ids.into_iter().map(ProgramId::uuid).collect();
        if roots.is_empty() {
            return Ok(BTreeMap::new());
        }
        let (condition, value) = dialect::any_uuid(connection.get_database_backend(), "root_id", 1, &roots);
        let sql = format!("SELECT root_id, version, campaigns FROM programs WHERE {condition}");
        let versions = rows(connection, sql, vec![value]).await?;
        self.current(connection, versions).await
    }

    /// The programs of these organisations.
    ///
    /// # Errors
    /// The database's.
    pub async fn of_organizations(
        &self,
        connection: &impl ConnectionTrait,
        organizations: &[OrganizationId],
    ) -> Result<BTreeMap<ProgramId, Arc<Program>>> {
        let slugs: Vec<String> = organizations.iter().map(|organization| organization.slug().to_owned()).collect();
        let (condition, value) = dialect::any_text(connection.get_database_backend(), "organization", 1, &slugs);
        let sql = format!("SELECT root_id, version, campaigns FROM programs WHERE {condition}");
        let versions = rows(connection, sql, vec![value]).await?;
        self.current(connection, versions).await
    }

    async fn current(
        &self,
        connection: &impl ConnectionTrait,
        versions: Vec<Version>,
    ) -> Result<BTreeMap<ProgramId, Arc<Program>>> {
        let (mut programs, mut stale) = (Vec::new(), Vec::new());
        for row in &versions {
            match self.known(row) {
                Some(program) => programs.push(program),
                None => stale.push(row),
            }
        }
        // Campaigns are read before the version that is kept with them could be known to be old: whoever changes one
        // changes that version too, so at worst they are read again.
        for (version, program) in self.read_again(connection, &stale).await? {
            let program = Arc::new(program);
            let known = Known { program: Arc::clone(&program), campaigns: version.campaigns };
            self.0.lock().expect("nobody panics while holding it").insert(version.root_id, known);
            programs.push(program);
        }
        Ok(programs.into_iter().map(|program| (program.id.clone(), program)).collect())
    }

    async fn read_again<'a>(
        &self,
        connection: &impl ConnectionTrait,
        stale: &[&'a Version],
    ) -> Result<Vec<(&'a Version, Program)>> {
        let roots: Vec<Uuid> = stale.iter().map(|version| version.root_id).collect();
        let found = of_roots::<Model>(connection, "programs", &roots, "").await?;
        let mut programs: Vec<Program> = found.into_iter().map(program).collect::<Result<_>>()?;
        let slugs: Vec<String> = programs.iter().map(|program| program.id.slug().to_owned()).collect();
        if !slugs.is_empty() {
            for campaign in campaigns::of_programs(connection, &slugs).await? {
                if let Some(program) = programs.iter_mut().find(|program| program.id == campaign.program) {
                    program.campaigns.push(campaign);
                }
            }
            for challenge in challenges::of_programs(connection, &slugs).await? {
                if let Some(program) = programs.iter_mut().find(|program| program.id == challenge.program) {
                    program.challenges.push(challenge);
                }
            }
        }
        let version = |program: Program| {
            let version = stale.iter().find(|version| version.root_id == program.id.uuid())?;
            Some((*version, program))
        };
        Ok(programs.into_iter().filter_map(version).collect())
    }

    fn known(&self, row: &Version) -> Option<Arc<Program>> {
        let kept = self.0.lock().expect("nobody panics while holding it");
        let known = kept.get(&row.root_id)?;
        (known.program.version == row.version && known.campaigns == row.campaigns).then(|| Arc::clone(&known.program))
    }
}

/// The program that the caller may read.
///
/// # Errors
/// NOT_FOUND; the database's.
pub async fn read<S: Session>(session: &S, id: &ProgramId) -> Result<Program> {
    let row = session.find::<Entity>().filter(Field::RootId.eq(id.uuid())).one(session.connection()).await?;
    program(row.ok_or_else(|| Refused::not_found("program", id))?)
}

/// Whether the id is taken, by anyone's program.
///
/// # Errors
/// The database's.
pub async fn exists(tx: &Tx, id: &ProgramId) -> Result<bool> {
    Ok(!of_roots::<Model>(tx.conn(), "programs", &[id.uuid()], "").await?.is_empty())
}

/// Keeps a new program.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &Tx, program: &Program) -> Result<()> {
    one(program)?.insert(tx).await
}

/// Keeps a changed program.
///
/// # Errors
/// The database's.
pub async fn save(tx: &Tx, program: &Program) -> Result<()> {
    one(program)?.update(tx, &["root_id"]).await.map(|_| ())
}

/// The program, locked, for a caller who may write it.
///
/// # Errors
/// NOT_FOUND where there is none or the caller may not read it; PERMISSION_DENIED where it may only read it.
pub async fn writable(tx: &Tx, id: &ProgramId) -> Result<Program> {
    let lock = tx.lock("programs", &[id.uuid()]).await?;
    let row = of_roots::<Model>(tx.conn(), "programs", &[id.uuid()], lock).await?.pop();
    let row = row.filter(|row| tx.may_read(&row.organization)).ok_or_else(|| Refused::not_found("program", id))?;
    tx.may_write(&row.organization)?;
    program(row)
}

fn one(program: &Program) -> Result<Rows> {
    let mut rows = Rows::new(&PROGRAMS);
    rows.push([
        program.id.uuid().into(),
        program.organization.slug().into(),
        program.id.slug().into(),
        program.currency.code().into(),
        program.terms.auto_enroll.into(),
        serde_json::to_string(&program.terms).map_err(StoreError::row)?.into(),
        program.version.into(),
        program.create_time.into(),
        program.update_time.into(),
        program.terms.tiers_version.into(),
        program.terms.occasions_version.into(),
    ]);
    Ok(rows)
}

/// A program from its row.
///
/// # Errors
/// Where the row holds what this release does not understand.
pub fn program(row: Model) -> Result<Program> {
    let terms: crate::domain::program::Terms = serde_json::from_str(&row.terms).map_err(StoreError::row)?;
    let zone = terms.check().map_err(StoreError::row)?;
    Ok(Program {
        id: ProgramId::from_slug(&row.slug).map_err(StoreError::row)?,
        organization: organization(&row.organization)?,
        currency: row.currency.parse().map_err(StoreError::row)?,
        terms,
        zone,
        campaigns: Vec::new(),
        challenges: Vec::new(),
        version: row.version,
        create_time: time::from_column(row.create_time),
        update_time: time::from_column(row.update_time),
    })
}

/// A page of programs that the caller may read, by slug.
///
/// # Errors
/// The database's.
pub async fn page<S: Session>(session: &S, after: Option<&str>, size: u64) -> Result<Vec<Program>> {
    let mut query = session.find::<Entity>().order_by_asc(Field::Slug).limit(size);
    if let Some(after) = after {
        query = query.filter(Field::Slug.gt(after));
    }
    query.all(session.connection()).await?.into_iter().map(program).collect()
}
