//! The days of members: their birthdays, and what occasions gave them. A row for each member says when to look again; it
//! changes under the lock of the member's account. What the member told here and what the customer service told of him are
//! kept apart, and weighed when somebody looks.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Timestamp, Uuid};
use guanxi_store::change::write_all;
use guanxi_store::verify::Invariant;
use guanxi_store::{Cell, Column, Result, Rows, StoreError, Table, Tx, time};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement};

use super::book::{self, Why};
use super::programs::Programs;
use super::{accounts, customers, kin, of_roots, rows};
use crate::domain::account::Account;
use crate::domain::entry::{Entry, EntryKind};
use crate::domain::expiry::MonthDay;
use crate::domain::ledger::{Book, Command};
use crate::domain::lunar::LunarDay;
use crate::domain::occasion::{Birthday, Celebrant, Day, Due};
use crate::domain::person::Kin;
use crate::domain::program::Program;

const DAYS: Table = Table::new(
    "member_occasions",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::text("program"),
        Column::int("month").nullable(),
        Column::int("day").nullable(),
        Column::time("told_time").nullable(),
        Column::bool("proven"),
        Column::text("time_zone").nullable(),
        Column::int("terms"),
        Column::time("due_time").nullable(),
        Column::text("calendar").nullable(),
    ],
);

const GIFTS: Table = Table::new(
    "occasion_gifts",
    &[
        Column::uuid("root_id"),
        Column::text("rule"),
        Column::int("year"),
        Column::text("day"),
        Column::int("points"),
        Column::int("lot_id"),
        Column::text("store").nullable(),
        Column::time("give_time"),
    ],
);

const SHARED: Table = Table::new("shared_gifts", &[Column::uuid("root_id"), Column::text("rule"), Column::int("year")]);

#[derive(FromQueryResult)]
struct Row {
    root_id: Uuid,
    month: Option<i64>,
    day: Option<i64>,
    told_time: Option<DateTimeUtc>,
    proven: bool,
    time_zone: Option<String>,
    calendar: Option<String>,
}

#[derive(FromQueryResult)]
struct Given {
    root_id: Uuid,
    rule: String,
    year: i64,
}

#[derive(FromQueryResult)]
struct Joined {
    root_id: Uuid,
    enroll_time: DateTimeUtc,
}

#[derive(FromQueryResult)]
struct Root {
    root_id: Uuid,
}

#[derive(FromQueryResult)]
struct Terms {
    slug: String,
    occasions: i64,
}

/// A member with his days, as they are kept.
#[derive(Debug, Clone)]
pub struct Kept {
    /// His zone, where he told one here.
    pub time_zone: Option<String>,
    /// His birthday, as it was told here.
    pub birthday: Option<Birthday>,
    /// His days, by that and by what was told of the customer.
    pub who: Celebrant,
}

/// A gift that was given now.
#[derive(Debug, Clone)]
pub struct Gift {
    /// Whose.
    pub member: MemberId,
    /// What for.
    pub due: Due,
}

