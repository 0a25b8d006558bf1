//! An hour's worth of random commands, with kills and restarts in the middle of them, on a clock that is moved: every answer
//! stays what it was when it is asked for again, and afterwards every invariant holds.

use std::collections::BTreeSet;

use futures::future::join_all;
use guanxi_client::{Client, Error, request_id};
use guanxi_contracts::Message;
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;
use guanxi_testkit::Env;
use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tokio::task::JoinSet;
use tonic::Code;

use crate::coupon_support::{batch, codes, limited, redeeming, rolling_back};
use crate::support::*;

/// Half an hour before a local midnight, at which points expire.
const BEGINS: &str = "2026-11-22T15:30:00Z";
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const MEMBERS: u128 = 6;

/// A command with everything that it is asked with, so that it can be asked again.
#[derive(Debug, Clone)]
enum Ask {
    Earn(EarnPointsRequest),
    Spend(SpendPointsRequest),
    Hold(PlaceHoldRequest),
    Capture(CaptureHoldRequest),
    Void(VoidHoldRequest),
    Return(ReturnOrderRequest),
    Adjust(AdjustPointsRequest),
    Transfer(TransferPointsRequest),
    Coupons(RedeemCouponsRequest),
    Rollback(RollbackRedemptionRequest),
    Reward(RedeemRewardRequest),
    CancelReward(CancelRedemptionRequest),
}

impl Ask {
    /// The encoded answer; it names what a later command may be about.
    async fn of(self, client: Client) -> Result<(Vec<u8>, Option<Made>), Error> {
        macro_rules! answer {
            ($service:expr, $call:ident, $request:expr, $made:expr) => {{
                let answer = $service.$call($request).await.map_err(Error::from)?.into_inner();
                let made: Option<Made> = $made(&answer);
                Ok((answer.encode_to_vec(), made))
            }};
        }
        let loyalty = client.loyalty();
        match self {
            Self::Earn(earn) => {
                let made = Made::Order(earn.member.clone(), earn.order.clone());
                answer!(loyalty.points(), earn_points, earn, |_: &_| Some(made))
            }
            Self::Spend(spend) => answer!(loyalty.points(), spend_points, spend, |_: &_| None),
            Self::Hold(hold) => answer!(loyalty.points(), place_hold, hold, |answer: &PlaceHoldResponse| {
                answer.hold.as_ref().map(|hold| Made::Hold(hold.name.clone()))
            }),
            Self::Capture(capture) => answer!(loyalty.points(), capture_hold, capture, |_: &_| None),
            Self::Void(void) => answer!(loyalty.points(), void_hold, void, |_: &_| None),
            Self::Return(given) => answer!(loyalty.points(), return_order, given, |_: &_| None),
            Self::Adjust(adjust) => answer!(loyalty.points(), adjust_points, adjust, |_: &_| None),
            Self::Transfer(transfer) => answer!(loyalty.points(), transfer_points, transfer, |_: &_| None),
            Self::Coupons(coupons) => {
                answer!(loyalty.coupons(), redeem_coupons, coupons, |answer: &RedeemCouponsResponse| {
                    Some(Made::Redemption(answer.redemption.clone()))
                })
            }
            Self::Rollback(rollback) => answer!(loyalty.coupons(), rollback_redemption, rollback, |_: &_| None),
            Self::Reward(reward) => {
                answer!(loyalty.rewards(), redeem_reward, reward, |answer: &RedeemRewardResponse| {
                    answer.redemption.as_ref().map(|redemption| Made::Reward(redemption.name.clone()))
                })
            }
            Self::CancelReward(cancel) => answer!(loyalty.rewards(), cancel_redemption, cancel, |_: &_| None),
        }
    }
}

/// Something that a later command may be about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Made {
    Order(String, String),
    Hold(String),
    Redemption(String),
    Reward(String),
}

/// What the commands are about.
struct Shop {
    random: StdRng,
    members: Vec<String>,
    made: Vec<Made>,
    orders: u32,
}

impl Shop {
    fn member(&mut self) -> String {
        self.members.choose(&mut self.random).cloned().unwrap()
    }

