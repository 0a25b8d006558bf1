//! Challenges: counted from orders by their time, given once, and taken back with what came back.

use futures::future::join_all;
use guanxi_client::{Client, Error, request_id};
use guanxi_contracts::loyalty::events::v1::{ChallengeAwarded, ChallengeWithdrawn};
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;
use guanxi_testkit::Env;

use crate::support::*;

/// Three purchases within a month give 50 points.
pub fn monthly() -> Challenge {
    let count = CountGoal { measure: ChallengeMeasure::Purchases.into(), target: 3, period: CapPeriod::Month.into() };
    Challenge { count: Some(count), ..giving(50) }
}

fn giving(points: i64) -> Challenge {
    Challenge {
        program: "programs/test".into(),
        display_name: "Three a month".into(),
        start_time: Some(to_proto(at("2026-01-01T00:00:00Z"))),
        points,
        ..Challenge::default()
    }
}

/// The trip: more than 100,000 points earned by purchases within a year.
fn trip(basis: ChallengeMeasure) -> Challenge {
    let milestone = MilestoneGoal { basis: basis.into(), mark: 100_000, period: CapPeriod::Year.into() };
    Challenge { milestone: Some(milestone), reward: "rewards/thailand".into(), ..giving(0) }
}

pub fn challenging(id: &str, challenge: Challenge) -> CreateChallengeRequest {
    CreateChallengeRequest { request_id: request_id(), challenge_id: id.into(), challenge: Some(challenge) }
}

async fn make(client: &Client, id: &str, challenge: Challenge) -> Challenge {
    let answer = client.loyalty().challenges().create_challenge(challenging(id, challenge)).await;
    answer.expect("it is made").into_inner().challenge.expect("a challenge")
}

/// An order of so many pieces of 1.00 each, at that time.
async fn buy(client: &Client, member: &str, number: &str, pieces: i64, when: &str) {
    let lines = vec![PurchaseLine { quantity: pieces, ..line(1, pieces * 100) }];
    let request = EarnPointsRequest { effective_time: Some(to_proto(at(when))), ..earning(member, number, lines) };
    client.loyalty().points().earn_points(request).await.expect("it earns");
}

async fn give_back(client: &Client, member: &str, number: &str, pieces: i64) {
    let line = ReturnLine { line: 1, quantity: pieces, ..ReturnLine::default() };
    let request = ReturnOrderRequest { return_id: request_id(), lines: vec![line], ..return_all(member, number) };
    client.loyalty().points().return_order(request).await.expect("it comes back");
}

async fn progress(client: &Client, member: &str) -> Vec<(i64, i64, i64)> {
    let request = ListChallengeProgressRequest { member: member.into() };
    let answer = client.loyalty().challenges().list_challenge_progress(request).await.expect("he has some");
    answer.into_inner().progress.into_iter().map(|one| (one.done, one.needed, one.reached)).collect()
}

async fn awards(client: &Client, member: &str) -> Vec<ChallengeAward> {
    let request = ListChallengeAwardsRequest { member: member.into(), ..ListChallengeAwardsRequest::default() };
    client.loyalty().challenges().list_challenge_awards(request).await.expect("a list").into_inner().awards
}

/// What stands of what was given: key, points and day.
async fn standing(client: &Client, member: &str) -> Vec<(String, i64, String)> {
    let awards = awards(client, member).await.into_iter().filter(|award| award.withdraw_time.is_none());
    let day = |award: &ChallengeAward| {
        guanxi_contracts::time::from_proto(award.reach_time.as_ref().unwrap()).unwrap().to_string()[..10].to_owned()
    };
    let mut all: Vec<_> = awards.map(|award| (award.key.clone(), award.points, day(&award))).collect();
    all.sort();
    all
}

fn given(of: &[(&str, i64, &str)]) -> Vec<(String, i64, String)> {
    of.iter().map(|(key, points, day)| ((*key).to_owned(), *points, (*day).to_owned())).collect()
}

