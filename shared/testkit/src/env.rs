//! Running services, as a test sees them: clients, events in and out, the clock, the moment when all is quiet.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use guanxi_client::Client;
use guanxi_contracts::Event;
use guanxi_contracts::common::v1::{
    GetFlowLagRequest, InvariantViolation, ServiceFlow, VerifyRequest, verify_response::Item,
};
use guanxi_kernel::{Call, Clock, SystemClock, TestClock};
use guanxi_rpc::{Claims, Key, Transport};
use guanxi_runtime::{Jobs, Process};
use guanxi_store::outbox::{Position, StoredEvent};
use guanxi_store::{Database, NewEvent};

use crate::redis::OwnRedis;
use crate::setup::{Plan, SECRET};
use crate::{Combination, probe};

/// How long everything may take to become quiet.
const PATIENCE: Duration = Duration::from_secs(30);

/// Services at work for one test.
pub struct Env {
    plan: Plan,
    processes: Mutex<Vec<Arc<Process>>>,
    clock: Option<Arc<TestClock>>,
    redis: Option<OwnRedis>,
    _folder: tempfile::TempDir,
}

impl Env {
    pub(crate) fn new(
        plan: Plan,
        processes: Vec<Process>,
        clock: Option<Arc<TestClock>>,
        redis: Option<OwnRedis>,
        folder: tempfile::TempDir,
    ) -> Self {
        let processes = Mutex::new(processes.into_iter().map(Arc::new).collect());
        Self { plan, processes, clock, redis, _folder: folder }
    }

    /// What it runs over.
    pub fn combination(&self) -> Combination {
        self.plan.combination
    }

    /// A client that may do everything with everyone's data.
    pub fn client(&self) -> Client {
        self.client_as("test", &["*"], &["*"])
    }

    /// A client whose token says so: scopes such as `loyalty.points.write`, organisations such as `cn:rw`, `hk:r`, `*`.
    pub fn client_as(&self, subject: &str, scopes: &[&str], organizations: &[&str]) -> Client {
        self.client_with(Some(&self.token(subject, scopes, organizations)))
    }

    fn token(&self, subject: &str, scopes: &[&str], organizations: &[&str]) -> String {
        let expires = SystemClock.now().as_second() + 3600;
        let claims = Claims {
            sub: subject.to_owned(),
            exp: expires.unsigned_abs(),
            scope: scopes.join(" "),
            organizations: organizations.iter().map(|name| (*name).to_owned()).collect(),
        };
        let key = Key::Secret(SECRET.as_bytes().to_vec());
        guanxi_rpc::token::sign(&key, &claims).expect("the key signs")
    }

    /// A client that may do everything, of one replica of each service, from 0; of the only one where there is one.
    pub fn client_of(&self, replica: usize) -> Client {
        let token = self.token("test", &["*"], &["*"]);
        let processes = self.processes();
        let services = self.plan.services.len();
        let own = processes.chunks(services.max(1)).nth(replica).map(<[_]>::to_vec);
        self.client_to(own.filter(|own| own.len() == services).unwrap_or(processes), Some(&token))
    }

    /// A client that sends this token, or none.
    pub fn client_with(&self, token: Option<&str>) -> Client {
        self.client_to(self.processes(), token)
    }

    fn client_to(&self, processes: Vec<Arc<Process>>, token: Option<&str>) -> Client {
        let mut builder = Client::builder();
        // The first replica of each service comes last, and so is the one that is called.
        for process in processes.into_iter().rev() {
            builder = match process.address() {
                Some(address) => process
                    .services()
                    .into_iter()
                    .fold(builder, |builder, service| builder.endpoint_for(service, &format!("http://{address}"))),
                None => builder.transport(process.transport()),
            };
        }
        if let Some(token) = token {
            builder = builder.token(token);
        }
        builder.build().expect("the test's own endpoints can be called")
    }

    /// The way to one service, with a token that may do everything.
    pub fn transport(&self, service: &str) -> Transport {
        self.client().to(service)
    }

    /// The database of one service.
    pub fn database(&self, service: &str) -> Database {
        let found = self.processes().iter().find_map(|process| process.database(service).cloned());
        found.unwrap_or_else(|| panic!("no service {service} runs in this test"))
    }

    /// The jobs of one service.
    pub fn jobs(&self, service: &str) -> Jobs {
        let processes = self.processes();
        let found = processes.iter().flat_map(|process| process.jobs()).find(|jobs| jobs.service() == service);
        found.cloned().unwrap_or_else(|| panic!("no service {service} runs in this test"))
    }

    /// The test's clock.
    pub fn clock(&self) -> &TestClock {
        self.clock.as_deref().expect("this test runs on the machine's clock")
    }

    /// Has a service (a stand-in, most times) tell these events, in one transaction.
    pub async fn tell(&self, service: &str, events: impl IntoIterator<Item = NewEvent>) {
        let events: Vec<_> = events.into_iter().collect();
        let (events, db, call) = (&events, self.database(service), Call::internal("test"));
        let told = db.slice(&call, |tx| async move {
            events.iter().for_each(|event| tx.emit(event.clone()));
            Ok(())
        });
        told.await.expect("the events are written");
    }

