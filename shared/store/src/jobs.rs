//! Jobs: rows of long work, each done in slices by whoever holds its lease. A slice's effects and the job's progress are
//! one transaction, so a job goes on where it stopped, whatever stopped it.

use std::collections::HashMap;
use std::time::Duration;

use guanxi_kernel::{Access, Call, Timestamp, Uuid};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use crate::rows::{Cell, Column, Rows, Table};
use crate::{Database, Result, StoreError, Tx, dialect, time};

const TABLE: Table = Table::new(
    "job",
    &[
        Column::uuid("root_id"),
        Column::text("kind"),
        Column::text("state"),
        Column::text("organization").nullable(),
        Column::bytes("request").nullable(),
        Column::bytes("cursor_state").nullable(),
        Column::text("result_type").nullable(),
        Column::bytes("result").nullable(),
        Column::text("error").nullable(),
        Column::int("done"),
        Column::int("total").nullable(),
        Column::bool("cancel_asked"),
        Column::time("create_time"),
        Column::time("start_time").nullable(),
        Column::time("end_time").nullable(),
    ],
);

const COLUMNS: &str = "root_id, kind, state, organization, request, cursor_state, result_type, result, error, done, total, \
                       cancel_asked, create_time, start_time, end_time";

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Waits for a runner.
    Pending,
    /// A runner is at it, or was when it was stopped.
    Running,
    /// Done.
    Succeeded,
    /// Ended with an error.
    Failed,
    /// Ended because somebody asked.
    Cancelled,
}

impl JobState {
    /// Whether nothing more will happen.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        [Self::Pending, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| StoreError::row(format!("{text:?} is no state of a job")))
    }
}

/// A job as its row holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// Its id.
    pub id: Uuid,
    /// What it does, such as `expire-lots`.
    pub kind: String,
    /// Where it stands.
    pub state: JobState,
    /// The slug of whose data it is about; `None` for the service's own, scheduled ones.
    pub organization: Option<String>,
    /// What was asked, encoded by the kind.
    pub request: Vec<u8>,
    /// Where the next slice begins, encoded by the kind; empty at first.
    pub cursor: Vec<u8>,
    /// What it found or made: the full name of a message, and the message.
    pub result: Option<(String, Vec<u8>)>,
    /// Why it failed.
    pub error: Option<String>,
    /// Steps of work done.
    pub done: i64,
    /// Steps of work in all, where that is known.
    pub total: Option<i64>,
    /// Whether somebody asked it to end.
    pub cancel_asked: bool,
    /// When it was asked for.
    pub create_time: Timestamp,
    /// When its first slice ran.
    pub start_time: Option<Timestamp>,
    /// When it ended.
    pub end_time: Option<Timestamp>,
}

/// The jobs of one kind, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobFigures {
    /// Those that wait for a runner.
    pub pending: i64,
    /// Those that a runner is at.
    pub running: i64,
    /// When the oldest of both was asked for.
    pub oldest: Option<Timestamp>,
    /// When the last one succeeded that is remembered.
    pub succeeded: Option<Timestamp>,
}

impl JobRow {
    /// A job that waits for a runner.
    pub fn pending(id: Uuid, kind: &str, organization: Option<&str>, request: Vec<u8>, now: Timestamp) -> Self {
        Self {
            id,
            kind: kind.to_owned(),
            state: JobState::Pending,
            organization: organization.map(str::to_owned),
            request,
            cursor: Vec::new(),
            result: None,
            error: None,
            done: 0,
            total: None,
            cancel_asked: false,
            create_time: now,
            start_time: None,
            end_time: None,
        }
    }

    /// Ends the job.
    pub fn end(&mut self, state: JobState, now: Timestamp) {
        self.state = state;
        self.end_time = Some(now);
    }

    /// Whether a caller with this access may know of it: the service's own jobs are for those who see everything.
    pub fn is_visible(&self, access: &Access) -> bool {
        match (access, &self.organization) {
            (Access::All, _) => true,
            (Access::Some(list), Some(slug)) => list.keys().any(|organization| organization.slug() == slug),
            (Access::Some(_), None) => false,
        }
    }

    /// Inserts it, unless a job with its id exists.
    ///
    /// # Errors
    /// The database's.
    pub async fn insert(self, tx: &Tx) -> Result<bool> {
        self.into_rows().insert_new(tx).await.map(|inserted| inserted == 1)
    }

