//! The calls of MemberService that are about cards.

use std::collections::BTreeMap;

use guanxi_contracts::Message as _;
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Call, Refuse, Refused};
use guanxi_rpc::{convert, write};
use guanxi_store::{Database, Result as Stored, Session, Tx};

use super::reply;
use crate::domain::account::Account;
use crate::domain::card::{self, CardError, CardNumber};
use crate::domain::ledger::LedgerError;
use crate::domain::program::ProgramId;
use crate::store::{accounts, cards, kin, members};

/// A number as somebody typed it.
pub(super) fn number(text: &str, field: &str) -> Result<CardNumber, Refused> {
    CardNumber::parse(text).map_err(|error| Refused::invalid(field, "CARD_MALFORMED", error.to_string()))
}

pub(super) async fn lookup(
    db: &Database,
    call: &Call,
    message: &LookupCardRequest,
) -> Result<members::Member, Refused> {
    let (program, number) =
        convert::all((convert::name::<ProgramId>(&message.program, "program"), number(&message.number, "number")))?;
    let reader = db.reader(call);
    let found = cards::load(reader.connection(), &[number.key(&program)]).await?.pop();
    let card = found.ok_or(CardError::Unknown).refuse()?;
    // Whose it is decides who may know of it at all.
    let member = members::read(&reader, card.member).await.map_err(|_| CardError::Unknown).refuse()?;
    if card.end_time.is_some() {
        return Err(CardError::Blocked.into());
    }
    match member.merged_into {
        Some(survivor) => Ok(members::read(&reader, survivor).await?),
        None => Ok(member),
    }
}

pub(super) async fn list(db: &Database, call: &Call, message: &ListCardsRequest) -> Result<ListCardsResponse, Refused> {
    let member: MemberId = convert::name(&message.member, "member")?;
    let reader = db.reader(call);
    let account = accounts::read(&reader, member).await?;
    let sides: Vec<_> = kin::sides(&reader, account).await?.iter().map(|side| side.member.uuid()).collect();
    let found = cards::of_members(reader.connection(), &sides).await?;
    Ok(ListCardsResponse { cards: found.iter().map(to_card).collect() })
}

pub(super) async fn assign(
    db: &Database,
    call: &Call,
    message: &AssignCardRequest,
) -> Result<AssignCardResponse, Refused> {
    let (member, number) =
        convert::all((convert::name::<MemberId>(&message.member, "member"), number(&message.number, "number")))?;
    let write = write("MemberService/AssignCard", member.uuid(), message)?;
    let number = &number;
    let written = db.command(call, &write, |tx| async move {
        let sides = writable(&tx, member).await?;
        let held = of_sides(&tx, &sides).await?;
        if held.iter().any(|card| card.end_time.is_none()) {
            return Err(CardError::Held(member)).refuse().map_err(Into::into);
        }
        let account = sides.get(&member).ok_or(LedgerError::UnknownMember(member)).refuse()?;
        let card = give(&tx, account, number.clone()).await?;
        Ok(AssignCardResponse { card: Some(to_card(&card)) }.encode_to_vec())
    });
    reply(&written.await?)
}

/// Gives a member a card that is free.
pub(super) async fn give(tx: &Tx, account: &Account, number: CardNumber) -> Stored<card::Card> {
    let card = begin(tx, account, number.clone()).await?;
    let version = versions(tx, account.member).await?;
    tx.emit(cards::assigned(account, &number, version, tx.now()));
    Ok(card)
}

async fn begin(tx: &Tx, account: &Account, number: CardNumber) -> Stored<card::Card> {
    let known = cards::load(tx.conn(), &[number.key(&account.program)]).await?;
    card::free(known.first()).refuse()?;
    let card = card::Card::begin(&account.program, number, account.member, tx.now());
    cards::insert(tx, account, &card).await?;
    Ok(card)
}

