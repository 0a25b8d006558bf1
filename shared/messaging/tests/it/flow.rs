//! From one service's outbox to another's state, exactly once, whatever happens to the bus and to the processes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use guanxi_contracts::customer::events::v1::{CustomerCreated, CustomerUpdated};
use guanxi_kernel::{Call, OrganizationId, SystemClock};
use guanxi_messaging::{
    Bus, Consumer, Consumers, Delivered, Handler, MemoryBus, Outcome, RedisBus, Relay, ReplayError, Replays, event,
};
use guanxi_store::outbox::{NumberedEvent, Position};
use guanxi_store::sea_orm::{ConnectionTrait, Statement};
use guanxi_store::{Database, DatabaseConfig, StoreError, Tx};
use guanxi_testkit::{OwnRedis, OwnRedisCluster};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Asks the producer's database directly, where a service would ask by RPC.
struct Direct(Database);

#[async_trait]
impl Replays for Direct {
    async fn replay(
        &self,
        _: &str,
        partition: u32,
        after: Position,
        limit: usize,
    ) -> Result<Vec<NumberedEvent>, ReplayError> {
        let limit = u32::try_from(limit).unwrap();
        self.0.outbox_after(partition, after, limit).await.map_err(|e| ReplayError(e.to_string()))
    }

    async fn confirm(
        &self,
        _: &str,
        consumer: &str,
        positions: Vec<(u32, Position)>,
    ) -> Result<Vec<(u32, Position)>, ReplayError> {
        self.0.confirm_outbox(consumer, &positions).await.map_err(|e| ReplayError(e.to_string()))?;
        self.0.outbox_heads().await.map_err(|e| ReplayError(e.to_string()))
    }
}

/// Counts each customer; an effect. Names that end in "dead" cannot be handled.
struct Count;

#[async_trait]
impl Handler for Count {
    type Event = CustomerCreated;

    async fn handle(&self, tx: &Tx, events: &[Delivered<CustomerCreated>]) -> Result<Vec<Outcome>, StoreError> {
        for Delivered { event, .. } in events {
            if event.customer.ends_with("dead") {
                return Err(StoreError::Row("this customer cannot be counted".into()));
            }
            let sql = "INSERT INTO counted (name, times) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET times = counted.times + 1";
            tx.conn()
                .execute_raw(Statement::from_sql_and_values(tx.backend(), sql, [event.customer.as_str().into()]))
                .await?;
            tx.known(event.customer.clone());
        }
        Ok(events.iter().map(|_| Outcome::Done).collect())
    }
}

/// Counts an update of a customer who is counted; parks that of one who is not yet. An effect.
struct CountUpdate;

#[async_trait]
impl Handler for CountUpdate {
    type Event = CustomerUpdated;

    async fn handle(&self, tx: &Tx, events: &[Delivered<CustomerUpdated>]) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = Vec::new();
        for Delivered { event, .. } in events {
            let sql = "UPDATE counted SET times = times + 100 WHERE name = $1";
            let done = tx
                .conn()
                .execute_raw(Statement::from_sql_and_values(tx.backend(), sql, [event.customer.as_str().into()]))
                .await?;
            outcomes.push(if done.rows_affected() == 1 {
                Outcome::Done
            } else {
                Outcome::Park(event.customer.clone())
            });
        }
        Ok(outcomes)
    }
}

struct Flow {
    producer: Database,
    consumer: Database,
    bus: Arc<dyn Bus>,
    _folder: tempfile::TempDir,
}

struct Running {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
    }

    /// As `kill -9` does: whatever they are at is dropped.
    async fn kill(self) {
        for task in self.tasks {
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
    }
}

