//! Rewards: points and stock together or not at all, at the price that they have, and back where they came from.

use futures::future::join_all;
use guanxi_client::{Client, Error, request_id};
use guanxi_contracts::loyalty::events::v1::RewardRedeemed;
use guanxi_contracts::loyalty::v1::*;

use crate::support::*;

fn reward(points: i64, stock_total: Option<i64>) -> Reward {
    Reward {
        program: "programs/test".into(),
        display_name: "Umbrella".into(),
        points,
        stock_total,
        ..Reward::default()
    }
}

async fn make(client: &Client, id: &str, reward: Reward) -> Reward {
    let request = CreateRewardRequest { request_id: request_id(), reward_id: id.into(), reward: Some(reward) };
    client.loyalty().rewards().create_reward(request).await.expect("it is made").into_inner().reward.unwrap()
}

async fn get(client: &Client, id: &str) -> Reward {
    let request = GetRewardRequest { name: format!("rewards/{id}") };
    client.loyalty().rewards().get_reward(request).await.expect("there is one").into_inner().reward.unwrap()
}

fn redeeming(id: &str, member: &str) -> RedeemRewardRequest {
    let (reward, member) = (format!("rewards/{id}"), member.into());
    RedeemRewardRequest { request_id: request_id(), reward, member, claimed_points: 0 }
}

async fn redeem(client: &Client, id: &str, member: &str) -> RedeemRewardResponse {
    client.loyalty().rewards().redeem_reward(redeeming(id, member)).await.expect("it is redeemed").into_inner()
}

fn cancelling(name: &str) -> CancelRedemptionRequest {
    CancelRedemptionRequest { request_id: request_id(), name: name.into() }
}

