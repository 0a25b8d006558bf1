//! Gift cards and their entries: their rows. No code is kept.

use guanxi_kernel::{Refused, Uuid};
use guanxi_store::verify::Invariant;
use guanxi_store::{Column, Result, Rows, Session, StoreError, Table, Tx, time};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ColumnTrait, FromQueryResult, QueryFilter};

use super::entities::gift_cards::{Column as Field, Entity, Model};
use super::{of_roots, organization};
use crate::domain::gift_card::{CardEntry, GiftCard, GiftCardId};

const CARDS: Table = Table::new(
    "gift_cards",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::text("last_characters"),
        Column::text("currency"),
        Column::int("initial"),
        Column::int("balance"),
        Column::int("last_entry"),
        Column::time("expire_time").nullable(),
        Column::time("create_time"),
    ],
);

const BALANCES: Table =
    Table::new("gift_cards", &[Column::uuid("root_id"), Column::int("balance"), Column::int("last_entry")]);

const ENTRIES: Table = Table::new(
    "gift_card_entries",
    &[
        Column::uuid("root_id"),
        Column::int("number"),
        Column::int("amount"),
        Column::text("order_name").nullable(),
        Column::int("reverses").nullable(),
        Column::time("create_time"),
    ],
);

#[derive(FromQueryResult)]
struct Row {
    number: i64,
    amount: i64,
    order_name: Option<String>,
    reverses: Option<i64>,
    create_time: DateTimeUtc,
}

/// Keeps a new card with its first entry.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &Tx, card: &GiftCard, first: &CardEntry) -> Result<()> {
    let mut rows = Rows::new(&CARDS);
    rows.push([
        card.id.uuid().into(),
        card.organization.slug().into(),
        card.last_characters.as_str().into(),
        card.currency.code().into(),
        card.initial.into(),
        card.balance.into(),
        card.last_entry.into(),
        card.expire_time.into(),
        card.create_time.into(),
    ]);
    rows.insert(tx).await?;
    add(tx, card.id, first).await
}

/// Keeps what is left on a card, with the entry that changed it.
///
/// # Errors
/// The database's.
pub async fn save(tx: &Tx, card: &GiftCard, entry: &CardEntry) -> Result<()> {
    let mut rows = Rows::new(&BALANCES);
    rows.push([card.id.uuid().into(), card.balance.into(), card.last_entry.into()]);
    rows.update(tx, &["root_id"]).await?;
    add(tx, card.id, entry).await
}

async fn add(tx: &Tx, card: GiftCardId, entry: &CardEntry) -> Result<()> {
    let mut rows = Rows::new(&ENTRIES);
    rows.push([
        card.uuid().into(),
        entry.number.into(),
        entry.amount.into(),
        entry.order.as_ref().map(|order| order.as_str().to_owned()).into(),
        entry.reverses.into(),
        entry.create_time.into(),
    ]);
    rows.insert(tx).await
}

/// The card that the caller may read.
///
/// # Errors
/// NOT_FOUND; the database's.
pub async fn read<S: Session>(session: &S, id: GiftCardId) -> Result<GiftCard> {
    let row = session.find::<Entity>().filter(Field::RootId.eq(id.uuid())).one(session.connection()).await?;
    card(row.ok_or_else(|| Refused::not_found("gift_card", id))?)
}

/// The card, locked, for a caller who may write it.
///
/// # Errors
/// NOT_FOUND where there is none or the caller may not read it; PERMISSION_DENIED where it may only read it.
pub async fn writable(tx: &Tx, id: GiftCardId) -> Result<GiftCard> {
    let lock = tx.lock("gift_cards", &[id.uuid()]).await?;
    let row = of_roots::<Model>(tx.conn(), "gift_cards", &[id.uuid()], lock).await?.pop();
    let row = row.filter(|row| tx.may_read(&row.organization)).ok_or_else(|| Refused::not_found("gift_card", id))?;
    tx.may_write(&row.organization)?;
    card(row)
}

/// The entries of a card, oldest first.
///
/// # Errors
/// The database's.
pub async fn entries(tx: &Tx, id: GiftCardId) -> Result<Vec<CardEntry>> {
    let rows = of_roots::<Row>(tx.conn(), "gift_card_entries", &[id.uuid()], " ORDER BY number").await?;
    let entry = |row: Row| {
        Ok(CardEntry {
            number: row.number,
            amount: row.amount,
            order: row.order_name.map(|name| name.parse().map_err(StoreError::row)).transpose()?,
            reverses: row.reverses,
            create_time: time::from_column(row.create_time),
        })
    };
    rows.into_iter().map(entry).collect()
}

fn card(row: Model) -> Result<GiftCard> {
    let id: Uuid = row.root_id;
    Ok(GiftCard {
        id: GiftCardId(id),
        organization: organization(&row.organization)?,
        last_characters: row.last_characters,
        currency: row.currency.parse().map_err(StoreError::row)?,
        initial: row.initial,
        balance: row.balance,
        last_entry: row.last_entry,
        expire_time: row.expire_time.map(time::from_column),
        create_time: time::from_column(row.create_time),
    })
}

/// What must hold of gift cards at any moment.
pub fn invariants() -> Vec<Invariant> {
    vec![
        Invariant::sql(
            "gift-cards-hold-what-their-entries-add-up-to",
            "SELECT COUNT(*) FROM gift_cards",
            "SELECT 'gift card of ' || c.organization, 'holds ' || CAST(c.balance AS varchar(20)) || ', its entries add up \
             to ' || CAST(CAST(COALESCE(SUM(e.amount), 0) AS bigint) AS varchar(20)) FROM gift_cards c \
             LEFT JOIN gift_card_entries e ON e.root_id = c.root_id \
             GROUP BY c.root_id, c.organization, c.balance, c.last_entry \
             HAVING COALESCE(SUM(e.amount), 0) <> c.balance OR COUNT(e.number) <> c.last_entry",
        ),
        Invariant::sql(
            "gift-card-redemptions-are-reversed-once",
            "SELECT COUNT(*) FROM gift_card_entries WHERE reverses IS NOT NULL",
            "SELECT 'entry ' || CAST(reverses AS varchar(20)), 'reversed ' || CAST(COUNT(*) AS varchar(20)) || ' times' \
             FROM gift_card_entries WHERE reverses IS NOT NULL GROUP BY root_id, reverses HAVING COUNT(*) > 1",
        ),
    ]
}
