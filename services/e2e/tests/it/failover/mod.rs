//! `make failover`: PostgreSQL with a synchronous standby; the primary is killed under load. No acknowledged write is lost,
//! and the services go on by themselves, with the standby as primary.

mod pair;

use std::sync::Arc;

use guanxi_e2e::load::{Load, World};
use guanxi_testkit::process::Plan;

use pair::Pair;

/// Callers at once.
const CALLERS: usize = 4;
/// Calls before the primary is killed, and after.
const CALLS: u64 = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs pg_auto_failover and HAProxy: make failover"]
async fn no_acknowledged_write_is_lost_when_the_primary_dies() {
    let pair = tokio::task::block_in_place(Pair::start);
    let suite = Plan::apart().database(&pair.url()).start();
    let world = Arc::new(World::make(&suite.client()).await.unwrap());
    let load = Load::start(&world, &suite.ways(), CALLERS);
    load.more(CALLS).await;
    let killed = pair.kill_the_primary();
    println!("{killed} is killed, {} acknowledged", load.acknowledged());
    load.more(CALLS).await;
    let tally = load.stop().await;
    println!("fail-over: {tally}");
    assert_eq!(tally.failed, Vec::<String>::new());
    assert_ne!(pair.primary(), Some(killed), "the standby is the primary now");
    let acknowledged: Vec<u64> = tally.acknowledged.iter().map(|(n, _)| *n).collect();
    let found = world.look_for(&suite.client(), &acknowledged).await.unwrap();
    println!("{found}");
    assert!(found.lost.is_empty() && found.twice.is_empty(), "{found}");
    suite.verify();
}
