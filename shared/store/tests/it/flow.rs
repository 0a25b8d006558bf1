//! Outbox and inbox: told once, numbered densely, handled once, parked until known.

use std::sync::Arc;

use async_trait::async_trait;
use guanxi_kernel::{Call, OrganizationId, Uuid, natural_id, new_id};
use guanxi_store::inbox::{Consumed, Incoming, IncomingEvent, Outcome, Unpark};
use guanxi_store::outbox::{Position, open_parcel};
use guanxi_store::{Database, NewEvent, Result, Tx};

use crate::fixture::{add, on_both};

fn told(key: &str, version: i64) -> NewEvent {
    NewEvent {
        event_type: "sample.Happened",
        key: key.to_owned(),
        version,
        organization: OrganizationId::default_organization(),
        occurred: "2026-01-01T00:00:00Z".parse().unwrap(),
        historical: false,
        payload: vec![1, 2, 3],
    }
}

async fn tell(db: &Database, key: &str, version: i64) {
    db.slice(&Call::internal("test"), |tx| async move {
        tx.emit(told(key, version));
        Ok(())
    })
    .await
    .unwrap();
}

/// Events that add 1 to the account of their id.
fn incoming(ids: &[Uuid]) -> Vec<IncomingEvent> {
    ids.iter().map(|&id| IncomingEvent { id, root: natural_id("k", ["a"]), body: id.as_bytes().to_vec() }).collect()
}

