//! CaseService.

use guanxi_contracts::Message as _;
use guanxi_contracts::feedback::v1::*;
use guanxi_contracts::server::feedback_v1::case_service_server::CaseService;
use guanxi_kernel::name::CaseId;
use guanxi_kernel::{PageRequest, Refuse, natural_id};
use guanxi_rpc::{answer, convert, open, write};
use guanxi_store::Database;
use tonic::{Request, Response, Status};

use super::reply;
use super::wire::case as wire;
use crate::domain::case::Case;
use crate::domain::{intake, reply as replies};
use crate::store::cases;

/// Serves cases.
#[derive(Debug, Clone)]
pub struct Cases {
    db: Database,
}

impl Cases {
    /// Over this database.
    pub fn new(db: &Database) -> Self {
        Self { db: db.clone() }
    }
}

#[tonic::async_trait]
impl CaseService for Cases {
    async fn create_case(&self, request: Request<CreateCaseRequest>) -> Result<Response<CreateCaseResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let wire::Asked { organization, intake, content } = wire::asked(message.case.as_ref())?;
            let organization = call.organization(organization)?;
            let id = match &intake {
                Some(intake) => intake.case(&organization),
                None => CaseId(natural_id("case", [organization.slug(), message.request_id.as_str()])),
            };
            let write = write("CaseService/CreateCase", id.uuid(), &message)?;
            let (organization, intake, content) = (&organization, &intake, &content);
            let written = self.db.command(&call, &write, |tx| async move {
                let case = match cases::stored(&tx, id).await? {
                    None => {
                        let mut case = Case::open(id, organization.clone(), content.clone(), tx.now());
                        case.intake = intake.clone();
                        cases::insert(&tx, &case).await?;
                        case
                    }
                    Some(mut case) => {
                        if intake::repeat(&mut case, content.clone(), tx.now()).refuse()? {
                            cases::save(&tx, &case).await?;
                        }
                        case
                    }
                };
                Ok(CreateCaseResponse { case: Some(wire::case(&case)) }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn get_case(&self, request: Request<GetCaseRequest>) -> Result<Response<GetCaseResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let id = convert::name(&message.name, "name")?;
            let (case, messages) = cases::read(&self.db.reader(&call), id).await?;
            let messages = messages.iter().map(wire::message).collect();
            Ok(GetCaseResponse { case: Some(wire::case(&case)), messages })
        })
        .await
    }

    async fn list_cases(&self, request: Request<ListCasesRequest>) -> Result<Response<ListCasesResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (page, ()) = convert::all((
                PageRequest::parse(message.page_size, &message.page_token, &["ListCases", &message.filter]),
                cases::LIST.check(&message.filter),
            ))?;
            let (found, next) = cases::list(&self.db.reader(&call), &message.filter, &page).await?;
            let cases = found.iter().map(wire::case).collect();
            Ok(ListCasesResponse { cases, next_page_token: next })
        })
        .await
    }

    async fn reply_to_case(
        &self,
        request: Request<ReplyToCaseRequest>,
    ) -> Result<Response<ReplyToCaseResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (id, said) = convert::all((convert::name::<CaseId>(&message.name, "name"), wire::reply(&message)))?;
            let write = write("CaseService/ReplyToCase", id.uuid(), &message)?;
            let follower =
                CaseId(natural_id("case-that-follows", [&message.name, &message.request_id].map(|s| s.as_str())));
            let (text, message_id) = (&message.text, write.request_id);
            let written = self.db.command(&call, &write, |tx| async move {
                let mut case = cases::writable(&tx, id).await?;
                match replies::reply(&mut case, said, follower, tx.now()) {
                    Some(next) => {
                        cases::insert(&tx, &next).await?;
                        case = next;
                    }
                    None => cases::save(&tx, &case).await?,
                }
                let (author, text, create_time) = (said.author, text.clone(), tx.now());
                let message = cases::Message { id: message_id, author, text, create_time };
                cases::add_message(&tx, case.id, &message).await?;
                let (case, message) = (Some(wire::case(&case)), Some(wire::message(&message)));
                Ok(ReplyToCaseResponse { case, message }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn solve_case(&self, request: Request<SolveCaseRequest>) -> Result<Response<SolveCaseResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let id: CaseId = convert::name(&message.name, "name")?;
            let write = write("CaseService/SolveCase", id.uuid(), &message)?;
            let etag = &message.etag;
            let written = self.db.command(&call, &write, |tx| async move {
                let mut case = cases::writable(&tx, id).await?;
                case.expect(etag).refuse()?;
                case.solve(tx.now()).refuse()?;
                cases::save(&tx, &case).await?;
                tx.emit(cases::solved(&case));
                Ok(SolveCaseResponse { case: Some(wire::case(&case)) }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn reopen_case(&self, request: Request<ReopenCaseRequest>) -> Result<Response<ReopenCaseResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let id: CaseId = convert::name(&message.name, "name")?;
            let write = write("CaseService/ReopenCase", id.uuid(), &message)?;
            let etag = &message.etag;
            let written = self.db.command(&call, &write, |tx| async move {
                let mut case = cases::writable(&tx, id).await?;
                case.expect(etag).refuse()?;
                case.reopen(tx.now()).refuse()?;
                cases::save(&tx, &case).await?;
                Ok(ReopenCaseResponse { case: Some(wire::case(&case)) }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }
}
