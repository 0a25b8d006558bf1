//! ProgramService.

use guanxi_contracts::Message as _;
use guanxi_contracts::common::v1::{Job, JobState};
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::server::loyalty_v1::program_service_server::ProgramService;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::{FieldMask, PageRequest, Refuse, Refused};
use guanxi_rpc::{answer, convert, open, write};
use guanxi_runtime::Jobs;
use guanxi_store::Database;
use tonic::{Request, Response, Status};

use super::reply;
use super::wire::{program as wire, rule};
use crate::domain::backtest::{Span, drafted};
use crate::domain::program::{Program as Scheme, ProgramId, Terms};
use crate::jobs::{BACKTEST_RULE, Backtest};
use crate::store::{occasions, programs, tiers};

/// The paths that an update may change.
const CHANGEABLE: &[&str] = &[
    "display_name",
    "point_currency",
    "time_zone",
    "auto_enroll",
    "delivery_earns",
    "tax_earns",
    "rounding",
    "earning_rules",
    "pending",
    "expiry",
    "negative_balance",
    "redemption",
    "tiers",
    "occasions",
    "referral",
];

/// Serves programs.
#[derive(Debug, Clone)]
pub struct Programs {
    db: Database,
    jobs: Jobs,
}

impl Programs {
    /// Over this database, with jobs started here.
    pub fn new(db: &Database, jobs: &Jobs) -> Self {
        Self { db: db.clone(), jobs: jobs.clone() }
    }
}

#[tonic::async_trait]
impl ProgramService for Programs {
    async fn create_program(
        &self,
        request: Request<CreateProgramRequest>,
    ) -> Result<Response<CreateProgramResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let given = convert::required(message.program.as_ref(), "program")?;
            let (id, named, currency, terms) = convert::all((
                ProgramId::from_slug(&message.program_id).refuse_in("program_id"),
                convert::organization(&given.organization, "program.organization"),
                convert::currency(&given.currency_code, "program.currency_code"),
                wire::terms(given),
            ))?;
            let organization = call.organization(named)?;
            let write = write("ProgramService/CreateProgram", id.uuid(), &message)?;
            let (id, organization, terms) = (&id, &organization, &terms);
            let written = self.db.command(&call, &write, |tx| async move {
                if programs::exists(&tx, id).await? {
                    return Err(Refused::exists("program", id).into());
                }
                let program =
                    Scheme::create(id.clone(), organization.clone(), currency, terms.clone(), tx.now()).refuse()?;
                programs::insert(&tx, &program).await?;
                Ok(CreateProgramResponse { program: Some(wire::program(&program)) }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn get_program(&self, request: Request<GetProgramRequest>) -> Result<Response<GetProgramResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let id: ProgramId = convert::name(&message.name, "name")?;
            let program = programs::read(&self.db.reader(&call), &id).await?;
            Ok(GetProgramResponse { program: Some(wire::program(&program)) })
        })
        .await
    }

