//! Group commit: many calls, one commit, each its own answer.

use async_trait::async_trait;
use guanxi_kernel::{Call, Refused, Uuid, new_id};
use guanxi_store::{BatchCall, Decide, GroupCommit, Result, StoreError, Tx};

use crate::fixture::{add, on_both, write};

/// Adds points; refuses negative amounts; 13 breaks a CHECK; 14 panics.
struct Adder;

struct Add {
    id: Uuid,
    points: i64,
}

#[async_trait]
impl Decide for Adder {
    type Command = Add;

    async fn decide(&self, tx: &Tx, calls: &[BatchCall<Add>]) -> Result<Vec<Result<Vec<u8>, Refused>>> {
        let mut answers = Vec::new();
        for BatchCall { command, .. } in calls {
            assert_ne!(command.points, 14, "asked to panic");
            answers.push(match command.points {
                13 => {
                    add(tx, command.id, -1_000_000).await?;
                    unreachable!("the CHECK refuses it");
                }
                points if points < 0 => Err(Refused::precondition("NEGATIVE", format!("{points} is negative"))),
                points => {
                    add(tx, command.id, points).await?;
                    Ok(points.to_string().into_bytes())
                }
            });
        }
        Ok(answers)
    }
}

fn submit(
    group: &GroupCommit<Adder>,
    id: Uuid,
    request: Uuid,
    points: i64,
) -> tokio::task::JoinHandle<Result<guanxi_store::Written, Refused>> {
    let group = group.clone();
    tokio::spawn(async move {
        let write = write(id, request, &points.to_string());
        group.submit(&Call::internal("test"), id, Some(write), Add { id, points }).await
    })
}

on_both! {
    async fn each_call_has_its_own_answer(fixture: &Fixture) {
        let group = GroupCommit::start(&fixture.db, "add", 2, 64, Adder);
        let id = new_id();
        let calls: Vec<_> = (-10..=10).map(|points| (points, submit(&group, id, new_id(), points))).collect();
        for (points, call) in calls {
            match call.await.unwrap() {
                Ok(written) => assert_eq!(written.reply, points.to_string().into_bytes()),
                Err(refused) => assert!(points < 0, "{points}: {refused}"),
            }
        }
        assert_eq!(fixture.points(id).await, Some(55));
    }

    async fn one_bad_call_fails_nobody_else(fixture: &Fixture) {
        let group = GroupCommit::start(&fixture.db, "add", 2, 64, Adder);
        let id = new_id();
        let calls: Vec<_> = [1, 2, 13, 3, 4].map(|points| submit(&group, id, new_id(), points)).into();
        let mut failed = 0;
        for call in calls {
            failed += u32::from(call.await.unwrap().is_err());
        }
        assert_eq!((failed, fixture.points(id).await), (1, Some(10)));
    }

    async fn a_decision_that_panics_does_not_end_the_lane(fixture: &Fixture) {
        let group = GroupCommit::start(&fixture.db, "add", 1, 64, Adder);
        let id = new_id();
        assert_eq!(submit(&group, id, new_id(), 14).await.unwrap().unwrap_err().reason(), "INTERNAL");
        submit(&group, id, new_id(), 1).await.unwrap().unwrap();
        assert_eq!(fixture.points(id).await, Some(1));
    }

    async fn one_request_sent_fifty_times_at_once_is_done_once(fixture: &Fixture) {
        let group = GroupCommit::start(&fixture.db, "add", 2, 64, Adder);
        let (id, request) = (new_id(), new_id());
        let calls: Vec<_> = (0..50).map(|_| submit(&group, id, request, 7)).collect();
        let other = submit(&group, id, request, 8);
        let mut fresh = 0;
        for call in calls {
            match call.await.unwrap() {
                Ok(written) => {
                    assert_eq!(written.reply, b"7");
                    fresh += u32::from(!written.replayed);
                }
                Err(refused) => panic!("{refused}"),
            }
        }
        assert_eq!(other.await.unwrap().unwrap_err().reason(), "REQUEST_ID_REUSED");
        assert_eq!((fresh, fixture.points(id).await), (1, Some(7)));
    }

    async fn two_replicas_lose_no_write_of_one_row(fixture: &Fixture) {
        let here = GroupCommit::start(&fixture.db, "add", 2, 64, Adder);
        let other = fixture.another().await;
        let there = GroupCommit::start(&other, "add", 2, 64, Adder);
        let ids = [new_id(), new_id(), new_id()];
        let calls: Vec<_> = (0..300)
            .map(|n| submit(if n % 2 == 0 { &here } else { &there }, ids[n % 3], new_id(), 1))
            .collect();
        for call in calls {
            call.await.unwrap().map_err(StoreError::from).unwrap();
        }
        for id in ids {
            assert_eq!(fixture.points(id).await, Some(100));
        }
    }
}
