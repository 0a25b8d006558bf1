//! Referrals: members' codes, and who was brought by whom.

pub mod settle;

use std::collections::BTreeMap;

use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{Refuse, Uuid};
use guanxi_store::{Change, Column, Result, Rows, StoreError, Table, Tx, time};
use rand::RngCore as _;
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{accounts, of_roots, organization, rows};
use crate::domain::coupon::code::{CodeText, OWNED_BITS, Pattern, is_well_formed};
use crate::domain::entry::OrderId;
use crate::domain::points::Points;
use crate::domain::program::{Program, ProgramId};
use crate::domain::referral::{PATTERN, Party, Referral, ReferralError, State, may_refer};

const CODES: Table =
    Table::new("referral_codes", &[Column::uuid("root_id"), Column::uuid("member"), Column::time("create_time")]);

const OWN_CODES: Table =
    Table::new("member_referral_codes", &[Column::uuid("root_id"), Column::text("code"), Column::time("create_time")]);

const REFERRALS: Table = Table::new(
    "referrals",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::text("program"),
        Column::uuid("referrer"),
        Column::text("code"),
        Column::text("state"),
        Column::int("generation"),
        Column::uuid("order_id").nullable(),
        Column::text("order_name").nullable(),
        Column::time("convert_time").nullable(),
        Column::text("limit_from").nullable(),
        Column::int("referrer_points"),
        Column::int("referee_points"),
        Column::bool("limited"),
        Column::time("create_time"),
    ],
);

#[derive(FromQueryResult)]
struct Row {
    root_id: Uuid,
    organization: String,
    program: String,
    referrer: Uuid,
    code: String,
    state: String,
    generation: i64,
    order_id: Option<Uuid>,
    order_name: Option<String>,
    convert_time: Option<DateTimeUtc>,
    limit_from: Option<String>,
    referrer_points: i64,
    referee_points: i64,
    limited: bool,
    create_time: DateTimeUtc,
}

#[derive(FromQueryResult)]
struct Owner {
    member: Uuid,
}

#[derive(FromQueryResult)]
struct OwnCode {
    code: String,
}

#[derive(FromQueryResult)]
struct Joined {
    root_id: Uuid,
    customer: Uuid,
    create_time: DateTimeUtc,
}

#[derive(FromQueryResult)]
struct Bought {
    orders: i64,
}

/// How many codes are tried before it is said that none is free. With 49 random bits the second is hardly ever needed.
const ATTEMPTS: usize = 8;

/// The code of a member, made now where he has none. His account is locked meanwhile.
///
/// # Errors
/// `PROGRAM_WITHOUT_REFERRALS`; the database's.
pub async fn make_code(tx: &Tx, program: &Program, member: MemberId) -> Result<String> {
    if program.terms.referral.is_none() {
        Err(ReferralError::NoReferrals(program.id.clone())).refuse()?;
    }
    accounts::lock(tx, &[member.uuid()]).await?;
    if let Some(code) = code(tx.conn(), member).await? {
        return Ok(code);
    }
    for _ in 0..ATTEMPTS {
        let text = random_code()?;
        let key = program.id.referral_code(&text.parse::<CodeText>().map_err(StoreError::row)?);
        let mut codes = Rows::new(&CODES);
        codes.push([key.into(), member.uuid().into(), tx.now().into()]);
        if codes.insert_new(tx).await? == 1 {
            let mut own = Rows::new(&OWN_CODES);
            own.push([member.uuid().into(), text.as_str().into(), tx.now().into()]);
            own.insert(tx).await?;
            return Ok(text);
        }
    }
    Err(StoreError::row("no referral code is free"))
}

fn random_code() -> Result<String> {
    let pattern = Pattern::new(PATTERN, OWNED_BITS).map_err(StoreError::row)?;
    let mut random = rand::rng();
    let mut bytes = std::iter::repeat_with(move || {
        let mut byte = [0_u8; 1];
        random.fill_bytes(&mut byte);
        byte[0]
    });
    pattern.code(&mut bytes).ok_or_else(|| StoreError::row("random numbers ran out"))
}

/// The code of a member; `None` where he has none.
///
/// # Errors
/// The database's.
pub async fn code(connection: &impl ConnectionTrait, member: MemberId) -> Result<Option<String>> {
    let found = of_roots::<OwnCode>(connection, "member_referral_codes", &[member.uuid()], "").await?;
    Ok(found.into_iter().next().map(|row| row.code))
}

