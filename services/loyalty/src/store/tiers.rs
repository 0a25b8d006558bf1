//! Where members stand on the tiers of their programs: a row each, read and written in sets under the lock of their
//! accounts, and what it is worked out from where that must be done anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guanxi_contracts::loyalty::events::v1::TierChanged;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::name::MemberId;
use guanxi_kernel::{OrderName, Timestamp, Uuid};
use guanxi_messaging::event;
use guanxi_store::{Cell, Change, Column, Result, Rows, StoreError, Table, Tx, dialect, time};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement};

use super::book::Why;
use super::{entries, kin, of_roots, rows};
use crate::domain::account::Account;
use crate::domain::entry::OrderId;
use crate::domain::ladder::{Granted, Ladder, Standing};
use crate::domain::ledger::{Book, Command};
use crate::domain::order::OrderRecord;
use crate::domain::points::Points;
use crate::domain::program::{Program, ProgramId};
use crate::domain::ranking::{History, OrderCount, Ranking};
use crate::domain::tier::Basis;

const TIERS: Table = Table::new(
    "member_tiers",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::text("program"),
        Column::text("tier").nullable(),
        Column::text("standing").nullable(),
        Column::text("ladder").nullable(),
        Column::int("terms"),
        Column::int("version"),
        Column::time("due_time").nullable(),
    ],
);

const GRANTS: Table = Table::new(
    "tier_grants",
    &[
        Column::uuid("root_id"),
        Column::uuid("grant_id"),
        Column::text("tier"),
        Column::text("reason"),
        Column::time("start_time"),
        Column::time("end_time"),
    ],
);

#[derive(FromQueryResult)]
struct Row {
    root_id: Uuid,
    standing: Option<String>,
    ladder: Option<String>,
    terms: i64,
    version: i64,
}

#[derive(FromQueryResult)]
struct Joined {
    root_id: Uuid,
    enroll_time: DateTimeUtc,
}

#[derive(FromQueryResult)]
struct Order {
    root_id: Uuid,
    order_id: Uuid,
    name: String,
    earned: i64,
    due: i64,
    detail: String,
    earn_time: DateTimeUtc,
    active_from: Option<DateTimeUtc>,
}

/// Whether the tier of a member of this program can matter to a command.
fn ranks(program: &Program, command: &Command) -> bool {
    program.terms.tiers.is_some() || (program.terms.tiers_version > 0 && matches!(command, Command::Sweep))
}

/// Whether these commands of one member only add to what is counted: then it need not be counted anew.
fn adds(ranking: &Ranking, program: &Program, commands: &[&Command]) -> bool {
    if program.terms.tiers.as_ref().is_none_or(|tiers| tiers.basis == Basis::Balance) {
        return false;
    }
    let mut from = commands.iter().filter_map(|command| match command {
        Command::Earn(earn) => Some(Some(earn.effective_time)),
        // Where a wait has an end, what was counted from then may have to be counted from before.
        Command::Activate(..) if program.terms.pending.times_out() => Some(None),
        Command::Activate(_, at) => Some(Some(*at)),
        Command::Return(_) => Some(None),
        _ => None,
    });
    match (from.next(), from.next()) {
        (None, _) => ranking.terms == program.terms.tiers_version && ranking.ladder.is_some(),
        (Some(Some(at)), None) => ranking.takes(program, at),
        _ => false,
    }
}

