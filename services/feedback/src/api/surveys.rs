//! SurveyService.

use guanxi_contracts::Message as _;
use guanxi_contracts::feedback::v1::*;
use guanxi_contracts::server::feedback_v1::survey_service_server::SurveyService;
use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{FieldMask, OrderName, Refuse, Refused, natural_id};
use guanxi_rpc::{answer, convert, open, write};
use guanxi_store::{Database, Result as StoreResult, Tx};
use tonic::{Request, Response, Status};

use super::reply;
use super::wire::{self, survey as wired};
use crate::domain::invitation::{ImpressionKind, Invitation};
use crate::domain::name::{InvitationId, SurveyId};
use crate::domain::response::respond;
use crate::domain::survey::{Content, Survey, SurveyError};
use crate::store::{invitations, orders, responses, surveys};

/// Serves surveys.
#[derive(Debug, Clone)]
pub struct Surveys {
    db: Database,
}

impl Surveys {
    /// Over this database.
    pub fn new(db: &Database) -> Self {
        Self { db: db.clone() }
    }
}

#[tonic::async_trait]
impl SurveyService for Surveys {
    async fn create_survey(
        &self,
        request: Request<CreateSurveyRequest>,
    ) -> Result<Response<CreateSurveyResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let survey = convert::required(message.survey.as_ref(), "survey")?;
            let id = SurveyId::from_slug(&message.survey_id).refuse_in("survey_id")?;
            let organization = convert::organization(&survey.organization, "survey.organization")?;
            let organization = call.organization(organization)?;
            let write = write("SurveyService/CreateSurvey", id.uuid(), &message)?;
            let (id, organization, content) = (&id, &organization, &wired::content(survey)?);
            let trigger = wired::trigger(survey);
            let written = self.db.command(&call, &write, |tx| async move {
                let (id, organization, content) = (id.clone(), organization.clone(), content.clone());
                let survey = Survey::create(id, organization, trigger, content, tx.now()).refuse()?;
                surveys::create(&tx, &survey).await?;
                Ok(CreateSurveyResponse { survey: Some(wired::survey(&survey)) }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn get_survey(&self, request: Request<GetSurveyRequest>) -> Result<Response<GetSurveyResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let id = convert::name(&message.name, "name")?;
            let survey = surveys::read(&self.db.reader(&call), &id, wire::version(message.version)).await?;
            Ok(GetSurveyResponse { survey: Some(wired::survey(&survey)) })
        })
        .await
    }