    /// Writes it back.
    ///
    /// # Errors
    /// The database's.
    pub async fn save(self, tx: &Tx) -> Result<()> {
        self.into_rows().update(tx, &["root_id"]).await.map(|_| ())
    }

    fn into_rows(self) -> Rows {
        let (result_type, result) = self.result.unzip();
        // An empty value is stored as none: they mean the same.
        let bytes = |bytes: Vec<u8>| (!bytes.is_empty()).then_some(bytes);
        let mut rows = Rows::new(&TABLE);
        rows.push([
            self.id.into(),
            self.kind.into(),
            self.state.as_str().into(),
            self.organization.into(),
            bytes(self.request).into(),
            bytes(self.cursor).into(),
            result_type.into(),
            result.and_then(bytes).into(),
            self.error.into(),
            self.done.into(),
            self.total.into(),
            self.cancel_asked.into(),
            Cell::Time(self.create_time),
            self.start_time.into(),
            self.end_time.into(),
        ]);
        rows
    }

    fn read(row: &QueryResult) -> Result<Self> {
        let time = |column: &str| row.try_get::<Option<DateTimeUtc>>("", column).map(|at| at.map(time::from_column));
        let bytes = |column: &str| row.try_get::<Option<Vec<u8>>>("", column).map(Option::unwrap_or_default);
        let result_type: Option<String> = row.try_get("", "result_type")?;
        let result = bytes("result")?;
        Ok(Self {
            id: row.try_get("", "root_id")?,
            kind: row.try_get("", "kind")?,
            state: JobState::parse(&row.try_get::<String>("", "state")?)?,
            organization: row.try_get("", "organization")?,
            request: bytes("request")?,
            cursor: bytes("cursor_state")?,
            result: result_type.map(|name| (name, result)),
            error: row.try_get("", "error")?,
            done: row.try_get("", "done")?,
            total: row.try_get("", "total")?,
            cancel_asked: row.try_get("", "cancel_asked")?,
            create_time: time("create_time")?.ok_or_else(|| StoreError::row("a job without a create_time"))?,
            start_time: time("start_time")?,
            end_time: time("end_time")?,
        })
    }
}

impl Tx {
    /// The job with this id, locked until the transaction ends.
    ///
    /// # Errors
    /// The database's.
    pub async fn lock_job(&self, id: Uuid) -> Result<Option<JobRow>> {
        let sql = format!("SELECT {COLUMNS} FROM job WHERE root_id = $1{}", dialect::for_update(self.backend()));
        let row = self.conn().query_one_raw(Statement::from_sql_and_values(self.backend(), sql, [id.into()])).await?;
        row.as_ref().map(JobRow::read).transpose()
    }

    /// Whether `every` has passed since the schedule `name` was last due; if so it is due now, and not again before
    /// `every` has passed once more. The first time it is due at once; so it is where the clock went back by more than `every`.
    ///
    /// # Errors
    /// The database's.
    pub async fn is_due(&self, name: &str, every: Duration) -> Result<bool> {
        let every = jiff::SignedDuration::try_from(every).unwrap_or(jiff::SignedDuration::MAX);
        let (backend, now) = (self.backend(), self.now());
        let before = now.checked_sub(every).unwrap_or(Timestamp::MIN);
        let ahead = now.checked_add(every).unwrap_or(Timestamp::MAX);
        let sql = "INSERT INTO job_schedule (name, last_run) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE \
                   SET last_run = excluded.last_run \
                   WHERE job_schedule.last_run <= $3 OR job_schedule.last_run > $4";
        let values =
            [name.into(), time::to_column(now).into(), time::to_column(before).into(), time::to_column(ahead).into()];
        let done = self.conn().execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        Ok(done.rows_affected() == 1)
    }
}

impl Database {
    /// The job with this id.
    ///
    /// # Errors
    /// The database's.
    pub async fn job(&self, id: Uuid) -> Result<Option<JobRow>> {
        let sql = format!("SELECT {COLUMNS} FROM job WHERE root_id = $1");
        let row =
            self.unfiltered().query_one_raw(Statement::from_sql_and_values(self.backend(), sql, [id.into()])).await?;
        row.as_ref().map(JobRow::read).transpose()
    }

