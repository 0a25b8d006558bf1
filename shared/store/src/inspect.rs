//! What a database is, and what it lacks for this release to work on it: asked at each start before anything is changed,
//! and by `guanxi doctor`.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbErr, Statement};
use sea_orm_migration::SchemaManager;
use thiserror::Error;

use crate::migrate::{Migrations, all, release};
use crate::{Database, Result, dialect};

/// The oldest PostgreSQL.
const OLDEST: i32 = 15;

/// The word in the name of a migration that takes away what releases before it need. One that only adds leaves the
/// previous release running.
const CONTRACT: &str = "contract";

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The server and who we are there, for people.
    pub server: String,
    /// The server's clock, microseconds since 1970; `None` where the database is a file.
    pub clock_micros: Option<i64>,
    /// Migrations that have not been applied yet.
    pub missing: Vec<String>,
    /// Migrations of a newer release that this one does not know.
    pub unknown: Vec<String>,
    /// Why this release cannot work on it; empty where it can.
    pub unfit: Vec<Unfit>,
}

/// Why this release cannot work on a database, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unfit {
    /// The server is older than what is tested.
    #[error("PostgreSQL {version} is too old: upgrade the server to {OLDEST} or later")]
    TooOld {
        /// Its version.
        version: String,
    },
    /// Releases after the next one have migrated its schema.
    #[error(
        "its schema is too new for release {}: {releases} migrated it, and a release runs on the schema of the next one, and of none after it; run the last of them",
        release()
    )]
    TooFarAhead {
        /// Which, with `and` between them.
        releases: String,
    },
    /// A file of a database, or a copy of it, is not sound.
    #[error("{file} is damaged: {found}")]
    Damaged {
        /// The file.
        file: String,
        /// What SQLite found.
        found: String,
    },
    /// A newer release took away what this one needs.
    #[error(
        "its schema is too new for this release: {migration} took away what it needs; run the release that made it"
    )]
    TooNew {
        /// The migration that did it.
        migration: String,
    },
    /// Migrations are missing that the role may not apply.
    #[error(
        "the role {role} may not create tables in the schema {schema}, and {missing} is not applied yet: GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}, or run guanxi migrate with a role that may"
    )]
    MayNotCreate {
        /// Who we are.
        role: String,
        /// Where.
        schema: String,
        /// The first that is missing.
        missing: String,
    },
    /// A table is there that the role may not use.
    #[error(
        "the role {role} may not read and write the table {table}: GRANT USAGE ON SCHEMA {schema}, and SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema}, TO {role}"
    )]
    MayNotUse {
        /// Who we are.
        role: String,
        /// Where.
        schema: String,
        /// The first such table.
        table: String,
    },
}

/// What a server of PostgreSQL says.
struct Server {
    number: i32,
    version: String,
    role: String,
    schema: String,
    creates: bool,
    /// The first table that the role may not use.
    closed: Option<String>,
    clock_micros: i64,
}

impl Database {
    /// Looks at the database, and changes nothing.
    ///
    /// # Errors
    /// The database's.
    pub async fn inspect(&self, service: &Migrations) -> Result<Inspection> {
        let server = if dialect::is_postgres(self.unfiltered()) { Some(self.server().await?) } else { None };
        // What may not be read cannot be asked.
        let closed = server.as_ref().is_some_and(|server| server.closed.is_some() || !fits(server.number));
        let applied = if closed { Vec::new() } else { self.applied().await? };
        let known: Vec<&str> = all(service).collect();
        let missing: Vec<String> = known
            .iter()
            .filter(|name| !closed && !applied.iter().any(|(a, _)| a == *name))
            .map(|name| (*name).to_owned())
            .collect();
        let unknown: Vec<_> = applied.into_iter().filter(|(name, _)| !known.contains(&name.as_str())).collect();
        let mut unfit = Vec::new();
        if let Some(server) = &server {
            let (role, schema) = (server.role.clone(), server.schema.clone());
            if !fits(server.number) {
                unfit.push(Unfit::TooOld { version: server.version.clone() });
            }
            match (&server.closed, missing.first()) {
                (Some(table), _) => unfit.push(Unfit::MayNotUse { role, schema, table: table.clone() }),
                (None, Some(missing)) if !server.creates => {
                    unfit.push(Unfit::MayNotCreate { role, schema, missing: missing.clone() });
                }
                _ => {}
            }
        }
        unfit.extend(too_new(&unknown));
        let described = server
            .as_ref()
            .map(|server| format!("PostgreSQL {}, role {}, schema {}", server.version, server.role, server.schema));
        Ok(Inspection {
            server: described.unwrap_or_else(|| "SQLite".to_owned()),
            clock_micros: server.map(|server| server.clock_micros),
            missing,
            unknown: unknown.into_iter().map(|(name, _)| name).collect(),
            unfit,
        })
    }