    fn number(&mut self) -> String {
        self.orders += 1;
        self.orders.to_string()
    }

    fn pick<T>(&mut self, of: impl Fn(&Made) -> Option<T>) -> Option<T> {
        let fitting: Vec<T> = self.made.iter().filter_map(of).collect();
        let at = (!fitting.is_empty()).then(|| self.random.random_range(0..fitting.len()))?;
        fitting.into_iter().nth(at)
    }

    /// A command; one that needs what is not there yet becomes an earning.
    fn ask(&mut self, env: &Env) -> Ask {
        let (request_id, points) = (request_id(), self.random.random_range(1..=60));
        let member = self.member();
        let asked = match self.random.random_range(0..14) {
            0 | 1 => {
                Some(Ask::Spend(SpendPointsRequest { request_id, clamp: points % 3 == 0, ..spending(&member, points) }))
            }
            2 => Some(Ask::Hold(PlaceHoldRequest { request_id, member, points, ..PlaceHoldRequest::default() })),
            3 => self.pick(hold).map(|name| {
                let points = (points % 2 == 0).then_some(points / 2);
                Ask::Capture(CaptureHoldRequest { request_id, name, points })
            }),
            4 => self.pick(hold).map(|name| Ask::Void(VoidHoldRequest { request_id, name })),
            5 | 6 => self.pick(order_of).map(|(member, order)| {
                let line = ReturnLine { line: 1, quantity: 1, ..ReturnLine::default() };
                let lines = if points % 2 == 0 { vec![] } else { vec![line] };
                let return_id = format!("r{points}");
                Ask::Return(ReturnOrderRequest { request_id, member, order, return_id, lines, effective_time: None })
            }),
            7 => {
                let (points, reason) = (points - 30, "as the clerk says".to_owned());
                Some(Ask::Adjust(AdjustPointsRequest {
                    request_id,
                    member,
                    points: if points == 0 { 1 } else { points },
                    reason,
                    clamp: true,
                    ..AdjustPointsRequest::default()
                }))
            }
            8 => {
                let to_member = self.member();
                Some(Ask::Transfer(TransferPointsRequest { request_id, member, to_member, points }))
            }
            9 => {
                let number = self.number();
                let order = order(&number).to_string();
                Some(Ask::Coupons(RedeemCouponsRequest { request_id, order, member, ..redeeming(&number, &["OURS"]) }))
            }
            10 => self.pick(redemption).map(|name| Ask::Rollback(rolling_back(&name))),
            11 => {
                let reward = "rewards/umbrella".to_owned();
                Some(Ask::Reward(RedeemRewardRequest { request_id, reward, member, claimed_points: 0 }))
            }
            12 => self.pick(reward).map(|name| Ask::CancelReward(CancelRedemptionRequest { request_id, name })),
            _ => None,
        };
        asked.unwrap_or_else(|| {
            let member = self.member();
            let number = self.number();
            // Some are told late: their points expire sooner.
            let late = SignedDuration::from_mins(self.random.random_range(0..2_880));
            let effective_time = Some(to_proto(guanxi_kernel::Clock::now(env.clock()) - late));
            let lines = vec![PurchaseLine { quantity: 2, ..line(1, points * 100) }, line(2, points * 50)];
            Ask::Earn(EarnPointsRequest { effective_time, ..earning(&member, &number, lines) })
        })
    }
}

fn hold(made: &Made) -> Option<String> {
    if let Made::Hold(name) = made { Some(name.clone()) } else { None }
}

fn order_of(made: &Made) -> Option<(String, String)> {
    if let Made::Order(member, order) = made { Some((member.clone(), order.clone())) } else { None }
}

fn redemption(made: &Made) -> Option<String> {
    if let Made::Redemption(name) = made { Some(name.clone()) } else { None }
}

fn reward(made: &Made) -> Option<String> {
    if let Made::Reward(name) = made { Some(name.clone()) } else { None }
}

