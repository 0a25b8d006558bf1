//! Customers: rows to values and back, by id and in pages.

use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{OrganizationId, Refused, Timestamp, Uuid};
use guanxi_store::filter::{Field, Holds};
use guanxi_store::{Cell, Column, Result, Rows, Session, StoreError, Table, Tx, time};
use sea_orm::{ColumnTrait, QueryFilter};

use super::entities::{customers, source_records};
use super::pages::{Asked, List};
use super::{by_roots, organization};
use crate::domain::customer::Customer;
use crate::domain::ingest::Version;
use crate::domain::profile::{BirthDate, PersonName, PostalAddress, Profile};

const CUSTOMERS: Table = Table::new(
    "customers",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::text("display_name"),
        Column::text("given_name"),
        Column::text("family_name"),
        Column::text("shown_name"),
        Column::text("birth_date").nullable(),
        Column::text("region"),
        Column::text("postal_code"),
        Column::text("administrative_area"),
        Column::text("locality"),
        Column::text("address_lines"),
        Column::text("language"),
        Column::int("version"),
        Column::text("state"),
        Column::time("create_time"),
        Column::time("update_time"),
        Column::time("delete_time").nullable(),
    ],
);

const RECORDS: Table = Table::new(
    "source_records",
    &[
        Column::uuid("root_id"),
        Column::text("source"),
        Column::text("external_id"),
        Column::int("number"),
        Column::text("body"),
        Column::bool("historical"),
        Column::time("create_time"),
    ],
);

const STATES: &[(&str, &str)] = &[("ACTIVE", "ACTIVE"), ("DELETED", "DELETED")];
/// What the list may be filtered and ordered by.
pub const LIST: List<customers::Column> = List {
    filters: &[
        Field::new("state", customers::Column::State, Holds::OneOf(STATES)),
        Field::new("create_time", customers::Column::CreateTime, Holds::Time),
        Field::new("update_time", customers::Column::UpdateTime, Holds::Time),
        Field::new("family_name", customers::Column::FamilyName, Holds::Text),
        Field::new("address.locality", customers::Column::Locality, Holds::Text),
        Field::new("birth_date", customers::Column::BirthDate, Holds::Text),
    ],
    orders: &[
        Field::new("create_time", customers::Column::CreateTime, Holds::Time),
        Field::new("update_time", customers::Column::UpdateTime, Holds::Time),
        Field::new("display_name", customers::Column::ShownName, Holds::Text),
    ],
    key: Field::new(
        "name",
        customers::Column::RootId,
        Holds::Name(|name| Some(name.parse::<CustomerId>().ok()?.uuid())),
    ),
};

/// A page of the customers that the caller may read, of one organisation where it is named, and the token of the next.
///
/// # Errors
/// INVALID_ARGUMENT with all that is wrong with what is asked; the database's.
pub async fn list(
    session: &impl Session,
    organization: Option<&OrganizationId>,
    show_deleted: bool,
    asked: Asked<'_>,
) -> Result<(Vec<Customer>, String)> {
    use customers::Column;
    let mut query = session.find::<customers::Entity>();
    if !show_deleted {
        query = query.filter(Column::State.eq("ACTIVE"));
    }
    if let Some(organization) = organization {
        query = query.filter(Column::Organization.eq(organization.slug()));
    }
    let mut page = LIST.read(session, query, asked).await?;
    let rows = std::mem::take(&mut page.rows).into_iter();
    let found: Vec<Customer> = rows.map(value).collect::<Result<_>>()?;
    let next = page.next(asked, found.last(), |customer, field| match field {
        "create_time" => customer.create_time.to_string(),
        "update_time" => customer.update_time.to_string(),
        "display_name" => customer.profile.name.shown(),
        _ => customer.id.to_string(),
    });
    Ok((found, next))
}

/// A customer that the caller may read.
///
/// # Errors
/// NOT_FOUND; the database's.
pub async fn get(session: &impl Session, id: CustomerId) -> Result<Customer> {
    let row = session.find::<customers::Entity>().filter(customers::Column::RootId.eq(id.uuid()));
    let row = row.one(session.connection()).await?;
    row.map(value).transpose()?.ok_or_else(|| Refused::not_found("customer", id).into())
}

/// Those of some customers that the caller may read, in any order.
///
/// # Errors
/// The database's.
pub async fn get_all(session: &impl Session, ids: &[Uuid]) -> Result<Vec<Customer>> {
    let rows: Vec<customers::Model> = by_roots(session.connection(), "customers", ids, "").await?;
    rows.into_iter().filter(|row| session.may_read(&row.organization)).map(value).collect()
}

