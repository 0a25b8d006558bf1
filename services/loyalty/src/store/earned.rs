//! What is kept of what earned, beside its record: what capped and carrying rules gave, what it came to in campaigns; and
//! what returns gave back to those.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{OrganizationId, Uuid};
use guanxi_store::{Change, Column, Result, Rows, StoreError, Table, Tx};
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{budgets, customers, rows, tenure};
use crate::domain::account::{Account, Changes};
use crate::domain::campaign::CampaignId;
use crate::domain::cap::{Grant, Standing};
use crate::domain::ledger::{Book, Command};
use crate::domain::points::Points;

const GRANTS: Table = Table::new(
    "rule_grants",
    &[
        Column::uuid("root_id"),
        Column::text("rule"),
        Column::uuid("order_id"),
        Column::text("day"),
        Column::int("points"),
        Column::int("carried_minor"),
    ],
);

const SHARES: Table = Table::new(
    "campaign_orders",
    &[
        Column::uuid("root_id"),
        Column::uuid("campaign_id"),
        Column::uuid("order_id"),
        Column::bool("held_out"),
        Column::bool("qualified"),
        Column::int("points"),
        Column::int("returned"),
        Column::int("value_minor"),
    ],
);

const SOURCES: Table = Table::new(
    "campaign_sources",
    &[Column::uuid("root_id"), Column::uuid("campaign_id"), Column::uuid("source_id"), Column::int("points")],
);

const RETURNED: Table = Table::new(
    "campaign_orders",
    &[Column::uuid("root_id"), Column::uuid("campaign_id"), Column::uuid("order_id"), Column::int("returned")],
);

#[derive(FromQueryResult)]
struct GrantSum {
    root_id: Uuid,
    rule: String,
    day: String,
    points: i64,
    carried_minor: i64,
}

/// Loads what earnings of the batch need besides accounts: what the rules of their members gave before, and, locked, what
/// the campaigns of their time can still give.
///
/// # Errors
/// The database's.
pub async fn complete(tx: &Tx, book: &mut Book, wanted: &[(MemberId, &Command)]) -> Result<()> {
    let (mut members, mut campaigns, mut asked) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut dated = BTreeSet::new();
    for (member, command) in wanted {
        let Some(at) = command.earns_at() else { continue };
        let program = book.accounts.get(member).and_then(|account| book.programs.get(&account.program));
        let Some(program) = program else { continue };
        if program.remembers() {
            members.insert(member.uuid());
        }
        if program.asks_of_customers() {
            asked.insert(*member);
        }
        if program.asks_tenure() {
            let kin = book.accounts.get(member).and_then(|account| account.kin.as_ref());
            dated.extend(kin.into_iter().flat_map(|kin| &kin.now).chain([member]).copied());
        }
        let covering = program.campaigns.iter().filter(|campaign| campaign.covers(at));
        campaigns.extend(covering.map(|campaign| campaign.id.clone()));
    }
    let members: Vec<Uuid> = members.into_iter().collect();
    for (member, standing) in standings(tx.conn(), &members).await? {
        if let Some(account) = book.accounts.get_mut(&MemberId(member)) {
            account.standing = standing;
        }
    }
    let roots: Vec<Uuid> = dated.iter().map(|member| member.uuid()).collect();
    let tenures = tenure::load(tx.conn(), &roots).await?;
    for member in dated {
        if let Some(account) = book.accounts.get_mut(&member) {
            account.tenure = Some(tenures.get(&member.uuid()).copied().unwrap_or_default());
        }
    }
    let campaigns: Vec<CampaignId> = campaigns.into_iter().collect();
    book.budgets.extend(budgets::lock(tx, &campaigns).await?);
    customers::attach(tx.conn(), book, &asked).await
}

/// What the capped and carrying rules of these members gave before.
///
/// # Errors
/// The database's.
pub async fn standings(connection: &impl ConnectionTrait, members: &[Uuid]) -> Result<BTreeMap<Uuid, Standing>> {
    let mut standings = BTreeMap::<Uuid, Standing>::new();
    if members.is_empty() {
        return Ok(standings);
    }
    let backend = connection.get_database_backend();
    let (condition, value) = guanxi_store::dialect::any_uuid(backend, "root_id", 1, members);
    let sql = format!(
        "SELECT root_id, rule, day, CAST(SUM(points) AS bigint) AS points, \
         CAST(SUM(carried_minor) AS bigint) AS carried_minor FROM rule_grants WHERE {condition} \
         GROUP BY root_id, rule, day"
    );
    for row in rows::<GrantSum>(connection, sql, vec![value]).await? {
        let day = row.day.parse().map_err(StoreError::row)?;
        let (points, carried_minor) = (Points::new(row.points), row.carried_minor);
        standings.entry(row.root_id).or_default().add(&Grant { rule: row.rule, day, points, carried_minor });
    }
    Ok(standings)
}

