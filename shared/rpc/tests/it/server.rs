//! What only a server on a port can get wrong: shutting down in time, and peers that misbehave or go away.

use std::time::{Duration, Instant};

use guanxi_contracts::common::v1::WatchJobRequest;
use guanxi_rpc::{Failure, Local, ServerSettings, Shutdown, Stack, StackSettings, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::Code;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::fixture::{Process, Told, Way, failure, job, remote};

/// Begins the shutdown and says how long the server took to return.
async fn shut_down(process: &mut Process) -> Duration {
    let began = Instant::now();
    process.shutdown.begin();
    let server = process.server.take().expect("a server");
    tokio::time::timeout(Duration::from_secs(5), server).await.expect("the server hangs").expect("it does not panic");
    began.elapsed()
}

#[tokio::test]
async fn a_shutdown_returns_in_time_with_an_open_stream_and_a_silent_peer() {
    let mut process = Process::start(Way::OverTcp).await;
    let silent = TcpStream::connect(&process.address).await.expect("a connection");
    let watched = WatchJobRequest { name: job("x").name };
    let mut stream = process.jobs().watch_job(watched).await.expect("a stream").into_inner();
    assert!(stream.message().await.expect("the first").is_some());

    let took = shut_down(&mut process).await;
    assert!(took < Duration::from_secs(1), "it took {took:?}");
    assert_eq!(stream.message().await.expect_err("it ended").code(), Code::Unavailable);
    drop(silent);
    TcpListener::bind(&process.address).await.expect("the port is free");
}

#[tokio::test]
async fn a_call_in_flight_is_answered_and_one_that_never_ends_is_cut() {
    let mut process = Process::start(Way::OverTcp).await;
    let (mut jobs, mut jobs_too) = (process.jobs(), process.jobs());
    let brief = tokio::spawn(async move { jobs.get_job(job("brief")).await });
    assert_eq!(process.told().await, Told::Begun);
    let endless = tokio::spawn(async move { jobs_too.get_job(job("slow")).await });
    assert_eq!(process.told().await, Told::Begun);

    let took = shut_down(&mut process).await;
    assert!(took >= Duration::from_millis(1_500) && took < Duration::from_secs(3), "it took {took:?}");
    brief.await.expect("a task").expect("it is answered");
    let cut = failure(endless.await.expect("a task"));
    assert_eq!((cut.code, cut.reason.as_str()), (Code::Unavailable, "PEER_UNAVAILABLE"));
    assert_eq!(process.told().await, Told::Dropped);
}

#[tokio::test]
async fn rubbish_on_the_port_harms_nobody() {
    let process = Process::start(Way::OverTcp).await;
    for rubbish in [&b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..], &[0xff; 100][..]] {
        let mut socket = TcpStream::connect(&process.address).await.expect("a connection");
        socket.write_all(rubbish).await.expect("it takes bytes");
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(5), socket.read_to_end(&mut answer)).await;
        assert!(closed.is_ok(), "the connection stays open");
    }
    process.jobs().get_job(job("x")).await.expect("an answer");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_found_again_when_it_is_back() {
    let mut process = Process::start(Way::OverTcp).await;
    let mut jobs = process.jobs();
    jobs.get_job(job("x")).await.expect("an answer");
    shut_down(&mut process).await;
    let gone = failure(jobs.get_job(job("x")).await);
    assert_eq!((gone.code, gone.reason.as_str()), (Code::Unavailable, "PEER_UNAVAILABLE"));
    assert!(gone.is_transient());

    let listener = TcpListener::bind(&process.address).await.expect("the port is free");
    let (shutdown, routes) = (Shutdown::new(), tonic::service::Routes::default());
    let stack = Stack::new(routes, &StackSettings::default(), &shutdown);
    tokio::spawn(serve(listener, stack, ServerSettings::default(), shutdown));
    let mut answered = failure(jobs.get_job(job("x")).await);
    if answered.reason == "PEER_UNAVAILABLE" {
        answered = failure(jobs.get_job(job("x")).await); // The connection that broke may be noticed by one more call.
    }
    assert_eq!(answered.reason, "METHOD_UNKNOWN", "the new server has no services, but it answers");
}

#[tokio::test]
async fn a_process_that_is_still_starting_is_unavailable() {
    let local = Local::new();
    let mut jobs = guanxi_contracts::common::v1::job_service_client::JobServiceClient::new(local.transport());
    let starting = failure(jobs.get_job(job("x")).await);
    assert_eq!((starting.reason.as_str(), starting.is_transient()), ("STARTING", true));
}

#[tokio::test]
async fn many_calls_share_one_connection() {
    let process = Process::start(Way::OverTcp).await;
    let calls = (0..500).map(|_| {
        let mut jobs = process.jobs();
        async move { jobs.get_job(job("brief")).await }
    });
    let began = Instant::now();
    for answer in futures::future::join_all(calls).await {
        answer.expect("an answer");
    }
    assert!(began.elapsed() < Duration::from_secs(5), "they waited for each other: {:?}", began.elapsed());
}

#[tokio::test]
async fn tools_find_the_contracts_by_reflection() {
    let process = Process::guarded(Way::OverTcp).await;
    let mut client = ServerReflectionClient::new(remote(&process.address));
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let answers = client.server_reflection_info(futures::stream::iter([list])).await.expect("a stream");
    let answer = answers.into_inner().message().await.map_err(Failure::from).expect("an answer").expect("one");
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else { panic!("{answer:?}") };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert!(names.contains(&"guanxi.common.v1.JobService") && names.contains(&"grpc.health.v1.Health"), "{names:?}");
}