async fn consume(db: &Database, from: i64, ids: &[Uuid], outcome: fn(&Uuid) -> Outcome) -> Result<Consumed> {
    let events = incoming(ids);
    let place = |number| Position { epoch: i64::from(number > 0), number };
    let to = from + i64::try_from(ids.len()).unwrap();
    let batch = Incoming { producer: "other", partition: 0, from: place(from), to: place(to), events: &events };
    db.consume(&batch, |tx, fresh| async move {
        let mut outcomes = Vec::new();
        for at in fresh {
            let outcome = outcome(&ids[at]);
            if outcome == Outcome::Done {
                add(&tx, ids[at], 1).await?;
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    })
    .await
}

struct AddOne;

#[async_trait]
impl Unpark for AddOne {
    async fn handle(&self, tx: &Tx, envelopes: Vec<Vec<u8>>) -> Result<Vec<Outcome>> {
        for body in &envelopes {
            add(tx, Uuid::from_slice(body).unwrap(), 1).await?;
        }
        Ok(envelopes.iter().map(|_| Outcome::Done).collect())
    }
}

on_both! {
    async fn numbers_are_dense_and_keep_the_order_of_a_key(fixture: &Fixture) {
        for version in 1..=20 {
            tell(&fixture.db, "things/a", version).await;
            tell(&fixture.db, "things/b", version).await;
        }
        let mut seen = 0;
        for partition in 0..2 {
            let mut next = 1;
            let mut versions = std::collections::HashMap::new();
            loop {
                let parcels = fixture.db.number_outbox(&[partition], 7).await.unwrap();
                if parcels.is_empty() {
                    break;
                }
                for (of, parcel) in parcels {
                    assert_eq!((of, parcel.first), (partition, next));
                    for event in open_parcel(&parcel.body).unwrap() {
                        let last = versions.insert(event.key.clone(), event.version).unwrap_or(0);
                        assert_eq!(event.version, last + 1, "{}", event.key);
                        seen += 1;
                    }
                    next = parcel.last + 1;
                }
            }
            let heads = fixture.db.outbox_heads().await.unwrap();
            if let Some((_, head)) = heads.iter().find(|(p, _)| *p == partition) {
                assert_eq!(head.number, next - 1);
                let after = Position { number: 3, ..*head };
                let replayed = fixture.db.outbox_after(partition, after, 1_000).await.unwrap();
                let numbers: Vec<i64> = replayed.iter().map(|e| e.position.number).collect();
                assert_eq!(numbers, (4..next).collect::<Vec<_>>());
                let other_epoch = Position { epoch: head.epoch - 1, number: 3 };
                let all = fixture.db.outbox_after(partition, other_epoch, 1_000).await.unwrap();
                assert_eq!(all.first().map(|e| e.position.number), Some(1), "another epoch is read from its beginning");
            }
        }
        assert_eq!(seen, 40);
    }

    async fn two_relays_number_everything_once(fixture: &Fixture) {
        for version in 1..=50 {
            tell(&fixture.db, "things/a", version).await;
        }
        let other = fixture.another().await;
        let number = |db: Database| async move {
            let mut numbers = Vec::new();
            loop {
                let parcels = db.number_outbox(&[0, 1], 3).await.unwrap();
                if parcels.is_empty() {
                    return numbers;
                }
                numbers.extend(parcels.iter().flat_map(|(_, parcel)| parcel.first..=parcel.last));
            }
        };
        let (a, b) = tokio::join!(number(fixture.db.clone()), number(other));
        let mut all: Vec<i64> = a.into_iter().chain(b).collect();
        all.sort_unstable();
        assert_eq!(all, (1..=50).collect::<Vec<_>>());
    }

    async fn an_event_is_handled_once_however_often_it_comes(fixture: &Fixture) {
        let ids = [new_id(), new_id()];
        assert_eq!(consume(&fixture.db, 0, &ids, |_| Outcome::Done).await.unwrap(), Consumed::Committed);
        let again = consume(&fixture.db, 0, &ids, |_| Outcome::Done).await.unwrap();
        assert_eq!(again, Consumed::Moved(Position { epoch: 1, number: 2 }));
        let under_other_numbers = consume(&fixture.db, 2, &ids, |_| Outcome::Done).await.unwrap();
        assert_eq!(under_other_numbers, Consumed::Committed);
        assert_eq!((fixture.points(ids[0]).await, fixture.points(ids[1]).await), (Some(1), Some(1)));
    }

    async fn a_parked_event_is_handled_by_the_transaction_that_makes_its_subject_known(fixture: &Fixture) {
        fixture.db.set_unpark(Arc::new(AddOne));
        let id = new_id();
        consume(&fixture.db, 0, &[id], |_| Outcome::Park("orders/o:1".into())).await.unwrap();
        assert_eq!((fixture.points(id).await, fixture.db.inbox_waiting().await.unwrap()), (None, (1, 0)));
        let known = async |key: &'static str| {
            let call = Call::internal("test");
            fixture.db.slice(&call, |tx| async move {
                tx.known(key);
                Ok(())
            }).await
        };
        known("orders/o:2").await.unwrap();
        assert_eq!(fixture.points(id).await, None);
        known("orders/o:1").await.unwrap();
        known("orders/o:1").await.unwrap();
        assert_eq!((fixture.points(id).await, fixture.db.inbox_waiting().await.unwrap()), (Some(1), (0, 0)));
    }

    async fn an_event_that_waits_for_one_of_its_own_batch_is_handled_with_it(fixture: &Fixture) {
        fixture.db.set_unpark(Arc::new(AddOne));
        let id = new_id();
        let events = incoming(&[id, new_id()]);
        let (from, to) = (Position::default(), Position { epoch: 1, number: 2 });
        let batch = Incoming { producer: "other", partition: 0, from, to, events: &events };
        let handled = fixture.db.consume(&batch, |tx, fresh| async move {
            tx.known("orders/o:1");
            Ok(fresh.iter().map(|at| if *at == 0 { Outcome::Park("orders/o:1".into()) } else { Outcome::Done }).collect())
        });
        handled.await.unwrap();
        assert_eq!((fixture.points(id).await, fixture.db.inbox_waiting().await.unwrap()), (Some(1), (0, 0)));
    }

    async fn none_stays_parked_for_what_becomes_known_at_the_same_moment(fixture: &Fixture) {
        fixture.db.set_unpark(Arc::new(AddOne));
        for round in 0..20_i64 {
            let subject = new_id();
            let (parked, known) = (new_id(), fixture.db.clone());
            let events = incoming(&[parked]);
            let place = |number: i64| Position { epoch: i64::from(number > 0), number };
            let batch = Incoming { producer: "other", partition: 0, from: place(round), to: place(round + 1), events: &events };
            let key = format!("orders/o:{round}");
            let park = fixture.db.consume(&batch, |tx, fresh| {
                let key = key.clone();
                async move {
                    let there = exists(&tx, subject).await?;
                    if there {
                        add(&tx, parked, 1).await?;
                    }
                    Ok(fresh.iter().map(|_| if there { Outcome::Done } else { Outcome::Park(key.clone()) }).collect())
                }
            });
            let key = &key;
            let call = Call::internal("test");
            let make = known.slice(&call, |tx| async move {
                add(&tx, subject, 1).await?;
                tx.known(key.clone());
                Ok(())
            });
            let (parked_ok, made) = tokio::join!(park, make);
            parked_ok.unwrap();
            made.unwrap();
            assert_eq!(fixture.points(parked).await, Some(1), "round {round}");
        }
        assert_eq!(fixture.db.inbox_waiting().await.unwrap(), (0, 0));
    }

    async fn dead_letters_are_kept_and_offered_again(fixture: &Fixture) {
        fixture.db.set_unpark(Arc::new(AddOne));
        let id = new_id();
        consume(&fixture.db, 0, &[id], |_| Outcome::Dead("no such rule".into())).await.unwrap();
        assert_eq!(fixture.db.inbox_waiting().await.unwrap(), (0, 1));
        let offered = fixture.db.retry_dead_letters().await.unwrap();
        assert_eq!((offered.handled, offered.parked), (1, 0));
        assert_eq!((fixture.points(id).await, fixture.db.inbox_waiting().await.unwrap()), (Some(1), (0, 0)));
    }

    async fn parcels_go_when_every_consumer_has_confirmed_them(fixture: &Fixture) {
        tell(&fixture.db, "things/a", 1).await;
        let (partition, _) = fixture.db.outbox_waiting().await.unwrap()[0];
        fixture.db.number_outbox(&[partition], 10).await.unwrap();
        let head = fixture.db.outbox_heads().await.unwrap()[0].1;
        let later = fixture.clock_later();
        fixture.db.confirm_outbox("fast", &[(partition, head)]).await.unwrap();
        fixture.db.confirm_outbox("slow", &[(partition, Position { epoch: head.epoch, number: 0 })]).await.unwrap();
        assert_eq!(fixture.db.prune_outbox(later).await.unwrap(), 0, "slow has not read it");
        fixture.db.confirm_outbox("slow", &[(partition, head)]).await.unwrap();
        assert_eq!(fixture.db.prune_outbox(later).await.unwrap(), 1);
    }
}

async fn exists(tx: &Tx, id: Uuid) -> Result<bool> {
    use guanxi_store::sea_orm::{ConnectionTrait, Statement};
    let sql = "SELECT 1 AS one FROM account WHERE root_id = $1";
    Ok(tx.conn().query_one_raw(Statement::from_sql_and_values(tx.backend(), sql, [id.into()])).await?.is_some())
}

impl crate::fixture::Fixture {
    fn clock_later(&self) -> guanxi_kernel::Timestamp {
        use guanxi_kernel::Clock;
        self.clock.now() + jiff::SignedDuration::from_hours(1)
    }
}
