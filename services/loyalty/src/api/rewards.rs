//! RewardService.

use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::server::loyalty_v1::reward_service_server::RewardService;
use guanxi_contracts::time::to_proto;
use guanxi_contracts::{Message, Mutation};
use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Call, FieldMask, PageRequest, Refuse, Refused, Uuid, new_id};
use guanxi_rpc::{answer, convert, open, write};
use guanxi_store::Database;
use guanxi_store::change::write_all;
use tonic::{Request, Response, Status};

use super::reply;
use super::wire::ledger as wire;
use crate::domain::ledger::Outcome;
use crate::domain::points::Points;
use crate::domain::program::ProgramId;
use crate::domain::reward::{
    Act, Eligibility, Redemption, Reward as Offer, RewardError, RewardId, State, Terms, order, redemption_name,
};
use crate::store::programs;
use crate::store::rewards::queue::{Ask, Queue};
use crate::store::rewards::{self, redemptions};

/// The paths that an update may change.
const CHANGEABLE: &[&str] =
    &["display_name", "points", "price_minor", "stock_total", "eligible_segments", "eligible_tiers"];

/// Serves rewards.
#[derive(Debug, Clone)]
pub struct Rewards {
    db: Database,
    queue: Queue,
}

impl Rewards {
    /// Over this database; redemptions go through this queue.
    pub fn new(db: &Database, queue: &Queue) -> Self {
        Self { db: db.clone(), queue: queue.clone() }
    }

    async fn submit<M: Mutation, R: Message + Default>(
        &self,
        call: &Call,
        method: &'static str,
        message: &M,
        ask: Ask,
    ) -> Result<R, Refused> {
        let root = ask.reward.uuid();
        let write = write(method, root, message)?;
        reply(&self.queue.submit(call, root, Some(write), ask).await?)
    }
}

#[tonic::async_trait]
impl RewardService for Rewards {
    async fn create_reward(
        &self,
        request: Request<CreateRewardRequest>,
    ) -> Result<Response<CreateRewardResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let given = convert::required(message.reward.as_ref(), "reward")?;
            let (id, program) = convert::all((
                RewardId::from_slug(&message.reward_id).refuse_in("reward_id"),
                convert::name::<ProgramId>(&given.program, "reward.program"),
            ))?;
            let write = write("RewardService/CreateReward", id.uuid(), &message)?;
            let (id, program) = (&id, &program);
            let written = self.db.command(&call, &write, |tx| async move {
                let program = programs::read(&*tx, program).await?;
                guanxi_store::Session::may_write(&*tx, program.organization.slug())?;
                if rewards::exists(&tx, id).await? {
                    return Err(Refused::exists("reward", id).into());
                }
                let reward = Offer {
                    id: id.clone(),
                    organization: program.organization.clone(),
                    program: program.id.clone(),
                    terms: terms(given),
                    redeemed: 0,
                    version: 1,
                    create_time: tx.now(),
                };
                rewards::insert(&tx, &reward).await?;
                Ok(CreateRewardResponse { reward: Some(to_reward(&reward)) }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn get_reward(&self, request: Request<GetRewardRequest>) -> Result<Response<GetRewardResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let reward = rewards::read(&self.db.reader(&call), &convert::name(&message.name, "name")?).await?;
            Ok(GetRewardResponse { reward: Some(to_reward(&reward)) })
        })
        .await
    }

