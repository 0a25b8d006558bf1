//! Members who are, or were, one person. An account says with its own row whether there are any: whoever was never merged
//! costs nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{OrganizationId, Timestamp, Uuid};
use guanxi_store::{Column, Result, Rows, Session, StoreError, Table, Tx, dialect, time};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::entities::accounts::Model as AccountRow;
use super::entities::members::Model as MemberRow;
use super::programs::Programs;
use super::{accounts, book, occasions, of_roots, tiers};
use crate::domain::account::Account;
use crate::domain::coupon::Owner;
use crate::domain::ledger::Command;
use crate::domain::person::{Kin, Merge, acquainted, persons};
use crate::domain::program::Program;

const KIN: Table = Table::new(
    "member_kin",
    &[
        Column::uuid("root_id"),
        Column::uuid("member"),
        Column::text("organization"),
        Column::text("program"),
        Column::uuid("customer"),
        Column::uuid("survivor"),
        Column::time("since_time").nullable(),
    ],
);

const MEMBERS: Table = Table::new(
    "members",
    &[Column::uuid("root_id"), Column::uuid("customer"), Column::uuid("kin"), Column::uuid("survivor").nullable()],
);

const ACCOUNTS: Table =
    Table::new("accounts", &[Column::uuid("root_id"), Column::uuid("customer"), Column::uuid("kin")]);

#[derive(FromQueryResult, Clone)]
struct Row {
    root_id: Uuid,
    member: Uuid,
    customer: Uuid,
    survivor: Uuid,
    since_time: Option<DateTimeUtc>,
}

/// How many hints are kept.
const HINTS: usize = 4_096;

/// Whose accounts were needed beside a member's, when somebody looked: only so that all of them are locked in one order the
/// next time. What is true is read each time.
static HINTS_OF: LazyLock<Mutex<HashMap<Uuid, Arc<[Uuid]>>>> = LazyLock::new(Mutex::default);

/// Adds the members that are known to belong to these.
pub fn expand(members: &mut BTreeSet<Uuid>) {
    let hints = HINTS_OF.lock().expect("nobody panics while holding it");
    if !hints.is_empty() {
        let more: Vec<Uuid> =
            members.iter().filter_map(|member| hints.get(member)).flat_map(|all| all.to_vec()).collect();
        members.extend(more);
    }
}

/// Remembers who belongs together. Whether that was news.
fn remember(together: &BTreeSet<Uuid>) -> bool {
    let mut hints = HINTS_OF.lock().expect("nobody panics while holding it");
    let all: Arc<[Uuid]> = together.iter().copied().collect();
    let news = together.iter().any(|member| hints.get(member) != Some(&all));
    if hints.len() + all.len() > HINTS {
        hints.clear();
    }
    hints.extend(together.iter().map(|member| (*member, Arc::clone(&all))));
    news
}

/// Who belongs to these, by key.
async fn load(connection: &impl ConnectionTrait, keys: &BTreeSet<Uuid>) -> Result<BTreeMap<Uuid, Vec<Row>>> {
    let keys: Vec<Uuid> = keys.iter().copied().collect();
    let mut found = BTreeMap::<Uuid, Vec<Row>>::new();
    for row in of_roots::<Row>(connection, "member_kin", &keys, "").await? {
        found.entry(row.root_id).or_default().push(row);
    }
    Ok(found)
}

fn keys<'a>(accounts: impl Iterator<Item = &'a Account>) -> BTreeSet<Uuid> {
    accounts.filter_map(|account| Some(account.kin.as_ref()?.key)).collect()
}

fn kin_of(member: MemberId, rows: &[Row]) -> Option<Box<Kin>> {
    let own = rows.iter().find(|row| row.member == member.uuid())?;
    let now = rows.iter().filter(|row| row.survivor == own.survivor).map(|row| MemberId(row.member)).collect();
    let ever = rows.iter().map(|row| MemberId(row.member)).collect();
    let survivor = MemberId(own.survivor);
    Some(Box::new(Kin { key: own.root_id, now, ever, survivor, beside: crate::domain::entry::Totals::default() }))
}

