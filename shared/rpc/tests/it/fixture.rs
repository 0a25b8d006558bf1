//! A small process to call: three services whose answers show what the layers did, in process or behind a TCP port.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use guanxi_contracts::common::v1::job_service_client::JobServiceClient;
use guanxi_contracts::common::v1::{
    CancelJobRequest, CancelJobResponse, GetJobRequest, GetJobResponse, Job, ListJobsRequest, ListJobsResponse,
    WatchJobRequest, WatchJobResponse,
};
use guanxi_contracts::customer::v1::{
    IngestSourceRecordsRequest, IngestSourceRecordsResponse, ListIdentityEdgesRequest, ListIdentityEdgesResponse,
    identity_service_client::IdentityServiceClient,
};
use guanxi_contracts::feedback::v1::{
    CompareScoresRequest, CompareScoresResponse, GetScoreRequest, GetScoreResponse,
    score_service_client::ScoreServiceClient,
};
use guanxi_contracts::server::common_v1::job_service_server::{JobService, JobServiceServer};
use guanxi_contracts::server::customer_v1::identity_service_server::{IdentityService, IdentityServiceServer};
use guanxi_contracts::server::feedback_v1::score_service_server::{ScoreService, ScoreServiceServer};
use guanxi_kernel::Refused;
use guanxi_rpc::token::organizations_claim;
use guanxi_rpc::{
    Answers, Authentication, Failure, FixedToken, Health, Key, Local, ServerSettings, Shutdown, Stack, StackSettings,
    Transport, Verifier, Watching, answer, answer_each, check, open, serve, token, transport::RemoteSettings, watch,
};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tonic::{Request, Response, Status, Streaming};

/// The secret of the tests' tokens.
pub const SECRET: &[u8] = b"a secret of thirty-two bytes and more";

/// How a process is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    InProcess,
    OverTcp,
}

/// A job of this kind: what `GetJob` does depends on it.
pub fn job(kind: &str) -> GetJobRequest {
    GetJobRequest { name: format!("services/{kind}/jobs/00000000-0000-0000-0000-000000000000") }
}

/// The services. What happens in them is told to the test.
#[derive(Clone)]
pub struct Services {
    tell: mpsc::UnboundedSender<Told>,
    name: &'static str,
}

/// What a handler tells the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// A call that does not end by itself has begun.
    Begun,
    /// Its handler was dropped.
    Dropped,
}

struct TellsWhenDropped(mpsc::UnboundedSender<Told>);

impl Drop for TellsWhenDropped {
    fn drop(&mut self) {
        let _the_test_may_be_over = self.0.send(Told::Dropped);
    }
}

#[tonic::async_trait]
impl JobService for Services {
    /// `slow` never ends, `brief` ends after 100 ms, `panic` panics, `missing` is not there, `who` says which process it
    /// is; others show the call:
    /// the caller as `kind`, organisations, trace and milliseconds to the deadline as `error`.
    async fn get_job(&self, request: Request<GetJobRequest>) -> Result<Response<GetJobResponse>, Status> {
        let (call, message) = open(request);
        answer(async move {
            match message.name.split('/').nth(1) {
                Some("slow") => {
                    let _told = TellsWhenDropped(self.tell.clone());
                    let _begun = self.tell.send(Told::Begun);
                    futures::future::pending::<()>().await;
                }
                Some("brief") => {
                    let _begun = self.tell.send(Told::Begun);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Some("panic") => panic!("inside"),
                Some("who") => {
                    let job = Job { kind: self.name.to_owned(), ..Job::default() };
                    return Ok(GetJobResponse { job: Some(job) });
                }
                Some("missing") => return Err(Refused::not_found("job", &message.name)),
                _ => {}
            }
            let left = call.deadline.map(|at| at.saturating_duration_since(std::time::Instant::now()).as_millis());
            let organizations = organizations_claim(&call.caller.organizations).join(",");
            let seen = format!("{organizations} {:?} {left:?}", call.traceparent);
            let job = Job { name: message.name, kind: call.caller.subject.to_string(), error: seen, ..Job::default() };
            Ok(GetJobResponse { job: Some(job) })
        })
        .await
    }

    /// A page larger than a client takes.
    async fn list_jobs(&self, _: Request<ListJobsRequest>) -> Result<Response<ListJobsResponse>, Status> {
        Ok(Response::new(ListJobsResponse { next_page_token: "x".repeat(5 << 20), ..Default::default() }))
    }

    type WatchJobStream = Answers<WatchJobResponse>;

    /// `panic` panics after the first answer; others stay open.
    async fn watch_job(&self, request: Request<WatchJobRequest>) -> Result<Response<Self::WatchJobStream>, Status> {
        let (_, message) = open(request);
        let panics = message.name.contains("/panic/");
        let rest = stream::poll_fn(move |_| {
            assert!(!panics, "inside");
            std::task::Poll::Pending
        });
        watch(stream::iter([Ok(WatchJobResponse::default())]).chain(rest), Watching::default(), Default::default)
    }

    async fn cancel_job(&self, _: Request<CancelJobRequest>) -> Result<Response<CancelJobResponse>, Status> {
        Ok(Response::new(CancelJobResponse::default()))
    }
}

#[tonic::async_trait]
impl ScoreService for Services {
    async fn get_score(&self, _: Request<GetScoreRequest>) -> Result<Response<GetScoreResponse>, Status> {
        Ok(Response::new(GetScoreResponse::default()))
    }