/// Loads the standings that these commands may change, with what they are worked out from where that is needed. Programs
/// without tiers cost nothing.
///
/// # Errors
/// The database's.
pub async fn complete(tx: &Tx, book: &mut Book, wanted: &[(MemberId, &Command)]) -> Result<()> {
    let mut commands = BTreeMap::<MemberId, Vec<&Command>>::new();
    for (member, command) in wanted {
        let account = book.accounts.get(member);
        let program = account.and_then(|account| book.programs.get(&account.program));
        if program.is_some_and(|program| ranks(program, command)) {
            commands.entry(*member).or_default().push(command);
        }
    }
    let members: Vec<Uuid> = commands.keys().map(|member| member.uuid()).collect();
    let (mut orders, mut ledgers) = (Vec::new(), Vec::new());
    for (member, ranking) in load(tx.conn(), &members).await? {
        let Some(account) = book.accounts.get_mut(&member) else { continue };
        let adds = |program: &Program| account.kin.is_none() && adds(&ranking, program, &commands[&member]);
        let anew = |program: &&Arc<Program>| program.terms.tiers.is_some() && !adds(program);
        if let Some(program) = book.programs.get(&account.program).filter(anew) {
            let of = if is_balance(program) { &mut ledgers } else { &mut orders };
            of.push(member.uuid());
        }
        account.ranking = Some(ranking);
    }
    for (member, history) in histories(tx.conn(), &orders, &ledgers).await? {
        let ranking = book.accounts.get_mut(&member).and_then(|account| account.ranking.as_mut());
        if let Some(ranking) = ranking {
            ranking.history = Some(history);
        }
    }
    Ok(())
}

fn is_balance(program: &Program) -> bool {
    program.terms.tiers.as_ref().is_some_and(|tiers| tiers.basis == Basis::Balance)
}

/// Gives an account that is read what its tier at `at` is worked out from.
///
/// # Errors
/// The database's.
pub async fn attach(
    connection: &impl ConnectionTrait,
    account: &mut Account,
    program: &Program,
    at: Timestamp,
) -> Result<()> {
    if program.terms.tiers.is_none() {
        return Ok(());
    }
    let (member, root) = (account.member, account.member.uuid());
    let Some(mut ranking) = load(connection, &[root]).await?.remove(&member) else { return Ok(()) };
    let none: &[Uuid] = &[];
    let (orders, ledgers) = match (is_balance(program), ranking.takes(program, at)) {
        (true, _) => (none, std::slice::from_ref(&root)),
        (false, true) => (none, none),
        (false, false) => (std::slice::from_ref(&root), none),
    };
    ranking.history = histories(connection, orders, ledgers).await?.remove(&member);
    account.ranking = Some(ranking);
    Ok(())
}

/// Those of these accounts whose standing is kept and of the present terms, with everything that it is worked out from.
///
/// # Errors
/// The database's.
pub(super) async fn with_histories<'a>(
    connection: &impl ConnectionTrait,
    accounts: &'a mut [Account],
    programs: &'a BTreeMap<ProgramId, Arc<Program>>,
) -> Result<Vec<(&'a mut Account, &'a Program)>> {
    let roots: Vec<Uuid> = accounts.iter().map(|account| account.member.uuid()).collect();
    let mut rankings = load(connection, &roots).await?;
    let (mut found, mut orders, mut ledgers) = (Vec::new(), Vec::new(), Vec::new());
    for account in accounts {
        let (Some(program), Some(ranking)) = (programs.get(&account.program), rankings.remove(&account.member)) else {
            continue;
        };
        if program.terms.tiers.is_some() && ranking.terms == program.terms.tiers_version {
            let of = if is_balance(program) { &mut ledgers } else { &mut orders };
            of.push(account.member.uuid());
            account.ranking = Some(ranking);
            found.push((account, &**program));
        }
    }
    let mut histories = histories(connection, &orders, &ledgers).await?;
    for (account, _) in &mut found {
        let history = histories.remove(&account.member);
        if let Some(ranking) = &mut account.ranking {
            ranking.history = history;
        }
    }
    Ok(found)
}