    async fn list_programs(
        &self,
        request: Request<ListProgramsRequest>,
    ) -> Result<Response<ListProgramsResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let page = PageRequest::parse(message.page_size, &message.page_token, &["ListPrograms"])?;
            let after = page.after.as_ref().and_then(|key| key.first()).map(String::as_str);
            let mut found = programs::page(&self.db.reader(&call), after, u64::from(page.size) + 1).await?;
            let next_page_token = super::cut(&mut found, &page, |program| program.id.slug().to_owned());
            Ok(ListProgramsResponse { programs: found.iter().map(wire::program).collect(), next_page_token })
        })
        .await
    }

    async fn update_program(
        &self,
        request: Request<UpdateProgramRequest>,
    ) -> Result<Response<UpdateProgramResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let given = convert::required(message.program.as_ref(), "program")?;
            let paths = message.update_mask.as_ref().map(|mask| mask.paths.as_slice()).unwrap_or_default();
            let (id, mask, terms) = convert::all((
                convert::name::<ProgramId>(&given.name, "program.name"),
                FieldMask::parse(paths, CHANGEABLE),
                wire::terms(given),
            ))?;
            let write = write("ProgramService/UpdateProgram", id.uuid(), &message)?;
            let (id, mask, terms, etag) = (&id, &mask, &terms, given.etag.as_str());
            let written = self.db.command(&call, &write, |tx| async move {
                let program = programs::writable(&tx, id).await?;
                if !etag.is_empty() && etag != wire::etag(&program) {
                    return Err(Refused::stale_etag(id).into());
                }
                let program = program.update(merged(&program.terms, terms, mask), tx.now()).refuse()?;
                programs::save(&tx, &program).await?;
                tiers::adopt(&tx, &program).await?;
                occasions::adopt(&tx, &program).await?;
                Ok(UpdateProgramResponse { program: Some(wire::program(&program)) }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn backtest_rule(
        &self,
        request: Request<BacktestRuleRequest>,
    ) -> Result<Response<BacktestRuleResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let given = convert::required(message.rule.as_ref(), "rule")?;
            let (id, draft, start, end) = convert::all((
                convert::name::<ProgramId>(&message.program, "program"),
                one_rule(given),
                convert::instant(message.start_time.as_ref(), "start_time"),
                convert::instant(message.end_time.as_ref(), "end_time"),
            ))?;
            let write = write("ProgramService/BacktestRule", id.uuid(), &message)?;
            let (id, draft) = (&id, &draft);
            let written = self.db.command(&call, &write, |tx| async move {
                let program = programs::writable(&tx, id).await?;
                let terms = program.terms.clone();
                let drafted = drafted(&terms, draft.clone());
                drafted.check().refuse()?;
                let backtest = Backtest {
                    program: id.slug().to_owned(),
                    currency: program.currency,
                    terms,
                    drafted,
                    span: Span { start, end },
                };
                let job = self.jobs.start(&tx, BACKTEST_RULE, Some(&program.organization), backtest.encode()?).await?;
                let job = Job {
                    name: self.jobs.name(job),
                    kind: BACKTEST_RULE.to_owned(),
                    state: JobState::Pending.into(),
                    create_time: Some(to_proto(tx.now())),
                    ..Job::default()
                };
                Ok(BacktestRuleResponse { job: Some(job) }.encode_to_vec())
            });
            let written = written.await?;
            self.jobs.wake();
            reply(&written)
        })
        .await
    }
}

/// The rule that a request gives.
fn one_rule(given: &EarningRule) -> Result<crate::domain::rule::EarningRule, Refused> {
    let mut wrong = Vec::new();
    let read = rule::rule(given, "rule", &mut wrong);
    read.check("rule", &mut wrong);
    if wrong.is_empty() { Ok(read) } else { Err(Refused::violations(wrong)) }
}

/// The terms `old`, but those that the mask names from `new`.
fn merged(old: &Terms, new: &Terms, mask: &FieldMask) -> Terms {
    let pick = |path: &str| if mask.has(path) { new } else { old };
    Terms {
        display_name: pick("display_name").display_name.clone(),
        points_name: pick("point_currency").points_name.clone(),
        time_zone: pick("time_zone").time_zone.clone(),
        auto_enroll: pick("auto_enroll").auto_enroll,
        delivery_earns: pick("delivery_earns").delivery_earns,
        tax_earns: pick("tax_earns").tax_earns,
        rounding: pick("rounding").rounding,
        rules: pick("earning_rules").rules.clone(),
        pending: pick("pending").pending.clone(),
        expiry: pick("expiry").expiry.clone(),
        overdraft: pick("negative_balance").overdraft,
        redemption: pick("redemption").redemption,
        tiers: pick("tiers").tiers.clone(),
        tiers_version: old.tiers_version,
        occasions: pick("occasions").occasions.clone(),
        occasions_version: old.occasions_version,
        referral: pick("referral").referral.clone(),
        referral_version: old.referral_version,
    }
}