/// Notes that a member was brought by whoever has the code.
///
/// # Errors
/// [`ReferralError`]; the database's.
pub async fn refer(tx: &Tx, program: &Program, referee: MemberId, given: &str) -> Result<Referral> {
    if program.terms.referral.is_none() {
        Err(ReferralError::NoReferrals(program.id.clone())).refuse()?;
    }
    let unknown = || ReferralError::UnknownCode(program.id.clone());
    let text =
        given.parse::<CodeText>().ok().filter(|text| is_well_formed(text.plain())).ok_or_else(unknown).refuse()?;
    let owner = of_roots::<Owner>(tx.conn(), "referral_codes", &[program.id.referral_code(&text)], "").await?;
    let referrer = MemberId(owner.first().ok_or_else(unknown).refuse()?.member);
    // An order that is earning now, and another code, wait until it is known whether this one counts.
    accounts::lock(tx, &[referee.uuid()]).await?;
    let mut parties = BTreeMap::new();
    for row in of_roots::<Joined>(tx.conn(), "members", &[referrer.uuid(), referee.uuid()], "").await? {
        let (member, customer) = (MemberId(row.root_id), CustomerId(row.customer));
        parties.insert(member, Party { member, customer, joined: time::from_column(row.create_time) });
    }
    let (Some(of), Some(who)) = (parties.get(&referrer), parties.get(&referee)) else {
        return Err(StoreError::row("a member without a row"));
    };
    let brought = !of_roots::<Row>(tx.conn(), "referrals", &[referee.uuid()], "").await?.is_empty();
    let sql = "SELECT COUNT(*) AS orders FROM member_orders WHERE root_id = $1 AND earn_time IS NOT NULL".to_owned();
    let bought = rows::<Bought>(tx.conn(), sql, vec![referee.uuid().into()]).await?;
    let bought = bought.iter().any(|bought| bought.orders > 0);
    may_refer(*of, *who, brought, bought).refuse()?;
    let referral = Referral {
        referee,
        referrer,
        program: program.id.clone(),
        organization: program.organization.clone(),
        code: code(tx.conn(), referrer).await?.unwrap_or_else(|| text.shown().to_owned()),
        state: State::Pending,
        generation: 0,
        order: None,
        limit_from: None,
        referrer_points: Points::ZERO,
        referee_points: Points::ZERO,
        limited: false,
        create_time: tx.now(),
    };
    kept([&referral]).insert(tx).await?;
    Ok(referral)
}

/// The referrals of those of these members who were brought.
///
/// # Errors
/// The database's.
pub async fn of(connection: &impl ConnectionTrait, members: &[Uuid]) -> Result<BTreeMap<MemberId, Referral>> {
    let found = of_roots::<Row>(connection, "referrals", members, "").await?;
    found.into_iter().map(|row| Ok((MemberId(row.root_id), referral(row)?))).collect()
}

/// A page of those whom a member brought, and of who brought him, by the one who was brought.
///
/// # Errors
/// The database's.
pub async fn page(
    connection: &impl ConnectionTrait,
    member: MemberId,
    after: Option<Uuid>,
    size: i64,
) -> Result<Vec<Referral>> {
    let sql =
        "SELECT * FROM referrals WHERE (referrer = $1 OR root_id = $1) AND root_id > $2 ORDER BY root_id LIMIT $3";
    let values = vec![member.uuid().into(), after.unwrap_or(Uuid::nil()).into(), size.into()];
    rows::<Row>(connection, sql.to_owned(), values).await?.into_iter().map(referral).collect()
}

/// Changed referrals, to be kept.
pub fn changed<'a>(referrals: impl IntoIterator<Item = &'a Referral>) -> Change {
    kept(referrals).updating(&["root_id"])
}

fn kept<'a>(referrals: impl IntoIterator<Item = &'a Referral>) -> Rows {
    let mut rows = Rows::new(&REFERRALS);
    for referral in referrals {
        let order = referral.order.as_ref();
        rows.push([
            referral.referee.uuid().into(),
            referral.organization.slug().into(),
            referral.program.slug().into(),
            referral.referrer.uuid().into(),
            referral.code.as_str().into(),
            referral.state.as_str().into(),
            referral.generation.into(),
            order.map(|(order, ..)| order.0).into(),
            order.map(|(_, name, _)| name.as_str()).into(),
            order.map(|(.., at)| *at).into(),
            referral.limit_from.map(|day| day.to_string()).into(),
            referral.referrer_points.get().into(),
            referral.referee_points.get().into(),
            referral.limited.into(),
            referral.create_time.into(),
        ]);
    }
    rows
}

fn referral(row: Row) -> Result<Referral> {
    let order = match (row.order_id, row.order_name, row.convert_time) {
        (Some(id), Some(name), Some(at)) => {
            Some((OrderId(id), name.parse().map_err(StoreError::row)?, time::from_column(at)))
        }
        _ => None,
    };
    Ok(Referral {
        referee: MemberId(row.root_id),
        referrer: MemberId(row.referrer),
        program: ProgramId::from_slug(&row.program).map_err(StoreError::row)?,
        organization: organization(&row.organization)?,
        code: row.code,
        state: row.state.parse().map_err(StoreError::row)?,
        generation: row.generation,
        order,
        limit_from: row.limit_from.map(|day| day.parse().map_err(StoreError::row)).transpose()?,
        referrer_points: Points::new(row.referrer_points),
        referee_points: Points::new(row.referee_points),
        limited: row.limited,
        create_time: time::from_column(row.create_time),
    })
}
