//! JobService: shows, watches and ends the jobs of every service of the process.

use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use guanxi_contracts::common::v1::{
    CancelJobRequest, CancelJobResponse, GetJobRequest, GetJobResponse, Job, JobState as State, ListJobsRequest,
    ListJobsResponse, WatchJobRequest, WatchJobResponse,
};
use guanxi_contracts::server::common_v1::job_service_server::JobService;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::{Call, PageRequest, Refused, Timestamp, Uuid};
use guanxi_rpc::{answer, open, status};
use guanxi_store::jobs::{JobRow, JobState};
use tonic::{Request, Response, Status};

use super::{Host, Hosted};
use crate::jobs;

/// How often a watched job is looked at: any replica may be running it.
const LOOK: Duration = Duration::from_millis(250);

#[tonic::async_trait]
impl JobService for Host {
    async fn get_job(&self, request: Request<GetJobRequest>) -> Result<Response<GetJobResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (hosted, row) = self.job(&call, &message.name).await?;
            Ok(GetJobResponse { job: Some(to_job(hosted.service, row)) })
        })
        .await
    }

    async fn list_jobs(&self, request: Request<ListJobsRequest>) -> Result<Response<ListJobsResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let page = PageRequest::parse(message.page_size, &message.page_token, &["ListJobs", &message.service])?;
            let before = page.after.as_deref().map(read_key).transpose()?;
            let mut found = Vec::new();
            for hosted in self.named(&message.service)? {
                let rows = hosted.db.jobs(&call, before, page.size + 1).await?;
                found.extend(rows.into_iter().map(|row| (hosted.service, row)));
            }
            found.sort_by_key(|(_, row)| std::cmp::Reverse((row.create_time, row.id)));
            let more = found.len() > page.size as usize;
            found.truncate(page.size as usize);
            let last = found.last().filter(|_| more);
            Ok(ListJobsResponse {
                next_page_token: last.map(|(_, row)| page.next(key(row))).unwrap_or_default(),
                jobs: found.into_iter().map(|(service, row)| to_job(service, row)).collect(),
            })
        })
        .await
    }

    type WatchJobStream = BoxStream<'static, Result<WatchJobResponse, Status>>;

    async fn watch_job(&self, request: Request<WatchJobRequest>) -> Result<Response<Self::WatchJobStream>, Status> {
        let (call, message) = open(request);
        let (hosted, first) = self.job(&call, &message.name).await.map_err(status)?;
        let hosted = hosted.clone();
        let told =
            |hosted: &Hosted, row: &JobRow| Ok(WatchJobResponse { job: Some(to_job(hosted.service, row.clone())) });
        let start = told(&hosted, &first);
        let changes = stream::unfold(Some((hosted, first)), move |watched| async move {
            let (hosted, last) = watched.filter(|(_, last)| !last.state.is_ended())?;
            loop {
                tokio::time::sleep(LOOK).await;
                match hosted.db.job(last.id).await {
                    Ok(Some(row)) if row == last => {}
                    Ok(Some(row)) => return Some((told(&hosted, &row), Some((hosted, row)))),
                    Ok(None) => return None,
                    Err(error) => return Some((Err(status(error.into())), None)),
                }
            }
        });
        Ok(Response::new(stream::iter([start]).chain(changes).boxed()))
    }

    async fn cancel_job(&self, request: Request<CancelJobRequest>) -> Result<Response<CancelJobResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (hosted, row) = self.job(&call, &message.name).await?;
            let (id, name) = (row.id, message.name.as_str());
            let cancelled = hosted.db.slice(&call, |tx| async move {
                let mut row = tx.lock_job(id).await?.ok_or_else(|| Refused::not_found("job", name))?;
                if let Some(slug) = &row.organization {
                    guanxi_store::Session::may_write(&*tx, slug)?;
                }
                match row.state {
                    JobState::Pending => row.end(JobState::Cancelled, tx.now()),
                    JobState::Running => row.cancel_asked = true,
                    JobState::Succeeded | JobState::Failed | JobState::Cancelled => {
                        Err(Refused::precondition("JOB_ENDED", format!("{name} has ended")).about("job", name))?;
                    }
                }
                row.clone().save(&tx).await?;
                Ok(row)
            });
            let row = cancelled.await?;
            hosted.jobs.wake();
            Ok(CancelJobResponse { job: Some(to_job(hosted.service, row)) })
        })
        .await
    }
}

impl Host {
    /// The job of this name, if the caller may know of it.
    async fn job(&self, call: &Call, name: &str) -> Result<(&Hosted, JobRow), Refused> {
        let missing = || Refused::not_found("job", name);
        let parts = name.strip_prefix("services/").and_then(|rest| rest.split_once("/jobs/"));
        let (service, id) = parts.ok_or_else(missing)?;
        let id = Uuid::try_parse(id).map_err(|_| missing())?;
        let hosted = self.only(service).map_err(|_| missing())?;
        let row = hosted.db.job(id).await?.ok_or_else(missing)?;
        if row.is_visible(&call.caller.organizations) { Ok((hosted, row)) } else { Err(missing()) }
    }
}

fn to_job(service: &str, row: JobRow) -> Job {
    let state = match row.state {
        JobState::Pending => State::Pending,
        JobState::Running => State::Running,
        JobState::Succeeded => State::Succeeded,
        JobState::Failed => State::Failed,
        JobState::Cancelled => State::Cancelled,
    };
    Job {
        name: jobs::name(service, row.id),
        kind: row.kind,
        state: state.into(),
        create_time: Some(to_proto(row.create_time)),
        start_time: row.start_time.map(to_proto),
        end_time: row.end_time.map(to_proto),
        done: row.done,
        total: row.total,
        result: row
            .result
            .map(|(name, value)| prost_types::Any { type_url: format!("type.googleapis.com/{name}"), value }),
        error: row.error.unwrap_or_default(),
    }
}

/// What a page goes on after: the last job's time and id.
fn key(row: &JobRow) -> Vec<String> {
    vec![row.create_time.as_microsecond().to_string(), row.id.to_string()]
}

fn read_key(key: &[String]) -> Result<(Timestamp, Uuid), Refused> {
    let malformed = || Refused::invalid("page_token", "PAGE_TOKEN_MALFORMED", "is not a token that a page returned");
    let [time, id] = key else { return Err(malformed()) };
    let time = time.parse().ok().and_then(|micros| Timestamp::from_microsecond(micros).ok()).ok_or_else(malformed)?;
    Ok((time, Uuid::try_parse(id).map_err(|_| malformed())?))
}