/// Loads the days of members whose accounts are locked, as far as they are of each alone.
async fn load(
    connection: &impl ConnectionTrait,
    accounts: impl Iterator<Item = (&Account, &Program)>,
) -> Result<BTreeMap<MemberId, Kept>> {
    let (mut of, mut joint) = (BTreeMap::<Uuid, (&Account, &Program)>::new(), Vec::new());
    for (account, program) in accounts {
        of.insert(account.member.uuid(), (account, program));
        joint.extend(account.kin.as_ref().map(|_| account.member.uuid()));
    }
    let roots: Vec<Uuid> = of.keys().copied().collect();
    let told = customers::days(connection, of.values().map(|(account, _)| account.customer)).await?;
    let mut days: BTreeMap<Uuid, Row> = of_roots::<Row>(connection, "member_occasions", &roots, "")
        .await?
        .into_iter()
        .map(|row| (row.root_id, row))
        .collect();
    let mut given = BTreeMap::<Uuid, BTreeSet<(String, i16)>>::new();
    let mut gifts: Vec<Given> = of_roots(connection, "occasion_gifts", &roots, "").await?;
    gifts.extend(of_roots::<Given>(connection, "shared_gifts", &joint, "").await?);
    for Given { root_id, rule, year } in gifts {
        given.entry(root_id).or_default().insert((rule, i16::try_from(year).map_err(StoreError::row)?));
    }
    let mut kept = BTreeMap::new();
    for Joined { root_id, enroll_time } in of_roots(connection, "members", &roots, "").await? {
        let Some((account, program)) = of.get(&root_id) else { continue };
        let row = days.remove(&root_id);
        let birthday = row.as_ref().and_then(|row| {
            let told = time::from_column(row.told_time?);
            Some(Birthday { day: day(row.month?, row.day?, row.calendar.as_deref())?, told, proven: row.proven })
        });
        let time_zone = row.and_then(|row| row.time_zone);
        let told = told.get(&account.customer.uuid());
        let zone = time_zone.as_deref().or_else(|| told?.time_zone.as_deref());
        let calendar = Celebrant::calendar(program, zone, time::from_column(enroll_time));
        let given = given.remove(&root_id).unwrap_or_default();
        let of_both = Birthday::of_both(birthday, told.and_then(|told| told.birthday));
        let who = Celebrant { calendar, birthday: of_both, given };
        kept.insert(MemberId(root_id), Kept { time_zone, birthday, who });
    }
    Ok(kept)
}

/// What a person's days are, where several members are one: what any of them was given he was given, he joined when the first
/// of them did, and of birthdays one that is proven goes before one that is not, then the one that was told last. Whoever's
/// name leads to another has none of his own.
fn join(kept: &mut BTreeMap<MemberId, Kept>, accounts: &BTreeMap<MemberId, Account>) {
    let survivors = accounts
        .values()
        .filter_map(|account| account.kin.as_ref().filter(|kin| kin.survivor == account.member && kin.now.len() > 1));
    for kin in survivors {
        let others = kin.now.iter().filter(|member| **member != kin.survivor).filter_map(|member| kept.remove(member));
        let others: Vec<Kept> = others.collect();
        let Some(person) = kept.get_mut(&kin.survivor) else { continue };
        for other in others {
            person.who.given.extend(other.who.given);
            person.who.calendar.joined = person.who.calendar.joined.min(other.who.calendar.joined);
            let rank = |birthday: &Birthday| (birthday.proven, birthday.told);
            if other.who.birthday.as_ref().map(rank) > person.who.birthday.as_ref().map(rank) {
                person.who.birthday = other.who.birthday;
                if other.time_zone.is_some() {
                    person.who.calendar.zone = other.who.calendar.zone;
                }
            }
        }
    }
}

/// Added to the version of the terms of days that are another member's to look at.
const PARKED: i64 = 1 << 40;

/// Whose days are looked at now, where members became one or were parted: each member with the one whose name goes on.
///
/// # Errors
/// The database's.
pub(super) async fn regrouped(tx: &Tx, members: &[(MemberId, MemberId)]) -> Result<()> {
    let (own, others): (Vec<_>, Vec<_>) = members.iter().partition(|(member, survivor)| member == survivor);
    let roots =
        |members: Vec<(MemberId, MemberId)>| members.iter().map(|(member, _)| member.uuid()).collect::<Vec<_>>();
    let park = "UPDATE member_occasions SET terms = CASE WHEN terms < $1 THEN terms + $1 ELSE terms END, due_time = NULL \
                WHERE {roots}";
    kin::update(tx, park, &roots(others), vec![PARKED.into()]).await?;
    let own = roots(own);
    kin::update(
        tx,
        "UPDATE member_occasions SET terms = terms - $1 WHERE terms >= $1 AND {roots}",
        &own,
        vec![PARKED.into()],
    )
    .await?;
    // What that makes due is given when somebody looks next, which is at once.
    let now = vec![time::to_column(tx.now()).into()];
    kin::update(tx, "UPDATE member_occasions SET due_time = $1 WHERE {roots}", &own, now).await
}

#[derive(FromQueryResult)]
struct GiftDay {
    root_id: Uuid,
    rule: String,
    year: i64,
    day: String,
    give_time: DateTimeUtc,
}