    async fn compare_scores(
        &self,
        _: Request<CompareScoresRequest>,
    ) -> Result<Response<CompareScoresResponse>, Status> {
        Ok(Response::new(CompareScoresResponse::default()))
    }
}

#[tonic::async_trait]
impl IdentityService for Services {
    type IngestSourceRecordsStream = Answers<IngestSourceRecordsResponse>;

    /// Answers each record with the first of its wrong fields, if there is one.
    async fn ingest_source_records(
        &self,
        request: Request<Streaming<IngestSourceRecordsRequest>>,
    ) -> Result<Response<Self::IngestSourceRecordsStream>, Status> {
        answer_each(request, 4, |_, element| async move {
            let wrong = check(&element).err().map_or_else(String::new, |refused| refused.message().to_owned());
            let external_id = element.record.map(|record| record.external_id).unwrap_or_default();
            Ok(IngestSourceRecordsResponse { external_id, source: wrong, ..Default::default() })
        })
    }

    async fn list_identity_edges(
        &self,
        _: Request<ListIdentityEdgesRequest>,
    ) -> Result<Response<ListIdentityEdgesResponse>, Status> {
        Ok(Response::new(ListIdentityEdgesResponse::default()))
    }
}

/// A running process.
pub struct Process {
    /// The way to it, with no token.
    pub transport: Transport,
    pub health: Health,
    pub shutdown: Shutdown,
    /// Its TCP server; ends with the shutdown.
    pub server: Option<JoinHandle<()>>,
    /// `host:port`; empty in process.
    pub address: String,
    told: mpsc::UnboundedReceiver<Told>,
}

impl Process {
    /// Starts one, with no authentication.
    pub async fn start(way: Way) -> Self {
        Self::with(way, StackSettings::default()).await
    }

    /// Starts one that asks for tokens.
    pub async fn guarded(way: Way) -> Self {
        let verifier = Arc::new(Verifier::new(&Key::Secret(SECRET.into())).expect("a key"));
        Self::with(way, StackSettings { authentication: Authentication::Required(verifier), ..Default::default() })
            .await
    }

    /// Starts one over TCP that answers `GetJob` of the kind `who` with its name.
    pub async fn named(name: &'static str) -> Self {
        Self::make(Way::OverTcp, name, StackSettings::default(), Self::serve_settings()).await
    }

    /// Starts one over TCP with these settings of its server.
    pub async fn serving(stack: StackSettings, server: ServerSettings) -> Self {
        Self::make(Way::OverTcp, "", stack, server).await
    }

    /// Starts one with these settings.
    pub async fn with(way: Way, settings: StackSettings) -> Self {
        Self::make(way, "", settings, Self::serve_settings()).await
    }

    fn serve_settings() -> ServerSettings {
        ServerSettings { drain: Duration::from_millis(1_500), ..ServerSettings::default() }
    }

    async fn make(way: Way, name: &'static str, settings: StackSettings, served: ServerSettings) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        let services = Services { tell, name };
        let routes = tonic::service::Routes::new(JobServiceServer::new(services.clone()))
            .add_service(ScoreServiceServer::new(services.clone()))
            .add_service(IdentityServiceServer::new(services));
        let (health, routes) = Health::mount(routes, ["loyalty".to_owned()]).await;
        let shutdown = Shutdown::new();
        let stack = Stack::new(routes, &settings, &shutdown);
        let (transport, server, address) = match way {
            Way::InProcess => {
                let local = Local::new();
                local.set(stack);
                (local.transport(), None, String::new())
            }
            Way::OverTcp => {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                let address = listener.local_addr().expect("an address").to_string();
                let server = tokio::spawn(serve(listener, stack, served, shutdown.clone()));
                (remote(&address), Some(server), address)
            }
        };
        Self { transport, health, shutdown, server, address, told }
    }

    pub fn jobs(&self) -> JobServiceClient<Transport> {
        JobServiceClient::new(self.transport.clone())
    }

    pub fn jobs_with(&self, token: &str) -> JobServiceClient<Transport> {
        let token = FixedToken::new(token).expect("a header value");
        JobServiceClient::new(self.transport.clone().with_tokens(Arc::new(token)))
    }

    pub fn scores(&self) -> ScoreServiceClient<Transport> {
        ScoreServiceClient::new(self.transport.clone())
    }

    pub fn identities(&self) -> IdentityServiceClient<Transport> {
        IdentityServiceClient::new(self.transport.clone())
    }

    /// What a handler tells next.
    pub async fn told(&mut self) -> Told {
        tokio::time::timeout(Duration::from_secs(5), self.told.recv()).await.expect("nothing was told").expect("a word")
    }
}

/// The way to a TCP port.
pub fn remote(address: &str) -> Transport {
    Transport::remote(&format!("http://{address}"), &RemoteSettings::default()).expect("a URL")
}

/// A token that lives for ever, signed with [`SECRET`].
pub fn token(scope: &str, organizations: &[&str]) -> String {
    let claims = token::Claims {
        sub: "pos".into(),
        exp: 32_503_680_000,
        scope: scope.into(),
        organizations: organizations.iter().map(|&right| right.to_owned()).collect(),
    };
    token::sign(&Key::Secret(SECRET.into()), &claims).expect("a token")
}

/// Why a call failed.
pub fn failure<T: std::fmt::Debug>(answer: Result<T, Status>) -> Failure {
    Failure::from(answer.expect_err("the call must fail"))
}
