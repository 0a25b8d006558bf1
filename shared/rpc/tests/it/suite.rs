//! What holds whichever way a process is called.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use guanxi_contracts::common::v1::event_service_client::EventServiceClient;
use guanxi_contracts::common::v1::{
    CancelJobRequest, ConfirmEventsRequest, GetJobRequest, ListJobsRequest, WatchJobRequest,
};
use guanxi_contracts::customer::v1::{IngestSourceRecordsRequest, SourceRecord};
use guanxi_contracts::feedback::v1::GetScoreRequest;
use guanxi_kernel::{Access, Call, OrganizationId};
use guanxi_rpc::{Failure, Key, Mint, Rate, StackSettings};
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::fixture::{Process, SECRET, Told, Way, failure, job, token};

/// Each test twice: `name::in_process` and `name::over_tcp`.
macro_rules! either_way {
    ($(async fn $name:ident($way:ident: Way) $body:block)+) => {
        $(mod $name {
            use super::*;

            async fn test($way: Way) $body

            #[tokio::test]
            async fn in_process() {
                test(Way::InProcess).await;
            }

            #[tokio::test]
            async fn over_tcp() {
                test(Way::OverTcp).await;
            }
        })+
    };
}

fn watched(kind: &str) -> WatchJobRequest {
    WatchJobRequest { name: job(kind).name }
}

fn record(external_id: &str) -> IngestSourceRecordsRequest {
    let event_time = Some(Default::default());
    let record =
        SourceRecord { source: "pos".into(), external_id: external_id.into(), event_time, ..SourceRecord::default() };
    IngestSourceRecordsRequest { record: Some(record), ..Default::default() }
}

