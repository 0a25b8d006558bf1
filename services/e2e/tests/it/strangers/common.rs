//! The calls that every service has.

use guanxi_client::contracts::common::v1::*;

use super::{Fate, Row, read, row};
use crate::things::Things;

/// A row for each.
pub fn rows(t: &Things) -> Vec<Row> {
    let (name, service) = (t.job.clone(), "loyalty".to_owned());
    let zero = |answer: &[u8]| {
        let figures = read::<GetSummaryResponse>(answer).services.into_iter().flat_map(|service| service.figures);
        figures.into_iter().all(|figure| matches!(figure.value, None | Some(figure::Value::Integer(0))))
    };
    use Fate::{Denied, Empty, Harmless, Missing};
    vec![
        row("AdminService/GetSummary", Harmless(zero), GetSummaryRequest::default()),
        row("AdminService/Verify", Denied, VerifyRequest::default()),
        row("AdminService/RetryDeadLetters", Denied, RetryDeadLettersRequest::default()),
        // How far services have come with each other's events: numbers of partitions, of nobody's data.
        row("AdminService/GetFlowLag", Harmless(|_| true), GetFlowLagRequest::default()),
        row(
            "EventService/ReplayEvents",
            Denied,
            ReplayEventsRequest { service: service.clone(), ..ReplayEventsRequest::default() },
        ),
        row(
            "EventService/ConfirmEvents",
            Denied,
            ConfirmEventsRequest { service, consumer: "test".into(), positions: vec![] },
        ),
        row("JobService/GetJob", Missing, GetJobRequest { name: name.clone() }),
        row("JobService/ListJobs", Empty, ListJobsRequest::default()),
        row("JobService/WatchJob", Missing, WatchJobRequest { name: name.clone() }),
        row("JobService/CancelJob", Missing, CancelJobRequest { name }),
    ]
}
