//! Batches: one commit, an answer for each command, and chains that stand or fall as a whole.

use futures::future::join_all;
use guanxi_client::{Client, Error, request_id};
use guanxi_contracts::loyalty::v1::*;
use guanxi_testkit::Env;

use crate::support::*;

pub fn posting(commands: Vec<PostCommand>) -> BatchPostRequest {
    BatchPostRequest { request_id: request_id(), commands }
}

/// A command with its key and, behind a `>`, the one that it is linked with.
fn keyed(key: &str) -> PostCommand {
    let (key, linked_with) = key.split_once('>').unwrap_or((key, ""));
    PostCommand { key: key.into(), linked_with: linked_with.into(), ..PostCommand::default() }
}

pub fn spend(key: &str, member: &str, points: i64) -> PostCommand {
    let spend = PostSpend { member: member.into(), points, ..PostSpend::default() };
    PostCommand { spend: Some(spend), ..keyed(key) }
}

fn earn_of(key: &str, member: &str, points: i64) -> PostCommand {
    let earn = PostEarn {
        member: member.into(),
        order: order(&keyed(key).key).to_string(),
        purchase: Some(purchase(vec![line(1, points * 100)])),
        effective_time: None,
    };
    PostCommand { earn: Some(earn), ..keyed(key) }
}

fn adjust(key: &str, member: &str, points: i64) -> PostCommand {
    let adjust = PostAdjust { member: member.into(), points, reason: "why".into(), ..PostAdjust::default() };
    PostCommand { adjust: Some(adjust), ..keyed(key) }
}

fn transfer(key: &str, member: &str, to: &str, points: i64) -> PostCommand {
    let transfer = PostTransfer { member: member.into(), to_member: to.into(), points };
    PostCommand { transfer: Some(transfer), ..keyed(key) }
}

async fn post(client: &Client, commands: Vec<PostCommand>) -> Vec<PostResult> {
    client.loyalty().points().batch_post(posting(commands)).await.expect("it is done").into_inner().results
}

/// The key of a result with its reason, or with `done`.
fn said_of(result: &PostResult) -> (&str, &str) {
    (&result.key, result.refused.as_ref().map_or("done", |refused| &refused.reason))
}

/// The same of all.
fn said(results: &[PostResult]) -> Vec<(&str, &str)> {
    results.iter().map(said_of).collect()
}

async fn members(env: &Env, program: Program, count: u128) -> Vec<String> {
    create(&env.client(), "test", program).await;
    let mut members = Vec::new();
    for who in 1..=count {
        members.push(enroll(&env.client(), "test", customer(who)).await);
    }
    members
}

