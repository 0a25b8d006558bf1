//! Events from one service to another, over every bus and both databases, through crashes.

use guanxi_contracts::common::v1::figure::Value;
use guanxi_contracts::common::v1::{GetSummaryRequest, RetryDeadLettersRequest};

use crate::sample::{self, POISON, SERVICE, order, orders};

guanxi_testkit::matrix! {
    Setup::of(&[SERVICE]).told_by(&["teller"]);

    async fn every_event_is_handled_once(env: &Env) {
        env.tell("teller", orders(0..40)).await;
        for n in 40..60 {
            env.tell("teller", orders(n..n + 1)).await;
        }
        env.settle().await;
        assert_eq!(sample::count(&env.database("sample")).await.unwrap(), 60);
        assert_eq!(env.events("teller").await.len(), 60);
        env.verify().await;
        let answer = env.client().admin("sample").get_summary(GetSummaryRequest { service: "sample".into() }).await;
        let figures = &answer.unwrap().into_inner().services[0].figures;
        assert_eq!((figures[0].name.as_str(), &figures[0].value), ("orders", &Some(Value::Integer(60))));
        assert_eq!((figures[1].name.as_str(), &figures[1].value), ("mean", &None));
    }

    async fn nothing_is_lost_or_done_twice_through_a_crash(env: &Env) {
        env.tell("teller", orders(0..30)).await;
        env.crash_and_start_again().await;
        env.tell("teller", orders(30..50)).await;
        env.settle().await;
        env.crash_and_start_again().await;
        env.settle().await;
        assert_eq!(sample::count(&env.database("sample")).await.unwrap(), 50);
        env.verify().await;
    }

    async fn an_event_that_brings_a_bug_to_light_holds_up_nobody_and_is_told(env: &Env) {
        let mut events = orders(0..10);
        events.insert(5, order(POISON));
        env.tell("teller", events).await;
        env.settle().await;
        assert_eq!(sample::count(&env.database("sample")).await.unwrap(), 10);
        let flows = env.flow().await;
        assert_eq!(flows.iter().map(|flow| flow.dead_letters).sum::<i64>(), 1);
        let broken = env.violations().await;
        assert_eq!(broken.iter().map(|broken| broken.invariant.as_str()).collect::<Vec<_>>(), ["no-event-is-a-dead-letter"]);

        let retry = || async {
            let request = RetryDeadLettersRequest { service: "sample".into() };
            let answer = env.client().admin("sample").retry_dead_letters(request).await.unwrap().into_inner();
            let one = &answer.services[0];
            (one.handled, one.parked, one.remaining)
        };
        assert_eq!(retry().await, (0, 0, 1), "offered to the same handler");
        sample::mend(&env.database("sample")).await.unwrap();
        assert_eq!((retry().await, retry().await), ((1, 0, 0), (0, 0, 0)));
        assert_eq!(sample::count(&env.database("sample")).await.unwrap(), 11);
        env.verify().await;
    }

    async fn losing_the_bus_loses_nothing(env: &Env) {
        env.tell("teller", orders(0..10)).await;
        env.settle().await;
        if let Some(redis) = env.redis() {
            redis.flush_all().unwrap();
        }
        env.tell("teller", orders(10..20)).await;
        if let Some(redis) = env.redis() {
            redis.flush_all().unwrap();
        }
        env.settle().await;
        assert_eq!(sample::count(&env.database("sample")).await.unwrap(), 20);
    }
}

mod replicas {
    use super::*;

    guanxi_testkit::matrix! {
        Setup::of(&[SERVICE]).told_by(&["teller"]).replicas(2);

        async fn two_replicas_handle_every_event_once(env: &Env) {
            for n in 0..20 {
                env.tell("teller", orders(n..n + 1)).await;
            }
            env.settle().await;
            assert_eq!(sample::count(&env.database("sample")).await.unwrap(), 20);
            assert_eq!(env.events("teller").await.len(), 20);
            env.verify().await;
        }
    }
}
