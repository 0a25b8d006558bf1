//! A rolling upgrade under load: one service after the other, one process of it at a time, its schema migrated first, old
//! and new beside each other; no call fails. And a way back: an old process on the new schema.
//!
//! There is no release before this one yet: the stand-in for the next one is the same debug binary, which calls itself newer
//! and brings one more migration (`guanxi_store`, `next_release.rs`).

use std::sync::Arc;

use guanxi_e2e::load::{Load, World};
use guanxi_testkit::process::{Plan, SERVICES, text};

/// Callers at once.
const CALLERS: usize = 4;
/// Calls between two steps.
const CALLS: u64 = 60;
/// What the stand-in calls itself.
const NEXT: &str = "+next is ready";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_while_one_process_after_the_other_is_replaced() {
    let mut suite = Plan::apart().replicas(2).start();
    let world = Arc::new(World::make(&suite.client()).await.unwrap());
    let load = Load::start(&world, &suite.ways(), CALLERS);
    load.more(CALLS).await;
    for service in SERVICES {
        // As the hook of a release does, before any process is replaced.
        let mut migrate = suite.server(service).command_of("migrate");
        let output = tokio::task::block_in_place(|| migrate.env("GUANXI_NEXT_RELEASE", "yes").output()).unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        load.more(CALLS).await;
        for replica in 0..2 {
            let server = suite.replica(service, replica);
            tokio::task::block_in_place(|| {
                server.stop();
                server.be_next_release(true);
                server.start_again();
            });
            assert!(server.ready().contains(NEXT), "{}: the test needs a debug build", server.ready());
            load.more(CALLS).await;
        }
    }
    // Back: the release before runs on the schema of the one after it.
    let server = suite.replica("loyalty", 1);
    tokio::task::block_in_place(|| {
        server.stop();
        server.be_next_release(false);
        server.start_again();
    });
    assert!(!server.ready().contains(NEXT), "{}", server.ready());
    load.more(CALLS).await;

    let tally = load.stop().await;
    println!("upgrade of eight processes, {tally}");
    assert_eq!(tally.failed, Vec::<String>::new());
    let acknowledged: Vec<u64> = tally.acknowledged.iter().map(|(n, _)| *n).collect();
    let found = world.look_for(&suite.client(), &acknowledged).await.unwrap();
    println!("{found}");
    assert!(found.lost.is_empty() && found.twice.is_empty(), "{found}");
    suite.verify();
}