/// Of pairs who are parted: what the second was given since they were one counts for the first too, where it was a day of his.
///
/// # Errors
/// The database's.
pub(super) async fn share(tx: &Tx, programs: &Programs, pairs: &[(MemberId, MemberId, Timestamp)]) -> Result<()> {
    let members: BTreeSet<Uuid> = pairs.iter().flat_map(|(one, other, _)| [one.uuid(), other.uuid()]).collect();
    let roots: Vec<Uuid> = members.into_iter().collect();
    if roots.is_empty() {
        return Ok(());
    }
    let gifts: Vec<GiftDay> = of_roots(tx.conn(), "occasion_gifts", &roots, "").await?;
    let found = accounts::lock(tx, &roots).await?;
    let of: BTreeSet<_> = found.iter().map(|account| account.program.clone()).collect();
    let programs = programs.load(tx.conn(), &of).await?;
    let with_programs = found.iter().filter_map(|account| Some((account, &**programs.get(&account.program)?)));
    let kept = load(tx.conn(), with_programs).await?;
    let program_of: BTreeMap<MemberId, &Program> =
        found.iter().filter_map(|one| Some((one.member, &**programs.get(&one.program)?))).collect();
    let mut shared = BTreeSet::new();
    for (one, other, since) in pairs {
        let (Some(who), Some(program)) = (kept.get(one), program_of.get(one)) else { continue };
        let days = who.who.begun(&program.terms.occasions, tx.now());
        for gift in gifts.iter().filter(|gift| gift.root_id == other.uuid()) {
            let is_his = days.iter().any(|due| due.rule == gift.rule && due.day.to_string() == gift.day);
            if is_his && time::from_column(gift.give_time) >= *since {
                shared.insert((one.uuid(), gift.rule.clone(), gift.year));
            }
        }
    }
    let mut rows = Rows::new(&SHARED);
    for (root, rule, year) in shared {
        rows.push([root.into(), rule.into(), year.into()]);
    }
    rows.insert_new(tx).await.map(drop)
}

/// The columns of a day: month, day, calendar; the last is absent for the Gregorian one.
pub(super) fn of_day(day: Day) -> (i64, i64, Option<&'static str>) {
    match day {
        Day::Gregorian(day) => (day.month.into(), day.day.into(), None),
        Day::Chinese(day) => (day.month.into(), day.day.into(), Some(if day.leap { "LEAP" } else { "CHINESE" })),
    }
}

/// The day of such columns.
pub(super) fn day(month: i64, day: i64, calendar: Option<&str>) -> Option<Day> {
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    Some(match calendar {
        None => Day::Gregorian(MonthDay { month, day }),
        Some(calendar) => Day::Chinese(LunarDay { month, leap: calendar == "LEAP", day }),
    })
}

/// Changes what is known of the days of members. What that makes due is given when somebody looks next, which is at once.
///
/// # Errors
/// The database's.
pub async fn note(
    tx: &Tx,
    programs: &Programs,
    members: &[MemberId],
    change: impl Fn(MemberId, &mut Kept),
) -> Result<()> {
    let sweep = Command::Sweep;
    let wanted: Vec<_> = members.iter().map(|member| (*member, &sweep)).collect();
    let book = book::load(tx, programs, &wanted).await?;
    let accounts = book.accounts.values();
    let with_programs: Vec<_> =
        accounts.filter_map(|account| Some((account, &**book.programs.get(&account.program)?))).collect();
    let mut kept = load(tx.conn(), with_programs.iter().copied()).await?;
    let mut days = Rows::new(&DAYS);
    for (account, program) in with_programs.into_iter().filter(|(account, _)| members.contains(&account.member)) {
        let Some(kept) = kept.get_mut(&account.member) else { continue };
        change(account.member, kept);
        let due = (!program.terms.occasions.is_empty()).then(|| tx.now());
        days.push(cells(account, program, kept, due));
    }
    write_all(tx, [days.upserting("root_id", CHANGES)]).await?;
    // Of several who are one person, one looks.
    let kin = members.iter().filter_map(|member| book.accounts.get(member)?.kin.as_ref());
    let all: BTreeSet<(MemberId, MemberId)> =
        kin.flat_map(|kin| kin.now.iter().map(|one| (*one, kin.survivor))).collect();
    if all.is_empty() {
        return Ok(());
    }
    regrouped(tx, &all.into_iter().collect::<Vec<_>>()).await
}