    async fn server(&self) -> Result<Server> {
        const ASKED: &str = "SELECT current_setting('server_version_num')::int AS number, \
            current_setting('server_version') AS version, current_user::text AS role, \
            coalesce(current_schema()::text, $1) AS schema, \
            coalesce(has_schema_privilege(current_schema()::text, 'CREATE'), false) AS creates, \
            (SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = coalesce(current_schema()::text, $1) AND c.relkind IN ('r', 'p') AND NOT \
             (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') \
             AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')) \
             ORDER BY 1 LIMIT 1) AS closed, \
            (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS clock";
        let asked = Statement::from_sql_and_values(self.backend(), ASKED, [self.schema().into()]);
        let row = self.unfiltered().query_one_raw(asked).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("the server says nothing of itself".to_owned()))?;
        Ok(Server {
            number: row.try_get("", "number")?,
            version: row.try_get("", "version")?,
            role: row.try_get("", "role")?,
            schema: row.try_get("", "schema")?,
            creates: row.try_get("", "creates")?,
            closed: row.try_get("", "closed")?,
            clock_micros: row.try_get("", "clock")?,
        })
    }

    /// The migrations that were applied, in order, each with the release that did; none where there is no schema yet.
    async fn applied(&self) -> Result<Vec<(String, Option<String>)>> {
        let manager = SchemaManager::new(self.unfiltered());
        if !manager.has_table("migration").await? {
            return Ok(Vec::new());
        }
        // Releases were not always noted.
        let by = if manager.has_column("migration", "by_release").await? { "by_release" } else { "NULL" };
        let sql = format!("SELECT name, CAST({by} AS varchar(40)) AS by_release FROM migration ORDER BY name");
        let rows = self.unfiltered().query_all_raw(Statement::from_string(self.backend(), sql)).await?;
        rows.iter().map(|row| Ok((row.try_get("", "name")?, row.try_get("", "by_release")?))).collect()
    }
}

fn fits(number: i32) -> bool {
    number / 10_000 >= OLDEST
}

/// A release runs on a schema that the next one has migrated, as in a rollout or after a rollback, unless that took away
/// what it needs; and on none after that.
fn too_new(unknown: &[(String, Option<String>)]) -> Option<Unfit> {
    if let Some((taken, _)) = unknown.iter().find(|(name, _)| name.split('_').any(|word| word == CONTRACT)) {
        return Some(Unfit::TooNew { migration: taken.clone() });
    }
    let releases: BTreeSet<&str> = unknown.iter().map(|(_, by)| by.as_deref().unwrap_or("unknown")).collect();
    let releases: Vec<&str> = releases.into_iter().collect();
    (releases.len() > 1).then(|| Unfit::TooFarAhead { releases: releases.join(" and ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgresql_15_is_the_oldest_that_fits() {
        assert_eq!([90_624, 140_022, 150_000, 150_018, 180_001].map(fits), [false, false, true, true, true]);
        let told = Unfit::TooOld { version: "14.22".to_owned() }.to_string();
        assert_eq!(told, "PostgreSQL 14.22 is too old: upgrade the server to 15 or later");
    }

    #[test]
    fn a_schema_is_too_new_where_something_was_taken_away_or_two_releases_added_to_it() {
        let unknown = |names: &[(&str, &str)]| {
            let of = |&(name, by): &(&str, &str)| (name.to_owned(), Some(by.to_owned()));
            too_new(&names.iter().map(of).collect::<Vec<_>>())
        };
        assert_eq!(unknown(&[("m0002_more", "9.1.0"), ("m0003_yet_more", "9.1.0")]), None);
        let taken = Unfit::TooNew { migration: "m0003_less_contract".to_owned() };
        assert_eq!(unknown(&[("m0002_more", "9.1.0"), ("m0003_less_contract", "9.1.0")]), Some(taken));
        let far = Unfit::TooFarAhead { releases: "9.1.0 and 9.2.0".to_owned() };
        assert_eq!(unknown(&[("m0002_more", "9.1.0"), ("m0003_yet_more", "9.2.0")]), Some(far));
    }
}
