//! Identity edges: whose an identifier was, and when.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{Timestamp, Uuid};
use guanxi_store::{Column, Result, Rows, Session, StoreError, Table, Tx, time};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect};

use super::entities::identity_edges::{self, Model};
use super::{by_roots, customers, parsed};
use crate::domain::edge::{Edge, Timeline};
use crate::domain::identifier::Identifier;
use crate::domain::ingest::Known;

const EDGES: Table = Table::new(
    "identity_edges",
    &[
        Column::uuid("root_id"),
        Column::int("number"),
        Column::text("organization"),
        Column::text("kind"),
        Column::text("issuer"),
        Column::text("value"),
        Column::uuid("customer_id"),
        Column::time("valid_from"),
        Column::time("valid_to").nullable(),
        Column::time("last_seen"),
        Column::text("source"),
        Column::text("rule"),
        Column::time("create_time"),
    ],
);

/// What changes of an edge.
const CHANGED: Table = Table::new(
    "identity_edges",
    &[
        Column::uuid("root_id"),
        Column::int("number"),
        Column::time("valid_from"),
        Column::time("valid_to").nullable(),
        Column::time("last_seen"),
    ],
);

/// The timelines of identifiers: one statement. Those without edges are there too, empty. `lock` is empty, or what locking
/// them came to.
///
/// # Errors
/// The database's.
pub async fn timelines(
    session: &impl Session,
    identifiers: &BTreeMap<Uuid, Identifier>,
    lock: &str,
) -> Result<Vec<(Uuid, Timeline)>> {
    let ids: Vec<Uuid> = identifiers.keys().copied().collect();
    let mut edges = HashMap::<Uuid, Vec<Edge>>::new();
    for row in by_roots::<Model>(session.connection(), "identity_edges", &ids, lock).await? {
        edges.entry(row.root_id).or_default().push(edge(&row));
    }
    let timeline = |(id, identifier): (&Uuid, &Identifier)| {
        (*id, Timeline::new(identifier.clone(), edges.remove(id).unwrap_or_default()))
    };
    Ok(identifiers.iter().map(timeline).collect())
}

/// What is known of identifiers and of their owners, locked: three statements, whatever their number.
///
/// # Errors
/// The database's.
pub async fn known(tx: &Tx, identifiers: &BTreeMap<Uuid, Identifier>) -> Result<Known> {
    let mut known = Known::default();
    let mut owners = BTreeSet::new();
    let lock = tx.lock("identity_edges", &identifiers.keys().copied().collect::<Vec<_>>()).await?;
    for (id, timeline) in timelines(tx, identifiers, lock).await? {
        owners.extend(timeline.edges().iter().map(|edge| edge.owner.uuid()));
        known.add_timeline(id, timeline);
    }
    let owners: Vec<Uuid> = owners.into_iter().collect();
    for (customer, versions) in customers::lock(tx, &owners).await? {
        known.add_customer(customer, versions);
    }
    Ok(known)
}

/// Stores what became of it: a statement for each of customers made, customers changed, records, edges changed and edges
/// made. Which of the added records are imported history, `historical` says of their places.
///
/// # Errors
/// The database's.
pub async fn save(tx: &Tx, known: &Known, historical: impl Fn(usize) -> bool) -> Result<()> {
    customers::insert(tx, known.created()).await?;
    customers::update(tx, known.changed().map(|(customer, _)| customer)).await?;
    let added = known.added().iter().enumerate().map(|(at, version)| (version, historical(at)));
    customers::insert_records(tx, added, tx.now()).await?;
    let (mut made, mut changed) = (Rows::new(&EDGES), Rows::new(&CHANGED));
    for (id, timeline) in known.timelines() {
        let identifier = &timeline.identifier;
        for edge in timeline.made() {
            let owner = known.customer(edge.owner).ok_or_else(|| StoreError::row("an edge's owner was not loaded"))?;
            made.push([
                id.into(),
                edge.number.into(),
                owner.organization.slug().into(),
                identifier.kind.as_str().into(),
                identifier.source.as_str().into(),
                identifier.value.as_str().into(),
                edge.owner.uuid().into(),
                edge.valid_from.into(),
                edge.valid_to.into(),
                edge.last_seen.into(),
                edge.source.as_str().into(),
                edge.rule.as_str().into(),
                edge.create_time.into(),
            ]);
        }
        for edge in timeline.changed() {
            changed.push([
                id.into(),
                edge.number.into(),
                edge.valid_from.into(),
                edge.valid_to.into(),
                edge.last_seen.into(),
            ]);
        }
    }
    changed.update(tx, &["root_id", "number"]).await?;
    // An edge that somebody else made meanwhile has taken the number: the transaction runs again and sees it.
    made.insert(tx).await
}