#[derive(FromQueryResult)]
struct Root {
    root_id: Uuid,
}

/// The next members of a program, after `after`.
///
/// # Errors
/// The database's.
pub async fn members_after(
    connection: &impl ConnectionTrait,
    program: &str,
    after: Uuid,
    size: i64,
) -> Result<Vec<Uuid>> {
    let sql = "SELECT root_id FROM members WHERE program = $1 AND root_id > $2 ORDER BY root_id LIMIT $3".to_owned();
    let found = rows::<Root>(connection, sql, vec![program.into(), after.into(), size.into()]).await?;
    Ok(found.into_iter().map(|row| row.root_id).collect())
}

/// What orders and sources that earned and goods that came back leave behind, to be kept.
///
/// # Errors
/// Where something does not encode.
pub fn changes(accounts: &BTreeMap<MemberId, Account>, taken: &[(MemberId, Changes)]) -> Result<[Change; 5]> {
    let (mut grants, mut sources) = (Rows::new(&GRANTS), Rows::new(&SOURCES));
    let mut shares = BTreeMap::<(Uuid, Uuid, Uuid), Share>::new();
    let mut spent = BTreeMap::<Uuid, (OrganizationId, i64, i64)>::new();
    for (member, changes) in taken {
        let (root, organization) = (member.uuid(), &accounts[member].organization);
        let of_orders = changes.earned.iter().map(|earned| (earned.order.0, &earned.grants));
        let of_sources = changes.sourced.iter().map(|sourced| (sourced.name.key(), &sourced.grants));
        for (by, given) in of_orders.chain(of_sources) {
            for Grant { rule, day, points, carried_minor } in given {
                grants.push([
                    root.into(),
                    rule.as_str().into(),
                    by.into(),
                    day.to_string().into(),
                    points.get().into(),
                    (*carried_minor).into(),
                ]);
            }
        }
        for sourced in &changes.sourced {
            for share in sourced.shares.iter().filter(|share| share.points.is_positive()) {
                let campaign = campaign(&share.campaign)?;
                sources.push([root.into(), campaign.into(), sourced.name.key().into(), share.points.get().into()]);
                let total = spent.entry(campaign).or_insert_with(|| (organization.clone(), 0, 0));
                (total.1, total.2) = (total.1 + share.points.get(), total.2 + 1);
            }
        }
        for earned in &changes.earned {
            for share in &earned.shares {
                let campaign = campaign(&share.campaign)?;
                let new = Share {
                    held_out: share.held_out,
                    qualified: share.qualified,
                    points: share.points.get(),
                    value_minor: earned.purchase.value_minor(),
                    returned: 0,
                };
                shares.insert((root, campaign, earned.order.0), new);
                if share.points.is_positive() {
                    let total = spent.entry(campaign).or_insert_with(|| (organization.clone(), 0, 0));
                    (total.1, total.2) = (total.1 + share.points.get(), total.2 + 1);
                }
            }
        }
    }
    let mut back = BTreeMap::<(Uuid, Uuid, Uuid), i64>::new();
    for (member, changes) in taken {
        let (root, organization) = (member.uuid(), &accounts[member].organization);
        for given in &changes.given_back {
            let campaign = campaign(&given.campaign)?;
            spent.entry(campaign).or_insert_with(|| (organization.clone(), 0, 0)).1 -= given.points.get();
            match shares.get_mut(&(root, campaign, given.order.0)) {
                Some(share) => share.returned = given.in_all.get(),
                None => drop(back.insert((root, campaign, given.order.0), given.in_all.get())),
            }
        }
    }
    let mut new = Rows::new(&SHARES);
    for ((root, campaign, order), share) in shares {
        new.push([
            root.into(),
            campaign.into(),
            order.into(),
            share.held_out.into(),
            share.qualified.into(),
            share.points.into(),
            share.returned.into(),
            share.value_minor.into(),
        ]);
    }
    let mut returned = Rows::new(&RETURNED);
    for ((root, campaign, order), in_all) in back {
        returned.push([root.into(), campaign.into(), order.into(), in_all.into()]);
    }
    let updated = returned.updating(&["root_id", "campaign_id", "order_id"]);
    Ok([grants.inserting(), new.inserting(), sources.inserting(), updated, budgets::spent(&spent)])
}

/// A row of an order in a campaign.
struct Share {
    held_out: bool,
    qualified: bool,
    points: i64,
    value_minor: i64,
    returned: i64,
}

fn campaign(slug: &str) -> Result<Uuid> {
    CampaignId::from_slug(slug).map(|campaign| campaign.uuid()).map_err(StoreError::row)
}
