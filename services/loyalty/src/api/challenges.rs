//! ChallengeService.

use std::collections::BTreeMap;

use guanxi_contracts::Message as _;
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::server::loyalty_v1::challenge_service_server::ChallengeService;
use guanxi_kernel::name::MemberId;
use guanxi_kernel::{FieldMask, PageRequest, Refuse, Refused, Timestamp, Uuid};
use guanxi_rpc::{answer, convert, open, write};
use guanxi_store::{Database, Result as Stored, Session, Tx};
use tonic::{Request, Response, Status};

use super::reply;
use super::wire::challenge as wire;
use crate::domain::challenge::{Challenge as Quest, ChallengeId, ChallengeTerms};
use crate::domain::goal::Dated;
use crate::domain::program::{Program, ProgramId};
use crate::domain::reward::RewardError;
use crate::store::goals::{self, awards};
use crate::store::programs::Programs;
use crate::store::{challenges, members, programs, rewards};

/// The paths that an update may change.
const CHANGEABLE: &[&str] = &["display_name", "end_time", "points", "valid_for", "reward"];

/// Serves challenges.
#[derive(Debug, Clone)]
pub struct Challenges {
    db: Database,
    programs: Programs,
}

impl Challenges {
    /// Over this database and these programs.
    pub fn new(db: &Database, programs: &Programs) -> Self {
        Self { db: db.clone(), programs: programs.clone() }
    }
}

#[tonic::async_trait]
impl ChallengeService for Challenges {
    async fn create_challenge(
        &self,
        request: Request<CreateChallengeRequest>,
    ) -> Result<Response<CreateChallengeResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let given = convert::required(message.challenge.as_ref(), "challenge")?;
            let (id, program, _) = convert::all((
                ChallengeId::from_slug(&message.challenge_id).refuse_in("challenge_id"),
                convert::name::<ProgramId>(&given.program, "challenge.program"),
                wire::terms(given, Timestamp::UNIX_EPOCH),
            ))?;
            let write = write("ChallengeService/CreateChallenge", id.uuid(), &message)?;
            let (id, program) = (&id, &program);
            let written = self.db.command(&call, &write, |tx| async move {
                let program = programs::writable(&tx, program).await?;
                if challenges::exists(&tx, id).await? {
                    return Err(Refused::exists("challenge", id).into());
                }
                let terms = wire::terms(given, tx.now())?;
                terms.check().refuse()?;
                let challenge = Quest {
                    id: id.clone(),
                    goal_id: id.uuid(),
                    organization: program.organization.clone(),
                    program: program.id.clone(),
                    terms,
                    version: 1,
                    create_time: tx.now(),
                    update_time: tx.now(),
                };
                fits(&tx, &program, &challenge).await?;
                challenges::insert(&tx, &challenge).await?;
                let challenge = Some(wire::challenge(&challenge));
                Ok(CreateChallengeResponse { challenge }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn get_challenge(
        &self,
        request: Request<GetChallengeRequest>,
    ) -> Result<Response<GetChallengeResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let id: ChallengeId = convert::name(&message.name, "name")?;
            let challenge = challenges::read(&self.db.reader(&call), &id).await?;
            Ok(GetChallengeResponse { challenge: Some(wire::challenge(&challenge)) })
        })
        .await
    }

