//! `make pgbackrest`: a PostgreSQL whose folder is lost comes back as it was at a moment, by the recipe of docs/backup.md and
//! Debian's pgbackrest.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use guanxi_e2e::load::{KINDS, Load, World};
use guanxi_testkit::postgres::{as_postgres, own_by_postgres};
use guanxi_testkit::process::Plan;
use guanxi_testkit::{OwnPostgres, OwnRedis};

use super::{CALLERS, CALLS, before, follow, goes_on, recipes, well};

/// How long the server may take to archive what it has written.
const PATIENCE: Duration = Duration::from_secs(60);

/// A shell of the user that the server runs as.
fn shell(commands: &str, folder: &Path) -> Command {
    let mut shell = as_postgres("sh").unwrap();
    shell.args(["-eu", "-c", commands]).current_dir(folder);
    shell
}

/// Waits until all that was written so far is in the archive.
fn archived(postgres: &OwnPostgres) {
    let ask = |sql: &str| postgres.query("postgres", sql).unwrap().concat();
    let last = ask("SELECT pg_walfile_name(pg_switch_wal())");
    let (sql, since) = (format!("SELECT last_archived_wal >= '{last}' FROM pg_stat_archiver"), Instant::now());
    while ask(&sql) != "t" {
        assert!(since.elapsed() < PATIENCE, "{last} is not archived: {}", ask("SELECT * FROM pg_stat_archiver"));
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs pgbackrest: make pgbackrest"]
async fn a_lost_server_comes_back_as_it_was_at_a_moment() {
    const TITLE: &str = "PostgreSQL, to any moment";
    let (shown, commands) = (recipes(TITLE, "ini"), recipes(TITLE, "sh"));
    let ([of_postgres, of_pgbackrest], [take, bring_back, tell]) = (&shown[..], &commands[..]) else {
        panic!("docs/backup.md has other recipes: {shown:?}, {commands:?}")
    };
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::set_permissions(dir, PermissionsExt::from_mode(0o755)).unwrap();
    own_by_postgres(dir).unwrap();
    // Folders of the test's own in the place of those of a whole machine; nothing else is changed.
    let config = dir.join("pgbackrest.conf");
    let ours =
        |text: &str| text.replace("pgbackrest --stanza", &format!("pgbackrest --config={} --stanza", config.display()));
    let mut options = format!("-c unix_socket_directories={}", dir.display());
    for (name, value) in of_postgres.lines().filter_map(|line| line.split_once(" = ")) {
        options += &format!(" -c {name}={}", ours(value));
    }
    let postgres = OwnPostgres::start_with(&options).unwrap();
    let more = format!(
        "pg1-user=postgres\npg1-port={1}\npg1-socket-path={0}\n[global]\nlock-path={0}/lock\nlog-level-file=off\n",
        dir.display(),
        postgres.port()
    );
    let found = |path: &str| assert!(of_pgbackrest.contains(path), "{of_pgbackrest} has another path than {path}");
    let (repository, server) = ("/var/lib/pgbackrest", "/var/lib/postgresql/15/main");
    found(repository);
    found(server);
    let told = of_pgbackrest
        .replace(repository, &dir.join("repository").display().to_string())
        .replace(server, &postgres.data().display().to_string());
    std::fs::write(&config, told + &more).unwrap();

    let suite = Plan::apart().on(postgres, OwnRedis::start().unwrap()).start();
    let client = suite.client();
    let world = Arc::new(World::make(&client).await.unwrap());
    let load = Load::start(&world, &[client], CALLERS);
    load.more(CALLS).await;
    let began = Instant::now();
    println!("{}", tokio::task::block_in_place(|| well(&mut shell(&ours(take), dir))));
    println!("backed up under load in {:.1} s", began.elapsed().as_secs_f64());
    load.more(CALLS).await;
    let earlier = Instant::now();
    let moment = suite.postgres().query("postgres", "SELECT clock_timestamp()").unwrap().concat();
    // Numbers are given in turn, and each caller has one call under way at the most: those from here on began later.
    let later = load.acknowledged() + u64::try_from(CALLERS).unwrap();
    load.more(CALLS).await;
    let tally = load.stop().await;
    println!("a backup under load: {tally}");
    assert_eq!(tally.failed, Vec::<String>::new());
    let kept = before(&tally, earlier, &KINDS);
    let gone: Vec<u64> = tally.acknowledged.iter().map(|(n, _)| *n).filter(|n| *n >= later).collect();
    archived(suite.postgres());
    let (servers, _folder) = suite.end();
    let (Some(postgres), redis) = servers.unwrap() else { panic!("this suite has a PostgreSQL") };

    postgres.crash().unwrap();
    std::fs::remove_dir_all(postgres.data()).unwrap();
    std::fs::create_dir(postgres.data()).unwrap();
    std::fs::set_permissions(postgres.data(), PermissionsExt::from_mode(0o700)).unwrap();
    own_by_postgres(&postgres.data()).unwrap();
    let began = Instant::now();
    println!("{}", well(shell(&ours(bring_back), dir).env("MOMENT", &moment)));
    postgres.start_again().unwrap();
    follow(tell, &postgres, &redis, dir);
    println!("restored as of {moment} in {:.1} s", began.elapsed().as_secs_f64());

    let restored = Plan::apart().on(postgres, redis).start();
    let client = restored.client();
    let of_later = world.look_for(&client, &gone).await.unwrap();
    assert!(!gone.is_empty() && of_later.found == 0, "what came after the moment is there: {of_later}");
    goes_on(&restored, &world, kept, "PostgreSQL as of a moment").await;
}
