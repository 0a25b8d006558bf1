//! Backups are taken while the services work, and restored to where nothing is: what was acknowledged before is there, what
//! one service has forgotten and another not is made up for, and nothing is done twice.

mod pgbackrest;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Instant;

use guanxi_client::Client;
use guanxi_e2e::load::{Load, Tally, World};
use guanxi_testkit::process::{KEY, Plan, SERVICES, Suite, guanxi, text};
use guanxi_testkit::{OwnPostgres, OwnRedis};

/// Callers at once.
const CALLERS: usize = 4;
/// Calls before, between and after backups.
const CALLS: u64 = 200;

fn run(command: &mut Command) -> Output {
    command.output().expect("guanxi can be run")
}

fn well(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// What is said of a command that must fail, in one line.
fn refused(command: &mut Command) -> String {
    let output = run(command);
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.lines().count() == 1, "{command:?}: {}{said}", text(&output.stdout));
    said
}

fn backup(suite: &Suite, to: &Path) {
    let said = well(guanxi().args(["backup", "--data-dir"]).arg(suite.dir().join("data")).arg("--to").arg(to));
    assert!(said.starts_with("backed up: loyalty, feedback, logistics, customer; "), "{said}");
}

fn restore(services: &[&str], from: &Path, data: &Path) -> Command {
    let mut command = guanxi();
    command.arg("restore").args(services).arg("--from").arg(from).arg("--data-dir").arg(data);
    command
}

/// The calls of these kinds that were acknowledged before an instant.
fn before(tally: &Tally, instant: Instant, kinds: &[&str]) -> Vec<u64> {
    let earlier = tally.acknowledged.iter().filter(|(n, at)| *at <= instant && kinds.contains(&World::kind(*n)));
    earlier.map(|(n, _)| *n).collect()
}

/// Looks for these calls, goes on with the load, and looks for those that came in addition.
async fn goes_on(suite: &Suite, world: &Arc<World>, mut kept: Vec<u64>, what: &str) {
    let client = suite.client();
    let found = world.look_for(&client, &kept).await.unwrap();
    println!("{what}: {found}");
    assert!(found.lost.is_empty() && found.twice.is_empty(), "{what}: {found}");
    let load = Load::start(world, std::slice::from_ref(&client), CALLERS);
    load.more(CALLS).await;
    let tally = load.stop().await;
    assert_eq!(tally.failed, Vec::<String>::new());
    kept.extend(tally.acknowledged.iter().map(|(n, _)| *n));
    let found = world.look_for(&client, &kept).await.unwrap();
    println!("{what}, and gone on: {found}");
    assert!(found.lost.is_empty() && found.twice.is_empty(), "{what}, and gone on: {found}");
    suite.verify();
}

