//! `make bench`: what Guanxi does on this machine, beside what this machine can do, in one run. PostgreSQL with fsync.
//!
//! Figures are ratios to a bare echo and to `pgbench` of the same run, and CPU for each call over all processes: single
//! absolute times of a shared machine say little.

#![allow(clippy::unwrap_used, missing_docs, reason = "a bench that cannot go on should panic")]

mod calls;
mod cpu;
mod drive;
mod echo;
mod loyalty;
mod machine;
mod report;
mod server;

use std::time::Duration;

use report::Row;

/// Callers of the closed loop.
const CALLERS: [usize; 5] = [1, 16, 64, 256, 1_500];
/// Shares of the peak at which the open loop runs.
const SHARES: [u32; 3] = [50, 70, 90];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if let Some(at) = arguments.iter().position(|argument| argument == "echo-server") {
        return runtime.block_on(echo::serve(arguments[at + 1].parse().unwrap()));
    }
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let value = |name: &str| arguments.iter().position(|argument| argument == name).map(|at| arguments[at + 1].clone());
    let callers = value("--callers").map(|callers| vec![callers.parse().unwrap()]);
    let plan = Plan {
        quick,
        length: Duration::from_secs(
            value("--seconds").map_or(if quick { 2 } else { 8 }, |seconds| seconds.parse().unwrap()),
        ),
        shares: if callers.is_some() { &[] } else { &SHARES },
        callers: callers.unwrap_or(CALLERS.to_vec()),
    };
    runtime.block_on(bench(&plan, value("--only")));
}

/// What is run of each call.
struct Plan {
    quick: bool,
    length: Duration,
    callers: Vec<usize>,
    shares: &'static [u32],
}

async fn bench(plan: &Plan, only: Option<String>) {
    let length = plan.length;
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let postgres = guanxi_testkit::OwnPostgres::start().unwrap();
    let redis = guanxi_testkit::OwnRedis::start().unwrap();
    println!("{}", machine::flush());
    let pgbench = machine::pgbench(&postgres, length).await;
    println!("{pgbench}");

    let mut rows = Vec::new();
    let echo = echo::Server::start().await;
    measure("echo", plan, &echo.processes(), || echo.calls(), &mut rows).await;
    drop(echo);

    let mut guanxi = server::Guanxi::start(postgres, redis).await;
    let started = guanxi.server().start_took().as_secs_f64();
    println!("start to ready {started:.2} s, idle memory {} MiB", cpu::memory_mib(guanxi.server().pid()));
    let world = calls::World::make(&guanxi).await;
    println!("{} customers, members and packages made", calls::SPREAD);
    let processes = guanxi.processes();
    for call in calls::ALL.into_iter().filter(|call| wanted(call.name())) {
        measure(call.name(), plan, &processes, || world.calls(&guanxi, call), &mut rows).await;
    }
    println!("memory after the load {} MiB", cpu::memory_mib(guanxi.server().pid()));
    let mut facts = report::Facts::default();
    if wanted("loyalty") {
        facts = beside(plan, &mut guanxi, &world, &mut rows).await;
    }

    // One transaction for each call, as many at once as PostgreSQL has connections for.
    guanxi.start_again(&[("loyalty.points_batch", "1"), ("loyalty.points_lanes", "16")]).await;
    let processes = guanxi.processes();
    for callers in [64, 256].into_iter().filter(|callers| plan.callers.contains(callers)) {
        let calls = world.calls(&guanxi, calls::Which::EarnPoints).await;
        let row = drive::closed(callers, length, &processes, calls).await;
        rows.push(Row::closed("EarnPoints, one by one", callers, row));
        println!("{}", rows.last().unwrap());
    }
    guanxi.server().stop();
    println!("\n{}", report::table(&rows, &pgbench, &facts));
}

/// What loyalty promises beside EarnPoints.
async fn beside(plan: &Plan, guanxi: &mut server::Guanxi, world: &calls::World, rows: &mut Vec<Row>) -> report::Facts {
    let (bytes, earned) = (loyalty::size(guanxi), loyalty::earnings(guanxi));
    let shop = loyalty::Shop::make(guanxi, &world.members, plan.quick).await;
    let bytes = loyalty::bytes_for_each(guanxi, bytes, loyalty::earnings(guanxi) - earned);
    let processes = guanxi.processes();
    let plan = Plan { quick: plan.quick, length: plan.length, callers: vec![64], shares: &[] };
    for call in loyalty::ALL {
        measure(call.name(), &plan, &processes, || std::future::ready(shop.calls(guanxi, call)), rows).await;
    }
    report::Facts { bytes_for_each_earning: Some(bytes), codes: Some(loyalty::codes(guanxi).await) }
}

/// One call: the closed loop at each number of callers, then the open loop at shares of its peak.
async fn measure<F, C>(name: &str, plan: &Plan, processes: &[u32], calls: F, rows: &mut Vec<Row>)
where
    F: Fn() -> C,
    C: Future<Output = drive::Calls>,
{
    // Not counted: connections, caches, prepared statements.
    drive::closed(64, plan.length / 4, processes, calls().await).await;
    let mut peak: f64 = 0.0;
    for &callers in &plan.callers {
        let run = drive::closed(callers, plan.length, processes, calls().await).await;
        peak = peak.max(run.per_second());
        rows.push(Row::closed(name, callers, run));
        println!("{}", rows.last().unwrap());
    }
    for &share in plan.shares {
        let rate = peak * f64::from(share) / 100.0;
        let run = drive::open(rate, plan.length, processes, calls().await).await;
        rows.push(Row::open(name, share, run));
        println!("{}", rows.last().unwrap());
    }
}
