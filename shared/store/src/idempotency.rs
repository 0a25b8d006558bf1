//! The idempotency rows: for each request that was granted, the digest of its body and the reply. A request that was
//! refused leaves its id unused.

use std::collections::HashMap;

use guanxi_kernel::{Kind, Refused, Uuid, Write};
use sea_orm::{ConnectionTrait, Statement};

use crate::rows::{Cell, Column, Rows, Table};
use crate::{Change, Result, Tx, dialect};

const TABLE: Table = Table::new(
    "idempotency",
    &[
        Column::uuid("root_id"),
        Column::uuid("request_id"),
        Column::text("scope"),
        Column::bytes("digest"),
        Column::bytes("reply"),
        Column::time("create_time"),
    ],
);

/// What an earlier request with this id left.
pub(crate) enum Earlier {
    /// There was none.
    None,
    /// The same body: its reply.
    Same(Vec<u8>),
    /// Another body.
    Other,
}

pub(crate) async fn earlier(tx: &Tx, write: &Write) -> Result<Earlier> {
    let mut found = earlier_of(tx, &[write]).await?;
    Ok(found.pop().expect("one answer for one question"))
}

/// One answer for each write, in their order, by one statement.
pub(crate) async fn earlier_of(tx: &Tx, writes: &[&Write]) -> Result<Vec<Earlier>> {
    let asked: Vec<(Uuid, Uuid)> = writes.iter().map(|write| (write.root, write.request_id)).collect();
    let (condition, values) = dialect::any_pair(tx.backend(), ("root_id", "request_id"), &asked);
    let sql = format!("SELECT root_id, request_id, scope, digest, reply FROM idempotency WHERE {condition}");
    let rows = tx.conn().query_all_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let key: (Uuid, Uuid, String) =
            (row.try_get("", "root_id")?, row.try_get("", "request_id")?, row.try_get("", "scope")?);
        let value: (Vec<u8>, Vec<u8>) = (row.try_get("", "digest")?, row.try_get("", "reply")?);
        found.insert(key, value);
    }
    let answer = |write: &&Write| match found.get(&(write.root, write.request_id, write.scope.to_owned())) {
        None => Earlier::None,
        Some((digest, reply)) if digest.as_slice() == write.digest => Earlier::Same(reply.clone()),
        Some(_) => Earlier::Other,
    };
    Ok(writes.iter().map(answer).collect())
}

/// The rows of requests that are granted.
pub(crate) fn granted(tx: &Tx, granted: &[(&Write, &[u8])]) -> Change {
    let mut rows = Rows::new(&TABLE);
    for (write, reply) in granted {
        rows.push([
            Cell::Uuid(write.root),
            Cell::Uuid(write.request_id),
            Cell::Text(write.scope.to_owned()),
            Cell::Bytes(write.digest.to_vec()),
            Cell::Bytes(reply.to_vec()),
            Cell::Time(tx.now()),
        ]);
    }
    rows.inserting()
}

/// The refusal of a request id that came before with another body.
pub(crate) fn reused(write: &Write) -> Refused {
    let message = "this request_id was used for another request: take a new one";
    Refused::new(Kind::InvalidArgument, "REQUEST_ID_REUSED", message).with("request_id", write.request_id)
}