/// Customers with all of their records, locked until the transaction ends: two statements, whatever their number.
///
/// # Errors
/// The database's.
pub async fn lock(tx: &Tx, ids: &[Uuid]) -> Result<Vec<(Customer, Vec<Version>)>> {
    let rows: Vec<customers::Model> = by_roots(tx.conn(), "customers", ids, tx.lock("customers", ids).await?).await?;
    let mut versions = std::collections::HashMap::<Uuid, Vec<Version>>::new();
    for row in by_roots::<source_records::Model>(tx.conn(), "source_records", ids, "").await? {
        let record = serde_json::from_str(&row.body).map_err(StoreError::row)?;
        let version = Version { owner: CustomerId(row.root_id), number: row.number, record };
        versions.entry(row.root_id).or_default().push(version);
    }
    rows.into_iter()
        .map(|row| {
            let versions = versions.remove(&row.root_id).unwrap_or_default();
            Ok((value(row)?, versions))
        })
        .collect()
}

/// Inserts customers that were made.
///
/// # Errors
/// The database's.
pub async fn insert<'a>(tx: &Tx, made: impl IntoIterator<Item = &'a Customer>) -> Result<()> {
    rows(made).insert(tx).await
}

/// Stores customers that changed.
///
/// # Errors
/// The database's.
pub async fn update<'a>(tx: &Tx, changed: impl IntoIterator<Item = &'a Customer>) -> Result<()> {
    rows(changed).update(tx, &["root_id"]).await.map(|_| ())
}

/// Adds versions of source records.
///
/// # Errors
/// The database's.
pub async fn insert_records<'a>(
    tx: &Tx,
    added: impl IntoIterator<Item = (&'a Version, bool)>,
    now: Timestamp,
) -> Result<()> {
    let mut rows = Rows::new(&RECORDS);
    for (version, historical) in added {
        let body = serde_json::to_string(&version.record).map_err(StoreError::row)?;
        rows.push([
            version.owner.uuid().into(),
            version.record.source.as_str().into(),
            version.record.external_id.as_str().into(),
            version.number.into(),
            body.into(),
            historical.into(),
            now.into(),
        ]);
    }
    rows.insert(tx).await
}

fn rows<'a>(customers: impl IntoIterator<Item = &'a Customer>) -> Rows {
    let mut rows = Rows::new(&CUSTOMERS);
    for customer in customers {
        rows.push(cells(customer));
    }
    rows
}

fn cells(customer: &Customer) -> [Cell; 18] {
    let Profile { name, birth_date, address, language } = &customer.profile;
    let lines = serde_json::to_string(&address.lines).expect("strings encode");
    [
        customer.id.uuid().into(),
        customer.organization.slug().into(),
        name.display.as_str().into(),
        name.given.as_str().into(),
        name.family.as_str().into(),
        name.shown().into(),
        birth_date.0.map(|date| date.to_string()).into(),
        address.region.as_str().into(),
        address.postal_code.as_str().into(),
        address.administrative_area.as_str().into(),
        address.locality.as_str().into(),
        lines.into(),
        language.as_str().into(),
        customer.version.into(),
        (if customer.delete_time.is_some() { "DELETED" } else { "ACTIVE" }).into(),
        customer.create_time.into(),
        customer.update_time.into(),
        customer.delete_time.into(),
    ]
}

/// A customer from its row.
///
/// # Errors
/// Where the row holds what the code does not understand.
pub fn value(row: customers::Model) -> Result<Customer> {
    let birth_date = match row.birth_date {
        Some(text) => BirthDate::try_from(text).map_err(StoreError::row)?,
        None => BirthDate(None),
    };
    Ok(Customer {
        id: CustomerId(row.root_id),
        organization: organization(&row.organization)?,
        profile: Profile {
            name: PersonName { display: row.display_name, given: row.given_name, family: row.family_name },
            birth_date,
            address: PostalAddress {
                region: row.region,
                postal_code: row.postal_code,
                administrative_area: row.administrative_area,
                locality: row.locality,
                lines: serde_json::from_str(&row.address_lines).map_err(StoreError::row)?,
            },
            language: row.language,
        },
        version: row.version,
        create_time: time::from_column(row.create_time),
        update_time: time::from_column(row.update_time),
        delete_time: row.delete_time.map(time::from_column),
    })
}

/// Whose some customers are, whoever may read them; those that do not exist are left out.
///
/// # Errors
/// The database's.
pub async fn organizations_of(tx: &Tx, ids: &[Uuid]) -> Result<Vec<(CustomerId, OrganizationId)>> {
    let rows: Vec<customers::Model> = by_roots(tx.conn(), "customers", ids, "").await?;
    rows.iter().map(|row| Ok((CustomerId(row.root_id), organization(&row.organization)?))).collect()
}