/// Tells accounts that are locked who belongs to their members, and locks and adds the accounts of those. Does nothing where
/// nobody was ever merged.
///
/// # Errors
/// The database's; a conflict where accounts would be locked out of order: the transaction then runs again, and knows.
pub async fn attach(tx: &Tx, accounts: &mut BTreeMap<MemberId, Account>) -> Result<()> {
    let keys = keys(accounts.values());
    if keys.is_empty() {
        return Ok(());
    }
    let rows = load(tx.conn(), &keys).await?;
    let missing =
        rows.values().flatten().map(|row| row.member).filter(|member| !accounts.contains_key(&MemberId(*member)));
    let missing: BTreeSet<Uuid> = missing.collect();
    if let Some(least) = missing.first() {
        let mut news = false;
        for rows in rows.values() {
            news |= remember(&rows.iter().map(|row| row.member).collect());
        }
        if news && accounts.keys().next_back().is_some_and(|last| *least < last.uuid()) {
            return Err(StoreError::Conflict("accounts would be locked out of order"));
        }
        let missing: Vec<Uuid> = missing.into_iter().collect();
        for account in accounts::lock(tx, &missing).await? {
            accounts.insert(account.member, account);
        }
    }
    tell(accounts.values_mut(), &rows);
    Ok(())
}

fn tell<'a>(accounts: impl Iterator<Item = &'a mut Account>, rows: &BTreeMap<Uuid, Vec<Row>>) {
    for account in accounts {
        let Some(key) = account.kin.as_ref().map(|kin| kin.key) else { continue };
        account.kin = rows.get(&key).and_then(|rows| kin_of(account.member, rows));
    }
}

/// The accounts of those who are one person with the member of an account that was read, this one first; without lots.
///
/// # Errors
/// The database's.
pub async fn sides<S: Session>(session: &S, account: Account) -> Result<Vec<Account>> {
    let keys = keys(std::iter::once(&account));
    if keys.is_empty() {
        return Ok(vec![account]);
    }
    let rows = load(session.connection(), &keys).await?;
    let others: Vec<Uuid> = match rows.values().next().and_then(|rows| kin_of(account.member, rows)) {
        Some(kin) => kin.now.iter().filter(|member| **member != account.member).map(|member| member.uuid()).collect(),
        None => Vec::new(),
    };
    let mut found = vec![account];
    for row in of_roots::<AccountRow>(session.connection(), "accounts", &others, "").await? {
        found.push(accounts::account(row)?);
    }
    tell(found.iter_mut(), &rows);
    Ok(found)
}

/// Of those who belong to these keys, each with everyone who is one person with him, himself included, under their own names.
///
/// # Errors
/// The database's.
pub async fn owners(
    connection: &impl ConnectionTrait,
    keys: impl Iterator<Item = Uuid>,
) -> Result<BTreeMap<MemberId, Vec<Owner>>> {
    let mut owners = BTreeMap::new();
    for rows in load(connection, &keys.collect()).await?.values() {
        for row in rows {
            let same = rows.iter().filter(|other| other.survivor == row.survivor);
            let owner = |row: &Row| Owner { member: MemberId(row.member), customer: CustomerId(row.customer) };
            owners.insert(MemberId(row.member), same.map(owner).collect());
        }
    }
    Ok(owners)
}

/// Who is one person with a member, he included.
///
/// # Errors
/// The database's.
pub async fn same(connection: &impl ConnectionTrait, member: MemberId) -> Result<Vec<MemberId>> {
    let found = of_roots::<MemberRow>(connection, "members", &[member.uuid()], "").await?;
    let owners = owners(connection, found.iter().filter_map(|row| row.kin)).await?;
    let same = owners.get(&member).map(|same| same.iter().map(|one| one.member).collect());
    Ok(same.unwrap_or_else(|| vec![member]))
}

/// A member with whom he belongs to.
struct Placed {
    row: MemberRow,
    customer: CustomerId,
    key: Uuid,
    /// The customer whose name goes on.
    person: CustomerId,
}

