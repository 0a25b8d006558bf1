//! CampaignService.

use std::sync::Arc;

use guanxi_contracts::Message as _;
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::server::loyalty_v1::campaign_service_server::CampaignService;
use guanxi_kernel::{FieldMask, PageRequest, Refuse, Refused};
use guanxi_rpc::{answer, convert, open, write};
use guanxi_store::{Database, Session};
use tonic::{Request, Response, Status};

use super::reply;
use super::wire::{campaign as wire, campaign_report as report};
use crate::domain::campaign::{Budget, Campaign as Action, CampaignId, CampaignTerms};
use crate::domain::program::ProgramId;
use crate::domain::retention::Windows;
use crate::store::{budgets, campaign_report, campaigns, programs};

/// The paths that an update may change.
const CHANGEABLE: &[&str] = &["display_name", "start_time", "end_time", "earning_rules", "budget", "holdout_permille"];

/// Serves campaigns.
#[derive(Debug, Clone)]
pub struct Campaigns {
    db: Database,
}

impl Campaigns {
    /// Over this database.
    pub fn new(db: &Database) -> Self {
        Self { db: db.clone() }
    }
}

#[tonic::async_trait]
impl CampaignService for Campaigns {
    async fn create_campaign(
        &self,
        request: Request<CreateCampaignRequest>,
    ) -> Result<Response<CreateCampaignResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let given = convert::required(message.campaign.as_ref(), "campaign")?;
            let (id, program, terms) = convert::all((
                CampaignId::from_slug(&message.campaign_id).refuse_in("campaign_id"),
                convert::name::<ProgramId>(&given.program, "campaign.program"),
                wire::terms(given),
            ))?;
            terms.check().refuse()?;
            let write = write("CampaignService/CreateCampaign", id.uuid(), &message)?;
            let (id, program, terms) = (&id, &program, &terms);
            let written = self.db.command(&call, &write, |tx| async move {
                let program = programs::writable(&tx, program).await?;
                if campaigns::exists(&tx, id).await? {
                    return Err(Refused::exists("campaign", id).into());
                }
                let campaign = Action {
                    id: id.clone(),
                    organization: program.organization.clone(),
                    program: program.id.clone(),
                    terms: terms.clone(),
                    version: 1,
                    create_time: tx.now(),
                    update_time: tx.now(),
                };
                let budget = limits(terms, Budget::default())?;
                campaigns::insert(&tx, &campaign).await?;
                budgets::limit(&tx, id, &campaign.organization, &budget).await?;
                let campaign = Some(wire::campaign(&campaign, &budget));
                Ok(CreateCampaignResponse { campaign }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn get_campaign(
        &self,
        request: Request<GetCampaignRequest>,
    ) -> Result<Response<GetCampaignResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let id: CampaignId = convert::name(&message.name, "name")?;
            let reader = self.db.reader(&call);
            let campaign = campaigns::read(&reader, &id).await?;
            let spent = budgets::read(reader.connection(), std::slice::from_ref(&id)).await?;
            let budget = spent.get(&id).copied().unwrap_or_default();
            Ok(GetCampaignResponse { campaign: Some(wire::campaign(&campaign, &budget)) })
        })
        .await
    }

