//! Changes of several tables written together: on PostgreSQL by one statement, whatever the number of tables, since each
//! statement costs its way to the server and back. Citus takes no such statement.

use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};

use crate::rows::{Rows, Target};
use crate::{Result, Tx};

/// A set of rows on its way into its table.
#[derive(Debug)]
pub struct Change {
    rows: Rows,
    how: How,
}

#[derive(Debug)]
pub(crate) enum How {
    /// With what comes after the rows.
    Insert(String),
    /// By these columns.
    Update(Vec<&'static str>),
}

impl Change {
    pub(crate) fn new(rows: Rows, how: How) -> Self {
        Self { rows, how }
    }

    /// Writes it alone; says how many rows it touched.
    pub(crate) async fn write(self, tx: &Tx) -> Result<u64> {
        if self.rows.is_empty() {
            return Ok(0);
        }
        let (sql, values) = self.statement(tx.target(), 1);
        let done = tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
        Ok(done.rows_affected())
    }

    /// The statement, with its parameters numbered from `from` on.
    fn statement(self, to: Target, from: usize) -> (String, Vec<Value>) {
        let table = self.rows.table();
        let (source, values) = self.rows.source(to, from);
        let name = table.name();
        let sql = match self.how {
            // SQLite needs a WHERE between a SELECT and ON CONFLICT to parse it.
            How::Insert(suffix) => {
                let columns: Vec<_> = table.column_names().collect();
                format!("INSERT INTO {name} ({}) {source} WHERE true{suffix}", columns.join(", "))
            }
            How::Update(key) => {
                let set = table.column_names().filter(|column| !key.contains(column));
                let set: Vec<_> = set.map(|column| format!("{column} = v.{column}")).collect();
                let on: Vec<_> = key.iter().map(|column| format!("{name}.{column} = v.{column}")).collect();
                format!("UPDATE {name} SET {} FROM ({source}) AS v WHERE {}", set.join(", "), on.join(" AND "))
            }
        };
        (sql, values)
    }
}

/// Writes changes of different tables, or of different rows; none sees another's. Does nothing where there are no rows.
///
/// # Errors
/// The database's; a key that exists already makes the whole transaction run again.
pub async fn write_all(tx: &Tx, changes: impl IntoIterator<Item = Change>) -> Result<()> {
    let mut changes: Vec<Change> = changes.into_iter().filter(|change| !change.rows.is_empty()).collect();
    if tx.backend() != DbBackend::Postgres || tx.is_spread() || changes.len() < 2 {
        for change in changes {
            change.write(tx).await?;
        }
        return Ok(());
    }
    let last = changes.pop();
    let (mut parts, mut values) = (Vec::new(), Vec::new());
    for change in changes {
        let (sql, more) = change.statement(tx.target(), values.len() + 1);
        parts.push(format!("w{} AS ({sql})", parts.len()));
        values.extend(more);
    }
    let mut sql = format!("WITH {} ", parts.join(", "));
    if let Some(last) = last {
        let (statement, more) = last.statement(tx.target(), values.len() + 1);
        sql.push_str(&statement);
        values.extend(more);
    }
    tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
    Ok(())
}