/// Works out which members are one, where these are all merges of their customers, and what follows: whose name goes on, whose
/// tier and occasions count for all.
///
/// # Errors
/// The database's.
pub async fn regroup(tx: &Tx, programs: &Programs, organization: &OrganizationId, merges: &[Merge]) -> Result<()> {
    let of = programs.of_organizations(tx.conn(), std::slice::from_ref(organization)).await?;
    let person_of: BTreeMap<CustomerId, CustomerId> = persons(merges)
        .into_iter()
        .flat_map(|circle| circle.customers.into_iter().map(move |customer| (customer, circle.survivor)))
        .collect();
    let mut candidates = BTreeMap::new();
    for circle in acquainted(merges) {
        let Some(least) = circle.customers.first().copied() else { continue };
        for program in of.values() {
            for customer in &circle.customers {
                let key = program.id.member(least).uuid();
                candidates.insert(program.id.member(*customer).uuid(), (program.id.clone(), *customer, key));
            }
        }
    }
    let roots: Vec<Uuid> = candidates.keys().copied().collect();
    // In the order of ids; nobody becomes or ceases to be a member of these meanwhile without being told later.
    accounts::lock(tx, &roots).await?;
    let mut placed = Vec::new();
    for row in of_roots::<MemberRow>(tx.conn(), "members", &roots, " ORDER BY root_id").await? {
        if let Some((_, customer, key)) = candidates.get(&row.root_id).filter(|_| row.erase_time.is_none()) {
            let person = person_of.get(customer).copied().unwrap_or(*customer);
            placed.push(Placed { row, customer: *customer, key: *key, person });
        }
    }
    let old_keys: BTreeSet<Uuid> = placed.iter().filter_map(|one| one.row.kin).collect();
    let old: Vec<Row> = load(tx.conn(), &old_keys).await?.into_values().flatten().collect();
    let survivors = survivors(&placed, &of.values().map(|program| &**program).collect::<Vec<_>>());
    remember_gifts(tx, programs, &old, &survivors).await?;
    write(tx, &placed, &old_keys, &old, &survivors).await?;
    let now: Vec<(MemberId, MemberId)> =
        placed.iter().map(|one| MemberId(one.row.root_id)).map(|member| (member, survivors[&member])).collect();
    tiers::regrouped(tx, &now).await?;
    occasions::regrouped(tx, &now).await?;
    stand(tx, programs, &placed).await
}

/// The member whose name goes on, of each.
fn survivors(placed: &[Placed], programs: &[&Program]) -> BTreeMap<MemberId, MemberId> {
    let mut groups = BTreeMap::<(&str, CustomerId), Vec<&Placed>>::new();
    for one in placed {
        groups.entry((one.row.program.as_str(), one.person)).or_default().push(one);
    }
    let mut survivors = BTreeMap::new();
    for ((program, person), group) in groups {
        let named =
            programs.iter().find(|one| one.id.slug() == program).map(|program| program.id.member(person).uuid());
        let survivor = group.iter().find(|one| Some(one.row.root_id) == named).or_else(|| {
            // The surviving customer is no member himself: whoever joined first stands for him.
            group.iter().min_by_key(|one| (one.row.enroll_time, one.row.root_id))
        });
        let survivor = survivor.map(|one| MemberId(one.row.root_id));
        survivors.extend(group.iter().filter_map(|one| Some((MemberId(one.row.root_id), survivor?))));
    }
    survivors
}

async fn write(
    tx: &Tx,
    placed: &[Placed],
    old_keys: &BTreeSet<Uuid>,
    old: &[Row],
    survivors: &BTreeMap<MemberId, MemberId>,
) -> Result<()> {
    let alone = |survivor: &MemberId| survivors.values().filter(|other| *other == survivor).count() == 1;
    let (mut kin, mut members, mut accounts) = (Rows::new(&KIN), Rows::new(&MEMBERS), Rows::new(&ACCOUNTS));
    for one in placed {
        let member = MemberId(one.row.root_id);
        let survivor = survivors[&member];
        let before = old.iter().find(|row| row.member == member.uuid()).and_then(|row| row.since_time);
        let since = (!alone(&survivor)).then(|| before.map_or(tx.now(), time::from_column));
        kin.push([
            one.key.into(),
            member.uuid().into(),
            one.row.organization.as_str().into(),
            one.row.program.as_str().into(),
            one.customer.uuid().into(),
            survivor.uuid().into(),
            since.into(),
        ]);
        let merged_into = Some(survivor.uuid()).filter(|survivor| *survivor != member.uuid());
        members.push([member.uuid().into(), one.person.uuid().into(), one.key.into(), merged_into.into()]);
        accounts.push([member.uuid().into(), one.person.uuid().into(), one.key.into()]);
    }
    let keys: Vec<Uuid> = old_keys.iter().copied().collect();
    update(tx, "DELETE FROM member_kin WHERE {roots}", &keys, vec![]).await?;
    kin.insert(tx).await?;
    members.update(tx, &["root_id"]).await?;
    accounts.update(tx, &["root_id"]).await.map(drop)
}

/// Runs a statement over rows with these roots, which `{roots}` stands for; its other values come first.
pub(super) async fn update(tx: &Tx, sql: &str, roots: &[Uuid], mut values: Vec<Value>) -> Result<()> {
    if roots.is_empty() {
        return Ok(());
    }
    let (condition, value) = dialect::any_uuid(tx.backend(), "root_id", values.len() + 1, roots);
    values.push(value);
    let sql = sql.replace("{roots}", &condition);
    tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), sql, values)).await?;
    Ok(())
}

