//! One contract: in memory, on a Redis, on a Redis Cluster.

use std::time::{Duration, Instant};

use bytes::Bytes;
use guanxi_messaging::{Bus, Entry, MemoryBus, RedisBus, Stream};
use guanxi_store::outbox::Position;
use guanxi_testkit::{OwnRedis, OwnRedisCluster};

fn stream(partition: u32) -> Stream {
    Stream { producer: "sample".into(), partition }
}

fn entry(first: i64, last: i64) -> Entry {
    Entry { first, last: Position { epoch: 7, number: last }, body: Bytes::from(format!("{first}..{last}")) }
}

const NOTHING: Position = Position { epoch: 0, number: 0 };
const SOON: Duration = Duration::from_millis(50);

macro_rules! on_each {
    ($(async fn $name:ident($bus:ident: &dyn Bus) $body:block)*) => {
        $(mod $name {
            use super::*;

            async fn run($bus: &dyn Bus) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_memory() {
                run(&MemoryBus::default()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_redis() {
                let redis = OwnRedis::start().unwrap();
                run(&RedisBus::server(&redis.url(), None).unwrap()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_a_cluster() {
                let cluster = OwnRedisCluster::start().unwrap();
                run(&RedisBus::cluster(&cluster.url(), None).unwrap()).await;
            }
        })*
    };
}

on_each! {
    async fn entries_are_read_after_a_place_in_their_order(bus: &dyn Bus) {
        bus.publish(&stream(0), &[entry(1, 3), entry(4, 4)]).await.unwrap();
        bus.publish(&stream(0), &[entry(5, 9)]).await.unwrap();
        bus.publish(&stream(1), &[entry(1, 1)]).await.unwrap();
        assert_eq!(bus.read(&stream(0), NOTHING, 10, SOON).await.unwrap(), [entry(1, 3), entry(4, 4), entry(5, 9)]);
        let middle = Position { epoch: 7, number: 2 };
        assert_eq!(bus.read(&stream(0), middle, 1, SOON).await.unwrap(), [entry(1, 3)], "an entry that reaches beyond it counts");
        let end = Position { epoch: 7, number: 9 };
        assert_eq!(bus.read(&stream(0), end, 10, SOON).await.unwrap(), []);
    }

    async fn publishing_again_adds_nothing(bus: &dyn Bus) {
        bus.publish(&stream(0), &[entry(1, 3), entry(4, 4)]).await.unwrap();
        bus.publish(&stream(0), &[entry(1, 3)]).await.unwrap();
        assert_eq!(bus.read(&stream(0), NOTHING, 10, SOON).await.unwrap().len(), 2);
    }

    async fn a_waiting_reader_is_woken_by_an_entry_and_only_by_one(bus: &dyn Bus) {
        let reader = bus.reader().await.unwrap();
        let waiting = tokio::spawn(async move {
            let began = Instant::now();
            let read = reader.read(&stream(0), NOTHING, 10, Duration::from_secs(20)).await.unwrap();
            (read, began.elapsed())
        });
        bus.publish(&stream(1), &[entry(1, 1)]).await.unwrap();
        assert_eq!(bus.read(&stream(1), NOTHING, 10, SOON).await.unwrap().len(), 1, "a blocked reader holds up nobody else");
        bus.publish(&stream(0), &[entry(1, 2)]).await.unwrap();
        let (read, waited) = waiting.await.unwrap();
        assert_eq!(read, [entry(1, 2)]);
        assert!(waited < Duration::from_secs(20), "it waited to the end");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_back_is_used_again() {
    let mut redis = OwnRedis::start().unwrap();
    let bus = RedisBus::server(&redis.url(), None).unwrap();
    bus.publish(&stream(0), &[entry(1, 1)]).await.unwrap();
    redis.crash().unwrap();
    assert!(bus.publish(&stream(0), &[entry(2, 2)]).await.is_err());
    redis.start_again().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while bus.publish(&stream(0), &[entry(3, 3)]).await.is_err() {
        assert!(Instant::now() < until, "it does not connect again");
    }
    let last = bus.read(&stream(0), NOTHING, 10, SOON).await.unwrap().pop();
    assert_eq!(last, Some(entry(3, 3)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_spread_over_a_cluster_and_a_master_that_comes_back_is_used_again() {
    let mut cluster = OwnRedisCluster::start().unwrap();
    let bus = RedisBus::cluster(&cluster.url(), None).unwrap();
    for partition in 0..24 {
        bus.publish(&stream(partition), &[entry(1, 1)]).await.unwrap();
    }
    let keys = cluster.keys().unwrap();
    assert!(keys.iter().all(|keys| *keys > 0) && keys.iter().sum::<u64>() == 24, "{keys:?}");
    cluster.crash(1).unwrap();
    let mut away = 0;
    for partition in 0..24 {
        away += usize::from(bus.publish(&stream(partition), &[entry(2, 2)]).await.is_err());
    }
    assert!(away > 0, "nothing was on the master that is away");
    cluster.start_again(1).unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    for partition in 0..24 {
        while bus.publish(&stream(partition), &[entry(3, 3)]).await.is_err() {
            assert!(Instant::now() < until, "partition {partition} is not connected again");
        }
        let last = bus.read(&stream(partition), NOTHING, 10, SOON).await.unwrap().pop();
        assert_eq!(last, Some(entry(3, 3)), "partition {partition}");
    }
}

#[tokio::test]
async fn an_unfit_redis_is_found_out() {
    let redis = OwnRedis::start().unwrap();
    let bus = RedisBus::server(&redis.url(), None).unwrap();
    let unfit = async || bus.state().await.unwrap().unfit();
    assert_eq!(unfit().await, Vec::<String>::new());
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let set = |name: &'static str, value: &'static str| redis::cmd("CONFIG").arg("SET").arg(name).arg(value).to_owned();
    set("maxmemory-policy", "allkeys-lru").query_async::<()>(&mut connection).await.unwrap();
    set("appendonly", "no").query_async::<()>(&mut connection).await.unwrap();
    let told = [
        "maxmemory-policy is allkeys-lru: set noeviction, so that a full Redis forgets no events",
        "appendonly is no: set it to yes, so that a restart of Redis forgets no events",
    ];
    assert_eq!(unfit().await, told);
    let old = guanxi_messaging::RedisState { version: "6.0.16".to_owned(), ..bus.state().await.unwrap() };
    assert_eq!(old.unfit()[0], "Redis 6.0.16 is too old: upgrade it to 6.2 or later");
}
