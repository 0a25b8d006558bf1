//! What a campaign's report counts: the members of its program, page by page, with what they bought before and while it ran
//! and the tier that they had when it began.

use std::collections::BTreeMap;
use std::sync::Arc;

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Timestamp, Uuid};
use guanxi_store::{Result, dialect, time};
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{accounts, campaigns, rows, tiers};
use crate::domain::campaign::Campaign;
use crate::domain::points::Points;
use crate::domain::program::Program;
use crate::domain::retention::{Bought, Retention, Trade, Windows};

/// Members of one page.
const PAGE: i64 = 1_000;

/// What the members of a campaign's program came to: of those who were reached, and of those who were held out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counted {
    /// Members who joined before the campaign's end.
    pub members: [i64; 2],
    /// What they bought before.
    pub before: [Trade; 2],
    /// What they bought while it ran.
    pub during: [Trade; 2],
    /// Who came back, by the tier when it began; `None` without one.
    pub tiers: BTreeMap<Option<String>, [Retention; 2]>,
}

#[derive(FromQueryResult)]
struct Row {
    root_id: Uuid,
    orders_before: i64,
    orders: i64,
    points_before: i64,
    points: i64,
}

/// Counts the members of a campaign's program at `now`.
///
/// # Errors
/// The database's.
pub async fn count(
    connection: &impl ConnectionTrait,
    program: &Arc<Program>,
    campaign: &Campaign,
    windows: Windows,
    now: Timestamp,
) -> Result<Counted> {
    let (mut counted, mut after) = (Counted::default(), Uuid::nil());
    loop {
        let until = campaign.terms.end_time;
        let page = campaigns::members_before(connection, &campaign.program, until, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(counted) };
        after = *last;
        let bought = bought(connection, &page, windows).await?;
        let mut tiers = tiers_at(connection, program, &page, windows.start, now).await?;
        for root in page {
            let member = MemberId(root);
            let arm = usize::from(campaign.holds_out(member));
            let [before, during] = bought.get(&root).copied().unwrap_or_default();
            counted.members[arm] += 1;
            counted.before[arm].add(before);
            counted.during[arm].add(during);
            counted.tiers.entry(tiers.remove(&member)).or_default()[arm].add(before, during);
        }
    }
}

/// What these members bought before, and while it ran.
async fn bought(
    connection: &impl ConnectionTrait,
    members: &[Uuid],
    windows: Windows,
) -> Result<BTreeMap<Uuid, [Bought; 2]>> {
    let (condition, roots) = dialect::any_uuid(connection.get_database_backend(), "root_id", 2, members);
    // SQLite numbers parameters by where they first stand.
    let sum = |when: &str, what: &str, name: &str| {
        format!("CAST(SUM(CASE WHEN earn_time {when} $1 THEN {what} ELSE 0 END) AS bigint) AS {name}")
    };
    let sql = format!(
        "SELECT root_id, {}, {}, {}, {} FROM member_orders WHERE {condition} AND earned IS NOT NULL AND earn_time >= $3 \
         AND earn_time < $4 GROUP BY root_id",
        sum("<", "1", "orders_before"),
        sum(">=", "1", "orders"),
        sum("<", "earned - due", "points_before"),
        sum(">=", "earned - due", "points"),
    );
    let [start, before, end] = [windows.start, windows.before, windows.end].map(|at| time::to_column(at).into());
    let values = vec![start, roots, before, end];
    let found = rows::<Row>(connection, sql, values).await?.into_iter().map(|row| {
        let before = Bought { orders: row.orders_before, points: Points::new(row.points_before) };
        (row.root_id, [before, Bought { orders: row.orders, points: Points::new(row.points) }])
    });
    Ok(found.collect())
}

/// The tiers that these members had at `at`; those without one are left out, and those whose standing waits to be worked out
/// under other terms.
async fn tiers_at(
    connection: &impl ConnectionTrait,
    program: &Arc<Program>,
    members: &[Uuid],
    at: Timestamp,
    now: Timestamp,
) -> Result<BTreeMap<MemberId, String>> {
    if program.terms.tiers.is_none() {
        return Ok(BTreeMap::new());
    }
    let mut accounts = accounts::of_members(connection, members).await?;
    let programs = BTreeMap::from([(program.id.clone(), Arc::clone(program))]);
    let ranked = tiers::with_histories(connection, &mut accounts, &programs).await?;
    let tiers =
        ranked.into_iter().filter_map(|(account, program)| Some((account.member, account.tier_at(program, at, now)?)));
    Ok(tiers.collect())
}