async fn settle(env: &Env) {
    env.clock().advance(jiff::SignedDuration::from_mins(1));
    env.run_jobs().await;
}

async fn reward(client: &Client, stock_total: Option<i64>) {
    let reward = Reward {
        program: "programs/test".into(),
        display_name: "A trip to Thailand".into(),
        points: 500_000,
        stock_total,
        ..Reward::default()
    };
    let request = CreateRewardRequest { request_id: request_id(), reward_id: "thailand".into(), reward: Some(reward) };
    client.loyalty().rewards().create_reward(request).await.expect("it is made");
}

async fn reward_of(client: &Client, member: &str) -> (ChallengeRewardState, String) {
    let award = awards(client, member).await.pop().expect("an award");
    (award.reward_state(), award.redemption)
}

async fn left(client: &Client) -> i64 {
    let request = GetRewardRequest { name: "rewards/thailand".into() };
    let answer = client.loyalty().rewards().get_reward(request).await.expect("there is one").into_inner();
    answer.reward.expect("a reward").redeemed_count
}

guanxi_testkit::matrix! {
    setup();

    async fn three_purchases_a_month_give_once_whatever_order_they_come_in(env: &Env) {
        env.clock().set(at("2026-11-20T04:00:00Z"));
        let member = member(env, program()).await;
        let client = env.client();
        let made = make(&client, "monthly", monthly()).await;
        assert_eq!((made.name.as_str(), made.etag.as_str()), ("challenges/monthly", "1"));
        buy(&client, &member, "3", 1, "2026-11-15T04:00:00Z").await;
        buy(&client, &member, "0", 1, "2026-10-31T15:59:59Z").await;
        settle(env).await;
        assert_eq!(progress(&client, &member).await, [(1, 3, 0)]);
        // In Shanghai this one is of November.
        buy(&client, &member, "1", 1, "2026-10-31T16:00:00Z").await;
        buy(&client, &member, "2", 1, "2026-11-10T04:00:00Z").await;
        assert_eq!(progress(&client, &member).await, [(3, 3, 1)], "at once");
        settle(env).await;
        assert_eq!(standing(&client, &member).await, given(&[("2026-11-01", 50, "2026-11-15")]));
        assert_eq!(balance(&client, &member).await.balance, 4 + 50);
        // An earlier one comes late: the goal was reached earlier, and nothing is given twice.
        buy(&client, &member, "4", 1, "2026-11-05T04:00:00Z").await;
        settle(env).await;
        assert_eq!(standing(&client, &member).await, given(&[("2026-11-01", 50, "2026-11-10")]));
        assert_eq!(balance(&client, &member).await.balance, 5 + 50);
        env.settle().await;
        let told = env.events_of::<ChallengeAwarded>("loyalty").await;
        assert_eq!((told.len(), told[0].points, told[0].key.as_str()), (1, 50, "2026-11-01"));
        env.verify().await;
    }

    async fn what_comes_back_takes_progress_and_award_back_and_no_further_order_gives_twice(env: &Env) {
        env.clock().set(at("2026-11-20T04:00:00Z"));
        let member = member(env, program()).await;
        let client = env.client();
        make(&client, "monthly", monthly()).await;
        for number in ["1", "2", "3"] {
            buy(&client, &member, number, 2, "2026-11-10T04:00:00Z").await;
        }
        settle(env).await;
        assert_eq!(balance(&client, &member).await.balance, 6 + 50);
        // A piece of two: the order still counts.
        give_back(&client, &member, "2", 1).await;
        settle(env).await;
        assert_eq!(standing(&client, &member).await.len(), 1);
        give_back(&client, &member, "2", 1).await;
        settle(env).await;
        assert_eq!(progress(&client, &member).await, [(2, 3, 0)]);
        assert_eq!(standing(&client, &member).await, []);
        assert_eq!(balance(&client, &member).await.balance, 4, "as if there had been two");
        buy(&client, &member, "4", 1, "2026-11-12T04:00:00Z").await;
        settle(env).await;
        settle(env).await;
        assert_eq!(standing(&client, &member).await, given(&[("2026-11-01", 50, "2026-11-12")]));
        assert_eq!(balance(&client, &member).await.balance, 5 + 50);
        assert_eq!(awards(&client, &member).await.len(), 2, "the withdrawn one is shown too");
        env.settle().await;
        assert_eq!(env.events_of::<ChallengeWithdrawn>("loyalty").await.len(), 1);
        env.verify().await;
    }

    async fn what_was_spent_of_a_withdrawn_award_is_taken_as_the_program_says(env: &Env) {
        env.clock().set(at("2026-11-20T04:00:00Z"));
        let member = member(env, owing_program(0)).await;
        let client = env.client();
        make(&client, "monthly", monthly()).await;
        for number in ["1", "2", "3"] {
            buy(&client, &member, number, 1, "2026-11-10T04:00:00Z").await;
        }
        settle(env).await;
        client.loyalty().points().spend_points(crate::support::spending(&member, 53)).await.unwrap();
        give_back(&client, &member, "3", 1).await;
        settle(env).await;
        assert_eq!(balance(&client, &member).await.balance, -51, "the award and the order");
        env.verify().await;
    }

    async fn an_award_expires_by_the_order_that_reached_the_goal_whichever_that_turns_out_to_be(env: &Env) {
        env.clock().set(at("2026-11-20T04:00:00Z"));
        let member = member(env, program()).await;
        let client = env.client();
        let month = Some(Period { count: 30, unit: PeriodUnit::Day.into() });
        make(&client, "monthly", Challenge { valid_for: month, ..monthly() }).await;
        for (number, day) in [("1", "01"), ("2", "10"), ("3", "15")] {
            buy(&client, &member, number, 1, &format!("2026-11-{day}T04:00:00Z")).await;
        }
        settle(env).await;
        buy(&client, &member, "4", 1, "2026-11-05T04:00:00Z").await;
        settle(env).await;
        env.clock().set(at("2026-12-10T15:59:59Z"));
        assert_eq!(balance(&client, &member).await.balance, 4 + 50);
        env.clock().set(at("2026-12-10T16:00:00Z"));
        assert_eq!(balance(&client, &member).await.balance, 4, "thirty days after the tenth, not the fifteenth");
        env.run_jobs().await;
        env.verify().await;
    }

    async fn a_streak_breaks_with_a_gap_and_an_order_that_comes_late_mends_it(env: &Env) {
        env.clock().set(at("2026-11-25T04:00:00Z"));
        let member = member(env, program()).await;
        let client = env.client();
        let streak = StreakGoal { period: CapPeriod::Week.into(), length: 3, repeats: true };
        make(&client, "weeks", Challenge { streak: Some(streak), ..giving(30) }).await;
        for (number, day) in [("1", "02"), ("2", "09"), ("4", "23"), ("5", "24")] {
            buy(&client, &member, number, 1, &format!("2026-11-{day}T04:00:00Z")).await;
        }
        settle(env).await;
        assert_eq!(progress(&client, &member).await, [(1, 3, 0)]);
        buy(&client, &member, "3", 1, "2026-11-22T15:59:59Z").await;
        settle(env).await;
        assert_eq!(progress(&client, &member).await, [(1, 3, 1)]);
        assert_eq!(standing(&client, &member).await, given(&[("1", 30, "2026-11-22")]));
        give_back(&client, &member, "1", 1).await;
        settle(env).await;
        assert_eq!(standing(&client, &member).await, given(&[("1", 30, "2026-11-23")]), "by other weeks");
        give_back(&client, &member, "3", 1).await;
        settle(env).await;
        assert_eq!(standing(&client, &member).await, []);
        assert_eq!(balance(&client, &member).await.balance, 3);
        env.verify().await;
    }

    async fn only_what_the_filter_lets_in_counts_and_in_its_measure(env: &Env) {
        env.clock().set(at("2026-11-20T04:00:00Z"));
        let member = member(env, program()).await;
        let client = env.client();
        let filter = OrderFilter {
            categories: vec!["tea".into()],
            condition: "order.channel == 'store'".into(),
            minimum_minor: 300,
            ..OrderFilter::default()
        };
        for (id, measure) in [("pieces", ChallengeMeasure::Pieces), ("spend", ChallengeMeasure::Spend), ("points", ChallengeMeasure::Points)] {
            let count = CountGoal { measure: measure.into(), target: 1_000, period: CapPeriod::Ever.into() };
            make(&client, id, Challenge { count: Some(count), filter: Some(filter.clone()), ..giving(1) }).await;
        }
        let tea = |pieces: i64| PurchaseLine { category: "tea".into(), quantity: pieces, ..line(1, pieces * 150) };
        let order = |number: &str, lines, channel: &str| EarnPointsRequest {
            purchase: Some(Purchase { channel: channel.into(), ..purchase(lines) }),
            ..earning(&member, number, vec![])
        };
        let mut points = client.loyalty().points();
        points.earn_points(order("1", vec![tea(4), line(2, 900)], "store")).await.unwrap();
        points.earn_points(order("2", vec![tea(1)], "store")).await.unwrap();
        points.earn_points(order("3", vec![tea(9)], "online")).await.unwrap();
        let by_name = || async { progress(&client, &member).await.into_iter().map(|one| one.0).collect::<Vec<_>>() };
        assert_eq!(by_name().await, [4, 6, 600]);
        give_back(&client, &member, "1", 1).await;
        assert_eq!(by_name().await, [3, 5, 450], "a quarter of six points is one");
        give_back(&client, &member, "1", 2).await;
        assert_eq!(by_name().await, [0, 0, 0], "what is left is below what it must come to");
        env.run_jobs().await;
        env.verify().await;
    }

    async fn a42_the_trip_is_for_more_than_100000_once_a_year_and_withdrawn_with_the_purchase(env: &Env) {
        env.clock().set(at("2026-11-20T04:00:00Z"));
        let member = member(env, program()).await;
        let client = env.client();
        reward(&client, Some(5)).await;
        make(&client, "trip", trip(ChallengeMeasure::Points)).await;
        buy(&client, &member, "1", 100_000, "2026-03-01T04:00:00Z").await;
        settle(env).await;
        assert_eq!(progress(&client, &member).await, [(100_000, 100_001, 0)]);
        assert_eq!(awards(&client, &member).await, [], "exactly 100,000 is not over it");
        // What is given, by hand or by another member, never counts.
        client.loyalty().points().adjust_points(crate::adjusting::adjusting(&member, 10)).await.unwrap();
        let other = enroll(&client, "test", customer(2)).await;
        earn(&client, &other, "7", 10).await;
        client.loyalty().points().transfer_points(crate::transfers::giving(&other, &member, 10)).await.unwrap();
        settle(env).await;
        assert_eq!(progress(&client, &member).await, [(100_000, 100_001, 0)]);
        buy(&client, &member, "2", 1, "2026-04-01T04:00:00Z").await;
        buy(&client, &member, "3", 50, "2026-05-01T04:00:00Z").await;
        settle(env).await;
        let (state, redemption) = reward_of(&client, &member).await;
        assert_eq!((state, left(&client).await, awards(&client, &member).await.len()), (ChallengeRewardState::Granted, 1, 1));
        assert!(redemption.starts_with("rewards/thailand/redemptions/"));
        assert_eq!(balance(&client, &member).await.balance, 100_000 + 20 + 51, "the trip costs nothing");
        give_back(&client, &member, "1", 51).await;
        settle(env).await;
        assert_eq!(reward_of(&client, &member).await.0, ChallengeRewardState::Withdrawn);
        assert_eq!(left(&client).await, 0);
        // Next year counts for itself.
        env.clock().set(at("2027-01-10T04:00:00Z"));
        buy(&client, &member, "4", 100_001, "2027-01-05T04:00:00Z").await;
        settle(env).await;
        assert_eq!(standing(&client, &member).await, given(&[("2027-01-01", 0, "2027-01-05")]));
        assert_eq!(left(&client).await, 1);
        env.verify().await;
    }

    async fn a42_money_spent_may_be_the_basis_and_a_trip_that_was_made_is_reported(env: &Env) {
        env.clock().set(at("2026-11-20T04:00:00Z"));
        let member = member(env, program()).await;
        let client = env.client();
        reward(&client, Some(1)).await;
        make(&client, "trip", trip(ChallengeMeasure::Spend)).await;
        buy(&client, &member, "1", 1_000, "2026-03-01T04:00:00Z").await;
        settle(env).await;
        assert_eq!(progress(&client, &member).await, [(100_000, 100_001, 0)]);
        buy(&client, &member, "2", 1, "2026-03-02T04:00:00Z").await;
        let other = enroll(&client, "test", customer(2)).await;
        buy(&client, &other, "3", 2_000, "2026-03-03T04:00:00Z").await;
        settle(env).await;
        let [first, second] = [reward_of(&client, &member).await, reward_of(&client, &other).await];
        let waits = if first.0 == ChallengeRewardState::Granted { &second } else { &first };
        assert_eq!((waits.0, left(&client).await), (ChallengeRewardState::Due, 1), "one is there");
        let (winner, order, redemption) =
            if waits == &second { (&member, "2", first.1) } else { (&other, "3", second.1) };
        let done = UpdateRedemptionRequest {
            request_id: request_id(),
            name: redemption,
            state: RewardRedemptionState::Fulfilled.into(),
        };
        client.loyalty().rewards().update_redemption(done).await.unwrap();
        client.loyalty().points().return_order(return_all(winner, order)).await.unwrap();
        settle(env).await;
        assert_eq!(reward_of(&client, winner).await.0, ChallengeRewardState::Kept);
        assert_eq!(left(&client).await, 1);
        env.verify().await;
    }

    async fn a_challenge_says_what_is_wrong_with_it_and_keeps_what_counts(env: &Env) {
        env.clock().set(at("2026-11-20T04:00:00Z"));
        create(&env.client(), "test", program()).await;
        create(&env.client(), "other", program()).await;
        let client = env.client();
        let mut challenges = client.loyalty().challenges();
        let rules = |error: Error| error.violations.into_iter().map(|one| (one.field, one.rule)).collect::<Vec<_>>();
        let said = |of: &[(&str, &str)]| of.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
        let wrong = Challenge {
            end_time: Some(to_proto(at("2026-01-01T00:00:00Z"))),
            filter: Some(OrderFilter {
                categories: vec!["tea".into()],
                excluded_categories: vec!["tea".into()],
                ..OrderFilter::default()
            }),
            points: 0,
            ..monthly()
        };
        let refused = challenges.create_challenge(challenging("wrong", wrong)).await.expect_err("it is wrong");
        let expected = [
            ("challenge.filter.excluded_categories", "CATEGORY_CONTRADICTS"),
            ("challenge.end_time", "WINDOW_EMPTY"),
            ("challenge.points", "CHALLENGE_GIVES_NOTHING"),
        ];
        assert_eq!(rules(Error::from(refused)), said(&expected));
        let filter = Some(OrderFilter { condition: "nothing.known".into(), ..OrderFilter::default() });
        let wrong = Challenge { filter, count: None, ..monthly() };
        let refused = challenges.create_challenge(challenging("wrong", wrong)).await.expect_err("it is wrong");
        let expected = [("challenge.filter.condition", "RULE_FIELD_UNKNOWN"), ("challenge", "EXACTLY_ONE")];
        assert_eq!(rules(Error::from(refused)), said(&expected));
        let none = Challenge { reward: "rewards/thailand".into(), ..monthly() };
        assert_eq!(reason(challenges.create_challenge(challenging("none", none.clone())).await), "NOT_FOUND");
        reward(&client, None).await;
        let foreign = Challenge { program: "programs/other".into(), ..none };
        assert_eq!(reason(challenges.create_challenge(challenging("none", foreign)).await), "REWARD_NOT_ELIGIBLE");

        let made = make(&client, "monthly", monthly()).await;
        let changed = Challenge { points: 60, display_name: "Other".into(), count: None, ..made.clone() };
        let streak = StreakGoal { period: CapPeriod::Day.into(), length: 2, repeats: false };
        let update = UpdateChallengeRequest {
            request_id: request_id(),
            challenge: Some(Challenge { streak: Some(streak), ..changed }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["points".into()] }),
        };
        let now = challenges.update_challenge(update.clone()).await.unwrap().into_inner().challenge.unwrap();
        assert_eq!((now.points, &now.display_name, &now.count), (60, &made.display_name, &made.count));
        let again = UpdateChallengeRequest { request_id: request_id(), ..update };
        assert_eq!(reason(challenges.update_challenge(again).await), "ETAG_MISMATCH");
        let read = GetChallengeRequest { name: made.name.clone() };
        assert_eq!(challenges.get_challenge(read).await.unwrap().into_inner().challenge.unwrap(), now);
        for number in 1..50 {
            make(&client, &format!("c-{number}"), monthly()).await;
        }
        let one_more = challenges.create_challenge(challenging("one-more", monthly())).await;
        assert_eq!(reason(one_more), "CHALLENGES_TOO_MANY");
        let request = ListChallengesRequest { program: "programs/test".into(), page_size: 30, ..ListChallengesRequest::default() };
        let page = challenges.list_challenges(request.clone()).await.unwrap().into_inner();
        let next = ListChallengesRequest { page_token: page.next_page_token, ..request };
        let rest = challenges.list_challenges(next).await.unwrap().into_inner();
        assert_eq!((page.challenges.len(), rest.challenges.len(), rest.next_page_token.as_str()), (30, 20, ""));
    }

    async fn awards_are_no_purchases_and_have_names_of_their_own(env: &Env) {
        env.clock().set(at("2026-11-20T04:00:00Z"));
        let member = member(env, Program { tiers: Some(crate::tiers::tiers()), ..program() }).await;
        let client = env.client();
        make(&client, "monthly", monthly()).await;
        for number in ["1", "2", "3"] {
            buy(&client, &member, number, 30, "2026-11-20T04:00:00Z").await;
        }
        settle(env).await;
        assert_eq!(balance(&client, &member).await.balance, 90 + 50);
        let standing = crate::tiers::standing(&client, &member).await;
        assert_eq!((standing.tier.as_str(), standing.counted), ("", 90), "silver begins at 100");
        let order = awards(&client, &member).await[0].order.clone();
        let mine = EarnPointsRequest { order, ..earning(&member, "x", vec![line(1, 100)]) };
        let error = Error::from(client.loyalty().points().earn_points(mine).await.expect_err("it is reserved"));
        assert_eq!(error.violations[0].rule, "SOURCE_RESERVED");
        env.verify().await;
    }
}

mod at_once {
    use super::*;

    guanxi_testkit::matrix! {
        setup().replicas(2);

        async fn many_orders_at_once_give_each_award_once(env: &Env) {
            env.clock().set(at("2026-11-20T04:00:00Z"));
            let member = member(env, program()).await;
            let client = env.client();
            make(&client, "monthly", monthly()).await;
            let calls = (0..60).map(|number| {
                let (member, mut points) = (member.clone(), client.loyalty().points());
                async move {
                    let number = number.to_string();
                    points.earn_points(earning(&member, &number, vec![line(1, 100)])).await.unwrap();
                    if number.len() == 2 {
                        points.return_order(return_all(&member, &number)).await.unwrap();
                    }
                }
            });
            let jobs = async {
                for _ in 0..5 {
                    settle(env).await;
                }
            };
            futures::join!(join_all(calls), jobs);
            settle(env).await;
            assert_eq!(progress(&client, &member).await, [(10, 3, 1)]);
            assert_eq!(standing(&client, &member).await.len(), 1);
            assert_eq!(balance(&client, &member).await.balance, 10 + 50);
            env.verify().await;
        }
    }
}