/// How many cards a member had.
async fn versions(tx: &Tx, member: MemberId) -> Stored<i64> {
    let had = cards::of_members(tx.conn(), &[member.uuid()]).await?;
    Ok(i64::try_from(had.len()).unwrap_or(i64::MAX))
}

pub(super) async fn replace(
    db: &Database,
    call: &Call,
    message: &ReplaceCardRequest,
) -> Result<ReplaceCardResponse, Refused> {
    let old = Some(message.old_number.as_str()).filter(|old| !old.is_empty());
    let (member, old, number) = convert::all((
        convert::name::<MemberId>(&message.member, "member"),
        old.map(|old| number(old, "old_number")).transpose(),
        number(&message.number, "number"),
    ))?;
    let write = write("MemberService/ReplaceCard", member.uuid(), message)?;
    let (old, number) = (&old, &number);
    let end = match message.reason() {
        CardEnd::Stolen => card::CardEnd::Stolen,
        CardEnd::Damaged => card::CardEnd::Damaged,
        CardEnd::Lost | CardEnd::Unspecified => card::CardEnd::Lost,
    };
    let written = db.command(call, &write, |tx| async move {
        let sides = writable(&tx, member).await?;
        let held = of_sides(&tx, &sides).await?;
        let program = sides.get(&member).map(|account| account.program.clone());
        let key = old.as_ref().zip(program.as_ref()).map(|(old, program)| old.key(program));
        let mut ended = card::replaced(&held, key).refuse()?.clone();
        let account = sides.get(&ended.member).ok_or(LedgerError::UnknownMember(member)).refuse()?;
        let card = begin(&tx, account, number.clone()).await?;
        (ended.end_time, ended.ended_by) = (Some(tx.now()), Some(end));
        cards::end(&tx, &ended).await?;
        if let Some(was) = &ended.number {
            let version = versions(&tx, account.member).await?;
            tx.emit(cards::replaced(account, was, number, version, tx.now()));
        }
        Ok(ReplaceCardResponse { card: Some(to_card(&card)), blocked: Some(to_card(&ended)) }.encode_to_vec())
    });
    reply(&written.await?)
}

/// The accounts of a member whom the caller may change, and of those who are one person with him, locked.
async fn writable(tx: &Tx, member: MemberId) -> Stored<BTreeMap<MemberId, Account>> {
    let locked = accounts::lock(tx, &[member.uuid()]).await?;
    let mut sides: BTreeMap<_, _> = locked.into_iter().map(|account| (account.member, account)).collect();
    let known = sides.get(&member).filter(|account| !account.erased && tx.may_read(account.organization.slug()));
    let account = known.ok_or(LedgerError::UnknownMember(member)).refuse()?;
    tx.may_write(account.organization.slug())?;
    kin::attach(tx, &mut sides).await?;
    let now = sides.get(&member).and_then(|account| account.kin.as_ref()).map(|kin| kin.now.clone());
    sides.retain(|side, _| *side == member || now.as_ref().is_some_and(|now| now.contains(side)));
    Ok(sides)
}

async fn of_sides(tx: &Tx, sides: &BTreeMap<MemberId, Account>) -> Stored<Vec<card::Card>> {
    let members: Vec<_> = sides.keys().map(|member| member.uuid()).collect();
    cards::of_members(tx.conn(), &members).await
}

fn to_card(card: &card::Card) -> Card {
    let ended_by = match card.ended_by {
        None => CardEnd::Unspecified,
        Some(card::CardEnd::Lost) => CardEnd::Lost,
        Some(card::CardEnd::Stolen) => CardEnd::Stolen,
        Some(card::CardEnd::Damaged) => CardEnd::Damaged,
    };
    Card {
        number: card.number.as_ref().map(|number| number.as_str().to_owned()).unwrap_or_default(),
        member: card.member.to_string(),
        start_time: Some(to_proto(card.start_time)),
        end_time: card.end_time.map(to_proto),
        ended_by: ended_by.into(),
    }
}