/// The standings of these members, as they are kept. Every member has one, if only an empty one.
async fn load(connection: &impl ConnectionTrait, members: &[Uuid]) -> Result<BTreeMap<MemberId, Ranking>> {
    let (mut rankings, mut versions) = (BTreeMap::new(), BTreeMap::new());
    for row in of_roots::<Row>(connection, "member_tiers", members, "").await? {
        let Some(ladder) = row.ladder else {
            versions.insert(row.root_id, row.version);
            continue;
        };
        let ladder: Ladder = serde_json::from_str(&ladder).map_err(StoreError::row)?;
        let told = row.standing.map(|text| serde_json::from_str(&text).map_err(StoreError::row)).transpose()?;
        let ranking = Ranking::kept(ladder.joined, Some(ladder), told, row.terms, row.version);
        rankings.insert(MemberId(row.root_id), ranking);
    }
    let unknown: Vec<Uuid> = members.iter().copied().filter(|root| !rankings.contains_key(&MemberId(*root))).collect();
    for row in of_roots::<Joined>(connection, "members", &unknown, "").await? {
        let version = versions.get(&row.root_id).copied().unwrap_or(0);
        let ranking = Ranking::kept(time::from_column(row.enroll_time), None, None, 0, version);
        rankings.insert(MemberId(row.root_id), ranking);
    }
    Ok(rankings)
}

/// What ever counted for these members: the orders of some, the entries of others.
async fn histories(
    connection: &impl ConnectionTrait,
    orders: &[Uuid],
    ledgers: &[Uuid],
) -> Result<BTreeMap<MemberId, History>> {
    let members = orders.iter().chain(ledgers).map(|root| (MemberId(*root), History::default()));
    let mut histories: BTreeMap<MemberId, History> = members.collect();
    if !orders.is_empty() {
        let (condition, value) = dialect::any_uuid(connection.get_database_backend(), "o.root_id", 1, orders);
        let sql = format!(
            "SELECT o.root_id, o.order_id, o.name, o.earned, o.due, o.detail, o.earn_time, l.active_from \
             FROM member_orders o LEFT JOIN lots l ON l.root_id = o.root_id AND l.order_id = o.order_id \
             WHERE {condition} AND o.earned IS NOT NULL AND o.earn_time IS NOT NULL"
        );
        for row in rows::<Order>(connection, sql, vec![value]).await? {
            let history = histories.entry(MemberId(row.root_id)).or_default();
            let mut record = OrderRecord::new(row.name.parse::<OrderName>().map_err(StoreError::row)?);
            (record.earned, record.due) = (Some(Points::new(row.earned)), Points::new(row.due));
            record.detail = serde_json::from_str(&row.detail).map_err(StoreError::row)?;
            let effective_time = time::from_column(row.earn_time);
            let count = OrderCount::of(&record, effective_time, row.active_from.map(time::from_column));
            history.orders.insert(OrderId(row.order_id), count);
        }
    }
    if !ledgers.is_empty() {
        for (root, entry) in entries::of_members(connection, ledgers).await? {
            histories.entry(MemberId(root)).or_default().entries.push(entry);
        }
    }
    Ok(histories)
}

/// The standings that are different, to be kept; tells of tiers that are. `why` says why of each member.
///
/// # Errors
/// Where something does not encode.
pub fn changes(tx: &Tx, book: &Book, why: &BTreeMap<MemberId, Why>) -> Result<Change> {
    let mut rows = Rows::new(&TIERS);
    for account in book.accounts.values() {
        let Some(ranking) = account.ranking.as_ref().filter(|ranking| ranking.changed) else { continue };
        let version = ranking.version + 1;
        let ladder = ranking.ladder.as_ref();
        rows.push([
            account.member.uuid().into(),
            account.organization.slug().into(),
            account.program.slug().into(),
            ranking.tier().into(),
            encoded(ranking.standing.as_ref())?.into(),
            encoded(ladder)?.into(),
            ranking.terms.into(),
            version.into(),
            ladder.and_then(Ladder::due).into(),
        ]);
        let told = ranking.told.as_ref().and_then(|told| told.tier.as_deref());
        if told != ranking.tier() {
            let why = super::book::why_of(account, why);
            let standing = ranking.standing.as_ref();
            let since = standing.map_or(tx.now(), |standing| standing.since);
            let message = changed(account, told, standing);
            let key = format!("{}/tier", account.member);
            let event = event(key, version, &account.organization, since, why.historical, &message);
            tx.emit_for(event, why.traceparent);
        }
    }
    let set = "tier = excluded.tier, standing = excluded.standing, ladder = excluded.ladder, terms = excluded.terms, \
               version = excluded.version, due_time = excluded.due_time";
    Ok(rows.upserting("root_id", set))
}

