//! The rewards that challenges give: redeemed for nothing once their turn comes, and taken back with the award unless they were
//! handed over. Rewards are locked first, then accounts, like whenever one is redeemed: so this is done apart from what gave
//! the award.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_contracts::loyalty::events::v1::RewardRedeemed;
use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Timestamp, Uuid, new_id};
use guanxi_messaging::event;
use guanxi_store::change::write_all;
use guanxi_store::{Result, StoreError, Tx, dialect};
use sea_orm::FromQueryResult;

use super::awards::{self, Given, RewardState};
use crate::domain::account::Account;
use crate::domain::reward::{Redemption, Reward, RewardId, State, redemption_name};
use crate::store::rewards::{self, redemptions};
use crate::store::{accounts, rows};

#[derive(FromQueryResult)]
struct Wanted {
    reward: String,
}

#[derive(FromQueryResult)]
struct Key {
    root_id: Uuid,
    award_id: Uuid,
}

/// Grants and recalls the rewards of up to `limit` awards, and says of how many it did. Those of which nothing is left wait.
///
/// # Errors
/// The database's.
pub async fn hand_out(tx: &Tx, limit: i64) -> Result<usize> {
    let sql = "SELECT DISTINCT reward FROM challenge_awards WHERE reward_state = 'DUE' OR reward_state = 'RECALLED'";
    let wanted = rows::<Wanted>(tx.conn(), sql.to_owned(), vec![]).await?;
    if wanted.is_empty() {
        return Ok(0);
    }
    let slugs = wanted.into_iter().map(|row| RewardId::from_slug(&row.reward).map_err(StoreError::row));
    let keys = slugs.map(|reward| Ok(reward?.uuid())).collect::<Result<BTreeSet<Uuid>>>()?;
    let mut shelf = rewards::lock(tx, &keys.into_iter().collect::<Vec<_>>()).await?;
    let left = |reward: &&Reward| reward.terms.stock_total.is_none_or(|stock| reward.redeemed < stock);
    let there: Vec<String> = shelf.values().filter(left).map(|reward| reward.id.slug().to_owned()).collect();
    let (condition, value) = dialect::any_text(tx.backend(), "reward", 1, &there);
    let sql = format!(
        "SELECT root_id, award_id FROM challenge_awards WHERE (reward_state = 'DUE' AND {condition}) \
         OR reward_state = 'RECALLED' ORDER BY award_id LIMIT $2"
    );
    let keys = rows::<Key>(tx.conn(), sql, vec![value, limit.into()]).await?;
    let keys: Vec<(Uuid, Uuid)> = keys.into_iter().map(|row| (row.root_id, row.award_id)).collect();
    let roots: BTreeSet<Uuid> = keys.iter().map(|(root, _)| *root).collect();
    let locked = accounts::lock(tx, &roots.into_iter().collect::<Vec<_>>()).await?;
    let members: BTreeMap<MemberId, Account> = locked.into_iter().map(|account| (account.member, account)).collect();
    let mut given = awards::load(tx.conn(), &keys).await?;
    given.sort_by_key(|given| given.id);
    let recalled = given.iter().filter_map(|given| Some((given.reward.as_ref()?.0.uuid(), given.redemption?)));
    let mut kept = redemptions::load(tx.conn(), &recalled.collect::<Vec<_>>()).await?;
    let (mut new, mut moved, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    for mut given in given {
        let Some(account) = members.get(&given.member) else { continue };
        let Some(reward) = given.reward.as_ref().and_then(|(reward, _)| shelf.get_mut(&reward.uuid())) else {
            continue;
        };
        match given.reward.as_ref().map(|(_, state)| *state) {
            Some(RewardState::Due) => {
                let Some(redemption) = grant(&mut given, reward, tx.now()) else { continue };
                tell(tx, account, &redemption);
                new.push(redemption);
            }
            Some(RewardState::Recalled) => {
                moved.extend(recall(&mut given, reward, &mut kept, tx.now()));
            }
            _ => continue,
        }
        changed.push(given);
    }
    let changes = [
        rewards::redeemed(shelf.values()),
        redemptions::new(new.iter()),
        redemptions::moved(moved.iter()),
        awards::changed(changed.iter()),
    ];
    write_all(tx, changes).await?;
    Ok(changed.len())
}

fn grant(given: &mut Given, reward: &mut Reward, now: Timestamp) -> Option<Redemption> {
    let redemption = reward.grant(given.member, new_id(), now)?;
    given.redemption = Some(redemption.id);
    given.reward = Some((reward.id.clone(), RewardState::Granted));
    Some(redemption)
}

/// Takes a reward back; of one that was handed over it is noted that it was.
fn recall(
    given: &mut Given,
    reward: &mut Reward,
    kept: &mut BTreeMap<Uuid, Redemption>,
    now: Timestamp,
) -> Option<Redemption> {
    let mut redemption = given.redemption.and_then(|id| kept.remove(&id));
    let taken = redemption.as_mut().is_some_and(|redemption| reward.recall(redemption, now));
    let handed_over = redemption.as_ref().is_some_and(|redemption| redemption.state == State::Fulfilled);
    if handed_over {
        tracing::warn!(award = %given.id, reward = %reward.id, "an award is withdrawn whose reward was handed over");
    }
    let state = if handed_over { RewardState::Kept } else { RewardState::Withdrawn };
    given.reward = Some((reward.id.clone(), state));
    redemption.filter(|_| taken)
}

fn tell(tx: &Tx, account: &Account, redemption: &Redemption) {
    let name = redemption_name(&redemption.reward, redemption.id);
    let message = RewardRedeemed {
        redemption: name.clone(),
        reward: redemption.reward.to_string(),
        member: redemption.member.to_string(),
        customer: account.customer.to_string(),
        program: account.program.to_string(),
        points: 0,
    };
    tx.emit(event(&name, 1, &account.organization, tx.now(), false, &message));
}
