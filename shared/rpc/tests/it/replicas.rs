//! Calls spread over the replicas behind a name, whoever comes and goes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use guanxi_contracts::common::v1::WatchJobRequest;
use guanxi_contracts::common::v1::job_service_client::JobServiceClient;
use guanxi_rpc::transport::RemoteSettings;
use guanxi_rpc::{Failure, Resolver, ServerSettings, StackSettings, Transport};
use tokio::task::JoinHandle;
use tonic::Code;

use crate::fixture::{Process, Way, failure, job};

/// A name whose addresses the test changes.
#[derive(Clone, Default)]
struct Name(Arc<Mutex<Vec<SocketAddr>>>);

impl Name {
    fn set(&self, processes: &[&Process]) {
        let addresses = processes.iter().map(|process| process.address.parse().expect("an address"));
        *self.0.lock().expect("not poisoned") = addresses.collect();
    }

    fn jobs(&self) -> JobServiceClient<Transport> {
        let name = self.clone();
        let resolver = Resolver::new(move |host, port| {
            assert_eq!((host.as_str(), port), ("loyalty-pods", 7400));
            let addresses = name.0.lock().expect("not poisoned").clone();
            async move { Ok(addresses) }
        });
        let settings =
            RemoteSettings { resolver, resolve_every: Duration::from_millis(20), ..RemoteSettings::default() };
        JobServiceClient::new(Transport::remote("http://loyalty-pods:7400", &settings).expect("a URL"))
    }
}

/// The replica that answered, as it named itself.
async fn answered_by(jobs: &mut JobServiceClient<Transport>) -> Result<String, Failure> {
    Ok(jobs.get_job(job("who")).await?.into_inner().job.expect("a job").kind)
}

/// Calls until `enough` of the answers so far.
async fn until(jobs: &mut JobServiceClient<Transport>, enough: impl Fn(&BTreeMap<String, u32>) -> bool) {
    let (mut answers, patience) = (BTreeMap::new(), Instant::now() + Duration::from_secs(10));
    while !enough(&answers) {
        assert!(Instant::now() < patience, "it does not come about: {answers:?}");
        *answers.entry(answered_by(jobs).await.expect("an answer")).or_default() += 1;
    }
}

#[tokio::test]
async fn calls_go_round_and_find_replicas_that_come() {
    let [a, b, c] = [Process::named("a").await, Process::named("b").await, Process::named("c").await];
    let name = Name::default();
    name.set(&[&a, &b]);
    let mut jobs = name.jobs();
    until(&mut jobs, |answers| answers.len() == 2).await;
    let mut answers = BTreeMap::<_, u32>::new();
    for _ in 0..100 {
        *answers.entry(answered_by(&mut jobs).await.expect("an answer")).or_default() += 1;
    }
    assert_eq!(answers, BTreeMap::from([("a".to_owned(), 50), ("b".to_owned(), 50)]));
    name.set(&[&b, &c]);
    until(&mut jobs, |answers| answers.contains_key("c")).await;
    for _ in 0..20 {
        assert_ne!(answered_by(&mut jobs).await.expect("an answer"), "a", "it is not behind the name any more");
    }
}

/// Eight callers with two hundred calls each, made again while they say that the same call may be; how many were.
fn callers(jobs: &JobServiceClient<Transport>) -> Vec<JoinHandle<u32>> {
    let caller = |mut jobs: JobServiceClient<Transport>| async move {
        let mut again = 0;
        for _ in 0..200 {
            while let Err(error) = answered_by(&mut jobs).await {
                assert!(error.is_transient(), "{error}");
                again += 1;
            }
        }
        again
    };
    (0..8).map(|_| tokio::spawn(caller(jobs.clone()))).collect()
}

async fn made_again(callers: Vec<JoinHandle<u32>>) -> u32 {
    let mut again = 0;
    for caller in callers {
        again += caller.await.expect("no call failed for good");
    }
    again
}

#[tokio::test]
async fn a_replica_that_ends_costs_no_call() {
    let [mut a, b] = [Process::named("a").await, Process::named("b").await];
    let name = Name::default();
    name.set(&[&a, &b]);
    let mut jobs = name.jobs();
    until(&mut jobs, |answers| answers.len() == 2).await;
    let callers = callers(&jobs);
    // It ends as in a rollout, and the name goes on naming it, as names do for a while.
    a.shutdown.begin();
    a.server.take().expect("a server").await.expect("it ends");
    assert_eq!(made_again(callers).await, 0);
}

#[tokio::test]
async fn a_replica_that_is_killed_costs_no_call_that_is_made_again() {
    let [mut a, b] = [Process::named("a").await, Process::named("b").await];
    let name = Name::default();
    name.set(&[&a, &b]);
    let mut jobs = name.jobs();
    until(&mut jobs, |answers| answers.len() == 2).await;
    let callers = callers(&jobs);
    tokio::task::yield_now().await;
    a.server.take().expect("a server").abort();
    eprintln!("{} of 1,600 calls were made again", made_again(callers).await);
    for _ in 0..20 {
        assert_eq!(answered_by(&mut jobs).await.expect("an answer"), "b");
    }
}

#[tokio::test]
async fn nobody_there_is_unavailable_and_whoever_comes_is_found_at_once() {
    let name = Name::default();
    let mut jobs = name.jobs();
    let gone = failure(jobs.get_job(job("x")).await);
    assert_eq!((gone.code, gone.reason.as_str()), (Code::Unavailable, "PEER_UNAVAILABLE"));
    let a = Process::named("a").await;
    name.set(&[&a]);
    assert_eq!(answered_by(&mut jobs).await.expect("an answer"), "a");
}

#[tokio::test]
async fn an_old_connection_is_made_anew_and_its_streams_are_told_to_come_back() {
    let settings = ServerSettings {
        connection_age: Duration::from_millis(50),
        connection_grace: Duration::from_millis(50),
        ..ServerSettings::default()
    };
    let process = Process::serving(StackSettings::default(), settings).await;
    let mut jobs = process.jobs();
    let watched = WatchJobRequest { name: job("x").name };
    let mut stream = jobs.watch_job(watched).await.expect("a stream").into_inner();
    stream.message().await.expect("the first").expect("one");
    let until = Instant::now() + Duration::from_millis(400);
    let mut calls = 0;
    while Instant::now() < until {
        jobs.get_job(job("x")).await.expect("no call fails");
        calls += 1;
    }
    let ended = Failure::from(stream.message().await.expect_err("it ended"));
    assert_eq!((ended.code, ended.reason.as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
    assert!(ended.is_transient() && calls > 10);
}

#[tokio::test]
async fn a_call_that_outlives_its_connections_age_is_answered() {
    let settings = ServerSettings {
        connection_age: Duration::from_millis(20),
        connection_grace: Duration::ZERO,
        ..ServerSettings::default()
    };
    let process = Process::serving(StackSettings::default(), settings).await;
    process.jobs().get_job(job("brief")).await.expect("an answer after 100 ms");
    let local = Process::start(Way::InProcess).await;
    local.jobs().get_job(job("x")).await.expect("an answer");
}