/// A load with two backups in it, `one` and `two`; what was acknowledged, and when each backup began.
async fn two_backups(client: Client, mut take: impl FnMut(&str)) -> (Arc<World>, Tally, [Instant; 2]) {
    let world = Arc::new(World::make(&client).await.unwrap());
    let load = Load::start(&world, &[client], CALLERS);
    let mut began = [Instant::now(); 2];
    for (at, name) in ["one", "two"].into_iter().enumerate() {
        load.more(CALLS).await;
        began[at] = Instant::now();
        // Backups wait for disks: callers go on meanwhile.
        tokio::task::block_in_place(|| take(name));
    }
    load.more(CALLS).await;
    let tally = load.stop().await;
    assert_eq!(tally.failed, Vec::<String>::new());
    (world, tally, began)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_services_are_backed_up_at_work_and_restored_each_to_a_moment_of_its_own() {
    let suite = Suite::start();
    let dir = suite.dir().to_owned();
    let (world, tally, [one, two]) = two_backups(suite.client(), |name| backup(&suite, &dir.join(name))).await;
    println!("backups under load: {tally}");
    let (_, _folder) = suite.end();
    // Orders are the teller's; their points are its listeners'.
    let kept = |orders, others| {
        [before(&tally, orders, &["orders"]), before(&tally, others, &["points", "scans", "reviews"])].concat()
    };
    for (what, from_one, kept) in [
        ("all together", &[][..], kept(two, two)),
        ("the teller further back than its listeners", &["customer"][..], kept(one, two)),
        ("listeners further back than their teller", &["loyalty", "logistics", "feedback"][..], kept(two, one)),
    ] {
        let data = dir.join(what.replace(' ', "-"));
        let from_two: Vec<_> = SERVICES.into_iter().filter(|service| !from_one.contains(service)).collect();
        if !from_one.is_empty() {
            well(&mut restore(from_one, &dir.join("one"), &data));
        }
        well(&mut restore(&from_two, &dir.join("two"), &data));
        let restored = Plan::embedded().data(&data).start();
        goes_on(&restored, &world, kept, what).await;
        restored.end();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_backed_up_or_restored_is_refused_in_a_line_and_nothing_is_changed() {
    let suite = Suite::start();
    World::make(&suite.client()).await.unwrap();
    let (data, copy) = (suite.dir().join("data"), suite.dir().join("copy"));
    backup(&suite, &copy);
    let again = refused(guanxi().args(["backup", "--data-dir"]).arg(&data).arg("--to").arg(&copy));
    assert!(again.contains("there is something in it"), "{again}");
    let nowhere = refused(guanxi().args(["backup", "--data-dir", "nowhere"]).arg("--to").arg(suite.dir().join("x")));
    assert!(nowhere.contains("nowhere/loyalty.db"), "{nowhere}");
    assert!(!suite.dir().join("x.part").exists(), "a backup that failed is in the way of the next one");
    let in_use = refused(&mut restore(&[], &copy, &data));
    assert!(in_use.contains("another guanxi process uses the data directory"), "{in_use}");
    let none = refused(&mut restore(&[], &data, &suite.dir().join("y")));
    assert!(none.contains("is no backup of `guanxi backup`"), "{none}");

    let (_, folder) = suite.end();
    let not_empty = refused(&mut restore(&[], &copy, &data));
    assert!(not_empty.contains("is there; restore into an empty directory"), "{not_empty}");
    let fresh = folder.path().join("fresh");
    let file = copy.join("loyalty.db");
    let whole = std::fs::read(&file).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    std::fs::write(&file, damaged).unwrap();
    let wrong = refused(&mut restore(&[], &copy, &fresh));
    assert!(wrong.contains("loyalty.db") && wrong.contains("size or checksum differ"), "{wrong}");
    std::fs::write(&file, whole).unwrap();
    let manifest = copy.join("manifest.json");
    let told = std::fs::read_to_string(&manifest).unwrap();
    let year = told.find("\"time\": \"20").unwrap() + 9;
    std::fs::write(&manifest, format!("{}2001{}", &told[..year], &told[year + 4..])).unwrap();
    let old = refused(&mut restore(&["customer"], &copy, &fresh));
    assert!(old.contains("events.retention") && old.contains("restore all services"), "{old}");
    let said = well(&mut restore(&[], &copy, &fresh));
    assert_eq!(said.lines().count(), SERVICES.len(), "{said}");
    let restored = Plan::embedded().data(&fresh).start();
    restored.verify();
    assert_eq!(restored.figures()["customers"], 16);
}

/// What docs/backup.md shows in a language, such as `sh`, below one of its titles; in its order.
fn recipes(title: &str, language: &str) -> Vec<String> {
    let page = std::fs::read_to_string(guanxi_testkit::repository().join("docs/backup.md")).unwrap();
    let (_, below) = page.split_once(&format!("\n## {title}\n")).unwrap();
    let begins = format!("```{language}\n");
    let blocks = below.split("\n## ").next().unwrap().split(&begins).skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// Runs shell commands of it as an operator would, who has said where things are.
fn follow(recipe: &str, postgres: &OwnPostgres, redis: &OwnRedis, dir: &Path) {
    let program = PathBuf::from(guanxi().get_program());
    let mut path = program.parent().unwrap().display().to_string();
    write!(path, ":{}", std::env::var("PATH").unwrap()).unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-eu", "-c", recipe]).env("PATH", path).env("BACKUP", dir);
    shell.env("DATABASE", postgres.url("")).env("REDIS", redis.url());
    shell.env("GUANXI_AUTH__MODE", "hs256").env("GUANXI_AUTH__KEY", KEY);
    well(&mut shell);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_recipe_for_postgresql_restores_each_service_to_a_moment_of_its_own() {
    let recipes = recipes("PostgreSQL", "sh");
    let [dump, restore] = &recipes[..] else { panic!("docs/backup.md has {} recipes", recipes.len()) };
    let suite = Plan::apart().start();
    let dir = suite.dir().to_owned();
    let take = |name: &str| {
        std::fs::create_dir(dir.join(name)).unwrap();
        follow(dump, suite.postgres(), suite.redis(), &dir.join(name));
    };
    let (world, tally, [one, two]) = two_backups(suite.client(), take).await;
    println!("dumps under load: {tally}");
    let (servers, _folder) = suite.end();
    let (_lost, redis) = servers.unwrap();

    // The teller's database of one moment, its listeners' of another, on another server; Redis as it was left.
    std::fs::copy(dir.join("one/customer.dump"), dir.join("two/customer.dump")).unwrap();
    let postgres = OwnPostgres::start().unwrap();
    follow(restore, &postgres, &redis, &dir.join("two"));
    let restored = Plan::apart().on(postgres, redis).start();
    let others = before(&tally, two, &["points", "scans", "reviews"]);
    let kept = [before(&tally, one, &["orders"]), others].concat();
    goes_on(&restored, &world, kept, "PostgreSQL, the teller further back").await;
}
