//! Where SQLite and PostgreSQL differ, and nowhere else.

use guanxi_kernel::Uuid;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, Value};

/// Whether this is PostgreSQL; SQLite otherwise.
pub fn is_postgres(connection: &impl ConnectionTrait) -> bool {
    connection.get_database_backend() == DbBackend::Postgres
}

/// A statement in both dialects.
pub fn statement(backend: DbBackend, postgres: &str, sqlite: &str, values: Vec<Value>) -> Statement {
    let sql = if backend == DbBackend::Postgres { postgres } else { sqlite };
    Statement::from_sql_and_values(backend, sql, values)
}

/// `column IN (ids)`, as a condition with one parameter: `$at`, and its value.
pub fn any_uuid(backend: DbBackend, column: &str, at: usize, ids: &[Uuid]) -> (String, Value) {
    if backend == DbBackend::Postgres {
        (format!("{column} = ANY(${at}::uuid[])"), ids.to_vec().into())
    } else {
        (format!("{column} IN (SELECT unhex(value) FROM json_each(?{at}))"), hex_list(ids).into())
    }
}

/// `column IN (texts)`, as a condition with one parameter: `$at`, and its value.
pub fn any_text(backend: DbBackend, column: &str, at: usize, texts: &[String]) -> (String, Value) {
    if backend == DbBackend::Postgres {
        (format!("{column} = ANY(${at}::text[])"), texts.to_vec().into())
    } else {
        any_listed(column, at, texts)
    }
}

/// `(first, second) IN (pairs)`, as a condition with its parameters, `$1` on. Each pair is looked up by itself: two lists with
/// AND between them would have PostgreSQL try every first with every second.
pub fn any_pair(backend: DbBackend, columns: (&str, &str), pairs: &[(Uuid, Uuid)]) -> (String, Vec<Value>) {
    let (first, second) = columns;
    if backend == DbBackend::Postgres {
        let (firsts, seconds): (Vec<Uuid>, Vec<Uuid>) = pairs.iter().copied().unzip();
        let source = "SELECT a, b FROM unnest($1::uuid[], $2::uuid[]) AS k(a, b)";
        (format!("({first}, {second}) IN ({source})"), vec![firsts.into(), seconds.into()])
    } else {
        let pairs: Vec<_> = pairs.iter().map(|(a, b)| [a.simple().to_string(), b.simple().to_string()]).collect();
        let json = serde_json::to_string(&pairs).expect("strings encode");
        let source = "SELECT unhex(value->>0), unhex(value->>1) FROM json_each(?1)";
        (format!("({first}, {second}) IN ({source})"), vec![json.into()])
    }
}

/// `column IN (numbers)`, as a condition with one parameter: `$at`, and its value.
pub fn any_int(backend: DbBackend, column: &str, at: usize, numbers: &[i64]) -> (String, Value) {
    if backend == DbBackend::Postgres {
        (format!("{column} = ANY(${at}::int8[])"), numbers.to_vec().into())
    } else {
        any_listed(column, at, numbers)
    }
}

/// `column IN (values)` on SQLite, for values that JSON has.
fn any_listed(column: &str, at: usize, values: &(impl serde::Serialize + ?Sized)) -> (String, Value) {
    let json = serde_json::to_string(values).expect("plain values encode");
    (format!("{column} IN (SELECT value FROM json_each(?{at}))"), json.into())
}

fn hex_list(ids: &[Uuid]) -> String {
    serde_json::to_string(&ids.iter().map(|id| id.simple().to_string()).collect::<Vec<_>>()).expect("strings encode")
}

/// The suffix that locks the rows of a SELECT until the transaction ends; on SQLite the writer has the lock already.
pub fn for_update(backend: DbBackend) -> &'static str {
    if backend == DbBackend::Postgres { " FOR UPDATE" } else { "" }
}

/// Holds keys that have no row to lock until the transaction ends. On SQLite the transaction is the only writer.
pub async fn lock_keys(connection: &DatabaseTransaction, keys: &[String]) -> Result<(), DbErr> {
    let backend = connection.get_database_backend();
    if backend != DbBackend::Postgres || keys.is_empty() {
        return Ok(());
    }
    let mut numbers: Vec<i64> = keys
        .iter()
        .map(|key| {
            let (high, _) = guanxi_kernel::natural_id("key-lock", [key.as_str()]).as_u64_pair();
            i64::from_be_bytes(high.to_be_bytes())
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    let sql = "SELECT count(pg_advisory_xact_lock(k)) FROM (SELECT k FROM unnest($1::int8[]) k ORDER BY k) o";
    connection.query_one_raw(Statement::from_sql_and_values(backend, sql, [numbers.into()])).await?;
    Ok(())
}