    async fn list_rewards(
        &self,
        request: Request<ListRewardsRequest>,
    ) -> Result<Response<ListRewardsResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (program, page) = convert::all((
                convert::optional_name::<ProgramId>(&message.program, "program"),
                PageRequest::parse(message.page_size, &message.page_token, &["ListRewards", &message.program]),
            ))?;
            let after = page.after.as_ref().and_then(|key| key.first()).map(String::as_str);
            let size = u64::from(page.size) + 1;
            let mut found = rewards::page(&self.db.reader(&call), program.as_ref(), after, size).await?;
            let next_page_token = super::cut(&mut found, &page, |reward| reward.id.slug().to_owned());
            Ok(ListRewardsResponse { rewards: found.iter().map(to_reward).collect(), next_page_token })
        })
        .await
    }

    async fn update_reward(
        &self,
        request: Request<UpdateRewardRequest>,
    ) -> Result<Response<UpdateRewardResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let given = convert::required(message.reward.as_ref(), "reward")?;
            let paths = message.update_mask.as_ref().map(|mask| mask.paths.as_slice()).unwrap_or_default();
            let (id, mask) = convert::all((
                convert::name::<RewardId>(&given.name, "reward.name"),
                FieldMask::parse(paths, CHANGEABLE),
            ))?;
            let write = write("RewardService/UpdateReward", id.uuid(), &message)?;
            let (id, mask) = (&id, &mask);
            let written = self.db.command(&call, &write, |tx| async move {
                let reward = rewards::writable(&tx, id).await?;
                if !given.etag.is_empty() && given.etag != reward.version.to_string() {
                    return Err(Refused::stale_etag(id).into());
                }
                let (old, new) = (reward.terms.clone(), terms(given));
                let pick = |path: &str| if mask.has(path) { &new } else { &old };
                let merged = Terms {
                    display_name: pick("display_name").display_name.clone(),
                    points: pick("points").points,
                    price_minor: pick("price_minor").price_minor,
                    stock_total: pick("stock_total").stock_total,
                    eligibility: Eligibility {
                        segments: pick("eligible_segments").eligibility.segments.clone(),
                        tiers: pick("eligible_tiers").eligibility.tiers.clone(),
                    },
                };
                let reward = reward.update(merged).refuse()?;
                rewards::save(&tx, &reward).await?;
                Ok(UpdateRewardResponse { reward: Some(to_reward(&reward)) }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn redeem_reward(
        &self,
        request: Request<RedeemRewardRequest>,
    ) -> Result<Response<RedeemRewardResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (reward, member) = convert::all((
                convert::name::<RewardId>(&message.reward, "reward"),
                convert::name::<MemberId>(&message.member, "member"),
            ))?;
            let ask = Ask { reward, member: Some(member), act: Act::Redeem(new_id()), reply: redeemed };
            self.submit(&call, "RewardService/RedeemReward", &message, ask).await
        })
        .await
    }

    async fn cancel_redemption(
        &self,
        request: Request<CancelRedemptionRequest>,
    ) -> Result<Response<CancelRedemptionResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (reward, id) = name(&message.name)?;
            let ask = Ask { reward, member: None, act: Act::Cancel(id), reply: cancelled };
            self.submit(&call, "RewardService/CancelRedemption", &message, ask).await
        })
        .await
    }

    async fn update_redemption(
        &self,
        request: Request<UpdateRedemptionRequest>,
    ) -> Result<Response<UpdateRedemptionResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (reward, id) = name(&message.name)?;
            let to = match message.state() {
                RewardRedemptionState::Fulfilled => State::Fulfilled,
                _ => State::Prepared,
            };
            let write = write("RewardService/UpdateRedemption", reward.uuid(), &message)?;
            let reward = &reward;
            let written = self.db.command(&call, &write, |tx| async move {
                rewards::writable(&tx, reward).await?;
                let found = redemptions::load(tx.conn(), &[(reward.uuid(), id)]).await?.remove(&id);
                let unknown = || RewardError::UnknownRedemption(redemption_name(reward, id));
                let mut redemption = found.ok_or_else(unknown).refuse()?;
                redemption.proceed(to, tx.now()).refuse()?;
                write_all(&tx, [redemptions::moved(std::iter::once(&redemption))]).await?;
                Ok(UpdateRedemptionResponse { redemption: Some(to_redemption(&redemption)) }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }
}

/// `rewards/{slug}/redemptions/{uuid}`.
fn name(name: &str) -> Result<(RewardId, Uuid), Refused> {
    let malformed = || {
        let description = format!("{name:?} is not a name of the form rewards/{{slug}}/redemptions/{{uuid}}");
        Refused::invalid("name", "NAME_MALFORMED", description)
    };
    let (reward, id) = name.split_once("/redemptions/").ok_or_else(malformed)?;
    Ok((reward.parse().map_err(|_| malformed())?, convert::uuid(id, "name").map_err(|_| malformed())?))
}

fn terms(given: &Reward) -> Terms {
    Terms {
        display_name: given.display_name.clone(),
        points: Points::new(given.points),
        price_minor: given.price_minor,
        stock_total: given.stock_total,
        eligibility: Eligibility {
            segments: given.eligible_segments.iter().cloned().collect(),
            tiers: given.eligible_tiers.iter().cloned().collect(),
        },
    }
}

fn to_reward(reward: &Offer) -> Reward {
    Reward {
        name: reward.id.to_string(),
        organization: reward.organization.to_string(),
        program: reward.program.to_string(),
        display_name: reward.terms.display_name.clone(),
        points: reward.terms.points.get(),
        price_minor: reward.terms.price_minor,
        stock_total: reward.terms.stock_total,
        eligible_segments: reward.terms.eligibility.segments.iter().cloned().collect(),
        eligible_tiers: reward.terms.eligibility.tiers.iter().cloned().collect(),
        redeemed_count: reward.redeemed,
        create_time: Some(to_proto(reward.create_time)),
        etag: reward.version.to_string(),
    }
}

fn to_redemption(redemption: &Redemption) -> RewardRedemption {
    let state = match redemption.state {
        State::Pending => RewardRedemptionState::Pending,
        State::Prepared => RewardRedemptionState::Prepared,
        State::Fulfilled => RewardRedemptionState::Fulfilled,
        State::Cancelled => RewardRedemptionState::Cancelled,
    };
    RewardRedemption {
        name: redemption_name(&redemption.reward, redemption.id),
        reward: redemption.reward.to_string(),
        member: redemption.member.to_string(),
        state: state.into(),
        points: redemption.points.get(),
        price_minor: redemption.price_minor,
        create_time: Some(to_proto(redemption.create_time)),
        update_time: Some(to_proto(redemption.update_time)),
        order: order(redemption.id).to_string(),
    }
}

fn redeemed(redemption: &Redemption, outcome: Outcome) -> Vec<u8> {
    let Outcome::Spent(_, left) = outcome else { unreachable!("a reward comes to what was spent") };
    let (redemption, balance) = (Some(to_redemption(redemption)), Some(wire::balance(&left)));
    RedeemRewardResponse { redemption, balance }.encode_to_vec()
}

fn cancelled(redemption: &Redemption, outcome: Outcome) -> Vec<u8> {
    let Outcome::Returned(_, left) = outcome else { unreachable!("a cancellation comes to what came back") };
    let (redemption, balance) = (Some(to_redemption(redemption)), Some(wire::balance(&left)));
    CancelRedemptionResponse { redemption, balance }.encode_to_vec()
}