impl Flow {
    async fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = DatabaseConfig::Sqlite { data_dir: folder.path().to_owned(), readers: 2 };
        Self::open(&config, &config, Arc::new(MemoryBus::default()), folder).await
    }

    async fn remote(redis: &OwnRedis) -> Self {
        Self::over(RedisBus::server(&redis.url(), None).unwrap()).await
    }

    async fn over(bus: RedisBus) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut configs = Vec::new();
        for _ in 0..2 {
            let url = guanxi_testkit::postgres::fresh_database().await.unwrap();
            configs.push(DatabaseConfig::Postgres { url, connections: 6 });
        }
        Self::open(&configs[0], &configs[1], Arc::new(bus), folder).await
    }

    async fn open(p: &DatabaseConfig, c: &DatabaseConfig, bus: Arc<dyn Bus>, folder: tempfile::TempDir) -> Self {
        let producer = Database::connect("customer", p, 2, Arc::new(SystemClock)).await.unwrap();
        let consumer = Database::connect("loyalty", c, 2, Arc::new(SystemClock)).await.unwrap();
        producer.migrate(Vec::new()).await.unwrap();
        consumer.migrate(Vec::new()).await.unwrap();
        let table = "CREATE TABLE counted (name varchar(80) PRIMARY KEY, times bigint NOT NULL)";
        consumer
            .slice(&Call::internal("test"), |tx| async move {
                tx.conn().execute_unprepared(table).await?;
                Ok(())
            })
            .await
            .unwrap();
        Self { producer, consumer, bus, _folder: folder }
    }

    fn start(&self) -> Running {
        let stop = CancellationToken::new();
        let handlers = Consumers::new().on("customer", Count).on("customer", CountUpdate);
        let replays = Arc::new(Direct(self.producer.clone()));
        let relay = Relay::new(self.producer.clone(), Arc::clone(&self.bus));
        let consumer = Consumer::new(self.consumer.clone(), Arc::clone(&self.bus), handlers, replays);
        let tasks = vec![tokio::spawn(relay.run(stop.clone())), tokio::spawn(consumer.run(stop.clone()))];
        Running { stop, tasks }
    }

    async fn create(&self, names: impl IntoIterator<Item = String>) {
        for name in names {
            self.tell(&name, 1, &CustomerCreated { customer: name.clone(), ..CustomerCreated::default() }).await;
        }
    }

    async fn tell<E: guanxi_contracts::Event>(&self, name: &str, version: i64, message: &E) {
        let new = event(
            name,
            version,
            &OrganizationId::default_organization(),
            "2026-01-01T00:00:00Z".parse().unwrap(),
            false,
            message,
        );
        let new = &new;
        self.producer
            .slice(&Call::internal("test"), |tx| async move {
                tx.emit(new.clone());
                Ok(())
            })
            .await
            .unwrap();
    }

    /// How many customers are counted, and the sum of their counts.
    async fn counted(&self) -> (i64, i64) {
        let sql = "SELECT COUNT(*) AS n, CAST(COALESCE(SUM(times), 0) AS bigint) AS s FROM counted";
        let row = self
            .consumer
            .unfiltered()
            .query_one_raw(Statement::from_string(self.consumer.backend(), sql))
            .await
            .unwrap()
            .unwrap();
        (row.try_get("", "n").unwrap(), row.try_get("", "s").unwrap())
    }

    async fn until(&self, wanted: (i64, i64)) {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let counted = self.counted().await;
            if counted == wanted {
                return;
            }
            assert!(Instant::now() < until, "counted {counted:?}, not {wanted:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn names(range: std::ops::Range<i32>) -> impl Iterator<Item = String> {
    range.map(|n| format!("customers/{n:03}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_arrives_once_embedded() {
    let flow = Flow::embedded().await;
    let running = flow.start();
    flow.create(names(0..300)).await;
    flow.until((300, 300)).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_bus_that_forgets_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = DatabaseConfig::Sqlite { data_dir: folder.path().to_owned(), readers: 2 };
    let bus = MemoryBus::default();
    let flow = Flow::open(&config, &config, Arc::new(bus.clone()), folder).await;
    let running = flow.start();
    for round in 0..20 {
        flow.create(names(round * 10..(round + 1) * 10)).await;
        bus.forget();
    }
    flow.until((200, 200)).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_written_while_nobody_ran_arrive_at_the_next_start() {
    let flow = Flow::embedded().await;
    flow.create(names(0..30)).await;
    let running = flow.start();
    flow.until((30, 30)).await;
    running.kill().await;
    flow.create(names(30..60)).await;
    let running = flow.start();
    flow.until((60, 60)).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_killed_again_and_again_do_nothing_twice() {
    let flow = Flow::embedded().await;
    let mut running = flow.start();
    for round in 0..15 {
        flow.create(names(round * 20..(round + 1) * 20)).await;
        running.kill().await;
        running = flow.start();
    }
    flow.until((300, 300)).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flushing_and_killing_redis_loses_nothing_and_does_nothing_twice() {
    let mut redis = OwnRedis::start().unwrap();
    let flow = Flow::remote(&redis).await;
    let running = flow.start();
    flow.create(names(0..50)).await;
    redis.flush_all().unwrap();
    flow.create(names(50..100)).await;
    redis.crash().unwrap();
    flow.create(names(100..150)).await;
    flow.until((150, 150)).await;
    redis.start_again().unwrap();
    redis.flush_all().unwrap();
    flow.create(names(150..200)).await;
    flow.until((200, 200)).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_whose_masters_go_and_come_back_loses_nothing() {
    let mut cluster = OwnRedisCluster::start().unwrap();
    let flow = Flow::over(RedisBus::cluster(&cluster.url(), None).unwrap()).await;
    let running = flow.start();
    flow.create(names(0..50)).await;
    flow.until((50, 50)).await;
    for master in 0..3 {
        cluster.crash(master).unwrap();
    }
    flow.create(names(50..100)).await;
    flow.until((100, 100)).await;
    for master in [2, 0] {
        cluster.begin_again(master).unwrap();
    }
    cluster.start_again(1).unwrap();
    cluster.flush_all().unwrap();
    flow.create(names(100..150)).await;
    flow.until((150, 150)).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_share_the_work_and_do_it_once() {
    let redis = OwnRedis::start().unwrap();
    let flow = Flow::remote(&redis).await;
    let (one, two) = (flow.start(), flow.start());
    flow.create(names(0..100)).await;
    flow.until((100, 100)).await;
    one.kill().await;
    flow.create(names(100..200)).await;
    flow.until((200, 200)).await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_epoch_is_replayed_and_what_was_handled_is_not_handled_again() {
    let flow = Flow::embedded().await;
    let running = flow.start();
    flow.create(names(0..20)).await;
    flow.until((20, 20)).await;
    running.stop().await;
    flow.producer.restored().await.unwrap();
    flow.create(names(20..40)).await;
    let running = flow.start();
    flow.until((40, 40)).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_epoch_of_an_outbox_that_was_emptied_begins_with_what_comes_next() {
    let flow = Flow::embedded().await;
    let running = flow.start();
    flow.create(names(0..20)).await;
    flow.until((20, 20)).await;
    running.stop().await;
    let later = guanxi_kernel::Clock::now(&SystemClock) + jiff::SignedDuration::from_hours(1);
    assert!(flow.producer.prune_outbox(later).await.unwrap() > 0, "all was confirmed at the end");
    flow.producer.restored().await.unwrap();
    let running = flow.start();
    flow.create(names(20..40)).await;
    flow.until((40, 40)).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_about_something_not_known_yet_waits_for_it() {
    let flow = Flow::embedded().await;
    let running = flow.start();
    let name = "customers/late";
    flow.tell("customers/other", 1, &CustomerUpdated { customer: name.into(), ..CustomerUpdated::default() }).await;
    flow.create([name.to_owned()]).await;
    flow.until((1, 101)).await;
    assert_eq!(flow.consumer.inbox_waiting().await.unwrap(), (0, 0));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_cannot_be_handled_becomes_a_dead_letter_and_holds_up_no_other() {
    let flow = Flow::embedded().await;
    let running = flow.start();
    flow.create(["customers/a", "customers/dead", "customers/b"].map(str::to_owned)).await;
    flow.until((2, 2)).await;
    let until = Instant::now() + Duration::from_secs(30);
    while flow.consumer.inbox_waiting().await.unwrap() != (0, 1) {
        assert!(Instant::now() < until, "the dead letter is not kept");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.stop().await;
}