    /// The jobs that the caller may know of, newest first, at most `limit`, older than the one with this time and id.
    ///
    /// # Errors
    /// The database's.
    pub async fn jobs(&self, call: &Call, before: Option<(Timestamp, Uuid)>, limit: u32) -> Result<Vec<JobRow>> {
        let mut conditions = vec!["1 = 1".to_owned()];
        let mut values: Vec<Value> = Vec::new();
        if let Some((at, id)) = before {
            values.extend([time::to_column(at).into(), id.into()]);
            conditions.push("(create_time, root_id) < ($1, $2)".to_owned());
        }
        if let Some(readable) = call.caller.organizations.readable() {
            let slugs: Vec<String> = readable.iter().map(|organization| organization.slug().to_owned()).collect();
            let (condition, value) = dialect::any_text(self.backend(), "organization", values.len() + 1, &slugs);
            conditions.push(condition);
            values.push(value);
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM job WHERE {} ORDER BY create_time DESC, root_id DESC LIMIT {limit}",
            conditions.join(" AND ")
        );
        self.read_jobs(sql, values).await
    }

    /// The jobs that wait or run, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn open_jobs(&self) -> Result<Vec<JobRow>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM job WHERE state IN ('pending', 'running') ORDER BY create_time, root_id LIMIT 1000"
        );
        self.read_jobs(sql, Vec::new()).await
    }

    /// When each schedule was last due.
    ///
    /// # Errors
    /// The database's.
    pub async fn schedules(&self) -> Result<HashMap<String, Timestamp>> {
        let statement = Statement::from_string(self.backend(), "SELECT name, last_run FROM job_schedule");
        let rows = self.unfiltered().query_all_raw(statement).await?;
        rows.iter()
            .map(|row| Ok((row.try_get("", "name")?, time::from_column(row.try_get::<DateTimeUtc>("", "last_run")?))))
            .collect()
    }

    /// Forgets jobs that ended before `before`. Says how many.
    ///
    /// # Errors
    /// The database's.
    pub async fn prune_jobs(&self, before: Timestamp) -> Result<u64> {
        self.slice(&Call::internal("prune-jobs"), async |tx| {
            let sql = "DELETE FROM job WHERE state NOT IN ('pending', 'running') AND end_time < $1";
            let values = [time::to_column(before).into()];
            let done = tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
            Ok(done.rows_affected())
        })
        .await
    }

    /// What runs and what succeeded, by kind: of what is open, and of what is remembered.
    ///
    /// # Errors
    /// The database's.
    pub async fn job_figures(&self) -> Result<HashMap<String, JobFigures>> {
        let statement = |sql: &str| Statement::from_string(self.backend(), sql);
        let mut figures: HashMap<String, JobFigures> = HashMap::new();
        let sql = "SELECT kind, state, COUNT(*) AS n, MIN(create_time) AS oldest FROM job \
                   WHERE state IN ('pending', 'running') GROUP BY kind, state";
        for row in self.unfiltered().query_all_raw(statement(sql)).await? {
            let of_kind = figures.entry(row.try_get("", "kind")?).or_default();
            match JobState::parse(&row.try_get::<String>("", "state")?)? {
                JobState::Running => of_kind.running = row.try_get("", "n")?,
                _ => of_kind.pending = row.try_get("", "n")?,
            }
            let oldest = time::from_column(row.try_get::<DateTimeUtc>("", "oldest")?);
            of_kind.oldest = Some(of_kind.oldest.map_or(oldest, |other| other.min(oldest)));
        }
        let sql = "SELECT kind, MAX(end_time) AS newest FROM job WHERE state = 'succeeded' GROUP BY kind";
        for row in self.unfiltered().query_all_raw(statement(sql)).await? {
            let newest = row.try_get::<Option<DateTimeUtc>>("", "newest")?.map(time::from_column);
            figures.entry(row.try_get("", "kind")?).or_default().succeeded = newest;
        }
        Ok(figures)
    }

    async fn read_jobs(&self, sql: String, values: Vec<Value>) -> Result<Vec<JobRow>> {
        let rows = self.unfiltered().query_all_raw(Statement::from_sql_and_values(self.backend(), sql, values)).await?;
        rows.iter().map(JobRow::read).collect()
    }
}
