//! Jobs: due by the clock, done in slices, seen and ended by clients.

use futures::TryStreamExt;
use guanxi_client::Error;
use guanxi_contracts::common::v1::{CancelJobRequest, GetJobRequest, Job, JobState, ListJobsRequest, WatchJobRequest};
use guanxi_kernel::{Call, OrganizationId};
use guanxi_testkit::Env;
use jiff::SignedDuration;

use crate::sample::SERVICE;

async fn list(env: &Env) -> Vec<Job> {
    let request = ListJobsRequest { service: "sample".into(), ..Default::default() };
    env.client().jobs("sample").list_jobs(request).await.unwrap().into_inner().jobs
}

async fn get(env: &Env, name: &str) -> Job {
    let request = GetJobRequest { name: name.to_owned() };
    env.client().jobs("sample").get_job(request).await.unwrap().into_inner().job.unwrap()
}

/// Starts a job as a call of the service would, of an organisation's data.
async fn begin(env: &Env, kind: &str, organization: &str) -> String {
    let (db, jobs, call) = (env.database("sample"), env.jobs("sample"), Call::internal("test"));
    let organization = &OrganizationId::from_slug(organization).unwrap();
    let starting = &jobs;
    let id = db.slice(&call, |tx| async move { starting.start(&tx, kind, Some(organization), Vec::new()).await });
    let id = id.await.unwrap();
    jobs.wake();
    jobs.name(id)
}

guanxi_testkit::matrix! {
    Setup::of(&[SERVICE]).told_by(&["teller"]);

    async fn a_scheduled_job_runs_when_it_is_due_and_once_for_all_it_missed(env: &Env) {
        env.run_jobs().await;
        let first = list(env).await;
        assert_eq!(first.len(), 1, "the first run is due at once");
        assert_eq!((first[0].kind.as_str(), first[0].state()), ("steps", JobState::Succeeded));
        assert_eq!((first[0].done, first[0].total), (3, Some(3)));
        env.clock().advance(SignedDuration::from_mins(59));
        env.run_jobs().await;
        assert_eq!(list(env).await.len(), 1, "not due yet");
        env.clock().advance(SignedDuration::from_hours(25));
        env.run_jobs().await;
        env.run_jobs().await;
        assert_eq!(list(env).await.len(), 2, "a day was missed and is made up for once");
    }

    async fn a_job_that_fails_says_so_without_saying_why_inside(env: &Env) {
        for kind in ["fails", "panics"] {
            let name = begin(env, kind, "default").await;
            env.run_jobs().await;
            let job = get(env, &name).await;
            assert_eq!(job.state(), JobState::Failed, "{kind}");
            assert!(job.error.starts_with("INTERNAL") && !job.error.contains("secret"), "{}", job.error);
            assert!(job.end_time.is_some());
        }
    }

    async fn a_job_is_watched_cancelled_and_then_over(env: &Env) {
        let client = env.client();
        let name = begin(env, "never-ends", "default").await;
        let watch = client.jobs("sample").watch_job(WatchJobRequest { name: name.clone() }).await;
        let mut watched = watch.unwrap().into_inner();
        loop {
            let job = watched.try_next().await.unwrap().expect("it goes on").job.unwrap();
            if job.state() == JobState::Running && job.done > 1 {
                break;
            }
        }
        client.jobs("sample").cancel_job(CancelJobRequest { name: name.clone() }).await.unwrap();
        let rest: Vec<_> = watched.try_collect().await.unwrap();
        assert_eq!(rest.last().unwrap().job.as_ref().unwrap().state(), JobState::Cancelled);
        let again = client.jobs("sample").cancel_job(CancelJobRequest { name }).await;
        assert_eq!(Error::from(again.expect_err("it has ended")).reason, "JOB_ENDED");
    }

    async fn a_job_goes_on_where_a_crash_stopped_it(env: &Env) {
        let name = begin(env, "never-ends", "default").await;
        let before = loop {
            let job = get(env, &name).await;
            if job.done > 3 {
                break job.done;
            }
            tokio::task::yield_now().await;
        };
        env.crash_and_start_again().await;
        let job = get(env, &name).await;
        assert!(job.done >= before && job.state() == JobState::Running, "{job:?}");
    }

    async fn jobs_of_an_organisation_are_its_own(env: &Env) {
        let name = begin(env, "fails", "cn").await;
        let foreign = env.client_as("stranger", &["jobs.*"], &["hk:rw"]);
        let missing = foreign.jobs("sample").get_job(GetJobRequest { name: name.clone() }).await;
        assert_eq!(Error::from(missing.expect_err("it is another's")).reason, "NOT_FOUND");
        let listed = foreign.jobs("sample").list_jobs(ListJobsRequest::default()).await.unwrap().into_inner().jobs;
        assert_eq!(listed, []);
        let own = env.client_as("friend", &["jobs.read"], &["cn:r"]);
        let listed = own.jobs("sample").list_jobs(ListJobsRequest::default()).await.unwrap().into_inner().jobs;
        assert_eq!(listed.iter().map(|job| &job.name).collect::<Vec<_>>(), [&name]);
        let denied = own.jobs("sample").cancel_job(CancelJobRequest { name }).await;
        assert_eq!(Error::from(denied.expect_err("no scope")).reason, "SCOPE_MISSING");
    }

    async fn jobs_come_in_pages(env: &Env) {
        for _ in 0..5 {
            begin(env, "fails", "default").await;
        }
        env.run_jobs().await;
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListJobsRequest { page_size: 2, page_token, ..Default::default() };
            let page = env.client().jobs("sample").list_jobs(request).await.unwrap().into_inner();
            seen.extend(page.jobs.into_iter().map(|job| job.name));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let all = list(env).await;
        assert_eq!(seen, all.into_iter().map(|job| job.name).collect::<Vec<_>>());
        assert_eq!(seen.len(), 6, "five, and the scheduled one");
    }
}