    /// All events that a service has told, in the order of their partitions and numbers. Settle first.
    pub async fn events(&self, service: &str) -> Vec<StoredEvent> {
        probe::events(&self.database(service)).await
    }

    /// The events of one type that a service has told, as sent. Settle first.
    pub async fn events_of<E: Event>(&self, service: &str) -> Vec<E> {
        let events = self.events(service).await.into_iter().filter(|event| event.event_type == E::TYPE);
        events.map(|event| E::decode(event.payload.as_slice()).expect("a service's event decodes")).collect()
    }

    /// Waits until every event is published and handled, or parked, everywhere.
    ///
    /// # Panics
    /// Where that takes longer than half a minute.
    pub async fn settle(&self) {
        let until = Instant::now() + PATIENCE;
        let mut before = None;
        loop {
            let flows = self.flow().await;
            let quiet = flows.iter().all(|flow| flow.outbox_waiting == 0) && behind(&flows).is_empty();
            // Looking takes a while, in which one may pass on what another was seen without: the same twice is quiet.
            if quiet && before.as_ref() == Some(&flows) {
                return;
            }
            assert!(Instant::now() < until, "events do not settle: {:?} of {flows:#?}", behind(&flows));
            before = quiet.then_some(flows);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What is on its way between the services.
    pub async fn flow(&self) -> Vec<ServiceFlow> {
        let client = self.client();
        let mut flows = Vec::new();
        for process in self.processes() {
            let mut admin = client.admin(process.services()[0]);
            let answer = admin.get_flow_lag(GetFlowLagRequest::default()).await.expect("the flow is told");
            flows.extend(answer.into_inner().services);
        }
        flows
    }

    /// Runs all jobs that are due by the clock, to their end.
    pub async fn run_jobs(&self) {
        for process in self.processes() {
            for jobs in process.jobs() {
                jobs.settle().await;
            }
        }
    }

    /// Checks every invariant of every service.
    ///
    /// # Panics
    /// With the rows that break one.
    pub async fn verify(&self) {
        let broken = self.violations().await;
        assert!(broken.is_empty(), "invariants are broken: {broken:#?}");
    }

    /// The rows that break an invariant of a service.
    pub async fn violations(&self) -> Vec<InvariantViolation> {
        let client = self.client();
        let mut broken = Vec::new();
        for process in self.processes() {
            let mut admin = client.admin(process.services()[0]);
            let mut answers = admin.verify(VerifyRequest::default()).await.expect("the services verify").into_inner();
            while let Some(answer) = answers.try_next().await.expect("the services verify to the end") {
                match answer.item {
                    Some(Item::Violation(violation)) => broken.push(violation),
                    Some(Item::Result(_)) | None => {}
                }
            }
        }
        broken
    }

    /// Ends all processes as by kill −9, and starts them again on the same data, after the leases that they had taken
    /// have run out.
    pub async fn crash_and_start_again(&self) {
        let names: Vec<_> = self.plan.services.iter().map(|service| service.name).collect();
        let databases: Vec<_> = names.into_iter().map(|name| self.database(name)).collect();
        drop(std::mem::take(&mut *self.lock()));
        for db in databases {
            probe::end_leases(&db).await;
        }
        let processes = self.plan.start().await.unwrap_or_else(|error| panic!("they do not start again: {error}"));
        *self.lock() = processes.into_iter().map(Arc::new).collect();
    }

    /// Redis, where the bus is one.
    pub fn redis(&self) -> Option<&OwnRedis> {
        self.redis.as_ref()
    }

    /// Ends it all in order.
    pub async fn end(self) {
        let processes = std::mem::take(&mut *self.lock());
        for process in processes {
            // Whoever still holds one lets it go with the test.
            if let Some(process) = Arc::into_inner(process) {
                process.shutdown().await;
            }
        }
    }

    fn processes(&self) -> Vec<Arc<Process>> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Process>>> {
        self.processes.lock().expect("nobody panics while holding it")
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").field("combination", &self.plan.combination).finish_non_exhaustive()
    }
}

/// The partitions of which some consumer has not handled everything: consumer, producer, partition.
fn behind(flows: &[ServiceFlow]) -> Vec<(String, String, i32)> {
    let heads: BTreeMap<(&str, i32), Position> = flows
        .iter()
        .flat_map(|flow| &flow.heads)
        .map(|head| ((head.producer.as_str(), head.partition), Position { epoch: head.epoch, number: head.number }))
        .collect();
    let mut behind = Vec::new();
    for flow in flows {
        for at in &flow.consumed {
            let head = heads.get(&(at.producer.as_str(), at.partition));
            if head.is_some_and(|head| *head != Position { epoch: at.epoch, number: at.number }) {
                behind.push((flow.service.clone(), at.producer.clone(), at.partition));
            }
        }
    }
    behind
}
