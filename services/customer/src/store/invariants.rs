//! What must hold of the service's data at any moment.

use std::collections::HashMap;

use guanxi_kernel::Uuid;
use guanxi_kernel::name::CustomerId;
use guanxi_store::verify::{Checked, Invariant};
use guanxi_store::{Database, Result, StoreError};
use sea_orm::{ConnectionTrait, FromQueryResult, Statement};

use super::entities::{customers as rows, source_records};
use super::{by_roots, customers};
use crate::domain::source_record::SourceRecord;
use crate::domain::survivorship::{SourceRanks, view};

/// How many customers are read at once.
const PAGE: u64 = 500;

/// All of them.
pub fn all(ranks: &SourceRanks) -> Vec<Invariant> {
    let ranks = ranks.clone();
    vec![
        Invariant::sql(
            "order-total-is-the-sum-of-its-lines",
            "SELECT count(*) FROM orders",
            "SELECT 'orders/' || o.source || ':' || o.number, 'total is ' || CAST(o.total_minor AS varchar(20)) || \
             ', lines come to ' || CAST(COALESCE(l.sum, 0) AS varchar(20)) FROM orders o LEFT JOIN (SELECT root_id, \
             CAST(SUM(price_minor + delivery_minor) AS bigint) AS sum FROM order_lines GROUP BY root_id) l \
             ON l.root_id = o.root_id WHERE o.total_minor <> COALESCE(l.sum, 0)",
        ),
        Invariant::sql(
            "order-belongs-to-a-customer-of-its-organisation",
            "SELECT count(*) FROM orders",
            "SELECT 'orders/' || o.source || ':' || o.number, 'its customer is not one of ' || o.organization \
             FROM orders o LEFT JOIN customers c ON c.root_id = o.customer_id AND c.organization = o.organization \
             WHERE c.root_id IS NULL",
        ),
        Invariant::sql(
            "no-more-comes-back-than-was-sold",
            "SELECT count(*) FROM order_lines",
            "SELECT 'orders/' || o.source || ':' || o.number, 'line ' || CAST(r.line AS varchar(20)) || ': ' || \
             CAST(r.back AS varchar(20)) || ' came back of ' || CAST(COALESCE(l.quantity, 0) AS varchar(20)) \
             FROM (SELECT root_id, line, CAST(SUM(quantity) AS bigint) AS back FROM order_return_lines \
             GROUP BY root_id, line) r JOIN orders o ON o.root_id = r.root_id LEFT JOIN order_lines l \
             ON l.root_id = r.root_id AND l.line = r.line WHERE r.back > COALESCE(l.quantity, 0)",
        ),
        Invariant::new("identifier-has-one-owner-at-a-time", |db| {
            named(
                db,
                "SELECT count(*) FROM identity_edges",
                "SELECT a.customer_id AS id, 'shares a ' || a.kind || ' with another customer at one time' AS wrong \
                 FROM identity_edges a JOIN identity_edges b ON b.root_id = a.root_id AND b.number > a.number \
                 WHERE (a.valid_to IS NULL OR b.valid_from < a.valid_to) \
                 AND (b.valid_to IS NULL OR a.valid_from < b.valid_to)",
            )
        }),
        Invariant::new("identity-edge-belongs-to-a-customer-of-its-organisation", |db| {
            named(
                db,
                "SELECT count(*) FROM identity_edges",
                "SELECT e.customer_id AS id, 'has a ' || e.kind || ' and is not a customer of ' || e.organization AS wrong \
                 FROM identity_edges e LEFT JOIN customers c ON c.root_id = e.customer_id \
                 AND c.organization = e.organization WHERE c.root_id IS NULL",
            )
        }),
        Invariant::new("profile-is-what-its-records-come-to", move |db| profiles(db, ranks.clone())),
    ]
}

#[derive(FromQueryResult)]
struct Wrong {
    id: Uuid,
    wrong: String,
}

/// Like [`Invariant::sql`], of rows that name a customer.
async fn named(db: Database, count: &'static str, breaches: &'static str) -> Result<Checked> {
    let connection = db.unfiltered();
    let statement = |sql: &str| Statement::from_string(db.backend(), sql);
    let counted = connection.query_one_raw(statement(count)).await?;
    let mut checked = Checked { checked: counted.map_or(Ok(0), |row| row.try_get_by_index(0))?, ..Checked::default() };
    for row in connection.query_all_raw(statement(breaches)).await? {
        let Wrong { id, wrong } = Wrong::from_query_result(&row, "")?;
        checked.add(CustomerId(id).to_string(), wrong);
    }
    Ok(checked)
}

async fn profiles(db: Database, ranks: SourceRanks) -> Result<Checked> {
    let connection = db.unfiltered();
    let mut checked = Checked::default();
    let mut last = Uuid::nil();
    loop {
        let sql = format!("SELECT * FROM customers WHERE root_id > $1 ORDER BY root_id LIMIT {PAGE}");
        let statement = Statement::from_sql_and_values(db.backend(), sql, [last.into()]);
        let page = connection.query_all_raw(statement).await?;
        let page: Vec<rows::Model> =
            page.iter().map(|row| Ok(rows::Model::from_query_result(row, "")?)).collect::<Result<_>>()?;
        let Some(end) = page.last() else { return Ok(checked) };
        last = end.root_id;
        // The records are read after the customers: of one that changes meanwhile, what is read may not agree yet.
        let ids: Vec<Uuid> = page.iter().map(|row| row.root_id).collect();
        let broken = disagreeing(&db, &ids, page, &ranks).await?;
        checked.checked += i64::try_from(ids.len()).unwrap_or_default();
        if broken.is_empty() {
            continue;
        }
        let again: Vec<rows::Model> = by_roots(connection, "customers", &broken, "").await?;
        for id in disagreeing(&db, &broken, again, &ranks).await? {
            checked.add(CustomerId(id).to_string(), "its profile is not what its records come to");
        }
    }
}

async fn disagreeing(db: &Database, ids: &[Uuid], page: Vec<rows::Model>, ranks: &SourceRanks) -> Result<Vec<Uuid>> {
    let mut records = HashMap::<Uuid, Vec<SourceRecord>>::new();
    for row in by_roots::<source_records::Model>(db.unfiltered(), "source_records", ids, "").await? {
        records.entry(row.root_id).or_default().push(serde_json::from_str(&row.body).map_err(StoreError::row)?);
    }
    let mut broken = Vec::new();
    for row in page {
        let customer = customers::value(row)?;
        let of = records.get(&customer.id.uuid()).map_or(&[][..], Vec::as_slice);
        if view(of, ranks) != customer.profile {
            broken.push(customer.id.uuid());
        }
    }
    Ok(broken)
}