fn encoded<T: serde::Serialize>(value: Option<&T>) -> Result<Option<String>> {
    value.map(|value| serde_json::to_string(value).map_err(StoreError::row)).transpose()
}

fn changed(account: &Account, previous: Option<&str>, standing: Option<&Standing>) -> TierChanged {
    TierChanged {
        member: account.member.to_string(),
        customer: account.customer.to_string(),
        program: account.program.to_string(),
        previous_tier: previous.unwrap_or_default().to_owned(),
        tier: standing.and_then(|standing| standing.tier.clone()).unwrap_or_default(),
        since_time: standing.map(|standing| to_proto(standing.since)),
        until_time: standing.and_then(|standing| standing.until).map(to_proto),
        granted: standing.is_some_and(|standing| standing.granted),
    }
}

/// Added to the version of the terms of a standing that is another member's to count: nobody looks at it until they are parted.
const PARKED: i64 = 1 << 40;

/// Whose standings count now, where members became one or were parted: each member with the one whose name goes on.
///
/// # Errors
/// The database's.
pub(super) async fn regrouped(tx: &Tx, members: &[(MemberId, MemberId)]) -> Result<()> {
    let (own, others): (Vec<_>, Vec<_>) = members.iter().partition(|(member, survivor)| member == survivor);
    let roots =
        |members: Vec<(MemberId, MemberId)>| members.iter().map(|(member, _)| member.uuid()).collect::<Vec<_>>();
    let park = "UPDATE member_tiers SET terms = terms + $1, due_time = NULL WHERE terms < $1 AND {roots}";
    kin::update(tx, park, &roots(others), vec![PARKED.into()]).await?;
    let unpark = "UPDATE member_tiers SET terms = terms - $1 WHERE terms >= $1 AND {roots}";
    kin::update(tx, unpark, &roots(own), vec![PARKED.into()]).await
}

/// Prepares the standings of a book for being worked out anew: everyone joined when he did, and has the grants that were given
/// to those who are one person with him.
///
/// # Errors
/// The database's.
pub(super) async fn restart(tx: &Tx, book: &mut Book, joined: &BTreeMap<MemberId, Timestamp>) -> Result<()> {
    let roots: Vec<Uuid> = joined.keys().map(|member| member.uuid()).collect();
    let given = grants(tx, &roots).await?;
    for (member, joined) in joined {
        let Some(account) = book.accounts.get_mut(member) else { continue };
        let Some(ranking) = account.ranking.as_mut() else { continue };
        ranking.joined = *joined;
        let of: Vec<MemberId> = account.kin.iter().flat_map(|kin| kin.now.iter().copied()).collect();
        if let Some(ladder) = &mut ranking.ladder {
            let mut live: Vec<Granted> = of.iter().filter_map(|one| given.get(one)).flatten().cloned().collect();
            live.retain(|granted| granted.until > tx.now());
            live.sort_by(|a, b| (a.from, a.until, &a.tier).cmp(&(b.from, b.until, &b.tier)));
            ladder.grants = live;
        }
    }
    Ok(())
}

#[derive(FromQueryResult)]
struct Grant {
    root_id: Uuid,
    tier: String,
    start_time: DateTimeUtc,
    end_time: DateTimeUtc,
}

/// What these members were ever given, the first to begin first.
pub(super) async fn grants(tx: &Tx, roots: &[Uuid]) -> Result<BTreeMap<MemberId, Vec<Granted>>> {
    let mut grants = BTreeMap::<MemberId, Vec<Granted>>::new();
    for row in of_roots::<Grant>(tx.conn(), "tier_grants", roots, " ORDER BY root_id, start_time, grant_id").await? {
        let (from, until) = (time::from_column(row.start_time), time::from_column(row.end_time));
        grants.entry(MemberId(row.root_id)).or_default().push(Granted { tier: row.tier, from, until });
    }
    Ok(grants)
}