guanxi_testkit::matrix! {
    setup().replicas(2);

    async fn l23_of_a_chain_all_or_none_and_what_is_free_stands(env: &Env) {
        let members = members(env, program(), 2).await;
        let [one, other] = [&members[0], &members[1]];
        let client = env.client();
        earn(&client, one, "first", 100).await;
        let results = post(&client, vec![
            spend("a", one, 10),
            spend("b>c", one, 20),
            transfer("c>d", one, other, 1_000),
            earn_of("d", other, 5),
            spend("e", one, 30),
        ]).await;
        assert_eq!(said(&results), [
            ("a", "done"),
            ("b", "LINKED_FAILED"),
            ("c", "POINTS_INSUFFICIENT"),
            ("d", "LINKED_FAILED"),
            ("e", "done"),
        ]);
        let refused = results[3].refused.as_ref().unwrap();
        assert_eq!((refused.metadata["culprit"].as_str(), refused.metadata["reason"].as_str()), ("c", "POINTS_INSUFFICIENT"));
        assert_eq!((balance(&client, one).await.available, balance(&client, other).await.available), (60, 0));

        // The same chain with something that can be: the order earns, which it did not when the chain failed.
        let results = post(&client, vec![spend("b>c", one, 20), transfer("c>d", one, other, 15), earn_of("d", other, 5)]).await;
        assert!(said(&results).iter().all(|(_, what)| *what == "done"), "{results:?}");
        assert_eq!((balance(&client, one).await.available, balance(&client, other).await.available), (25, 20));
        env.verify().await;
    }

    async fn every_kind_of_command_does_what_its_call_does_and_a_batch_is_done_once(env: &Env) {
        let members = members(env, program(), 2).await;
        let [one, other] = [&members[0], &members[1]];
        let client = env.client();
        earn(&client, one, "first", 100).await;
        let mut points = client.loyalty().points();
        let mut holds = Vec::new();
        for _ in 0..2 {
            let placed = points.place_hold(crate::holds::holding(one, 10)).await.unwrap().into_inner();
            holds.push(placed.hold.unwrap().name);
        }
        let hold = PostPlaceHold { member: one.clone(), points: 5, ..PostPlaceHold::default() };
        let request = posting(vec![
            earn_of("earn", one, 50),
            spend("spend", one, 20),
            adjust("adjust", other, 7),
            transfer("transfer", one, other, 30),
            PostCommand { place_hold: Some(hold), ..keyed("place") },
            PostCommand { capture_hold: Some(PostCaptureHold { name: holds[0].clone(), points: Some(4) }), ..keyed("capture") },
            PostCommand { void_hold: Some(PostVoidHold { name: holds[1].clone() }), ..keyed("void") },
        ]);
        let done = points.batch_post(request.clone()).await.unwrap().into_inner();
        let [earned, spent, adjusted, given, placed, captured, voided] = &done.results[..] else { panic!("{done:?}") };
        assert_eq!(earned.earned.as_ref().unwrap().points, 50);
        assert_eq!(spent.spent.as_ref().unwrap().points, 20);
        assert_eq!(adjusted.adjusted.as_ref().unwrap().points, 7);
        assert_eq!(given.transferred.as_ref().unwrap().points, 30);
        assert_eq!(placed.placed.as_ref().and_then(|placed| Some(placed.hold.as_ref()?.points)), Some(5));
        assert_eq!(captured.captured.as_ref().and_then(|ended| Some(ended.hold.as_ref()?.captured_points)), Some(4));
        assert_eq!(voided.voided.as_ref().and_then(|ended| Some(ended.hold.as_ref()?.points)), Some(10));
        let left = balance(&client, one).await;
        assert_eq!((left.available, left.held), (100 + 50 - 20 - 30 - 4 - 5, 5));
        assert_eq!(balance(&client, other).await.available, 37);
        assert_eq!(points.batch_post(request.clone()).await.unwrap().into_inner(), done, "the same answer, and nothing again");
        assert_eq!(balance(&client, one).await, left);
        let changed = BatchPostRequest { commands: request.commands[..1].to_vec(), ..request };
        assert_eq!(reason(points.batch_post(changed).await), "REQUEST_ID_REUSED");
        env.verify().await;
    }

    async fn a_chain_that_never_ends_or_is_a_circle_refuses_the_batch_as_a_whole(env: &Env) {
        let members = members(env, program(), 1).await;
        let client = env.client();
        earn(&client, &members[0], "first", 100).await;
        let one = |key: &str| spend(key, &members[0], 1);
        for (commands, refused) in [
            (vec![one("a"), one("b>c"), one("c>x")], "CHAIN_OPEN"),
            (vec![one("a"), one("b>b")], "CHAIN_CYCLIC"),
            (vec![one("a"), one("b>c"), one("c>d"), one("d>b")], "CHAIN_CYCLIC"),
            (vec![one("a"), one("b"), one("a")], "INVALID_ARGUMENT"),
        ] {
            assert_eq!(reason(client.loyalty().points().batch_post(posting(commands)).await), refused);
        }
        assert_eq!(balance(&client, &members[0]).await.available, 100);
    }

    async fn what_is_wrong_is_said_of_every_command_with_its_place(env: &Env) {
        let members = members(env, program(), 1).await;
        let wrong = PostAdjust { member: members[0].clone(), points: -1, reason: "?".into(), goodwill: true, ..PostAdjust::default() };
        let request = posting(vec![
            spend("a", &members[0], 1),
            PostCommand { adjust: Some(wrong), ..keyed("b") },
            keyed("c"),
            PostCommand { adjust: adjust("d", &members[0], 1).adjust, ..spend("d", &members[0], 1) },
        ]);
        let error = Error::from(env.client().loyalty().points().batch_post(request).await.expect_err("it is wrong"));
        let fields: Vec<_> = error.violations.iter().map(|wrong| wrong.field.as_str()).collect();
        assert_eq!(fields, ["commands[1].adjust.goodwill", "commands[2]", "commands[3]"]);
        let teller = env.client_as("teller", &["loyalty.points.write"], &["*"]);
        let request = posting(vec![adjust("a", &members[0], 1)]);
        let error = Error::from(teller.loyalty().points().batch_post(request).await.expect_err("he may not"));
        assert_eq!((error.reason.as_str(), error.metadata["scope"].as_str()), ("SCOPE_MISSING", "loyalty.adjustments.write"));
    }

    async fn a_thousand_commands_are_one_commit_and_a_later_one_sees_what_an_earlier_one_did(env: &Env) {
        let members = members(env, program(), 2).await;
        let client = env.client();
        let (mut commands, mut left) = (Vec::new(), 0);
        for n in 0..500 {
            commands.push(earn_of(&format!("e{n}"), &members[n % 2], 10));
            commands.push(spend(&format!("s{n}"), &members[n % 2], 7));
            left += 3;
        }
        let results = post(&client, commands.clone()).await;
        assert!(said(&results).iter().all(|(_, what)| *what == "done"));
        let (one, other) = (balance(&client, &members[0]).await.available, balance(&client, &members[1]).await.available);
        assert_eq!(one + other, left);
        commands.push(spend("more", &members[0], 1));
        let refused = client.loyalty().points().batch_post(posting(commands)).await;
        assert_eq!(Error::from(refused.expect_err("1,001")).violations[0].field, "commands");
        env.verify().await;
    }

    async fn batches_and_calls_about_the_same_members_at_once_lose_nothing(env: &Env) {
        let members = members(env, program(), 5).await;
        let client = env.client();
        for (n, member) in members.iter().enumerate() {
            earn(&client, member, &format!("first-{n}"), 1_000).await;
        }
        // Circles of gifts, each a chain, in many orders; beside them single gifts to and fro.
        let batches = (0..30_usize).map(|n| {
            let at = |step: usize| &members[(n + step * (1 + n % 4)) % 5];
            let chain = (0..5).map(|step| {
                let link = if step < 4 { format!("{step}>{}", step + 1) } else { step.to_string() };
                transfer(&link, at(step), at(step + 1), 3)
            });
            let (client, commands) = (client.clone(), chain.collect::<Vec<_>>());
            async move { said(&post(&client, commands).await).iter().all(|(_, what)| *what == "done") }
        });
        let gifts = (0..60_usize).map(|n| {
            let request = crate::transfers::giving(&members[n % 5], &members[(n + 1) % 5], 1);
            let mut points = client.loyalty().points();
            async move { points.transfer_points(request).await.is_ok() }
        });
        let (batches, gifts) = futures::join!(join_all(batches), join_all(gifts));
        assert!(batches.into_iter().chain(gifts).all(|done| done));
        for member in &members {
            assert_eq!(balance(&client, member).await.balance, 1_000, "as many came as went");
        }
        env.verify().await;
    }
}