/// Keeps of those who are parted what was given to one of them while they were one: for a day that was the other's too, it is
/// not given again.
async fn remember_gifts(
    tx: &Tx,
    programs: &Programs,
    old: &[Row],
    survivors: &BTreeMap<MemberId, MemberId>,
) -> Result<()> {
    let now = |row: &Row| survivors.get(&MemberId(row.member));
    let mut shared = Vec::new();
    for one in old {
        for other in old.iter().filter(|other| other.member != one.member && other.survivor == one.survivor) {
            if now(one) != now(other)
                && let (Some(a), Some(b)) = (one.since_time, other.since_time)
            {
                shared.push((MemberId(one.member), MemberId(other.member), time::from_column(a.max(b))));
            }
        }
    }
    occasions::share(tx, programs, &shared).await
}

/// Works out where everyone stands now: a person once, by all that counts; who is parted by what is his.
async fn stand(tx: &Tx, programs: &Programs, placed: &[Placed]) -> Result<()> {
    let sweep = Command::Sweep;
    let wanted: Vec<_> = placed.iter().map(|one| (MemberId(one.row.root_id), &sweep)).collect();
    let mut book = book::load(tx, programs, &wanted).await?;
    let joined = placed.iter().map(|one| (MemberId(one.row.root_id), time::from_column(one.row.enroll_time)));
    let joined: BTreeMap<MemberId, Timestamp> = joined.collect();
    tiers::restart(tx, &mut book, &joined).await?;
    let survivors: BTreeSet<MemberId> =
        book.accounts.values().filter_map(|account| Some(account.kin.as_ref()?.survivor)).collect();
    for survivor in survivors {
        drop(book.decide(survivor, &sweep, tx.now()));
        if let Some(ranking) = book.accounts.get_mut(&survivor).and_then(|account| account.ranking.as_mut()) {
            ranking.changed = true;
        }
    }
    book::save(tx, &mut book, &BTreeSet::new(), &BTreeMap::new()).await
}

/// Of these customers, those who are members of a program through somebody who is one person with them: each with the member
/// whose name goes on. `merges` are all that they have to do with.
///
/// # Errors
/// The database's.
pub async fn through_others(
    connection: &impl ConnectionTrait,
    program: &Program,
    customers: &BTreeSet<CustomerId>,
    merges: &[Merge],
) -> Result<BTreeMap<CustomerId, MemberId>> {
    let circles = persons(merges);
    let of_them = circles.iter().filter(|circle| circle.customers.iter().any(|one| customers.contains(one)));
    let others = of_them.flat_map(|circle| circle.customers.iter().map(|one| program.id.member(*one).uuid()));
    let others: Vec<Uuid> = others.collect();
    let found = of_roots::<MemberRow>(connection, "members", &others, " AND erase_time IS NULL").await?;
    let mut through = BTreeMap::new();
    for customer in customers {
        let circle = circles.iter().find(|circle| circle.customers.contains(customer));
        let members = circle.into_iter().flat_map(|circle| circle.customers.iter().map(|one| program.id.member(*one)));
        let row = members.filter_map(|member| found.iter().find(|row| row.root_id == member.uuid())).next();
        if let Some(row) = row {
            through.insert(*customer, MemberId(row.survivor.unwrap_or(row.root_id)));
        }
    }
    Ok(through)
}

/// Those of these customers, who were merged, with a member who was never told of it.
///
/// # Errors
/// The database's.
pub async fn apart(
    tx: &Tx,
    programs: &Programs,
    organization: &OrganizationId,
    customers: &BTreeSet<CustomerId>,
) -> Result<BTreeSet<CustomerId>> {
    let of = programs.of_organizations(tx.conn(), std::slice::from_ref(organization)).await?;
    let members = of.values().flat_map(|program| customers.iter().map(|one| (program.id.member(*one).uuid(), *one)));
    let members: BTreeMap<Uuid, CustomerId> = members.collect();
    let roots: Vec<Uuid> = members.keys().copied().collect();
    let found = of_roots::<MemberRow>(tx.conn(), "members", &roots, " AND kin IS NULL AND erase_time IS NULL").await?;
    Ok(found.into_iter().filter_map(|row| members.get(&row.root_id).copied()).collect())
}
