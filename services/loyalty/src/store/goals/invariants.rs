//! What must hold of goals: what orders count is what they are, and what follows from it was done.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Call, Timestamp, Uuid};
use guanxi_store::verify::{Checked, Invariant};
use guanxi_store::{Result, Tx};
use sea_orm::FromQueryResult;

use super::awards::{self, Given};
use super::{Due, Pair, Row, counted};
use crate::domain::goal::Dated;
use crate::domain::program::Program;
use crate::domain::referral::Step;
use crate::store::programs::Programs;
use crate::store::{accounts, member_orders, of_roots, referrals, rows};

/// Members that are checked in one transaction: none of them changes while it is.
const PAGE: i64 = 100;

#[derive(FromQueryResult)]
struct Root {
    root_id: Uuid,
}

/// Every invariant of goals.
pub fn all() -> Vec<Invariant> {
    vec![
        Invariant::new("goals-equal-their-replay", |db| async move {
            let (mut checked, mut after, programs) = (Checked::default(), Uuid::nil(), Programs::default());
            let call = Call::internal("verify");
            loop {
                let programs = &programs;
                let page = db.slice(&call, |tx| async move { check_page(&tx, programs, after).await }).await?;
                checked.checked += page.checked;
                for (member, description) in page.faults {
                    checked.add(member.to_string(), description);
                }
                match page.last {
                    Some(last) => after = last,
                    None => return Ok(checked),
                }
            }
        }),
        Invariant::sql(
            "awards-give-what-they-say",
            "SELECT COUNT(*) FROM challenge_awards",
            "SELECT 'challenges/' || a.challenge, 'gave ' || CAST(a.points AS varchar(20)) || ' for ' || a.award_key || \
             ', by the ledger ' || CAST(COALESCE(o.earned, 0) AS varchar(20)) || ', due back ' || \
             CAST(COALESCE(o.due, 0) AS varchar(20)) FROM challenge_awards a \
             LEFT JOIN member_orders o ON o.root_id = a.root_id AND o.order_id = a.order_id \
             WHERE COALESCE(o.earned, 0) <> a.points \
             OR COALESCE(o.due, 0) <> CASE WHEN a.withdraw_time IS NULL THEN 0 ELSE a.points END",
        ),
        Invariant::sql(
            "awards-give-each-thing-once",
            "SELECT COUNT(*) FROM challenge_awards",
            "SELECT 'challenges/' || challenge, 'was given ' || CAST(COUNT(*) AS varchar(20)) || ' times for ' || award_key \
             FROM challenge_awards WHERE withdraw_time IS NULL GROUP BY root_id, goal_id, challenge, award_key \
             HAVING COUNT(*) > 1",
        ),
        Invariant::sql(
            "awards-redeem-their-rewards",
            "SELECT COUNT(*) FROM challenge_awards WHERE redemption_id IS NOT NULL",
            "SELECT 'challenges/' || a.challenge, 'its reward is ' || a.reward_state || ', the redemption ' || \
             COALESCE(d.state, 'missing') FROM challenge_awards a \
             LEFT JOIN reward_redemptions d ON d.redemption_id = a.redemption_id AND d.member = a.root_id \
             WHERE a.redemption_id IS NOT NULL AND (d.state IS NULL OR (a.reward_state = 'WITHDRAWN' \
             AND d.state <> 'CANCELLED') OR (a.reward_state = 'KEPT' AND d.state <> 'FULFILLED'))",
        ),
    ]
}

/// What a page of members came to.
#[derive(Default)]
struct Page {
    last: Option<Uuid>,
    checked: i64,
    faults: Vec<(MemberId, String)>,
}

/// Counts everything of the members after `after` anew, and compares. Goals that are due are passed over.
async fn check_page(tx: &Tx, programs: &Programs, after: Uuid) -> Result<Page> {
    let sql = "SELECT DISTINCT root_id FROM goal_orders WHERE root_id > $1 ORDER BY root_id LIMIT $2".to_owned();
    let roots = rows::<Root>(tx.conn(), sql, vec![after.into(), PAGE.into()]).await?;
    let roots: Vec<Uuid> = roots.into_iter().map(|row| row.root_id).collect();
    let mut page = Page { last: roots.last().copied(), ..Page::default() };
    let found = accounts::lock(tx, &roots).await?;
    let of: BTreeSet<_> = found.iter().map(|account| account.program.clone()).collect();
    let programs = programs.load(tx.conn(), &of).await?;
    let due: BTreeSet<Pair> = of_roots::<Due>(tx.conn(), "goals_due", &roots, "")
        .await?
        .into_iter()
        .map(|row| (row.root_id, row.goal_id))
        .collect();
    let kept = of_roots::<Row>(tx.conn(), "goal_orders", &roots, "").await?;
    let orders: BTreeSet<(Uuid, Uuid)> = kept.iter().map(|row| (row.root_id, row.order_id)).collect();
    let records = member_orders::load(tx.conn(), &orders.into_iter().collect::<Vec<_>>()).await?;
    let records: BTreeMap<_, _> = records.into_iter().map(|(root, order, record)| ((root, order), record)).collect();
    let mut goals = BTreeMap::<Pair, Vec<Dated>>::new();
    for row in kept {
        page.checked += 1;
        let kept = counted(&row)?;
        let amount = records.get(&(row.root_id, kept.order)).map_or(0, |record| kept.how.amount(record));
        if amount != kept.amount {
            let said = format!("order {} counts {}, by what it is {amount}", kept.order.0, kept.amount);
            page.faults.push((MemberId(row.root_id), said));
        }
        let dated = Dated { at: kept.at, order: kept.order, amount };
        goals.entry((row.root_id, row.goal_id)).or_default().push(dated);
    }
    let pairs: Vec<Pair> = goals.keys().copied().collect();
    let given = awards::of(tx.conn(), &pairs).await?;
    let brought = referrals::of(tx.conn(), &roots).await?;
    let of: BTreeMap<MemberId, _> = found.iter().map(|account| (account.member, &account.program)).collect();
    for (pair, counted) in goals.into_iter().filter(|(pair, _)| !due.contains(pair)) {
        let member = MemberId(pair.0);
        let Some(program) = of.get(&member).and_then(|program| programs.get(program)) else { continue };
        page.faults.extend(fault(program, pair, &counted, &given).map(|said| (member, said)));
        let referral = brought.get(&member).filter(|_| program.id.referral_goal() == pair.1);
        let Some(referral) = referral else { continue };
        let pays = program.terms.referral.is_some();
        match referral.step(&counted) {
            Step::Stand => {}
            Step::Convert(_) if !pays => {}
            step => page.faults.push((member, format!("the referral is {}, but must {step:?}", referral.state))),
        }
    }
    Ok(page)
}

/// What is wrong with what a member was given for a challenge.
fn fault(program: &Program, pair: Pair, counted: &[Dated], given: &[Given]) -> Option<String> {
    let challenge = program.challenges.iter().find(|one| one.goal_id == pair.1)?;
    let want = challenge.terms.goal.reached(counted, &program.zone);
    let own = given.iter().filter(|given| (given.member.uuid(), given.goal) == pair && given.withdraw_time.is_none());
    let have: BTreeMap<String, Timestamp> = own.map(|given| (given.key.clone(), given.reach_time)).collect();
    (have != want).then(|| format!("{} gave {have:?}, reached is {want:?}", challenge.id))
}
