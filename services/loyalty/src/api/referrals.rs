//! ReferralService.

use guanxi_contracts::Message as _;
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::server::loyalty_v1::referral_service_server::ReferralService;
use guanxi_kernel::name::MemberId;
use guanxi_kernel::{PageRequest, Refuse, Uuid};
use guanxi_rpc::{answer, convert, open, write};
use guanxi_store::{Database, Result as Stored, Session, Tx};
use tonic::{Request, Response, Status};

use super::reply;
use super::wire::referral as wire;
use crate::domain::program::Program;
use crate::domain::referral::ReferralError;
use crate::store::{members, programs, referrals};

/// Serves referrals.
#[derive(Debug, Clone)]
pub struct Referrals {
    db: Database,
}

impl Referrals {
    /// Over this database.
    pub fn new(db: &Database) -> Self {
        Self { db: db.clone() }
    }
}

#[tonic::async_trait]
impl ReferralService for Referrals {
    async fn create_referral_code(
        &self,
        request: Request<CreateReferralCodeRequest>,
    ) -> Result<Response<CreateReferralCodeResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let member: MemberId = convert::name(&message.member, "member")?;
            let write = write("ReferralService/CreateReferralCode", member.uuid(), &message)?;
            let written = self.db.command(&call, &write, |tx| async move {
                let program = program_of(&tx, member).await?;
                let code = referrals::make_code(&tx, &program, member).await?;
                Ok(CreateReferralCodeResponse { code }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn get_referral_code(
        &self,
        request: Request<GetReferralCodeRequest>,
    ) -> Result<Response<GetReferralCodeResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let member: MemberId = convert::name(&message.member, "member")?;
            let reader = self.db.reader(&call);
            members::read(&reader, member).await?;
            let code = referrals::code(reader.connection(), member).await?;
            Ok(GetReferralCodeResponse { code: code.ok_or(ReferralError::NoCode(member)).refuse()? })
        })
        .await
    }

    async fn create_referral(
        &self,
        request: Request<CreateReferralRequest>,
    ) -> Result<Response<CreateReferralResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let member: MemberId = convert::name(&message.member, "member")?;
            let write = write("ReferralService/CreateReferral", member.uuid(), &message)?;
            let code = message.code.as_str();
            let written = self.db.command(&call, &write, |tx| async move {
                let program = program_of(&tx, member).await?;
                let referral = referrals::refer(&tx, &program, member, code).await?;
                Ok(CreateReferralResponse { referral: Some(wire::referral(&referral)) }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn list_referrals(
        &self,
        request: Request<ListReferralsRequest>,
    ) -> Result<Response<ListReferralsResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let asked = ["ListReferrals", &message.member];
            let (member, page) = convert::all((
                convert::name::<MemberId>(&message.member, "member"),
                PageRequest::parse(message.page_size, &message.page_token, &asked),
            ))?;
            let reader = self.db.reader(&call);
            members::read(&reader, member).await?;
            let after = page.after.as_ref().and_then(|key| Uuid::try_parse(key.first()?).ok());
            let mut found = referrals::page(reader.connection(), member, after, i64::from(page.size) + 1).await?;
            let next_page_token = super::cut(&mut found, &page, |referral| referral.referee.uuid().to_string());
            Ok(ListReferralsResponse { referrals: found.iter().map(wire::referral).collect(), next_page_token })
        })
        .await
    }
}

/// The program of a member whom the caller may change.
async fn program_of(tx: &Tx, member: MemberId) -> Stored<Program> {
    let member = members::read(tx, member).await?;
    tx.may_write(member.organization.slug())?;
    programs::read(tx, &member.program).await
}
