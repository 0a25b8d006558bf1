//! `make soak`: two processes of each service under load for ten minutes, or `SOAK_SECONDS`; every twenty seconds one of them
//! is killed, and started again. What was acknowledged is there, and nothing twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use guanxi_e2e::load::{Load, World};
use guanxi_testkit::process::{Plan, SERVICES};

/// Callers at once.
const CALLERS: usize = 4;
/// How often a process is killed.
const EVERY: Duration = Duration::from_secs(20);
/// How long it stays away.
const AWAY: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "ten minutes: make soak"]
async fn two_of_each_service_one_killed_every_twenty_seconds() {
    let seconds = std::env::var("SOAK_SECONDS").map_or(600, |seconds| seconds.parse().unwrap());
    let length = Duration::from_secs(seconds);
    let mut suite = Plan::apart().replicas(2).start();
    let world = Arc::new(World::make(&suite.client()).await.unwrap());
    let load = Load::start(&world, &suite.ways(), CALLERS);
    let began = Instant::now();
    // Each process in its turn: the first of every service, then the second.
    let victims = [0, 1].into_iter().flat_map(|replica| SERVICES.map(|service| (service, replica)));
    let mut kills = 0_u32;
    for (service, replica) in victims.cycle() {
        let next = EVERY * (kills + 1);
        if next > length {
            break;
        }
        tokio::time::sleep(next.saturating_sub(began.elapsed())).await;
        suite.replica(service, replica).kill();
        tokio::time::sleep(AWAY).await;
        tokio::task::block_in_place(|| suite.replica(service, replica).start_again());
        kills += 1;
        println!(
            "{:>4.0} s: {service} {replica} was killed, {} acknowledged",
            began.elapsed().as_secs_f64(),
            load.acknowledged()
        );
    }
    tokio::time::sleep(length.saturating_sub(began.elapsed())).await;
    let tally = load.stop().await;
    println!("{kills} processes killed; {tally}");
    let acknowledged: Vec<u64> = tally.acknowledged.iter().map(|(n, _)| *n).collect();
    let found = world.look_for(&suite.client(), &acknowledged).await.unwrap();
    println!("{found}");
    assert_eq!(tally.failed, Vec::<String>::new());
    assert!(found.lost.is_empty() && found.twice.is_empty(), "{found}");
    suite.verify();
}
