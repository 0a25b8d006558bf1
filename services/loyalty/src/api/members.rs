//! MemberService.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guanxi_contracts::Message as _;
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::server::loyalty_v1::member_service_server::MemberService;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{PageRequest, Refuse, Refused, Timestamp, Uuid, new_id};
use guanxi_rpc::{answer, convert, open, write};
use guanxi_store::change::write_all;
use guanxi_store::{Database, Result as Stored, Session, Tx};
use jiff::civil::Date;
use jiff::tz::{self, TimeZone};
use tonic::{Request, Response, Status};

use super::wire::{occasion, tier};
use super::{cards, past, reply};
use crate::domain::account::Account;
use crate::domain::id_number::birth_date;
use crate::domain::ledger::{Book, Command, LedgerError};
use crate::domain::occasion::Birthday;
use crate::domain::program::{Program, ProgramId};
use crate::domain::ranking::GrantError;
use crate::store::programs::Programs;
use crate::store::{accounts, book, kin, members, merges, occasions, programs, reading, referrals, tiers};

/// Serves members.
#[derive(Debug, Clone)]
pub struct Members {
    db: Database,
    programs: Programs,
}

impl Members {
    /// Over this database and these programs.
    pub fn new(db: &Database, programs: &Programs) -> Self {
        Self { db: db.clone(), programs: programs.clone() }
    }
}

#[tonic::async_trait]
impl MemberService for Members {
    async fn enroll_member(
        &self,
        request: Request<EnrollMemberRequest>,
    ) -> Result<Response<EnrollMemberResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let card = Some(message.card_number.as_str()).filter(|number| !number.is_empty());
            let (program, customer, card) = convert::all((
                convert::name::<ProgramId>(&message.program, "program"),
                convert::name::<CustomerId>(&message.customer, "customer"),
                card.map(|number| cards::number(number, "card_number")).transpose(),
            ))?;
            let id = program.member(customer);
            let write = write("MemberService/EnrollMember", id.uuid(), &message)?;
            let (program, enroll_time, card) = (&program, message.enroll_time.as_ref(), &card);
            let (code, programs) = (message.referral_code.as_str(), &self.programs);
            let written = self.db.command(&call, &write, |tx| async move {
                let enroll_time = past(enroll_time, "enroll_time", tx.now())?;
                let program = programs::writable(&tx, program).await?;
                if !merges::erased(tx.conn(), &[customer.uuid()]).await?.is_empty() {
                    let refused = Refused::precondition("CUSTOMER_ERASED", format!("{customer} asked to be forgotten"));
                    return Err(refused.with("customer", customer).into());
                }
                if members::exists(&tx, id).await? {
                    return Err(Refused::exists("member", id).into());
                }
                let around = merges::around(tx.conn(), [customer]).await?;
                let through = kin::through_others(tx.conn(), &program, &BTreeSet::from([customer]), &around).await?;
                if let Some(member) = through.get(&customer) {
                    return Err(Refused::exists("member", member).into());
                }
                let member = members::Member::enroll(&program, customer, enroll_time, tx.now());
                members::insert(&tx, std::slice::from_ref(&member)).await?;
                tiers::enrolled(&tx, [(id, &program)]).await?;
                occasions::enrolled(&tx, [(id, &program)]).await?;
                write_all(&tx, [accounts::new(&[&member.account()])]).await?;
                if !code.is_empty() {
                    referrals::refer(&tx, &program, id, code).await?;
                }
                tx.emit(member.enrolled(false));
                if let Some(number) = card {
                    cards::give(&tx, &member.account(), number.clone()).await?;
                }
                if !around.is_empty() {
                    kin::regroup(&tx, programs, &program.organization, &around).await?;
                }
                tx.known(customer.to_string());
                Ok(EnrollMemberResponse { member: Some(to_member(&member)) }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn get_member(&self, request: Request<GetMemberRequest>) -> Result<Response<GetMemberResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let id: MemberId = convert::name(&message.name, "name")?;
            let member = members::read(&self.db.reader(&call), id).await?;
            Ok(GetMemberResponse { member: Some(to_member(&member)) })
        })
        .await
    }

