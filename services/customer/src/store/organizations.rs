//! Organisations and their stores.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_kernel::{OrganizationId, Refused, Uuid};
use guanxi_store::{Column as Cells, Result, Rows, Session, Table, Tx, time};
use sea_orm::sea_query::ExprTrait;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};

use super::entities::{organizations, stores};
use super::{by_roots, organization, parsed};
use crate::domain::organization::{Organization, Store, StoreName, root};

const ORGANIZATIONS: Table = Table::new(
    "organizations",
    &[
        Cells::uuid("root_id"),
        Cells::text("organization"),
        Cells::text("display_name"),
        Cells::text("time_zone"),
        Cells::text("currency"),
        Cells::time("create_time"),
    ],
);

const STORES: Table = Table::new(
    "stores",
    &[
        Cells::uuid("root_id"),
        Cells::text("store_id"),
        Cells::text("organization"),
        Cells::text("display_name"),
        Cells::text("locality"),
        Cells::text("time_zone"),
        Cells::time("create_time"),
    ],
);

/// Makes an organisation.
///
/// # Errors
/// ALREADY_EXISTS; the database's.
pub async fn create(tx: &Tx, made: &Organization) -> Result<()> {
    let mut rows = Rows::new(&ORGANIZATIONS);
    rows.push([
        root(&made.id).into(),
        made.id.slug().into(),
        made.display_name.as_str().into(),
        made.time_zone.as_str().into(),
        made.currency.code().into(),
        made.create_time.into(),
    ]);
    if rows.insert_new(tx).await? == 0 {
        return Err(Refused::exists("organization", &made.id).into());
    }
    Ok(())
}

/// An organisation that the caller may read.
///
/// # Errors
/// NOT_FOUND; the database's.
pub async fn get(session: &impl Session, id: &OrganizationId) -> Result<Organization> {
    let query = session.find::<organizations::Entity>().filter(organizations::Column::RootId.eq(root(id)));
    let row = query.one(session.connection()).await?;
    row.map(value).transpose()?.ok_or_else(|| Refused::not_found("organization", id).into())
}

/// Organisations that the caller may read, by name: at most `limit`, after `after`.
///
/// # Errors
/// The database's.
pub async fn list(session: &impl Session, after: Option<&str>, limit: u64) -> Result<Vec<Organization>> {
    use organizations::Column;
    let mut query = session.find::<organizations::Entity>().order_by_asc(Column::Organization).limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::Organization.gt(after));
    }
    query.all(session.connection()).await?.into_iter().map(value).collect()
}

/// Those of some organisations that exist, whoever may read them: one statement.
///
/// # Errors
/// The database's.
pub async fn existing(
    tx: &Tx,
    ids: impl IntoIterator<Item = &OrganizationId>,
) -> Result<BTreeMap<OrganizationId, Organization>> {
    let roots: BTreeSet<Uuid> = ids.into_iter().map(root).collect();
    let roots: Vec<Uuid> = roots.into_iter().collect();
    let rows: Vec<organizations::Model> = by_roots(tx.conn(), "organizations", &roots, "").await?;
    rows.into_iter().map(|row| value(row).map(|organization| (organization.id.clone(), organization))).collect()
}

/// Makes a store.
///
/// # Errors
/// ALREADY_EXISTS; the database's.
pub async fn create_store(tx: &Tx, made: &Store) -> Result<()> {
    let mut rows = Rows::new(&STORES);
    rows.push([
        root(&made.name.organization).into(),
        made.name.id.as_str().into(),
        made.name.organization.slug().into(),
        made.display_name.as_str().into(),
        made.locality.as_str().into(),
        made.time_zone.as_str().into(),
        made.create_time.into(),
    ]);
    if rows.insert_new(tx).await? == 0 {
        return Err(Refused::exists("store", &made.name).into());
    }
    Ok(())
}

/// A store that the caller may read.
///
/// # Errors
/// NOT_FOUND; the database's.
pub async fn get_store(session: &impl Session, name: &StoreName) -> Result<Store> {
    use stores::Column;
    let query = session
        .find::<stores::Entity>()
        .filter(Column::RootId.eq(root(&name.organization)))
        .filter(Column::StoreId.eq(name.id.as_str()));
    let row = query.one(session.connection()).await?;
    row.map(store).transpose()?.ok_or_else(|| Refused::not_found("store", name).into())
}

/// An organisation's stores, by name: at most `limit`, after `after`.
///
/// # Errors
/// The database's.
pub async fn list_stores(
    session: &impl Session,
    of: &OrganizationId,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<Store>> {
    use stores::Column;
    let mut query =
        session.find::<stores::Entity>().filter(Column::RootId.eq(root(of))).order_by_asc(Column::StoreId).limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::StoreId.gt(after));
    }
    query.all(session.connection()).await?.into_iter().map(store).collect()
}

/// Those of some stores that exist: one statement for all of their organisations.
///
/// # Errors
/// The database's.
pub async fn existing_stores(tx: &Tx, names: &BTreeSet<StoreName>) -> Result<Vec<StoreName>> {
    use stores::Column;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let pairs =
        names.iter().map(|name| Column::RootId.eq(root(&name.organization)).and(Column::StoreId.eq(name.id.as_str())));
    let any = pairs.fold(sea_orm::Condition::any(), sea_orm::Condition::add);
    let rows = tx.find::<stores::Entity>().filter(any).all(tx.conn()).await?;
    rows.into_iter().map(|row| store(row).map(|store| store.name)).collect()
}

fn value(row: organizations::Model) -> Result<Organization> {
    Ok(Organization {
        id: organization(&row.organization)?,
        display_name: row.display_name,
        time_zone: row.time_zone,
        currency: parsed(&row.currency, "organizations.currency")?,
        create_time: time::from_column(row.create_time),
    })
}

fn store(row: stores::Model) -> Result<Store> {
    Ok(Store {
        name: StoreName { organization: organization(&row.organization)?, id: row.store_id },
        display_name: row.display_name,
        locality: row.locality,
        time_zone: row.time_zone,
        create_time: time::from_column(row.create_time),
    })
}
