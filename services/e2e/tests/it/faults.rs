//! Whatever fails while an import runs, its figures are those that the files give, and every invariant holds: processes
//! killed in the middle of their work or asked to end, a Redis that forgets all or is gone, a PostgreSQL that crashes.

use std::path::{Path, PathBuf};
use std::process::Child;

use guanxi_testkit::Suite;
use guanxi_testkit::data::{first_orders, olist_figures};
use guanxi_testkit::process::{Plan, SERVICES, text};
use serde_json::Value;

/// How many orders most tests import: enough that every fault strikes in the middle, and few enough for a debug build.
const FEW: usize = 2_000;

/// More than there are.
const ALL: usize = 1_000_000;

/// What fails.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The process of a service is killed and started again.
    Killed(&'static str),
    /// The process of a service is asked to end, as in a rollout, and started again.
    Stopped(&'static str),
    /// Redis forgets everything.
    Flushed,
    /// Redis is gone for as long as it takes to start.
    RedisGone,
    /// PostgreSQL crashes and recovers.
    Crashed,
    /// The second process of each service is killed, and stays away.
    ReplicasKilled,
}

impl Fault {
    fn strike(self, suite: &mut Suite) {
        match self {
            Self::Killed(service) => {
                suite.server(service).kill();
                suite.server(service).start_again();
            }
            Self::Stopped(service) => {
                suite.server(service).stop();
                suite.server(service).start_again();
            }
            Self::Flushed => suite.redis().flush_all().unwrap(),
            Self::RedisGone => {
                suite.redis_mut().crash().unwrap();
                suite.redis_mut().start_again().unwrap();
            }
            Self::Crashed => {
                suite.postgres().crash().unwrap();
                suite.postgres().start_again().unwrap();
            }
            Self::ReplicasKilled => SERVICES.into_iter().for_each(|service| suite.replica(service, 1).kill()),
        }
    }
}

/// An import of an export whose figures are known.
struct Import {
    export: PathBuf,
    expected: Value,
    process: Option<Child>,
    _folder: tempfile::TempDir,
}

impl Import {
    /// Of so many orders of a directory of Olist's shape.
    fn of(olist: &Path, orders: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let export = folder.path().to_owned();
        first_orders(olist, orders, &export);
        Self { expected: olist_figures(&export), export, process: None, _folder: folder }
    }

    fn begin(&mut self, suite: &Suite) {
        self.process = Some(suite.begin(&["import", "olist", &self.export.to_string_lossy()]));
    }

    /// Waits until a figure has come to so many hundredths of what it will be, while the import runs; one that gave up
    /// is begun again.
    fn until(&mut self, suite: &Suite, figure: &str, percent: i64) {
        let whole = self.expected[figure].as_i64().unwrap();
        suite.wait_for(figure, whole * percent / 100);
        let ended = self.process.as_mut().unwrap().try_wait().unwrap();
        assert!(
            !ended.is_some_and(|status| status.success()),
            "the import was over before {figure} was at {percent} %"
        );
        if ended.is_some() {
            eprintln!("the import gave up before {figure} was at {percent} %, and is begun again");
            self.begin(suite);
        }
    }

    /// Lets it come to its end, once more where it gave up; then all is as the files say, however often it is done.
    fn end(mut self, suite: &Suite) {
        let output = self.process.take().unwrap().wait_with_output().unwrap();
        if !output.status.success() {
            eprintln!("the import gave up, and is begun again: {}{}", text(&output.stdout), text(&output.stderr));
            suite.import(&self.export);
        }
        assert_eq!(suite.figures(), self.expected);
        suite.verify();
        suite.import(&self.export);
        assert_eq!(suite.figures(), self.expected, "imported again");
        suite.verify();
    }
}

/// Imports, and has each fault strike when its figure has come so far.
fn comes_through(orders: usize, plan: Plan, faults: &[(&str, i64, Fault)]) -> Option<Suite> {
    let mut import = Import::of(&guanxi_testkit::olist()?, orders);
    let mut suite = plan.start();
    import.begin(&suite);
    for (figure, percent, fault) in faults {
        import.until(&suite, figure, *percent);
        fault.strike(&mut suite);
    }
    import.end(&suite);
    Some(suite)
}

#[test]
fn each_of_four_processes_may_be_killed() {
    let faults = [
        ("customers", 40, Fault::Killed("customer")),
        ("reviews", 50, Fault::Killed("feedback")),
        ("orders", 10, Fault::Killed("loyalty")),
        ("packages", 25, Fault::Killed("logistics")),
        ("orders", 60, Fault::Killed("customer")),
        ("points_earned", 75, Fault::Killed("loyalty")),
        ("delivered", 85, Fault::Killed("logistics")),
    ];
    comes_through(ALL, Plan::apart(), &faults);
}

#[test]
fn redis_may_forget_and_postgresql_may_crash() {
    let faults = [
        ("orders", 20, Fault::Flushed),
        ("orders", 40, Fault::Crashed),
        ("orders", 60, Fault::RedisGone),
        ("delivered", 70, Fault::Flushed),
        ("delivered", 85, Fault::Crashed),
        // Towards the end, when nothing else moves until the dead one's leases have run out.
        ("orders", 98, Fault::Killed("customer")),
        ("orders", 98, Fault::Crashed),
    ];
    comes_through(FEW, Plan::apart(), &faults);
}

#[test]
fn replicas_share_the_work_and_may_be_lost() {
    let faults = [
        ("customers", 50, Fault::Stopped("customer")),
        ("orders", 30, Fault::Stopped("logistics")),
        ("orders", 50, Fault::ReplicasKilled),
        ("orders", 70, Fault::Stopped("loyalty")),
        ("delivered", 80, Fault::Stopped("feedback")),
    ];
    let Some(mut suite) = comes_through(FEW, Plan::apart().replicas(2), &faults) else { return };
    let figures = suite.figures();
    SERVICES.into_iter().for_each(|service| suite.replica(service, 1).start_again());
    suite.verify();
    assert_eq!(suite.figures(), figures, "replicas that come back change nothing");
}