/// Gives accounts that are read everything that their standings are worked out from.
///
/// # Errors
/// The database's.
pub async fn attach_all(
    connection: &impl ConnectionTrait,
    accounts: &mut BTreeMap<MemberId, Account>,
    program: &Program,
) -> Result<()> {
    let roots: Vec<Uuid> = accounts.keys().map(|member| member.uuid()).collect();
    if program.terms.tiers.is_none() {
        return Ok(());
    }
    let none: &[Uuid] = &[];
    let (orders, ledgers) = if is_balance(program) { (none, &roots[..]) } else { (&roots[..], none) };
    let mut histories = histories(connection, orders, ledgers).await?;
    for (member, mut ranking) in load(connection, &roots).await? {
        ranking.history = histories.remove(&member);
        if let Some(account) = accounts.get_mut(&member) {
            account.ranking = Some(ranking);
        }
    }
    Ok(())
}

/// Keeps what was given, and why.
pub fn granted(member: MemberId, grant: Uuid, granted: &Granted, reason: &str) -> Change {
    let mut rows = Rows::new(&GRANTS);
    rows.push([
        member.uuid().into(),
        grant.into(),
        granted.tier.as_str().into(),
        reason.into(),
        granted.from.into(),
        granted.until.into(),
    ]);
    rows.inserting()
}

/// Members of a program with tiers who are new: their first standing is worked out with what they do, or soon.
///
/// # Errors
/// The database's.
pub async fn enrolled(tx: &Tx, members: impl IntoIterator<Item = (MemberId, &Program)>) -> Result<()> {
    let mut rows = Rows::new(&TIERS);
    for (member, program) in members.into_iter().filter(|(_, program)| program.terms.tiers.is_some()) {
        let none = || Cell::Null;
        let (organization, slug) = (program.organization.slug().into(), program.id.slug().into());
        rows.push([
            member.uuid().into(),
            organization,
            slug,
            none(),
            none(),
            none(),
            0_i64.into(),
            0_i64.into(),
            none(),
        ]);
    }
    rows.insert_new(tx).await.map(drop)
}

/// A program's members have standings from now on, if it has tiers.
///
/// # Errors
/// The database's.
pub async fn adopt(tx: &Tx, program: &Program) -> Result<()> {
    if program.terms.tiers.is_none() || program.terms.tiers_version != program.version {
        return Ok(());
    }
    let sql = "INSERT INTO member_tiers (root_id, organization, program, terms, version) \
               SELECT root_id, organization, program, CASE WHEN survivor IS NULL THEN 0 ELSE $2 END, 0 FROM members \
               WHERE program = $1 AND erase_time IS NULL ON CONFLICT DO NOTHING";
    let values = [program.id.slug().into(), PARKED.into()];
    tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
    Ok(())
}

#[derive(FromQueryResult)]
struct Terms {
    slug: String,
    tiers: i64,
}

#[derive(FromQueryResult)]
struct Root {
    root_id: Uuid,
}

/// Members whose standing was worked out under other terms of tiers than their program has now, `limit` at the most.
///
/// # Errors
/// The database's.
pub async fn outdated(tx: &Tx, limit: i64) -> Result<BTreeSet<MemberId>> {
    let programs =
        rows::<Terms>(tx.conn(), "SELECT slug, tiers FROM programs WHERE tiers > 0".to_owned(), vec![]).await?;
    let mut found = BTreeSet::new();
    for Terms { slug, tiers } in programs {
        let left = limit - i64::try_from(found.len()).unwrap_or(limit);
        if left <= 0 {
            break;
        }
        let sql = "SELECT root_id FROM member_tiers WHERE program = $1 AND terms < $2 LIMIT $3".to_owned();
        let members = rows::<Root>(tx.conn(), sql, vec![slug.into(), tiers.into(), left.into()]).await?;
        found.extend(members.into_iter().map(|row| MemberId(row.root_id)));
    }
    Ok(found)
}