    async fn update_survey(
        &self,
        request: Request<UpdateSurveyRequest>,
    ) -> Result<Response<UpdateSurveyResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let asked = convert::required(message.survey.as_ref(), "survey")?;
            let paths = message.update_mask.as_ref().map(|mask| mask.paths.as_slice()).unwrap_or_default();
            let (id, mask, content) = convert::all((
                convert::name::<SurveyId>(&asked.name, "survey.name"),
                FieldMask::parse(paths, &["display_name", "questions", "time_zone"]),
                wired::content(asked),
            ))?;
            let write = write("SurveyService/UpdateSurvey", id.uuid(), &message)?;
            let (id, mask, content, etag) = (&id, &mask, &content, &asked.etag);
            let written = self.db.command(&call, &write, |tx| async move {
                let survey = surveys::writable(&tx, id).await?;
                if !etag.is_empty() && *etag != survey.version.to_string() {
                    return Err(Refused::from(SurveyError::Stale(id.clone())).into());
                }
                let past = surveys::kinds_ever(&*tx, id).await?;
                let next = survey.revise(&past, masked(&survey.content, content, mask), tx.now()).refuse()?;
                if let Some(next) = &next {
                    surveys::revise(&tx, next).await?;
                }
                let survey = next.unwrap_or(survey);
                Ok(UpdateSurveyResponse { survey: Some(wired::survey(&survey)) }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn invite(&self, request: Request<InviteRequest>) -> Result<Response<InviteResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (survey, customer, order) = convert::all((
                convert::name::<SurveyId>(&message.survey, "survey"),
                convert::optional_name::<CustomerId>(&message.customer, "customer"),
                convert::optional_name::<OrderName>(&message.order, "order"),
            ))?;
            let id = match &order {
                Some(order) => InvitationId::about(order),
                None => {
                    let parts = [message.survey.as_str(), message.request_id.as_str()];
                    InvitationId(natural_id("invitation-by-request", parts))
                }
            };
            let write = write("SurveyService/Invite", id.uuid(), &message)?;
            let (survey, order) = (&survey, order.as_ref());
            let written = self.db.command(&call, &write, |tx| async move {
                let survey = surveys::writable(&tx, survey).await?;
                let (invitation, created) = match order {
                    Some(order) => invite_about(&tx, &survey, order, customer).await?,
                    None => {
                        let customer = convert::required(customer, "customer")?;
                        let invitation = Invitation::new(id, &survey, customer, tx.now());
                        (insert(&tx, invitation).await?, true)
                    }
                };
                Ok(InviteResponse { invitation: Some(wired::invitation(&invitation)), created }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn record_impression(
        &self,
        request: Request<RecordImpressionRequest>,
    ) -> Result<Response<RecordImpressionResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (id, kind) = convert::all((
                convert::name::<InvitationId>(&message.invitation, "invitation"),
                wired::impression(message.kind()),
            ))?;
            let write = write("SurveyService/RecordImpression", id.uuid(), &message)?;
            let (version, impression) = (wire::version(message.version), write.request_id);
            let written = self.db.command(&call, &write, |tx| async move {
                let mut invitation = invitations::writable(&tx, id).await?;
                match kind {
                    ImpressionKind::Shown => {
                        let shown = surveys::read(&*tx, &invitation.survey, version).await?;
                        invitation.show(shown.version, tx.now()).refuse()?;
                    }
                    ImpressionKind::Dismissed => invitation.dismiss(tx.now()).refuse()?,
                }
                invitations::save(&tx, &invitation).await?;
                invitations::add_impression(&tx, &invitation, impression, kind, tx.now()).await?;
                let invitation = Some(wired::invitation(&invitation));
                Ok(RecordImpressionResponse { invitation }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn submit_response(
        &self,
        request: Request<SubmitResponseRequest>,
    ) -> Result<Response<SubmitResponseResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (id, submission) = convert::all((
                convert::name::<InvitationId>(&message.invitation, "invitation"),
                wired::submission(&message),
            ))?;
            let write = write("SurveyService/SubmitResponse", id.uuid(), &message)?;
            let submission = &submission;
            let written = self.db.command(&call, &write, |tx| async move {
                let mut invitation = invitations::writable(&tx, id).await?;
                let stored = responses::stored(&tx, id).await?;
                let seen = invitation.show_time.is_some() || stored.is_some();
                let survey = surveys::read(&*tx, &invitation.survey, seen.then_some(invitation.version)).await?;
                invitation.version = survey.version;
                let questions = &survey.content.questions;
                let new =
                    respond(&mut invitation, stored.as_ref(), questions, submission.clone(), tx.now()).refuse()?;
                if let Some(response) = &new {
                    invitations::save(&tx, &invitation).await?;
                    responses::insert(&tx, &invitation, response, questions).await?;
                    tx.emit(responses::answered(&invitation, response));
                }
                let response = new.or(stored).map(|response| wired::response(&invitation, &response));
                Ok(SubmitResponseResponse { response }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }
}

/// The content that an update asks for: what the mask names from `asked`, the rest as it is.
fn masked(stored: &Content, asked: &Content, mask: &FieldMask) -> Content {
    let from = |path| if mask.has(path) { asked } else { stored };
    Content {
        display_name: from("display_name").display_name.clone(),
        questions: from("questions").questions.clone(),
        time_zone: from("time_zone").time_zone.clone(),
    }
}

/// The one invitation that asks about an order, and whether it is new.
async fn invite_about(
    tx: &Tx,
    survey: &Survey,
    order: &OrderName,
    customer: Option<CustomerId>,
) -> StoreResult<(Invitation, bool)> {
    let mut known = orders::lock(tx, &[order.uuid()]).await?.remove(&order.uuid());
    let known = known.as_mut().filter(|known| known.order.organization == survey.organization);
    let known = known.ok_or_else(|| Refused::not_found("order", order))?;
    if customer.is_some_and(|customer| customer != known.order.customer) {
        let description = format!("{order} is of another customer");
        return Err(Refused::invalid("customer", "CUSTOMER_MISMATCH", description).into());
    }
    if let Some(earlier) = invitations::stored(tx, InvitationId::about(order)).await? {
        return Ok((earlier, false));
    }
    known.order.ask().refuse()?;
    known.invited = true;
    orders::save(tx, [&*known]).await?;
    Ok((insert(tx, known.order.invitation(survey, false, tx.now())).await?, true))
}

async fn insert(tx: &Tx, invitation: Invitation) -> StoreResult<Invitation> {
    invitations::insert(tx, [&invitation]).await?;
    tx.emit(invitations::invited(&invitation));
    Ok(invitation)
}