    async fn list_challenges(
        &self,
        request: Request<ListChallengesRequest>,
    ) -> Result<Response<ListChallengesResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let asked = ["ListChallenges", &message.program];
            let (program, page) = convert::all((
                convert::optional_name::<ProgramId>(&message.program, "program"),
                PageRequest::parse(message.page_size, &message.page_token, &asked),
            ))?;
            let after = page.after.as_ref().and_then(|key| key.first()).map(String::as_str);
            let size = u64::from(page.size) + 1;
            let mut found = challenges::page(&self.db.reader(&call), program.as_ref(), after, size).await?;
            let next_page_token = super::cut(&mut found, &page, |challenge| challenge.id.slug().to_owned());
            let challenges = found.iter().map(wire::challenge).collect();
            Ok(ListChallengesResponse { challenges, next_page_token })
        })
        .await
    }

    async fn update_challenge(
        &self,
        request: Request<UpdateChallengeRequest>,
    ) -> Result<Response<UpdateChallengeResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let given = convert::required(message.challenge.as_ref(), "challenge")?;
            let paths = message.update_mask.as_ref().map(|mask| mask.paths.as_slice()).unwrap_or_default();
            let (id, mask, terms) = convert::all((
                convert::name::<ChallengeId>(&given.name, "challenge.name"),
                FieldMask::parse(paths, CHANGEABLE),
                wire::terms(given, Timestamp::UNIX_EPOCH),
            ))?;
            let write = write("ChallengeService/UpdateChallenge", id.uuid(), &message)?;
            let (id, mask, terms, etag) = (&id, &mask, &terms, given.etag.as_str());
            let written = self.db.command(&call, &write, |tx| async move {
                // Its program is locked first, as when one is made: how many it has open is counted exactly.
                let program = challenges::read(&*tx, id).await?.program;
                let program = programs::writable(&tx, &program).await?;
                let challenge = challenges::writable(&tx, id).await?;
                if !etag.is_empty() && etag != wire::etag(&challenge) {
                    return Err(Refused::stale_etag(id).into());
                }
                let terms = merged(&challenge.terms, terms, mask);
                terms.check().refuse()?;
                let version = challenge.version + 1;
                let challenge = Quest { terms, version, update_time: tx.now(), ..challenge };
                fits(&tx, &program, &challenge).await?;
                challenges::save(&tx, &challenge).await?;
                let challenge = Some(wire::challenge(&challenge));
                Ok(UpdateChallengeResponse { challenge }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn list_challenge_progress(
        &self,
        request: Request<ListChallengeProgressRequest>,
    ) -> Result<Response<ListChallengeProgressResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let id: MemberId = convert::name(&message.member, "member")?;
            let reader = self.db.reader(&call);
            let (connection, now) = (reader.connection(), reader.now());
            let member = members::read(&reader, id).await?;
            let program = self.programs.load(connection, [&member.program]).await?.remove(&member.program);
            let program = program.ok_or_else(|| Refused::not_found("member", id))?;
            let open: Vec<&Quest> = program.challenges.iter().filter(|challenge| challenge.covers(now)).collect();
            let pairs: Vec<_> = open.iter().map(|challenge| (id.uuid(), challenge.goal_id)).collect();
            let counted: BTreeMap<_, Vec<Dated>> = goals::of(connection, &pairs).await?;
            let none = Vec::new();
            let progress = open.into_iter().map(|challenge| {
                let counted = counted.get(&(id.uuid(), challenge.goal_id)).unwrap_or(&none);
                let progress = challenge.terms.goal.progress(counted, &program.zone, challenge.terms.end_time, now);
                wire::progress(challenge, &progress)
            });
            Ok(ListChallengeProgressResponse { progress: progress.collect() })
        })
        .await
    }

    async fn list_challenge_awards(
        &self,
        request: Request<ListChallengeAwardsRequest>,
    ) -> Result<Response<ListChallengeAwardsResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let asked = ["ListChallengeAwards", &message.member];
            let (member, page) = convert::all((
                convert::name::<MemberId>(&message.member, "member"),
                PageRequest::parse(message.page_size, &message.page_token, &asked),
            ))?;
            let reader = self.db.reader(&call);
            members::read(&reader, member).await?;
            let after = page.after.as_ref().and_then(|key| Uuid::try_parse(key.first()?).ok());
            let mut found = awards::page(reader.connection(), member, after, i64::from(page.size) + 1).await?;
            let next_page_token = super::cut(&mut found, &page, |given| given.id.to_string());
            Ok(ListChallengeAwardsResponse { awards: found.iter().map(wire::award).collect(), next_page_token })
        })
        .await
    }
}

/// Refuses a challenge for which its program has no room, or whose reward it does not have.
async fn fits(tx: &Tx, program: &Program, challenge: &Quest) -> Stored<()> {
    challenges::room(tx, challenge).await?;
    let Some(reward) = challenge.terms.reward_id() else { return Ok(()) };
    let reward = rewards::read(tx, &reward).await?;
    if reward.program != program.id {
        Err(RewardError::NotEligible { reward: reward.id, program: reward.program }).refuse()?;
    }
    Ok(())
}

/// The terms `old`, but those that the mask names from `new`.
fn merged(old: &ChallengeTerms, new: &ChallengeTerms, mask: &FieldMask) -> ChallengeTerms {
    let pick = |path: &str| if mask.has(path) { new } else { old };
    ChallengeTerms {
        display_name: pick("display_name").display_name.clone(),
        end_time: pick("end_time").end_time,
        points: pick("points").points,
        valid_for: pick("valid_for").valid_for,
        reward: pick("reward").reward.clone(),
        ..old.clone()
    }
}