    async fn list_campaigns(
        &self,
        request: Request<ListCampaignsRequest>,
    ) -> Result<Response<ListCampaignsResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let asked = ["ListCampaigns", &message.program];
            let (program, page) = convert::all((
                convert::optional_name::<ProgramId>(&message.program, "program"),
                PageRequest::parse(message.page_size, &message.page_token, &asked),
            ))?;
            let after = page.after.as_ref().and_then(|key| key.first()).map(String::as_str);
            let reader = self.db.reader(&call);
            let size = u64::from(page.size) + 1;
            let mut found = campaigns::page(&reader, program.as_ref(), after, size).await?;
            let next_page_token = super::cut(&mut found, &page, |campaign| campaign.id.slug().to_owned());
            let ids: Vec<CampaignId> = found.iter().map(|campaign| campaign.id.clone()).collect();
            let spent = budgets::read(reader.connection(), &ids).await?;
            let message =
                |campaign: &Action| wire::campaign(campaign, &spent.get(&campaign.id).copied().unwrap_or_default());
            Ok(ListCampaignsResponse { campaigns: found.iter().map(message).collect(), next_page_token })
        })
        .await
    }

    async fn update_campaign(
        &self,
        request: Request<UpdateCampaignRequest>,
    ) -> Result<Response<UpdateCampaignResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let given = convert::required(message.campaign.as_ref(), "campaign")?;
            let paths = message.update_mask.as_ref().map(|mask| mask.paths.as_slice()).unwrap_or_default();
            let (id, mask, terms) = convert::all((
                convert::name::<CampaignId>(&given.name, "campaign.name"),
                FieldMask::parse(paths, CHANGEABLE),
                wire::terms(given),
            ))?;
            let write = write("CampaignService/UpdateCampaign", id.uuid(), &message)?;
            let (id, mask, terms, etag) = (&id, &mask, &terms, given.etag.as_str());
            let written = self.db.command(&call, &write, |tx| async move {
                let campaign = campaigns::writable(&tx, id).await?;
                if !etag.is_empty() && etag != wire::etag(&campaign) {
                    return Err(Refused::stale_etag(id).into());
                }
                let terms = merged(&campaign.terms, terms, mask);
                terms.check().refuse()?;
                let spent = budgets::lock(&tx, std::slice::from_ref(id)).await?;
                let budget = limits(&terms, spent.get(id).copied().unwrap_or_default())?;
                let version = campaign.version + 1;
                let campaign = Action { terms, version, update_time: tx.now(), ..campaign };
                campaigns::save(&tx, &campaign).await?;
                budgets::limit(&tx, id, &campaign.organization, &budget).await?;
                let campaign = Some(wire::campaign(&campaign, &budget));
                Ok(UpdateCampaignResponse { campaign }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn get_campaign_report(
        &self,
        request: Request<GetCampaignReportRequest>,
    ) -> Result<Response<GetCampaignReportResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let id: CampaignId = convert::name(&message.name, "name")?;
            let reader = self.db.reader(&call);
            let (campaign, now) = (campaigns::read(&reader, &id).await?, reader.now());
            let program = Arc::new(programs::read(&reader, &campaign.program).await?);
            let connection = reader.connection();
            let spent = budgets::read(connection, std::slice::from_ref(&id)).await?;
            let bought = campaigns::bought(connection, &id).await?;
            let windows = Windows::new(campaign.terms.start_time, campaign.terms.end_time, now);
            let counted = campaign_report::count(connection, &program, &campaign, windows, now).await?;
            let budget = spent.get(&id).copied().unwrap_or_default();
            let found = report::Found { program: &program, campaign: &campaign, budget, bought, windows, counted };
            Ok(report::report(&found, message.margin_permille, now))
        })
        .await
    }
}

/// The budget under the limits of these terms.
fn limits(terms: &CampaignTerms, budget: Budget) -> Result<Budget, Refused> {
    budget.limited(terms.points_limit, terms.orders_limit).refuse()
}

/// The terms `old`, but those that the mask names from `new`.
fn merged(old: &CampaignTerms, new: &CampaignTerms, mask: &FieldMask) -> CampaignTerms {
    let pick = |path: &str| if mask.has(path) { new } else { old };
    CampaignTerms {
        display_name: pick("display_name").display_name.clone(),
        start_time: pick("start_time").start_time,
        end_time: pick("end_time").end_time,
        rules: pick("earning_rules").rules.clone(),
        holdout_permille: pick("holdout_permille").holdout_permille,
        points_limit: pick("budget").points_limit,
        orders_limit: pick("budget").orders_limit,
    }
}
