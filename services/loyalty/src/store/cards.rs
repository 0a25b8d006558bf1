//! Cards: their rows. A number's row stays when the card ends, and when its member is forgotten: then without the number.

use guanxi_contracts::loyalty::events::v1::{CardAssigned, CardReplaced};
use guanxi_contracts::time::to_proto;
use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Timestamp, Uuid};
use guanxi_messaging::event;
use guanxi_store::{Column, NewEvent, Result, Rows, StoreError, Table, Tx, dialect, time};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{of_roots, rows};
use crate::domain::account::Account;
use crate::domain::card::{Card, CardNumber};

const CARDS: Table = Table::new(
    "member_cards",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::text("program"),
        Column::uuid("member"),
        Column::text("number").nullable(),
        Column::time("start_time"),
        Column::time("end_time").nullable(),
        Column::text("ended_by").nullable(),
    ],
);

const ENDED: Table = Table::new(
    "member_cards",
    &[Column::uuid("root_id"), Column::time("end_time"), Column::text("ended_by").nullable()],
);

#[derive(FromQueryResult)]
struct Row {
    root_id: Uuid,
    member: Uuid,
    number: Option<String>,
    start_time: DateTimeUtc,
    end_time: Option<DateTimeUtc>,
    ended_by: Option<String>,
}

/// The cards of these keys.
///
/// # Errors
/// The database's.
pub async fn load(connection: &impl ConnectionTrait, keys: &[Uuid]) -> Result<Vec<Card>> {
    of_roots::<Row>(connection, "member_cards", keys, "").await?.into_iter().map(card).collect()
}

/// What is valid, then what ended last.
const NEWEST: &str = "CASE WHEN end_time IS NULL THEN 0 ELSE 1 END, end_time DESC, start_time DESC, root_id";

/// The cards of these members, the newest first.
///
/// # Errors
/// The database's.
pub async fn of_members(connection: &impl ConnectionTrait, members: &[Uuid]) -> Result<Vec<Card>> {
    let (condition, value) = dialect::any_uuid(connection.get_database_backend(), "member", 1, members);
    let sql = format!("SELECT * FROM member_cards WHERE {condition} ORDER BY {NEWEST}");
    rows::<Row>(connection, sql, vec![value]).await?.into_iter().map(card).collect()
}

/// Keeps a card that begins. Its key is taken once.
///
/// # Errors
/// The database's.
pub async fn insert(tx: &Tx, account: &Account, card: &Card) -> Result<()> {
    let mut rows = Rows::new(&CARDS);
    rows.push([
        card.key.into(),
        account.organization.slug().into(),
        account.program.slug().into(),
        card.member.uuid().into(),
        card.number.as_ref().map(|number| number.as_str().to_owned()).into(),
        card.start_time.into(),
        card.end_time.into(),
        card.ended_by.map(|end| end.as_str()).into(),
    ]);
    rows.insert(tx).await
}

/// Keeps that a card ended.
///
/// # Errors
/// The database's.
pub async fn end(tx: &Tx, card: &Card) -> Result<()> {
    let mut rows = Rows::new(&ENDED);
    rows.push([
        card.key.into(),
        card.end_time.unwrap_or(tx.now()).into(),
        card.ended_by.map(|end| end.as_str()).into(),
    ]);
    rows.update(tx, &["root_id"]).await.map(drop)
}

/// What others hear of a member's first card. `version` counts the cards that he had.
pub fn assigned(account: &Account, number: &CardNumber, version: i64, now: Timestamp) -> NewEvent {
    let message = CardAssigned {
        member: account.member.to_string(),
        customer: account.customer.to_string(),
        program: account.program.to_string(),
        number: number.as_str().to_owned(),
        start_time: Some(to_proto(now)),
    };
    event(format!("{}/cards", account.member), version, &account.organization, now, false, &message)
}

/// What others hear of a card that took another's place.
pub fn replaced(account: &Account, old: &CardNumber, number: &CardNumber, version: i64, now: Timestamp) -> NewEvent {
    let message = CardReplaced {
        member: account.member.to_string(),
        customer: account.customer.to_string(),
        program: account.program.to_string(),
        old_number: old.as_str().to_owned(),
        number: number.as_str().to_owned(),
        replace_time: Some(to_proto(now)),
    };
    event(format!("{}/cards", account.member), version, &account.organization, now, false, &message)
}

fn card(row: Row) -> Result<Card> {
    Ok(Card {
        key: row.root_id,
        number: row.number.map(|number| CardNumber::parse(&number).map_err(StoreError::row)).transpose()?,
        member: MemberId(row.member),
        start_time: time::from_column(row.start_time),
        end_time: row.end_time.map(time::from_column),
        ended_by: row.ended_by.map(|end| end.parse().map_err(StoreError::row)).transpose()?,
    })
}
