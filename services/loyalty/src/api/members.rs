//! MemberService.

use std::collections::{BTreeMap, BTreeSet};

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
use super::{past, reply};
use crate::domain::account::Account;
use crate::domain::id_number::birth_date;
use crate::domain::ledger::{Book, Command, LedgerError};
use crate::domain::occasion::Birthday;
use crate::domain::program::{Program, ProgramId};
use crate::domain::ranking::GrantError;
use crate::store::programs::Programs;
use crate::store::{accounts, book, members, occasions, programs, reading, tiers};

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
            let (program, customer) = convert::all((
                convert::name::<ProgramId>(&message.program, "program"),
                convert::name::<CustomerId>(&message.customer, "customer"),
            ))?;
            let id = program.member(customer);
            let write = write("MemberService/EnrollMember", id.uuid(), &message)?;
            let (program, enroll_time) = (&program, message.enroll_time.as_ref());
            let written = self.db.command(&call, &write, |tx| async move {
                let enroll_time = past(enroll_time, "enroll_time", tx.now())?;
                let program = programs::writable(&tx, program).await?;
                if members::exists(&tx, id).await? {
                    return Err(Refused::exists("member", id).into());
                }
                let member = members::Member::enroll(&program, customer, enroll_time, tx.now());
                members::insert(&tx, std::slice::from_ref(&member)).await?;
                tiers::enrolled(&tx, [(id, &program)]).await?;
                occasions::enrolled(&tx, [(id, &program)]).await?;
                write_all(&tx, [accounts::new(&[&member.account()])]).await?;
                tx.emit(member.enrolled(false));
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
            let mut account = reading::account(&reader, member).await?;
            let program = self.programs.load(connection, [&account.program]).await?.remove(&account.program);
            let program = program.ok_or_else(|| Refused::not_found("member", member))?;
            tiers::attach(connection, &mut account, &program, now).await?;
            // What expired and was not written yet is part of the moment.
            account.expire(now);
            account.rank(&program, now);
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
                let known = book.accounts.get(&member).filter(|account| tx.may_read(account.organization.slug()));
                let account = known.ok_or(LedgerError::UnknownMember(member)).refuse()?;
                tx.may_write(account.organization.slug())?;
                // What time did comes first: it is no part of the answer.
                drop(book.decide(member, &sweep, tx.now()));
                let reply = grant(&tx, &mut book, member, until, message).await?;
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
    let known = known.filter(|account| tx.may_read(account.organization.slug()));
    let account = known.ok_or(LedgerError::UnknownMember(member)).refuse()?;
    Ok(tx.may_write(account.organization.slug())?)
}

/// Gives a member a tier, and keeps why.
async fn grant(
    tx: &Tx,
    book: &mut Book,
    member: MemberId,
    until: Date,
    message: &GrantTierRequest,
) -> Stored<GrantTierResponse> {
    let unknown = || LedgerError::UnknownMember(member);
    let account = book.accounts.get_mut(&member).ok_or_else(unknown).refuse()?;
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
    }
}