/// Locks the accounts of these members, gives what is due to them and says what that was, with their days. What time did
/// to their points comes first.
///
/// # Errors
/// The database's.
pub async fn celebrate(
    tx: &Tx,
    programs: &Programs,
    members: &[MemberId],
    store: Option<&str>,
) -> Result<(Book, BTreeMap<MemberId, Kept>, Vec<Gift>)> {
    let sweep = Command::Sweep;
    let wanted: Vec<_> = members.iter().map(|member| (*member, &sweep)).collect();
    let mut book = book::load(tx, programs, &wanted).await?;
    let now = tx.now();
    let accounts = book.accounts.values();
    let with_programs = accounts.filter_map(|account| Some((account, &**book.programs.get(&account.program)?)));
    let own = load(tx.conn(), with_programs).await?;
    let mut kept = own.clone();
    join(&mut kept, &book.accounts);
    let wanted: BTreeSet<MemberId> = members.iter().copied().collect();
    kept.retain(|member, _| {
        let of_them = |kin: &Kin| kin.now.iter().any(|one| wanted.contains(one));
        wanted.contains(member) || book.accounts[member].kin.as_ref().is_some_and(|kin| of_them(kin))
    });
    let (mut days, mut gifts, mut given) = (Rows::new(&DAYS), Rows::new(&GIFTS), Vec::new());
    for (member, kept) in &mut kept {
        // What time did comes first: it is no part of the gift.
        drop(book.decide(*member, &sweep, now));
        let Some(account) = book.accounts.get_mut(member) else { continue };
        let Some(program) = book.programs.get(&account.program) else { continue };
        let rules = &program.terms.occasions;
        for due in kept.who.due(rules, now) {
            let Some(rule) = rules.iter().find(|rule| rule.id == due.rule) else { continue };
            let lot = account.celebrate(program, rule, &due, now);
            gifts.push([
                member.uuid().into(),
                due.rule.as_str().into(),
                i64::from(due.year).into(),
                due.day.to_string().into(),
                rule.points.get().into(),
                lot.0.into(),
                store.into(),
                now.into(),
            ]);
            kept.who.given.insert((due.rule.clone(), due.year));
            given.push(Gift { member: *member, due });
        }
        let next = kept.who.next(rules, now);
        days.push(cells(account, program, own.get(member).unwrap_or(kept), next));
    }
    write_all(tx, [days.upserting("root_id", CHANGES), gifts.inserting()]).await?;
    let why: BTreeMap<MemberId, Why> = BTreeMap::new();
    book::save(tx, &mut book, &BTreeSet::new(), &why).await?;
    Ok((book, kept, given))
}

const CHANGES: &str = "month = excluded.month, day = excluded.day, told_time = excluded.told_time, \
                       proven = excluded.proven, time_zone = excluded.time_zone, terms = excluded.terms, \
                       due_time = excluded.due_time, calendar = excluded.calendar";

fn cells(account: &Account, program: &Program, kept: &Kept, due: Option<Timestamp>) -> [Cell; 11] {
    let birthday = kept.birthday;
    let day = birthday.map(|birthday| of_day(birthday.day));
    [
        account.member.uuid().into(),
        account.organization.slug().into(),
        account.program.slug().into(),
        day.map(|(month, _, _)| month).into(),
        day.map(|(_, day, _)| day).into(),
        birthday.map(|birthday| birthday.told).into(),
        birthday.is_some_and(|birthday| birthday.proven).into(),
        kept.time_zone.clone().into(),
        program.terms.occasions_version.into(),
        due.into(),
        day.and_then(|(_, _, calendar)| calendar).into(),
    ]
}

#[derive(FromQueryResult)]
struct Gave {
    rule: String,
    lot_id: i64,
}