/// Asks for all of it at once; where `crashes`, everything ends in the middle of it and starts again.
async fn rush(env: &Env, asks: &[Ask], crashes: bool) -> Vec<Option<Result<Vec<u8>, Error>>> {
    let mut answers: Vec<Option<Result<Vec<u8>, Error>>> = asks.iter().map(|_| None).collect();
    let mut calls = JoinSet::new();
    for (at, ask) in asks.iter().cloned().enumerate() {
        let client = env.client_of(at % 2);
        calls.spawn(async move { (at, ask.of(client).await.map(|(answer, _)| answer)) });
    }
    if crashes {
        // Some are answered, some under way, some not begun.
        if let Some(Ok((at, answer))) = calls.join_next().await {
            answers[at] = Some(answer);
        }
        env.crash_and_start_again().await;
        calls.abort_all();
    }
    while let Some(done) = calls.join_next().await {
        if let Ok((at, answer)) = done {
            answers[at] = Some(answer);
        }
    }
    answers
}

guanxi_testkit::matrix! {
    setup().replicas(2).at(BEGINS);

    async fn an_hour_of_random_commands_kills_and_restarts_leaves_every_invariant_whole(env: &Env) {
        let client = env.client();
        create(&client, "test", expiring_program(2)).await;
        let mut members = Vec::new();
        for n in 1..=MEMBERS {
            members.push(enroll(&client, "test", customer(n)).await);
        }
        batch(&client, "ours", limited(CouponLimitScope::Customer, CouponLimitPeriod::Day, 2)).await;
        codes(&client, "ours", &["OURS"]).await;
        let umbrella = Reward {
            program: "programs/test".into(),
            display_name: "Umbrella".into(),
            points: 40,
            stock_total: Some(5),
            ..Reward::default()
        };
        let request = CreateRewardRequest { request_id: request_id(), reward_id: "umbrella".into(), reward: Some(umbrella) };
        client.loyalty().rewards().create_reward(request).await.unwrap();

        let mut shop = Shop { random: StdRng::seed_from_u64(20_261_201), members, made: Vec::new(), orders: 0 };
        let (mut passed, mut granted, mut reasons, mut crashes) = (SignedDuration::ZERO, 0, BTreeSet::new(), 0);
        while passed < HOUR {
            let wait = SignedDuration::from_secs(shop.random.random_range(0..=240));
            passed += wait;
            env.clock().advance(wait);
            let asks: Vec<Ask> = (0..shop.random.random_range(1..=24)).map(|_| shop.ask(env)).collect();
            let crash = shop.random.random_range(0..6) == 0;
            crashes += u32::from(crash);
            let first = rush(env, &asks, crash).await;
            // All of it again, with the same request ids: what was answered is answered alike.
            let again = join_all(asks.iter().enumerate().map(|(at, ask)| ask.clone().of(env.client_of((at + 1) % 2)))).await;
            for ((ask, first), again) in asks.iter().zip(first).zip(again) {
                match (first, again) {
                    (Some(Ok(first)), again) if again.as_ref().ok().map(|(answer, _)| answer) != Some(&first) => {
                        panic!("{ask:?} was answered, and is answered otherwise now: {again:?}")
                    }
                    (_, Ok((_, made))) => {
                        shop.made.extend(made);
                        granted += 1;
                    }
                    (_, Err(error)) => {
                        let ours = matches!(error.code, Code::Internal | Code::Unknown | Code::Unavailable);
                        assert!(!ours, "{ask:?}: {error:?}");
                        reasons.insert(error.reason);
                    }
                }
            }
            if shop.random.random_range(0..4) == 0 {
                env.run_jobs().await;
            }
            if shop.random.random_range(0..8) == 0 {
                env.verify().await;
            }
        }
        assert!(granted > 60 && crashes > 0, "{granted} granted, {crashes} crashes, refused: {reasons:?}");
        env.settle().await;
        env.run_jobs().await;
        env.verify().await;
        let mut before = Vec::new();
        for member in shop.members.clone() {
            before.push(balance(&env.client(), &member).await);
        }
        env.run_jobs().await;
        for (member, before) in shop.members.iter().zip(before) {
            assert_eq!(balance(&env.client(), member).await, before, "jobs that run twice change nothing");
        }
    }
}
