//! MemberService.

use guanxi_contracts::Message as _;
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::server::loyalty_v1::member_service_server::MemberService;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{PageRequest, Refused, Uuid};
use guanxi_rpc::{answer, convert, open, write};
use guanxi_store::Database;
use guanxi_store::change::write_all;
use tonic::{Request, Response, Status};

use super::{past, reply};
use crate::domain::program::ProgramId;
use crate::store::{accounts, members, programs};

/// Serves members.
#[derive(Debug, Clone)]
pub struct Members {
    db: Database,
}

impl Members {
    /// Over this database.
    pub fn new(db: &Database) -> Self {
        Self { db: db.clone() }
    }
}

#[tonic::async_trait]
impl MemberService for Members {
    async fn enroll_member(
        &self,
        request: Request<EnrollMemberRequest>,
    ) -> Result<Response<EnrollMemberResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (program, customer) = convert::all((
                convert::name::<ProgramId>(&message.program, "program"),
                convert::name::<CustomerId>(&message.customer, "customer"),
            ))?;
            let id = program.member(customer);
            let write = write("MemberService/EnrollMember", id.uuid(), &message)?;
            let (program, enroll_time) = (&program, message.enroll_time.as_ref());
            let written = self.db.command(&call, &write, |tx| async move {
                let enroll_time = past(enroll_time, "enroll_time", tx.now())?;
                let program = programs::writable(&tx, program).await?;
                if members::exists(&tx, id).await? {
                    return Err(Refused::exists("member", id).into());
                }
                let member = members::Member::enroll(&program, customer, enroll_time, tx.now());
                members::insert(&tx, std::slice::from_ref(&member)).await?;
                write_all(&tx, [accounts::new(&[&member.account()])]).await?;
                tx.emit(member.enrolled(false));
                Ok(EnrollMemberResponse { member: Some(to_member(&member)) }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn get_member(&self, request: Request<GetMemberRequest>) -> Result<Response<GetMemberResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let id: MemberId = convert::name(&message.name, "name")?;
            let member = members::read(&self.db.reader(&call), id).await?;
            Ok(GetMemberResponse { member: Some(to_member(&member)) })
        })
        .await
    }

    async fn list_members(
        &self,
        request: Request<ListMembersRequest>,
    ) -> Result<Response<ListMembersResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let asked = ["ListMembers", &message.customer, &message.program];
            let (customer, program, page) = convert::all((
                convert::optional_name::<CustomerId>(&message.customer, "customer"),
                convert::optional_name::<ProgramId>(&message.program, "program"),
                PageRequest::parse(message.page_size, &message.page_token, &asked),
            ))?;
            let after = page.after.as_ref().and_then(|key| Uuid::try_parse(key.first()?).ok());
            let reader = self.db.reader(&call);
            let size = u64::from(page.size) + 1;
            let mut found = members::page(&reader, customer, program.as_ref(), after, size).await?;
            let next_page_token = super::cut(&mut found, &page, |member| member.id.uuid().to_string());
            Ok(ListMembersResponse { members: found.iter().map(to_member).collect(), next_page_token })
        })
        .await
    }
}

fn to_member(member: &members::Member) -> Member {
    Member {
        name: member.id.to_string(),
        organization: member.organization.to_string(),
        program: member.program.to_string(),
        customer: member.customer.to_string(),
        enroll_time: Some(to_proto(member.enroll_time)),
        create_time: Some(to_proto(member.create_time)),
    }
}
