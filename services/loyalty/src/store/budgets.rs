//! Budgets of campaigns: what each may give, and gave. An earning locks the rows of the campaigns that cover it, after the
//! accounts and in the order of their ids, and holds them until it commits: so none is ever overshot, on however many
//! servers. What is spent is added, not set, so that a return need not lock.

use std::collections::BTreeMap;

use guanxi_kernel::{OrganizationId, Uuid};
use guanxi_store::{Change, Column, Result, Rows, Table, Tx};
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::of_roots;
use crate::domain::campaign::{Budget, CampaignId};
use crate::domain::points::Points;

const SPENT: Table = Table::new(
    "campaign_budgets",
    &[Column::uuid("root_id"), Column::text("organization"), Column::int("points"), Column::int("orders")],
);

const LIMITS: Table = Table::new(
    "campaign_budgets",
    &[
        Column::uuid("root_id"),
        Column::text("organization"),
        Column::int("points_limit").nullable(),
        Column::int("orders_limit").nullable(),
        Column::int("points"),
        Column::int("orders"),
    ],
);

#[derive(FromQueryResult)]
struct Row {
    root_id: Uuid,
    points_limit: Option<i64>,
    orders_limit: Option<i64>,
    points: i64,
    orders: i64,
}

/// The budgets of these campaigns, locked.
///
/// # Errors
/// The database's.
pub async fn lock(tx: &Tx, campaigns: &[CampaignId]) -> Result<BTreeMap<CampaignId, Budget>> {
    if campaigns.is_empty() {
        return Ok(BTreeMap::new());
    }
    let roots: Vec<Uuid> = campaigns.iter().map(CampaignId::uuid).collect();
    let and = format!(" ORDER BY root_id{}", tx.lock("campaign_budgets", &roots).await?);
    Ok(named(campaigns, of_roots::<Row>(tx.conn(), "campaign_budgets", &roots, &and).await?))
}

/// The budgets of these campaigns, as they are.
///
/// # Errors
/// The database's.
pub async fn read(connection: &impl ConnectionTrait, campaigns: &[CampaignId]) -> Result<BTreeMap<CampaignId, Budget>> {
    let roots: Vec<Uuid> = campaigns.iter().map(CampaignId::uuid).collect();
    Ok(named(campaigns, of_roots::<Row>(connection, "campaign_budgets", &roots, "").await?))
}

fn named(campaigns: &[CampaignId], rows: Vec<Row>) -> BTreeMap<CampaignId, Budget> {
    let names: BTreeMap<Uuid, &CampaignId> = campaigns.iter().map(|campaign| (campaign.uuid(), campaign)).collect();
    let named = rows.into_iter().filter_map(|row| {
        let budget = Budget {
            points_limit: row.points_limit.map(Points::new),
            orders_limit: row.orders_limit,
            points: Points::new(row.points),
            orders: row.orders,
        };
        Some(((*names.get(&row.root_id)?).clone(), budget))
    });
    named.collect()
}

/// Keeps a campaign's limits; what it spent stays.
///
/// # Errors
/// The database's.
pub async fn limit(tx: &Tx, campaign: &CampaignId, organization: &OrganizationId, budget: &Budget) -> Result<()> {
    let mut rows = Rows::new(&LIMITS);
    rows.push([
        campaign.uuid().into(),
        organization.slug().into(),
        budget.points_limit.map(Points::get).into(),
        budget.orders_limit.into(),
        0_i64.into(),
        0_i64.into(),
    ]);
    let set = "points_limit = excluded.points_limit, orders_limit = excluded.orders_limit";
    rows.upsert(tx, "root_id", set).await.map(|_| ())
}

/// What was spent, or came back where it is below zero, to be added: points and orders by campaign.
pub fn spent(spent: &BTreeMap<Uuid, (OrganizationId, i64, i64)>) -> Change {
    let mut rows = Rows::new(&SPENT);
    for (campaign, (organization, points, orders)) in spent {
        rows.push([(*campaign).into(), organization.slug().into(), (*points).into(), (*orders).into()]);
    }
    let set = "points = campaign_budgets.points + excluded.points, orders = campaign_budgets.orders + excluded.orders";
    rows.upserting("root_id", set)
}