    async fn lookup_card(&self, request: Request<LookupCardRequest>) -> Result<Response<LookupCardResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let member = cards::lookup(&self.db, &call, &message).await?;
            Ok(LookupCardResponse { member: Some(to_member(&member)) })
        })
        .await
    }

    async fn list_cards(&self, request: Request<ListCardsRequest>) -> Result<Response<ListCardsResponse>, Status> {
        let (call, message) = open(request);
        answer(cards::list(&self.db, &call, &message)).await
    }

    async fn assign_card(&self, request: Request<AssignCardRequest>) -> Result<Response<AssignCardResponse>, Status> {
        let (call, message) = open(request);
        answer(cards::assign(&self.db, &call, &message)).await
    }

    async fn replace_card(
        &self,
        request: Request<ReplaceCardRequest>,
    ) -> Result<Response<ReplaceCardResponse>, Status> {
        let (call, message) = open(request);
        answer(cards::replace(&self.db, &call, &message)).await
    }

    async fn list_members(
        &self,
        request: Request<ListMembersRequest>,
    ) -> Result<Response<ListMembersResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let asked = ["ListMembers", &message.customer, &message.program];
            let (customer, program, page) = convert::all((
                convert::optional_name::<CustomerId>(&message.customer, "customer"),
                convert::optional_name::<ProgramId>(&message.program, "program"),
                PageRequest::parse(message.page_size, &message.page_token, &asked),
            ))?;
            let after = page.after.as_ref().and_then(|key| Uuid::try_parse(key.first()?).ok());
            let reader = self.db.reader(&call);
            let size = u64::from(page.size) + 1;
            let mut found = members::page(&reader, customer, program.as_ref(), after, size).await?;
            let next_page_token = super::cut(&mut found, &page, |member| member.id.uuid().to_string());
            Ok(ListMembersResponse { members: found.iter().map(to_member).collect(), next_page_token })
        })
        .await
    }

    async fn get_tier_standing(
        &self,
        request: Request<GetTierStandingRequest>,
    ) -> Result<Response<GetTierStandingResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let member: MemberId = convert::name(&message.member, "member")?;
            let reader = self.db.reader(&call);
            let (connection, now) = (reader.connection(), reader.now());
            let mut sides = reading::accounts_of(&reader, member).await?;
            let of: Vec<ProgramId> = sides.iter().map(|account| account.program.clone()).take(1).collect();
            let program = self.programs.load(connection, &of).await?.into_values().next();
            let program = program.ok_or_else(|| Refused::not_found("member", member))?;
            let account = match (sides.pop(), sides.is_empty()) {
                (Some(mut account), true) if account.kin.is_none() => {
                    tiers::attach(connection, &mut account, &program, now).await?;
                    // What expired and was not written yet is part of the moment.
                    account.expire(now);
                    account.rank(&program, now);
                    account
                }
                (last, _) => {
                    let accounts = sides.into_iter().chain(last);
                    let mut book = Book::default();
                    book.programs.insert(program.id.clone(), Arc::clone(&program));
                    book.accounts = accounts.map(|account| (account.member, account)).collect();
                    tiers::attach_all(connection, &mut book.accounts, &program).await?;
                    let survivor = book.survivor(member);
                    drop(book.decide(survivor, &Command::Sweep, now));
                    book.accounts.remove(&survivor).ok_or_else(|| Refused::not_found("member", member))?
                }
            };
            Ok(GetTierStandingResponse { standing: Some(standing(&program, &account, now)?) })
        })
        .await
    }

    async fn set_birthday(
        &self,
        request: Request<SetBirthdayRequest>,
    ) -> Result<Response<SetBirthdayResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let given = |now| message.birthday.as_ref().map(|given| occasion::birthday(given, now)).transpose();
            let zone = Some(message.time_zone.as_str()).filter(|zone| !zone.is_empty());
            let (member, _, _) = convert::all((
                convert::name::<MemberId>(&message.member, "member"),
                given(Timestamp::UNIX_EPOCH),
                zone.map(|zone| convert::zone(zone, "time_zone")).transpose(),
            ))?;
            let write = write("MemberService/SetBirthday", member.uuid(), &message)?;
            let (programs, given) = (&self.programs, &given);
            let written = self.db.command(&call, &write, |tx| async move {
                may_write(&tx, member).await?;
                let birthday = given(tx.now())?;
                let change = |_, kept: &mut occasions::Kept| {
                    // The same day told again is no news: it was told when it was told first.
                    let same = kept
                        .birthday
                        .filter(|old| birthday.is_some_and(|new| (new.day, new.proven) == (old.day, old.proven)));
                    kept.birthday = same.or(birthday);
                    kept.time_zone = zone.map(str::to_owned);
                };
                occasions::note(&tx, programs, &[member], change).await?;
                let birthday = birthday.as_ref().map(occasion::to_birthday);
                Ok(SetBirthdayResponse { birthday }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn check_in(&self, request: Request<CheckInRequest>) -> Result<Response<CheckInResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let today = self.db.clock().now().to_zoned(TimeZone::fixed(tz::offset(14))).date();
            let number = Some(message.id_number.as_str()).filter(|number| !number.is_empty());
            let (member, born) = convert::all((
                convert::name::<MemberId>(&message.member, "member"),
                number.map(|number| birth_date(number, today)).transpose().refuse(),
            ))?;
            // The number goes no further: not even a hash of it is kept with the request, but one of the date.
            let id_number = born.map(|born| born.to_string()).unwrap_or_default();
            let message = CheckInRequest { id_number, ..message };
            let write = write("MemberService/CheckIn", member.uuid(), &message)?;
            let (programs, store) = (&self.programs, Some(message.store.as_str()).filter(|store| !store.is_empty()));
            let written = self.db.command(&call, &write, |tx| async move {
                may_write(&tx, member).await?;
                if let Some(born) = born {
                    let prove = |_, kept: &mut occasions::Kept| {
                        kept.birthday = Some(Birthday::proven(kept.who.birthday, born, tx.now()));
                    };
                    occasions::note(&tx, programs, &[member], prove).await?;
                }
                let (book, kept, given) = occasions::celebrate(&tx, programs, &[member], store).await?;
                let member = book.survivor(member);
                let program = book.accounts.get(&member).and_then(|account| book.programs.get(&account.program));
                let rules = program.map(|program| program.terms.occasions.as_slice()).unwrap_or_default();
                let mut days = kept.get(&member).map(|kept| kept.who.today(rules, tx.now())).unwrap_or_default();
                days.extend(given.iter().map(|gift| gift.due.clone()));
                days.sort();
                days.dedup();
                let celebrations = days.iter().filter_map(|due| {
                    let rule = rules.iter().find(|rule| rule.id == due.rule)?;
                    let given_now = given.iter().any(|gift| gift.due == *due);
                    Some(occasion::celebration(rule, due, given_now))
                });
                Ok(CheckInResponse { celebrations: celebrations.collect() }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn grant_tier(&self, request: Request<GrantTierRequest>) -> Result<Response<GrantTierResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (member, until) = convert::all((
                convert::name::<MemberId>(&message.member, "member"),
                convert::date(&message.until_date, "until_date"),
            ))?;
            let write = write("MemberService/GrantTier", member.uuid(), &message)?;
            let (programs, message) = (&self.programs, &message);
            let written = self.db.command(&call, &write, |tx| async move {
                let sweep = Command::Sweep;
                let mut book = book::load(&tx, programs, &[(member, &sweep)]).await?;
                let known = book.accounts.get(&member);
                let known = known.filter(|account| !account.erased && tx.may_read(account.organization.slug()));
                let account = known.ok_or(LedgerError::UnknownMember(member)).refuse()?;
                tx.may_write(account.organization.slug())?;
                // What time did comes first: it is no part of the answer.
                drop(book.decide(member, &sweep, tx.now()));
                let survivor = book.survivor(member);
                let reply = grant(&tx, &mut book, (member, survivor), until, message).await?;
                book::save(&tx, &mut book, &BTreeSet::new(), &BTreeMap::new()).await?;
                Ok(reply.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }
}

/// Refuses who may not change this member.
async fn may_write(tx: &Tx, member: MemberId) -> Stored<()> {
    let known = accounts::lock(tx, &[member.uuid()]).await?.pop();
    let known = known.filter(|account| !account.erased && tx.may_read(account.organization.slug()));
    let account = known.ok_or(LedgerError::UnknownMember(member)).refuse()?;
    Ok(tx.may_write(account.organization.slug())?)
}

/// Gives a member a tier, and keeps why.
async fn grant(
    tx: &Tx,
    book: &mut Book,
    (member, survivor): (MemberId, MemberId),
    until: Date,
    message: &GrantTierRequest,
) -> Stored<GrantTierResponse> {
    let unknown = || LedgerError::UnknownMember(member);
    let account = book.accounts.get_mut(&survivor).ok_or_else(unknown).refuse()?;
    let program = book.programs.get(&account.program).ok_or_else(unknown).refuse()?;
    let granted = account.grant_tier(program, &message.tier, until, tx.now()).refuse()?;
    write_all(tx, [tiers::granted(member, new_id(), &granted, &message.reason)]).await?;
    Ok(GrantTierResponse { standing: Some(standing(program, account, tx.now())?) })
}

/// Where a member stands, whose tier was just worked out.
fn standing(program: &Program, account: &Account, now: Timestamp) -> Result<TierStanding, Refused> {
    let none = || GrantError::NoTiers { program: program.id.clone() };
    let policy = program.terms.tiers.as_ref().ok_or_else(none).refuse()?;
    let ranking = account.ranking.as_ref();
    let ladder = ranking.and_then(|ranking| ranking.ladder.as_ref()).ok_or_else(none).refuse()?;
    let has = ranking.and_then(|ranking| ranking.standing.as_ref()).ok_or_else(none).refuse()?;
    Ok(tier::standing(account.member, policy, &program.calendar(ladder.joined), ladder, has, now))
}

fn to_member(member: &members::Member) -> Member {
    Member {
        name: member.id.to_string(),
        organization: member.organization.to_string(),
        program: member.program.to_string(),
        customer: member.customer.to_string(),
        enroll_time: Some(to_proto(member.enroll_time)),
        create_time: Some(to_proto(member.create_time)),
        merged_into: member.merged_into.map(|survivor| survivor.to_string()).unwrap_or_default(),
    }
}
