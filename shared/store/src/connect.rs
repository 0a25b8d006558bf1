//! Connecting: one SQLite file or one PostgreSQL database or schema for each service; a pool to write and one to read.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use guanxi_kernel::{Clock, OrganizationId};
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{self, Connection};
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, RuntimeErr, Statement};
use tokio::sync::Notify;

use crate::Result;
use crate::figures::Instruments;
use crate::inbox::Unpark;

/// Where a service's data is, and how many connections it may hold.
#[derive(Debug, Clone)]
pub enum DatabaseConfig {
    /// One file, `{data_dir}/{service}.db`.
    Sqlite {
        /// The folder; it must exist.
        data_dir: PathBuf,
        /// Connections that read, 1 or more.
        readers: u32,
    },
    /// A database each (the URL contains `{service}`), or a schema each, named as the service.
    Postgres {
        /// `postgres://…`. Never printed: it may hold a password.
        url: String,
        /// Connections in all, 2 or more.
        connections: u32,
    },
}

/// A service's database: the pools, the clock, and what tells others that something was committed. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) service: &'static str,
    schema: &'static str,
    pub(crate) writer: DatabaseConnection,
    pub(crate) reader: DatabaseConnection,
    pub(crate) backend: DbBackend,
    pub(crate) spread: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) partitions: u32,
    pub(crate) committed: Notify,
    pub(crate) unpark: OnceLock<Arc<dyn Unpark>>,
    pub(crate) instruments: Instruments,
    /// The migrations of this release.
    pub(crate) known: OnceLock<Vec<String>>,
}

/// When a connection of this process was last found to be of the past. Those opened before are closed instead of used.
static DISTRUSTED: Mutex<Option<Instant>> = Mutex::new(None);

/// From now on connections that are open already are not used again: they lead to a server that is no longer the primary,
/// or have plans for a schema that has changed.
pub(crate) fn distrust() {
    *DISTRUSTED.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
}

/// Whether a connection of this age may be used.
fn is_trusted(age: Duration) -> bool {
    DISTRUSTED.lock().unwrap_or_else(PoisonError::into_inner).is_none_or(|since| age < since.elapsed())
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("service", &self.inner.service).field("backend", &self.inner.backend).finish()
    }
}

impl Database {
    /// Opens the database of `service`. `partitions` is how many ways its events are spread.
    ///
    /// # Errors
    /// Where it cannot be reached, at once or within ten seconds, or its folder cannot be written.
    pub async fn connect(
        service: &'static str,
        config: &DatabaseConfig,
        partitions: u32,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let mut own_database = true;
        let (mut writer, mut reader) = match config {
            DatabaseConfig::Sqlite { data_dir, readers } => {
                let url = format!("sqlite://{}?mode=rwc", data_dir.join(format!("{service}.db")).display());
                let writer = sqlite(&url, 1).await?;
                (writer, sqlite(&url, (*readers).max(1)).await?)
            }
            DatabaseConfig::Postgres { url, connections } => {
                own_database = url.contains("{service}");
                let url = url.replace("{service}", service);
                answers(&url).await?;
                let readers = (*connections / 3).max(1);
                let pool = |connections, planner| postgres(&url, service, own_database, connections, planner);
                let writer = pool((*connections - readers).max(1), WRITER).await?;
                if !own_database {
                    create_schema(&writer, service).await?;
                }
                (writer, pool(readers, READER).await?)
            }
        };
        let backend = writer.get_database_backend();
        let instruments = Instruments::new(service, backend);
        [&mut writer, &mut reader].into_iter().for_each(|pool| instruments.observe(pool));
        let spread = backend == DbBackend::Postgres && has_citus(&writer).await?;
        let inner = Inner {
            service,
            schema: if own_database { "public" } else { service },
            writer,
            reader,
            backend,
            spread,
            clock,
            partitions: partitions.max(1),
            committed: Notify::new(),
            unpark: OnceLock::new(),
            instruments,
            known: OnceLock::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The service whose data it holds.
    pub fn service(&self) -> &'static str {
        self.inner.service
    }

    /// Where its tables are looked for, on PostgreSQL.
    pub(crate) fn schema(&self) -> &'static str {
        self.inner.schema
    }

    /// SQLite or PostgreSQL.
    pub fn backend(&self) -> DbBackend {
        self.inner.backend
    }

    /// The clock that every transaction takes its time from.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// Whether Citus spreads its tables over servers by their roots: some forms of statements are refused there.
    pub fn is_spread(&self) -> bool {
        self.inner.spread
    }

    /// How many ways its events are spread.
    pub fn partitions(&self) -> u32 {
        self.inner.partitions
    }