/// Which edges of a customer are asked for.
#[derive(Debug, Clone, Copy)]
pub enum When {
    /// All of them.
    Ever,
    /// Those that hold at an instant.
    At(Timestamp),
}

/// The edges of a customer, by the time from which they hold: at most `limit`, after `after`.
///
/// # Errors
/// The database's.
pub async fn list(
    session: &impl Session,
    customer: CustomerId,
    when: When,
    after: Option<(Timestamp, Uuid, i64)>,
    limit: u64,
) -> Result<Vec<Model>> {
    use identity_edges::Column;
    let mut query =
        session.find::<identity_edges::Entity>().filter(Column::CustomerId.eq(customer.uuid())).limit(limit);
    if let When::At(at) = when {
        let at = time::to_column(at);
        query = query
            .filter(Column::ValidFrom.lte(at))
            .filter(Condition::any().add(Column::ValidTo.is_null()).add(Column::ValidTo.gt(at)));
    }
    if let Some((from, id, number)) = after {
        let from = time::to_column(from);
        let later = Condition::any().add(Column::ValidFrom.gt(from)).add(
            Condition::all().add(Column::ValidFrom.eq(from)).add(
                Condition::any()
                    .add(Column::RootId.gt(id))
                    .add(Condition::all().add(Column::RootId.eq(id)).add(Column::Number.gt(number))),
            ),
        );
        query = query.filter(later);
    }
    let query = query.order_by_asc(Column::ValidFrom).order_by_asc(Column::RootId).order_by_asc(Column::Number);
    Ok(query.all(session.connection()).await?)
}

/// What identifiers the customers are recognised by at `now`, of at most so many customers as a page has.
///
/// # Errors
/// The database's.
pub async fn open(session: &impl Session, customers: &[Uuid]) -> Result<HashMap<CustomerId, Vec<Identifier>>> {
    use identity_edges::Column;
    let now = time::to_column(session.now());
    let rows = session
        .find::<identity_edges::Entity>()
        .filter(Column::CustomerId.is_in(customers.iter().copied()))
        .filter(Column::ValidFrom.lte(now))
        .filter(Condition::any().add(Column::ValidTo.is_null()).add(Column::ValidTo.gt(now)))
        .order_by_asc(Column::Kind)
        .order_by_asc(Column::ValidFrom)
        .order_by_asc(Column::RootId)
        .all(session.connection())
        .await?;
    let mut open = HashMap::<CustomerId, Vec<Identifier>>::new();
    for row in rows {
        open.entry(CustomerId(row.customer_id)).or_default().push(identifier(&row)?);
    }
    Ok(open)
}

/// The identifier of an edge's row.
///
/// # Errors
/// Where the row holds what the code does not understand.
pub fn identifier(row: &Model) -> Result<Identifier> {
    let kind = parsed(&row.kind, "identity_edges.kind")?;
    Ok(Identifier { kind, source: row.issuer.clone(), value: row.value.clone() })
}

/// An edge from its row.
pub fn edge(row: &Model) -> Edge {
    Edge {
        number: row.number,
        owner: CustomerId(row.customer_id),
        valid_from: time::from_column(row.valid_from),
        valid_to: row.valid_to.map(time::from_column),
        last_seen: time::from_column(row.last_seen),
        source: row.source.clone(),
        rule: row.rule.clone(),
        create_time: time::from_column(row.create_time),
    }
}
