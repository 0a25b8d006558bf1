//! LedgerService.

use guanxi_contracts::Message as _;
use guanxi_contracts::common::v1::{Job, JobState};
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::server::loyalty_v1::ledger_service_server::LedgerService;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::{Access, Refused, Timestamp, natural_id};
use guanxi_rpc::{answer, convert, open, write};
use guanxi_runtime::Jobs;
use guanxi_store::{Database, Session as _};
use tonic::{Request, Response, Status};

use super::reply;
use super::wire::liability as wire;
use crate::domain::program::ProgramId;
use crate::jobs::VERIFY_LEDGER;
use crate::store::liability::{self, Cut};
use crate::store::programs;

/// Serves the ledger as a whole.
#[derive(Debug, Clone)]
pub struct Ledgers {
    db: Database,
    jobs: Jobs,
}

impl Ledgers {
    /// Over this database, with jobs started here.
    pub fn new(db: &Database, jobs: &Jobs) -> Self {
        Self { db: db.clone(), jobs: jobs.clone() }
    }
}

#[tonic::async_trait]
impl LedgerService for Ledgers {
    async fn verify_ledger(
        &self,
        request: Request<VerifyLedgerRequest>,
    ) -> Result<Response<VerifyLedgerResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            // What is wrong may be of any organisation, and the job is the service's own.
            if *call.caller.organizations != Access::All {
                let message = "verifying the ledger needs access to all organisations";
                Err(Refused::denied("ORGANIZATIONS_MISSING", message))?;
            }
            let write = write("LedgerService/VerifyLedger", natural_id("job", [VERIFY_LEDGER]), &message)?;
            let written = self.db.command(&call, &write, |tx| async move {
                let id = self.jobs.start(&tx, VERIFY_LEDGER, None, Vec::new()).await?;
                let job = Job {
                    name: self.jobs.name(id),
                    kind: VERIFY_LEDGER.to_owned(),
                    state: JobState::Pending.into(),
                    create_time: Some(to_proto(tx.now())),
                    ..Job::default()
                };
                Ok(VerifyLedgerResponse { job: Some(job) }.encode_to_vec())
            });
            let written = written.await?;
            self.jobs.wake();
            reply(&written)
        })
        .await
    }

    async fn get_liability(
        &self,
        request: Request<GetLiabilityRequest>,
    ) -> Result<Response<GetLiabilityResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (id, as_of, known_at) = convert::all((
                convert::name::<ProgramId>(&message.program, "program"),
                convert::instant(message.as_of.as_ref(), "as_of"),
                convert::instant(message.known_at.as_ref(), "known_at"),
            ))?;
            let reader = self.db.reader(&call);
            let program = programs::read(&reader, &id).await?;
            let now = reader.now();
            // All that is recorded counts, by whichever server's clock.
            let cut = Cut { as_of: as_of.unwrap_or(now), known_at: known_at.unwrap_or(Timestamp::MAX) };
            let period = wire::period(message.cohort_period());
            let found = liability::of_program(reader.connection(), &program, cut, period).await?;
            Ok(wire::report(&program, &found, known_at.unwrap_or(now)))
        })
        .await
    }
}