    /// Waits until something with events is committed by this process. Registers before it returns its future's first
    /// pending state, so that a commit after the caller looked is not missed.
    pub fn committed(&self) -> tokio::sync::futures::Notified<'_> {
        self.inner.committed.notified()
    }

    /// Sets who handles parked events when what they waited for becomes known. Once, at start.
    pub fn set_unpark(&self, unpark: Arc<dyn Unpark>) {
        if self.inner.unpark.set(unpark).is_err() {
            tracing::error!(service = self.inner.service, "the handler of parked events was set twice");
        }
    }

    /// A connection without filter: for migrations, verification and the store's own tables.
    pub fn unfiltered(&self) -> &DatabaseConnection {
        &self.inner.reader
    }

    /// The organisation that rows of a retailer with only one belong to.
    pub fn default_organization(&self) -> OrganizationId {
        OrganizationId::default_organization()
    }

    /// Closes the pools; the last writes are on disk when it returns.
    ///
    /// # Errors
    /// Where the driver reports one.
    pub async fn close(&self) -> Result<()> {
        if self.inner.backend == DbBackend::Sqlite {
            // Leaves one plain file behind: easy to copy, quick to open.
            self.inner.writer.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await?;
        }
        self.inner.reader.close_by_ref().await?;
        self.inner.writer.close_by_ref().await?;
        Ok(())
    }
}

/// How long a write waits for those before it on SQLite.
const ACQUIRE: Duration = Duration::from_secs(30);

async fn sqlite(url: &str, connections: u32) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(ACQUIRE)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .test_before_acquire(false)
        // One connection writes, and writes wait for it in line: that is no fault to tell of.
        .map_sqlx_sqlite_pool_opts(|pool| pool.acquire_slow_threshold(ACQUIRE))
        .map_sqlx_sqlite_opts(|options| {
            options
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(30))
                .foreign_keys(false)
                .statement_cache_capacity(512)
                .pragma("cache_size", "-16000")
                .pragma("temp_store", "memory")
        });
    sea_orm::Database::connect(options).await
}

/// What the planner may do with statements that name their rows by key. Plans are made once for each statement and kept;
/// those of a young database are made while its tables are empty, when reading all of a table looks cheapest, so they must
/// follow the keys. No statement is worth compiling.
const WRITER: &[(&str, &str)] = &[
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    // Each key is looked up once.
    ("enable_memoize", "off"),
    ("jit", "off"),
];

/// Those that read may have to join whole tables.
const READER: &[(&str, &str)] = &[("plan_cache_mode", "force_generic_plan"), ("enable_seqscan", "off"), ("jit", "off")];

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// One connection ahead of the pools', which would try for long what one that is refused says at once.
async fn answers(url: &str) -> Result<(), DbErr> {
    let failed = |error: sqlx::Error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)));
    let late = |_| DbErr::Conn(RuntimeErr::Internal(format!("no answer within {PATIENCE:?}")));
    let options = PgConnectOptions::from_str(url).map_err(failed)?;
    let connected = tokio::time::timeout(PATIENCE, PgConnection::connect_with(&options)).await.map_err(late)?;
    connected.map_err(failed)?.close().await.map_err(failed)
}

async fn postgres(
    url: &str,
    service: &'static str,
    own_database: bool,
    connections: u32,
    planner: &'static [(&str, &str)],
) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        // Made beside the calls, and kept: a call waits for a connection only under the highest load.
        .min_connections(connections.div_ceil(2))
        .connect_timeout(PATIENCE)
        // Shorter than a call's usual deadline: a database that is away is said to be, instead of nothing.
        .acquire_timeout(Duration::from_secs(5))
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .test_before_acquire(false)
        .set_application_name(format!("guanxi-{service}"))
        .map_sqlx_postgres_pool_opts(|pool| {
            pool.before_acquire(|_, connection| Box::pin(async move { Ok(is_trusted(connection.age)) }))
        })
        .map_sqlx_postgres_opts(move |options| {
            let options = options.statement_cache_capacity(512).options(planner.iter().copied());
            if own_database { options } else { options.options([("search_path", service)]) }
        });
    sea_orm::Database::connect(options).await
}

/// A schema that is there may be used by a role that may not create one.
async fn create_schema(connection: &DatabaseConnection, service: &'static str) -> Result<(), DbErr> {
    let sql = "SELECT 1 AS there FROM pg_namespace WHERE nspname = $1";
    let asked = Statement::from_sql_and_values(DbBackend::Postgres, sql, [service.into()]);
    if connection.query_one_raw(asked).await?.is_some() {
        return Ok(());
    }
    let created = connection.execute_unprepared(&format!("CREATE SCHEMA IF NOT EXISTS {service}")).await;
    created.map(|_| ()).or_else(taken_by_another)
}

/// Whether the database is one that Citus spreads.
async fn has_citus(connection: &DatabaseConnection) -> Result<bool, DbErr> {
    let sql = "SELECT to_regproc('citus_version') IS NOT NULL";
    let row = connection.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    row.map_or(Ok(false), |row| row.try_get_by_index(0))
}

/// PostgreSQL's CREATE … IF NOT EXISTS fails for one of two that run it at once; the thing exists all the same.
pub(crate) fn taken_by_another(error: DbErr) -> Result<(), DbErr> {
    let code = match &error {
        DbErr::Exec(RuntimeErr::SqlxError(sqlx)) => sqlx.as_database_error().and_then(|e| e.code()),
        _ => None,
    };
    // A key of the catalogue that is taken or, a moment later, a schema, table or type that exists.
    let exists = matches!(code.as_deref(), Some("23505" | "42P06" | "42P07" | "42710"));
    if exists { Ok(()) } else { Err(error) }
}