/// The rules of the occasions that gave what these entries of a member say, by the entries' numbers.
///
/// # Errors
/// The database's.
pub async fn given(
    connection: &impl ConnectionTrait,
    member: Uuid,
    entries: &[Entry],
) -> Result<BTreeMap<i64, String>> {
    let earned = entries.iter().filter(|entry| entry.kind == EntryKind::Earn && entry.order.is_none());
    let numbers: Vec<i64> = earned.map(|entry| entry.number).collect();
    let (Some(first), Some(last)) = (numbers.iter().min(), numbers.iter().max()) else { return Ok(BTreeMap::new()) };
    let sql = "SELECT rule, lot_id FROM occasion_gifts WHERE root_id = $1 AND lot_id BETWEEN $2 AND $3".to_owned();
    let found = rows::<Gave>(connection, sql, vec![member.into(), (*first).into(), (*last).into()]).await?;
    Ok(found.into_iter().map(|gift| (gift.lot_id, gift.rule)).collect())
}

/// Members to whom something may be due, `limit` at the most: by the clock, or since their program's occasions changed.
///
/// # Errors
/// The database's.
pub async fn due(tx: &Tx, limit: i64) -> Result<Vec<MemberId>> {
    let sql = "SELECT root_id FROM member_occasions WHERE due_time IS NOT NULL AND due_time <= $1 LIMIT $2".to_owned();
    let values = vec![time::to_column(tx.now()).into(), limit.into()];
    let mut found: BTreeSet<Uuid> =
        rows::<Root>(tx.conn(), sql, values).await?.into_iter().map(|row| row.root_id).collect();
    let sql = "SELECT slug, occasions FROM programs WHERE occasions > 0".to_owned();
    for Terms { slug, occasions } in rows(tx.conn(), sql, vec![]).await? {
        let left = limit - i64::try_from(found.len()).unwrap_or(limit);
        if left <= 0 {
            break;
        }
        let sql = "SELECT root_id FROM member_occasions WHERE program = $1 AND terms < $2 LIMIT $3".to_owned();
        let members = rows::<Root>(tx.conn(), sql, vec![slug.into(), occasions.into(), left.into()]).await?;
        found.extend(members.into_iter().map(|row| row.root_id));
    }
    Ok(found.into_iter().map(MemberId).collect())
}

/// Members of a program with occasions who are new: somebody looks at their days soon.
///
/// # Errors
/// The database's.
pub async fn enrolled(tx: &Tx, members: impl IntoIterator<Item = (MemberId, &Program)>) -> Result<()> {
    let mut rows = Rows::new(&DAYS);
    for (member, program) in members.into_iter().filter(|(_, program)| !program.terms.occasions.is_empty()) {
        let none = || Cell::Null;
        rows.push([
            member.uuid().into(),
            program.organization.slug().into(),
            program.id.slug().into(),
            none(),
            none(),
            none(),
            false.into(),
            none(),
            0_i64.into(),
            none(),
            none(),
        ]);
    }
    rows.insert_new(tx).await.map(drop)
}

/// A program's members have days from now on, if it has occasions.
///
/// # Errors
/// The database's.
pub async fn adopt(tx: &Tx, program: &Program) -> Result<()> {
    if program.terms.occasions.is_empty() || program.terms.occasions_version != program.version {
        return Ok(());
    }
    let sql = "INSERT INTO member_occasions (root_id, organization, program, proven, terms) \
               SELECT root_id, organization, program, false, CASE WHEN survivor IS NULL THEN 0 ELSE $2 END FROM members \
               WHERE program = $1 AND erase_time IS NULL ON CONFLICT DO NOTHING";
    let values = [program.id.slug().into(), PARKED.into()];
    tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
    Ok(())
}

/// What must hold of gifts.
pub(super) fn invariants() -> Vec<Invariant> {
    vec![Invariant::sql(
        "occasions-gave-what-they-say",
        "SELECT COUNT(*) FROM occasion_gifts",
        "SELECT 'gift of ' || g.rule || ' in ' || CAST(g.year AS varchar(20)), \
         'gave ' || CAST(g.points AS varchar(20)) || ', by the ledger ' || \
         CAST(COALESCE(e.points, 0) AS varchar(20)) FROM occasion_gifts g \
         LEFT JOIN entries e ON e.root_id = g.root_id AND e.number = g.lot_id AND e.kind = 'EARN' \
         AND e.order_id IS NULL WHERE e.points IS NULL OR e.points <> g.points",
    )]
}
