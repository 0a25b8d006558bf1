//! Where SQLite and PostgreSQL differ for this service alone: a lookup of many two-part keys is a join with arrays on the
//! one, and with a JSON document on the other.

use guanxi_kernel::Uuid;
use sea_orm::{DbBackend, Statement};

/// The root, event and digest of every stored revision of these (root, event) keys.
pub fn keyed(backend: DbBackend, keys: &[(Uuid, Uuid)]) -> Statement {
    const SELECT: &str = "SELECT t.root_id, t.event_id, t.digest FROM";
    const JOIN: &str = "JOIN tracking_events t ON t.root_id = k.root_id AND t.event_id = k.event_id";
    if backend == DbBackend::Postgres {
        let (roots, events): (Vec<Uuid>, Vec<Uuid>) = keys.iter().copied().unzip();
        let sql = format!("{SELECT} unnest($1::uuid[], $2::uuid[]) AS k(root_id, event_id) {JOIN}");
        return Statement::from_sql_and_values(backend, sql, [roots.into(), events.into()]);
    }
    let hex = |id: &Uuid| id.simple().to_string();
    let pairs: Vec<[String; 2]> = keys.iter().map(|(root, event)| [hex(root), hex(event)]).collect();
    let pairs = serde_json::to_string(&pairs).expect("strings encode");
    let key = "SELECT unhex(value->>0) AS root_id, unhex(value->>1) AS event_id FROM json_each(?1)";
    Statement::from_sql_and_values(backend, format!("{SELECT} ({key}) AS k {JOIN}"), [pairs.into()])
}
