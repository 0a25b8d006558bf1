//! Redemptions and cancellations of rewards: those that waited while the last batch committed, decided together. The rewards
//! are locked in the order of their keys, then the accounts in theirs.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use guanxi_contracts::loyalty::events::v1::RewardRedeemed;
use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Call, Refuse, Refused, Timestamp, Uuid};
use guanxi_messaging::event;
use guanxi_store::{BatchCall, Decide, GroupCommit, Result, Tx};

use super::redemptions;
use crate::domain::ledger::{Book, Command, Outcome};
use crate::domain::reward::{Act, Redemption, Reward, RewardError, RewardId, redemption_name};
use crate::store::book::{self, Why};
use crate::store::customers;
use crate::store::programs::Programs;

/// The queue before the rewards.
pub type Queue = GroupCommit<Rewards>;

/// Something to do with a reward.
#[derive(Debug)]
pub struct Ask {
    /// The reward.
    pub reward: RewardId,
    /// Who redeems it; nobody where a redemption is cancelled.
    pub member: Option<MemberId>,
    /// What to do.
    pub act: Act,
    /// The encoded reply.
    pub reply: fn(&Redemption, Outcome) -> Vec<u8>,
}

/// Decides what is asked of rewards.
#[derive(Debug, Clone)]
pub struct Rewards {
    programs: Programs,
}

impl Rewards {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

/// What was loaded for a batch.
struct Shelf {
    rewards: BTreeMap<Uuid, Reward>,
    redemptions: BTreeMap<Uuid, Redemption>,
    book: Book,
}

#[async_trait]
impl Decide for Rewards {
    type Command = Ask;

    async fn decide(&self, tx: &Tx, calls: &[BatchCall<Ask>]) -> Result<Vec<Result<Vec<u8>, Refused>>> {
        let asks = || calls.iter().map(|call| &call.command);
        let keys: BTreeSet<Uuid> = asks().map(|ask| ask.reward.uuid()).collect();
        let rewards = super::lock(tx, &keys.into_iter().collect::<Vec<_>>()).await?;
        let cancelled: Vec<(Uuid, Uuid)> = asks()
            .filter_map(|ask| match ask.act {
                Act::Cancel(id) => Some((ask.reward.uuid(), id)),
                Act::Redeem(_) => None,
            })
            .collect();
        let redemptions = redemptions::load(tx.conn(), &cancelled).await?;
        let commands: Vec<(MemberId, Command)> = asks()
            .filter_map(|ask| {
                let reward = rewards.get(&ask.reward.uuid())?;
                let member = match &ask.act {
                    Act::Redeem(_) => ask.member?,
                    Act::Cancel(id) => redemptions.get(id)?.member,
                };
                Some((member, reward.command(&ask.act, tx.now())))
            })
            .collect();
        let wanted: Vec<(MemberId, &Command)> = commands.iter().map(|(member, command)| (*member, command)).collect();
        let mut book = book::load(tx, &self.programs, &wanted).await?;
        let asking = asks().filter(|ask| {
            rewards.get(&ask.reward.uuid()).is_some_and(|reward| !reward.terms.eligibility.segments.is_empty())
        });
        let asking = asking.filter_map(|ask| ask.member).collect();
        customers::attach(tx.conn(), &mut book, &asking).await?;
        let mut shelf = Shelf { rewards, redemptions, book };
        let (mut answers, mut why) = (Vec::with_capacity(calls.len()), BTreeMap::new());
        let (mut new, mut moved, mut changed) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for BatchCall { call, command: ask, .. } in calls {
            let decided = shelf.decide(call, ask, tx.now());
            if let Ok((redemption, _)) = &decided {
                changed.insert(ask.reward.uuid());
                why.entry(redemption.member)
                    .or_insert_with(|| Why { historical: false, traceparent: call.traceparent.clone() });
                match ask.act {
                    Act::Redeem(id) => {
                        new.push(id);
                        shelf.tell(tx, call, redemption);
                        shelf.redemptions.insert(id, redemption.clone());
                    }
                    Act::Cancel(id) => drop(moved.insert(id)),
                }
            }
            answers.push(decided.map(|(redemption, outcome)| (ask.reply)(&redemption, outcome)));
        }
        let fresh: BTreeSet<Uuid> = new.iter().copied().collect();
        let moved = moved.difference(&fresh).filter_map(|id| shelf.redemptions.get(id));
        let own = [
            super::redeemed(changed.iter().filter_map(|key| shelf.rewards.get(key))),
            redemptions::new(new.iter().filter_map(|id| shelf.redemptions.get(id))),
            redemptions::moved(moved),
        ];
        tx.write_last(own);
        tx.write_last(book::changes(tx, &mut shelf.book, &BTreeSet::new(), &why)?);
        Ok(answers)
    }
}

impl Shelf {
    fn decide(&mut self, call: &Call, ask: &Ask, now: Timestamp) -> Result<(Redemption, Outcome), Refused> {
        let readable = |reward: &&mut Reward| call.caller.organizations.may_read(&reward.organization);
        let reward = self.rewards.get_mut(&ask.reward.uuid()).filter(readable);
        let reward = reward.ok_or_else(|| RewardError::Unknown(ask.reward.clone()))?;
        call.may_write(&reward.organization)?;
        match (&ask.act, ask.member) {
            (Act::Redeem(id), Some(member)) => reward.redeem(&mut self.book, member, *id, now).refuse(),
            (Act::Cancel(id), _) => {
                let unknown = || RewardError::UnknownRedemption(redemption_name(&ask.reward, *id));
                let redemption = self.redemptions.get_mut(id).ok_or_else(unknown)?;
                let outcome = reward.cancel(&mut self.book, redemption, now).refuse()?;
                Ok((redemption.clone(), outcome))
            }
            (Act::Redeem(_), None) => Err(Refused::internal("nobody redeems")),
        }
    }

    /// Tells that a reward was redeemed.
    fn tell(&self, tx: &Tx, call: &Call, redemption: &Redemption) {
        let Some(account) = self.book.accounts.get(&redemption.member) else { return };
        let name = redemption_name(&redemption.reward, redemption.id);
        let message = RewardRedeemed {
            redemption: name.clone(),
            reward: redemption.reward.to_string(),
            member: redemption.member.to_string(),
            customer: account.customer.to_string(),
            program: account.program.to_string(),
            points: redemption.points.get(),
        };
        let told = event(&name, 1, &account.organization, tx.now(), false, &message);
        tx.emit_for(told, call.traceparent.clone());
    }
}
