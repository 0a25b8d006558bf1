//! The four services over a Redis Cluster of three masters, one of which dies under load and comes back.

use std::sync::Arc;

use guanxi_e2e::load::{Load, World};
use guanxi_testkit::OwnRedisCluster;
use guanxi_testkit::process::Plan;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_of_the_cluster_may_die() {
    let mut cluster = OwnRedisCluster::start().unwrap();
    let suite = Plan::apart().setting("redis.url", &cluster.url()).setting("redis.cluster", "true").start();
    let world = Arc::new(World::make(&suite.client()).await.unwrap());
    let load = Load::start(&world, &suite.ways(), 4);
    load.more(200).await;
    let keys = cluster.keys().unwrap();
    assert!(keys.iter().all(|keys| *keys > 0), "streams are on each master: {keys:?}");
    cluster.crash(0).unwrap();
    load.more(200).await;
    tokio::task::block_in_place(|| cluster.start_again(0)).unwrap();
    load.more(200).await;
    let tally = load.stop().await;
    println!("a master of the cluster killed: {tally}");
    assert_eq!((tally.failed, tally.again), (Vec::<String>::new(), 0), "calls do not wait for the bus");
    let acknowledged: Vec<u64> = tally.acknowledged.iter().map(|(n, _)| *n).collect();
    let found = world.look_for(&suite.client(), &acknowledged).await.unwrap();
    println!("{found}");
    assert!(found.lost.is_empty() && found.twice.is_empty(), "{found}");
    suite.verify();
}
