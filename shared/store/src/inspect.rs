//! What a database is, and what it lacks for this release to work on it: asked at each start before anything is changed,
//! and by `guanxi doctor`.

use sea_orm::{ConnectionTrait, DbErr, Statement};
use thiserror::Error;

use crate::migrate::{Migrations, all};
use crate::{Database, Result, dialect};

/// The oldest PostgreSQL.
const OLDEST: i32 = 15;

/// How the name of a migration ends that takes away what releases before it need. One that only adds leaves the previous
/// release running.
pub const CONTRACT: &str = "_contract";

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
            .filter(|name| !closed && !applied.iter().any(|a| a == *name))
            .map(|name| (*name).to_owned())
            .collect();
        let unknown: Vec<String> = applied.into_iter().filter(|name| !known.contains(&name.as_str())).collect();
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
            unknown,
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

    /// The names of the migrations that were applied, in order; none where there is no schema yet.
    async fn applied(&self) -> Result<Vec<String>> {
        let asked = dialect::statement(
            self.backend(),
            "SELECT count(*) AS there FROM pg_class WHERE oid = to_regclass('migration')",
            "SELECT count(*) AS there FROM sqlite_master WHERE type = 'table' AND name = 'migration'",
            Vec::new(),
        );
        let row = self.unfiltered().query_one_raw(asked).await?;
        match row.map(|row| row.try_get::<i64>("", "there")).transpose()? {
            Some(1..) => self.migrations().await,
            _ => Ok(Vec::new()),
        }
    }
}

fn fits(number: i32) -> bool {
    number / 10_000 >= OLDEST
}

fn too_new(unknown: &[String]) -> Option<Unfit> {
    let taken = unknown.iter().find(|name| name.ends_with(CONTRACT))?;
    Some(Unfit::TooNew { migration: taken.clone() })
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
    fn a_schema_is_too_new_only_where_something_was_taken_away() {
        let unknown = |names: &[&str]| too_new(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(unknown(&["m0002_more", "m0003_yet_more"]), None);
        let expected = Unfit::TooNew { migration: "m0003_less_contract".to_owned() };
        assert_eq!(unknown(&["m0002_more", "m0003_less_contract"]), Some(expected));
    }
}