either_way! {
    async fn every_wrong_field_is_said_at_once_with_its_value(way: Way) {
        let process = Process::start(way).await;
        let wrong = GetScoreRequest { survey: "Surveys/1".into(), question: "Q!".into(), formula: 99, window: None };
        let failure = failure(process.scores().get_score(wrong).await);
        assert_eq!((failure.code, failure.reason.as_str()), (Code::InvalidArgument, "INVALID_ARGUMENT"));
        let fields: Vec<_> = failure.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["survey", "question", "formula"]);
        for (violation, value) in failure.violations.iter().zip(["Surveys/1", "Q!", "99"]) {
            assert!(violation.description.contains(value), "{violation:?} does not say {value}");
        }
    }

    async fn an_unknown_enum_value_is_refused(way: Way) {
        let process = Process::start(way).await;
        let unknown = GetScoreRequest { survey: "surveys/x".into(), formula: 99, ..Default::default() };
        let failure = failure(process.scores().get_score(unknown).await);
        assert_eq!(failure.violations.iter().map(|v| v.rule.as_str()).collect::<Vec<_>>(), ["enum.defined_only"]);
    }

    async fn a_refusal_arrives_with_its_details(way: Way) {
        let process = Process::start(way).await;
        let failure = failure(process.jobs().get_job(job("missing")).await);
        assert_eq!((failure.code, failure.reason.as_str()), (Code::NotFound, "NOT_FOUND"));
        assert_eq!(failure.resource.expect("a resource").name, job("missing").name);
    }

    async fn a_token_is_asked_for_and_the_missing_scope_is_named(way: Way) {
        let process = Process::guarded(way).await;
        assert_eq!(failure(process.jobs().get_job(job("x")).await).reason, "TOKEN_MISSING");
        assert_eq!(failure(process.jobs_with("x").get_job(job("x")).await).reason, "TOKEN_INVALID");

        let mut reader = process.jobs_with(&token("jobs.read", &["*"]));
        let seen = reader.get_job(job("x")).await.expect("it may read").into_inner().job.expect("a job");
        assert_eq!(seen.kind, "pos");
        let cancel = CancelJobRequest { name: job("x").name };
        let denied = failure(reader.cancel_job(cancel).await);
        assert_eq!((denied.code, denied.reason.as_str()), (Code::PermissionDenied, "SCOPE_MISSING"));
        assert_eq!(denied.metadata["scope"], "jobs.write");
    }

    async fn who_may_not_call_does_not_learn_what_is_wrong_with_the_request(way: Way) {
        let process = Process::guarded(way).await;
        let wrong = GetJobRequest { name: "wrong".into() };
        assert_eq!(failure(process.jobs().get_job(wrong).await).reason, "TOKEN_MISSING");
    }

    async fn what_serves_a_call_sees_no_more_than_its_caller(way: Way) {
        let process = Process::guarded(way).await;
        let mint = Mint::new(&Key::Secret(SECRET.into()), "service:customer", &["jobs.read"]).expect("a mint");
        let mut call = Call::internal("test");
        let hk = OrganizationId::from_slug("hk").expect("a slug");
        call.caller.organizations = Arc::new(Access::only(hk));
        call.deadline = Some(Instant::now() + Duration::from_secs(2));
        call.traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into());
        let transport = process.transport.clone().with_tokens(Arc::new(mint)).for_call(&call);
        let mut jobs = guanxi_contracts::common::v1::job_service_client::JobServiceClient::new(transport);
        let seen = jobs.get_job(job("x")).await.expect("it may read").into_inner().job.expect("a job");
        assert_eq!(seen.kind, "service:customer");
        assert!(seen.error.starts_with("hk:rw Some(\"00-4bf92f3577b34da6"), "{}", seen.error);
        let left: u64 = seen.error.rsplit_once("Some(").and_then(|(_, n)| n.strip_suffix(')')?.parse().ok()).expect("ms");
        assert!((1..=2_000).contains(&left), "{left} ms were left");
    }

    async fn a_deadline_means_deadline_exceeded_and_the_handler_stops(way: Way) {
        let mut process = Process::start(way).await;
        let mut request = Request::new(job("slow"));
        request.set_timeout(Duration::from_millis(60));
        let began = Instant::now();
        let failure = failure(process.jobs().get_job(request).await);
        assert_eq!((failure.code, failure.reason.as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
        assert!(began.elapsed() < Duration::from_secs(2), "after {:?}", began.elapsed());
        assert_eq!((process.told().await, process.told().await), (Told::Begun, Told::Dropped));
    }

    async fn the_server_bounds_a_call_that_brings_no_deadline(way: Way) {
        let settings = StackSettings { default_deadline: Duration::from_millis(60), ..Default::default() };
        let process = Process::with(way, settings).await;
        assert_eq!(failure(process.jobs().get_job(job("slow")).await).code, Code::DeadlineExceeded);
    }

    async fn a_call_whose_time_is_over_is_not_made(way: Way) {
        let process = Process::start(way).await;
        let mut call = Call::internal("test");
        call.deadline = Some(Instant::now());
        let transport = process.transport.for_call(&call);
        let mut jobs = guanxi_contracts::common::v1::job_service_client::JobServiceClient::new(transport);
        assert_eq!(failure(jobs.get_job(job("x")).await).code, Code::DeadlineExceeded);
    }

    async fn a_caller_that_goes_away_stops_the_handler(way: Way) {
        let mut process = Process::start(way).await;
        let mut jobs = process.jobs();
        let calling = tokio::spawn(async move { jobs.get_job(job("slow")).await });
        assert_eq!(process.told().await, Told::Begun);
        calling.abort();
        assert_eq!(process.told().await, Told::Dropped);
    }

    async fn a_message_that_is_too_large_is_out_of_range(way: Way) {
        let process = Process::start(way).await;
        let large = ListJobsRequest { page_token: "x".repeat(5 << 20), ..Default::default() };
        let failure_up = failure(process.jobs().list_jobs(large).await);
        assert_eq!((failure_up.code, failure_up.reason.as_str()), (Code::OutOfRange, "MESSAGE_TOO_LARGE"));
        let failure_down = failure(process.jobs().list_jobs(ListJobsRequest::default()).await);
        assert_eq!(failure_down.code, Code::OutOfRange);
    }

    async fn a_panic_is_internal_and_the_process_goes_on(way: Way) {
        let process = Process::start(way).await;
        let failure = failure(process.jobs().get_job(job("panic")).await);
        assert_eq!((failure.code, failure.reason.as_str()), (Code::Internal, "INTERNAL"));
        let stream = process.jobs().watch_job(watched("panic")).await.expect("a stream").into_inner();
        let last = stream.collect::<Vec<_>>().await.pop().expect("an end").expect_err("it panicked");
        assert_eq!(last.code(), Code::Internal);
        process.jobs().get_job(job("x")).await.expect("the process goes on");
    }

    async fn above_the_limit_a_call_is_refused_and_told_when_to_come_back(way: Way) {
        let mut process = Process::with(way, StackSettings { calls: 1, streams: 1, ..Default::default() }).await;
        let mut jobs = process.jobs();
        let calling = tokio::spawn(async move { jobs.get_job(job("slow")).await });
        assert_eq!(process.told().await, Told::Begun);
        let overloaded = failure(process.jobs().get_job(job("x")).await);
        assert_eq!((overloaded.code, overloaded.reason.as_str()), (Code::ResourceExhausted, "OVERLOADED"));
        assert!(overloaded.is_transient());
        calling.abort();
        assert_eq!(process.told().await, Told::Dropped);
        process.jobs().get_job(job("x")).await.expect("there is room again");

        let open = process.jobs().watch_job(watched("x")).await.expect("a stream");
        assert_eq!(failure(process.jobs().watch_job(watched("x")).await).reason, "OVERLOADED");
        process.jobs().get_job(job("x")).await.expect("streams do not take the room of calls");
        drop(open);
    }

    async fn a_caller_has_a_rate(way: Way) {
        let one = NonZeroU32::MIN;
        let rate = Some(Rate { per_second: one, burst: one });
        let process = Process::with(way, StackSettings { rate, ..Default::default() }).await;
        process.jobs().get_job(job("x")).await.expect("the first");
        let limited = failure(process.jobs().get_job(job("x")).await);
        assert_eq!((limited.reason.as_str(), limited.is_transient()), ("RATE_LIMITED", true));
    }

    async fn a_service_that_does_not_run_here_is_unimplemented(way: Way) {
        let process = Process::start(way).await;
        let mut events = EventServiceClient::new(process.transport.clone());
        let request = ConfirmEventsRequest { consumer: "loyalty".into(), ..Default::default() };
        let failure = failure(events.confirm_events(request).await);
        assert_eq!((failure.code, failure.reason.as_str()), (Code::Unimplemented, "METHOD_UNKNOWN"));
    }

    async fn a_stream_answers_each_element_bad_ones_too_in_their_order(way: Way) {
        let process = Process::start(way).await;
        let sent = vec![record("1"), record(""), IngestSourceRecordsRequest::default(), record("4")];
        let answers = process.identities().ingest_source_records(stream::iter(sent)).await.expect("a stream").into_inner();
        let answers: Vec<_> = answers.map(|answer| answer.expect("an answer")).collect().await;
        let ids: Vec<_> = answers.iter().map(|answer| answer.external_id.as_str()).collect();
        assert_eq!(ids, ["1", "", "", "4"]);
        let wrong: Vec<_> = answers.iter().map(|answer| answer.source.contains("invalid request: record")).collect();
        assert_eq!(wrong, [false, true, true, false]);
    }

    async fn a_stream_of_elements_is_asked_to_come_back_at_shutdown(way: Way) {
        let process = Process::start(way).await;
        let elements = stream::iter([record("1")]).chain(stream::pending());
        let mut answers = process.identities().ingest_source_records(elements).await.expect("a stream").into_inner();
        assert_eq!(answers.message().await.expect("an answer").expect("one").external_id, "1");
        process.shutdown.begin();
        let ended = Failure::from(answers.message().await.expect_err("it ended"));
        assert_eq!((ended.code, ended.reason.as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
    }

    async fn a_watch_is_ended_at_shutdown_and_told_to_come_back(way: Way) {
        let process = Process::start(way).await;
        let mut stream = process.jobs().watch_job(watched("x")).await.expect("a stream").into_inner();
        assert!(stream.message().await.expect("the first").is_some());
        process.shutdown.begin();
        let ended = Failure::from(stream.message().await.expect_err("it ended"));
        assert_eq!((ended.code, ended.reason.as_str()), (Code::Unavailable, "SHUTTING_DOWN"));
        assert!(ended.retry_after.is_some());
    }

    async fn a_watch_ends_at_the_time_out_that_its_caller_set(way: Way) {
        let process = Process::start(way).await;
        let mut request = Request::new(watched("x"));
        request.set_timeout(Duration::from_millis(80));
        let mut stream = process.jobs().watch_job(request).await.expect("a stream").into_inner();
        assert!(stream.message().await.expect("the first").is_some());
        assert_eq!(stream.message().await.expect_err("it ended").code(), Code::DeadlineExceeded);
    }

    async fn health_needs_no_token_and_begins_as_not_serving(way: Way) {
        let process = Process::guarded(way).await;
        let mut client = HealthClient::new(process.transport.clone());
        let mut check = async |service: &str| {
            let request = HealthCheckRequest { service: service.to_owned() };
            client.check(request).await.map(|answer| answer.into_inner().status().as_str_name()).map_err(|s| s.code())
        };
        assert_eq!((check("").await, check("loyalty").await), (Ok("NOT_SERVING"), Ok("NOT_SERVING")));
        process.health.set_all(true).await;
        assert_eq!((check("").await, check("loyalty").await), (Ok("SERVING"), Ok("SERVING")));
        assert_eq!(check("unheard.of").await, Err(Code::NotFound));
    }
}
