//! What must hold of the logistics data at any moment: every status is the fold that it claims to be.

use guanxi_kernel::{Call, Uuid};
use guanxi_runtime::{Checked, Invariant};
use guanxi_store::{Database, Result, Tx};
use sea_orm::{FromQueryResult, Statement};

use super::{rows_of, shipments, tracks};
use crate::domain::{PackageReference, Shipment, shipment};

/// How many shipments are checked at a time.
const PAGE: i64 = 200;

/// Every invariant of the service.
pub fn all() -> Vec<Invariant> {
    vec![
        Invariant::new("statuses-are-folds", |db| async move { check(&db, folds).await }),
        Invariant::new("no-event-waits-for-a-known-package", |db| async move { check(&db, waits).await }),
        Invariant::sql(
            "changes-are-numbered-to-the-last",
            "SELECT count(*) FROM shipments",
            "SELECT coalesce(s.order_name, 'a shipment without an order'), 'stands at ' || s.version || ', its last change is ' || c.last \
             FROM shipments s JOIN (SELECT root_id, max(number) AS last FROM shipment_changes GROUP BY root_id) c \
             ON c.root_id = s.root_id WHERE c.last <> s.version",
        ),
        Invariant::no_dead_letters(),
    ]
}

#[derive(Debug, FromQueryResult)]
struct Id {
    root_id: Uuid,
}

type Faults = Vec<(String, String)>;

/// Looks at every shipment in pages; each page in a transaction that holds its shipments, so that nothing moves.
async fn check<F>(db: &Database, faults: F) -> Result<Checked>
where
    F: AsyncFn(&Tx, &[Shipment]) -> Result<Faults> + Copy,
{
    let mut checked = Checked::default();
    let mut after = Uuid::nil();
    loop {
        let sql = "SELECT root_id FROM shipments WHERE root_id > $1 ORDER BY root_id LIMIT $2";
        let statement = Statement::from_sql_and_values(db.backend(), sql, [after.into(), PAGE.into()]);
        let ids: Vec<Uuid> =
            Id::find_by_statement(statement).all(db.unfiltered()).await?.into_iter().map(|row| row.root_id).collect();
        let Some(&last) = ids.last() else { return Ok(checked) };
        after = last;
        let ids = &ids;
        let call = Call::internal(db.service());
        let (count, found) = db
            .slice(&call, |tx| async move {
                let held: Vec<Shipment> = shipments::lock(&tx, ids).await?.into_values().collect();
                let found = faults(&tx, &held).await?;
                Ok((held.len(), found))
            })
            .await?;
        checked.checked += i64::try_from(count).unwrap_or(i64::MAX);
        for (subject, description) in found {
            checked.add(subject, description);
        }
    }
}

/// Packages that do not stand where their events put them, shipments that do not stand where their packages do.
async fn folds(tx: &Tx, held: &[Shipment]) -> Result<Faults> {
    let packages: Vec<Uuid> = held.iter().flat_map(|s| s.packages.iter().map(|p| p.id.uuid())).collect();
    let folded = tracks::load(tx.conn(), &packages).await?;
    let mut faults = Vec::new();
    for shipment in held {
        for package in &shipment.packages {
            let folded = folded.get(&package.id.uuid()).map(|track| track.standing().clone()).unwrap_or_default();
            if folded != package.standing {
                let description = format!("stands at {:?}; its events fold to {folded:?}", package.standing);
                faults.push((package.id.to_string(), description));
            }
        }
        let is = shipment::status_of(&shipment.packages);
        if is != shipment.status {
            let description = format!("stands at {}; its packages come to {is}", shipment.status);
            faults.push((shipment.id.to_string(), description));
        }
    }
    Ok(faults)
}

/// Events that wait under a reference of a package that is known.
async fn waits(tx: &Tx, held: &[Shipment]) -> Result<Faults> {
    let mut faults = Vec::new();
    let roots = |shipment: &Shipment| -> Vec<Uuid> {
        shipment
            .packages
            .iter()
            .map(|package| PackageReference::Package(package.id))
            .flat_map(|reference| [reference.parking(None), reference.parking(Some(&shipment.organization))])
            .collect()
    };
    let all: Vec<Uuid> = held.iter().flat_map(roots).collect();
    let waiting = rows_of::<Id>(tx.conn(), "SELECT root_id FROM tracking_events", "root_id", &all, "").await?;
    for row in waiting {
        let owner = held.iter().find(|shipment| roots(shipment).contains(&row.root_id));
        let subject = owner.map_or_else(|| row.root_id.to_string(), |shipment| shipment.id.to_string());
        faults.push((subject, "an event still waits for one of its packages".to_owned()));
    }
    Ok(faults)
}