guanxi_testkit::matrix! {
    setup().replicas(3);

    async fn l15_a_reward_costs_what_it_costs_whatever_the_caller_claims(env: &Env) {
        let member = member(env, program()).await;
        earn(&env.client(), &member, "1", 8).await;
        make(&env.client(), "umbrella", reward(5, None)).await;
        let request = RedeemRewardRequest { claimed_points: 1, ..redeeming("umbrella", &member) };
        let mut rewards = env.client().loyalty().rewards();
        let redeemed = rewards.redeem_reward(request.clone()).await.unwrap().into_inner();
        assert_eq!((redeemed.redemption.as_ref().unwrap().points, redeemed.balance.unwrap().available), (5, 3));
        assert_eq!(rewards.redeem_reward(request).await.unwrap().into_inner(), redeemed, "the same answer");
        let error = Error::from(rewards.redeem_reward(redeeming("umbrella", &member)).await.expect_err("3 are left"));
        assert_eq!((error.reason.as_str(), error.metadata["available"].as_str()), ("POINTS_INSUFFICIENT", "3"));
        assert_eq!(get(&env.client(), "umbrella").await.redeemed_count, 1);
        env.settle().await;
        let told = env.events_of::<RewardRedeemed>("loyalty").await;
        assert_eq!((told.len(), told[0].points, told[0].member.as_str()), (1, 5, member.as_str()));
        env.verify().await;
    }

    async fn of_a_thousand_callers_three_get_the_last_three(env: &Env) {
        let mine = member(env, program()).await;
        let others = enroll(&env.client(), "test", customer(2)).await;
        for (at, member) in [&mine, &others].into_iter().enumerate() {
            earn(&env.client(), member, &at.to_string(), 10_000).await;
        }
        make(&env.client(), "umbrella", reward(5, Some(3))).await;
        let clients: Vec<Client> = (0..3).map(|replica| env.client_of(replica)).collect();
        let calls = (0..1_000_usize).map(|n| {
            let request = redeeming("umbrella", [&mine, &others][n % 2]);
            let mut rewards = clients[n % 3].loyalty().rewards();
            async move { rewards.redeem_reward(request).await }
        });
        let (won, lost): (Vec<_>, Vec<_>) = join_all(calls).await.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 3);
        assert!(lost.into_iter().all(|lost| reason(lost) == "REWARD_OUT_OF_STOCK"));
        let left = balance(&env.client(), &mine).await.balance + balance(&env.client(), &others).await.balance;
        assert_eq!(left, 20_000 - 15);
        env.verify().await;
    }

    async fn a_cancelled_redemption_gives_points_and_stock_back_once(env: &Env) {
        let member = member(env, expiring_program(30)).await;
        earn(&env.client(), &member, "1", 8).await;
        make(&env.client(), "umbrella", reward(5, Some(1))).await;
        let name = redeem(&env.client(), "umbrella", &member).await.redemption.unwrap().name;
        let before = ListExpiringRequest { member: member.clone(), until: None };
        let mut rewards = env.client().loyalty().rewards();
        let cancelled = rewards.cancel_redemption(cancelling(&name)).await.unwrap().into_inner();
        assert_eq!(cancelled.redemption.unwrap().state(), RewardRedemptionState::Cancelled);
        assert_eq!(cancelled.balance.unwrap().available, 8);
        let expiring = env.client().loyalty().points().list_expiring(before).await.unwrap().into_inner().expiring;
        assert_eq!(expiring.len(), 1, "back in the lot that they came from: {expiring:?}");
        assert_eq!(reason(rewards.cancel_redemption(cancelling(&name)).await), "REWARD_REDEMPTION_ENDED");
        let again = redeem(&env.client(), "umbrella", &member).await.redemption.unwrap();
        let update = |name: &str, state: RewardRedemptionState| UpdateRedemptionRequest {
            request_id: request_id(),
            name: name.into(),
            state: state.into(),
        };
        for state in [RewardRedemptionState::Prepared, RewardRedemptionState::Fulfilled] {
            let moved = rewards.update_redemption(update(&again.name, state)).await.unwrap().into_inner();
            assert_eq!(moved.redemption.unwrap().state(), state);
        }
        let back = rewards.update_redemption(update(&again.name, RewardRedemptionState::Prepared)).await;
        assert_eq!(reason(back), "REWARD_REDEMPTION_ENDED");
        assert_eq!(reason(rewards.cancel_redemption(cancelling(&again.name)).await), "REWARD_REDEMPTION_ENDED");
        let returned = ReturnOrderRequest { order: again.order, ..return_all(&member, "1") };
        let refused = env.client().loyalty().points().return_order(returned).await;
        assert_eq!(reason(refused), "INVALID_ARGUMENT", "its points come back with its cancellation alone");
        env.verify().await;
    }

    async fn a_program_that_clamps_gives_no_reward_for_less(env: &Env) {
        let clamp = Some(NegativeBalancePolicy { clamp: Some(ClampOverdraft {}), ..NegativeBalancePolicy::default() });
        let member = member(env, Program { negative_balance: clamp, ..program() }).await;
        earn(&env.client(), &member, "1", 4).await;
        make(&env.client(), "umbrella", reward(5, Some(1))).await;
        let mut rewards = env.client().loyalty().rewards();
        assert_eq!(reason(rewards.redeem_reward(redeeming("umbrella", &member)).await), "POINTS_INSUFFICIENT");
        create(&env.client(), "other", program()).await;
        let other = enroll(&env.client(), "other", customer(1)).await;
        assert_eq!(reason(rewards.redeem_reward(redeeming("umbrella", &other)).await), "REWARD_NOT_ELIGIBLE");
        assert_eq!(get(&env.client(), "umbrella").await.redeemed_count, 0);
        env.verify().await;
    }

    async fn a_reward_changes_by_its_mask_and_never_below_what_was_redeemed(env: &Env) {
        let member = member(env, program()).await;
        earn(&env.client(), &member, "1", 10).await;
        let made = make(&env.client(), "umbrella", reward(5, Some(2))).await;
        redeem(&env.client(), "umbrella", &member).await;
        let mut rewards = env.client().loyalty().rewards();
        let update = |reward: Reward, path: &str| UpdateRewardRequest {
            request_id: request_id(),
            reward: Some(reward),
            update_mask: Some(prost_types::FieldMask { paths: vec![path.into()] }),
        };
        let changed = Reward { points: 6, display_name: "Parasol".into(), ..made.clone() };
        let after = rewards.update_reward(update(changed.clone(), "points")).await.unwrap().into_inner().reward.unwrap();
        assert_eq!((after.points, after.display_name.as_str(), after.redeemed_count), (6, "Umbrella", 1));
        assert_eq!(reason(rewards.update_reward(update(changed, "points")).await), "ETAG_MISMATCH");
        let few = Reward { stock_total: Some(0), etag: String::new(), ..made };
        assert_eq!(reason(rewards.update_reward(update(few, "stock_total")).await), "REWARD_STOCK_TOO_LOW");
        env.verify().await;
    }

    async fn to_a_stranger_there_are_no_rewards(env: &Env) {
        let member = member(env, program()).await;
        earn(&env.client(), &member, "1", 10).await;
        let made = make(&env.client(), "umbrella", reward(5, Some(2))).await;
        let name = redeem(&env.client(), "umbrella", &member).await.redemption.unwrap().name;
        let strange = env.client_as("stranger", &["loyalty.*"], &["hk:rw"]);
        let reader = env.client_as("reader", &["loyalty.*"], &["default:r"]);
        let mut rewards = strange.loyalty().rewards();
        let making = CreateRewardRequest {
            request_id: request_id(),
            reward_id: "mine".into(),
            reward: Some(reward(1, None)),
        };
        assert_eq!(reason(rewards.create_reward(making).await), "NOT_FOUND");
        assert_eq!(reason(rewards.get_reward(GetRewardRequest { name: made.name.clone() }).await), "NOT_FOUND");
        assert_eq!(rewards.list_rewards(ListRewardsRequest::default()).await.unwrap().into_inner().rewards, []);
        let update = UpdateRewardRequest { request_id: request_id(), reward: Some(made), update_mask: None };
        assert_eq!(reason(rewards.update_reward(update).await), "NOT_FOUND");
        assert_eq!(reason(rewards.redeem_reward(redeeming("umbrella", &member)).await), "NOT_FOUND");
        assert_eq!(reason(rewards.cancel_redemption(cancelling(&name)).await), "NOT_FOUND");
        let state = RewardRedemptionState::Prepared.into();
        let update = UpdateRedemptionRequest { request_id: request_id(), name: name.clone(), state };
        assert_eq!(reason(rewards.update_redemption(update).await), "NOT_FOUND");
        let refused = reader.loyalty().rewards().cancel_redemption(cancelling(&name)).await;
        assert_eq!(reason(refused), "ORGANIZATION_READ_ONLY");
        assert_eq!(get(&reader, "umbrella").await.redeemed_count, 1);
    }
}
