//! TrackingService.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use guanxi_contracts::Message as _;
use guanxi_contracts::logistics::v1::*;
use guanxi_contracts::server::logistics_v1::tracking_service_server::TrackingService;
use guanxi_kernel::name::PackageId;
use guanxi_kernel::{Call, OrganizationId, PageRequest, Refused, Uuid};
use guanxi_rpc::{Answers, Watching, answer, answer_each, convert, open, watch, write};
use guanxi_store::{Database, GroupCommit, Session};
use tonic::{Request, Response, Status, Streaming};

use super::watch::{Watched, Watcher};
use super::{element, reply, wire};
use crate::domain::{EventKey, EventName, PackageReference, SourceId, View};
use crate::store::intake::{self, Answer, Intake, Intakes, Taken, Target, What};
use crate::store::{packages, quarantine, tracks};

/// Serves tracking.
#[derive(Debug, Clone)]
pub struct Tracks {
    db: Database,
    intake: GroupCommit<Intakes>,
    watch_poll: Duration,
}

/// How many elements of one stream are on their way at once: enough to fill a commit.
const IN_FLIGHT: usize = 256;

impl Tracks {
    /// Over this database; events go through `intake`; watches look for others' commits every `watch_poll`.
    pub fn new(db: &Database, intake: &GroupCommit<Intakes>, watch_poll: Duration) -> Self {
        Self { db: db.clone(), intake: intake.clone(), watch_poll }
    }

    async fn ingest(
        &self,
        call: Call,
        index: i64,
        message: IngestEventsRequest,
    ) -> Result<IngestEventsResponse, Refused> {
        let answered = async {
            let intake = element::read(&message)?;
            let root = match &intake.reference {
                PackageReference::Package(id) => id.uuid(),
                PackageReference::Number(number) => number.uuid(),
            };
            let written = self.intake.submit(&call, root, None, intake).await?;
            Ok(Taken::from_bytes(&written.reply)?)
        };
        let id = message.source_event_id.clone();
        match answered.await {
            Ok(taken) => Ok(element::taken(index, id, taken)),
            Err(refused) => element::rejected(index, id, refused),
        }
    }
}

/// The event that a retraction names: what it is about, whose it is, and the root of the write.
fn retracted(message: &RetractEventRequest) -> Result<(Intake, Uuid), Refused> {
    let reason = message.reason.clone();
    let (reference, organization, target): (_, Option<OrganizationId>, _) =
        match (message.event.as_str(), &message.source_event) {
            ("", Some(event)) => {
                let (reference, organization) = convert::all((
                    wire::reference(event.package.as_ref(), "source_event.package"),
                    convert::organization(&event.organization, "source_event.organization"),
                ))?;
                let key = EventKey { source: event.source.clone(), id: SourceId::Given(event.source_event_id.clone()) };
                (reference, organization, Target::Key(key))
            }
            (name, None) if !name.is_empty() => {
                let name: EventName = convert::name(name, "event")?;
                (PackageReference::Package(name.package), None, Target::Name(name))
            }
            _ => {
                let description = "exactly one of event and source_event is required";
                return Err(Refused::invalid("event", "TARGET_AMBIGUOUS", description));
            }
        };
    let root = match &reference {
        PackageReference::Package(id) => id.uuid(),
        PackageReference::Number(number) => number.uuid(),
    };
    Ok((Intake { reference, organization, what: What::Retraction { target, reason } }, root))
}

#[tonic::async_trait]
impl TrackingService for Tracks {
    type IngestEventsStream = Answers<IngestEventsResponse>;

    async fn ingest_events(
        &self,
        request: Request<Streaming<IngestEventsRequest>>,
    ) -> Result<Response<Self::IngestEventsStream>, Status> {
        let this = Arc::new(self.clone());
        let next = AtomicI64::new(0);
        answer_each(request, IN_FLIGHT, move |call, message| {
            let (this, index) = (Arc::clone(&this), next.fetch_add(1, Ordering::Relaxed));
            async move { this.ingest(call, index, message).await }
        })
    }

    async fn retract_event(
        &self,
        request: Request<RetractEventRequest>,
    ) -> Result<Response<RetractEventResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (intake, root) = retracted(&message)?;
            let write = write("TrackingService/RetractEvent", root, &message)?;
            let (caller, intake) = (&call, &intake);
            let written = self.db.command(&call, &write, |tx| async move {
                let tracking = match intake::take(&tx, &[(caller, intake)]).await?.pop().transpose()? {
                    Some(Answer::Retracted(Some((package, shipment, standing)))) => {
                        Some(wire::tracking(package, shipment, &standing))
                    }
                    _ => None,
                };
                Ok(RetractEventResponse { tracking }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn get_tracking(
        &self,
        request: Request<GetTrackingRequest>,
    ) -> Result<Response<GetTrackingResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (reference, as_of, known_at) = convert::all((
                wire::reference(message.package.as_ref(), "package"),
                convert::instant(message.as_of.as_ref(), "as_of"),
                convert::instant(message.known_at.as_ref(), "known_at"),
            ))?;
            let reader = self.db.reader(&call);
            let package = packages::get(&reader, &reference).await?;
            let mut tracks = tracks::load(reader.connection(), &[package.id.uuid()]).await?;
            let track = tracks.remove(&package.id.uuid()).unwrap_or_default();
            let standing = track.view(View { as_of, known_at });
            Ok(GetTrackingResponse { tracking: Some(wire::tracking(package.id, package.shipment, &standing)) })
        })
        .await
    }

    async fn list_tracking_events(
        &self,
        request: Request<ListTrackingEventsRequest>,
    ) -> Result<Response<ListTrackingEventsResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let asked = ["ListTrackingEvents", &message.parent];
            let (id, page) = convert::all((
                convert::name::<PackageId>(&message.parent, "parent"),
                PageRequest::parse(message.page_size, &message.page_token, &asked),
            ))?;
            let reader = self.db.reader(&call);
            let package = packages::get(&reader, &PackageReference::Package(id)).await?;
            let (history, next) = tracks::history(reader.connection(), package.id.uuid(), &page).await?;
            let events = history.into_iter().map(|(row, item)| wire::event(row, &item)).collect();
            let next_page_token = next.map(|key| page.next(key)).unwrap_or_default();
            Ok(ListTrackingEventsResponse { events, next_page_token })
        })
        .await
    }

    async fn list_quarantine(
        &self,
        request: Request<ListQuarantineRequest>,
    ) -> Result<Response<ListQuarantineResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let asked = ["ListQuarantine", &message.source];
            let page = PageRequest::parse(message.page_size, &message.page_token, &asked)?;
            let source = Some(message.source.as_str()).filter(|source| !source.is_empty());
            let (rows, next) = quarantine::list(&self.db.reader(&call), source, &page).await?;
            let events = rows.into_iter().map(wire::quarantined).collect();
            let next_page_token = next.map(|key| page.next(key)).unwrap_or_default();
            Ok(ListQuarantineResponse { events, next_page_token })
        })
        .await
    }

    type WatchShipmentsStream = Answers<WatchShipmentsResponse>;

    async fn watch_shipments(
        &self,
        request: Request<WatchShipmentsRequest>,
    ) -> Result<Response<Self::WatchShipmentsStream>, Status> {
        let (call, message) = open(request);
        let started = answer(async {
            let watched = Watched::read(&message)?;
            Watcher::start(&self.db, call, watched, &message.resume_token, self.watch_poll).await
        });
        let watcher = started.await?.into_inner();
        let seconds = |given: i32, usual: u64| match u64::try_from(given) {
            Ok(0) | Err(_) => Duration::from_secs(usual),
            Ok(given) => Duration::from_secs(given),
        };
        let watching = Watching {
            heartbeat: seconds(message.heartbeat_seconds, 15),
            max_age: seconds(message.max_age_seconds, 3_600),
        };
        let heartbeat = watcher.heartbeat();
        watch(watcher.items(), watching, heartbeat)
    }

    async fn lookup_tracking(
        &self,
        request: Request<LookupTrackingRequest>,
    ) -> Result<Response<LookupTrackingResponse>, Status> {
        let (_, message) = open(request);
        answer(async {
            let given = convert::required(message.tracking_number.as_ref(), "tracking_number")?;
            let reference = PackageReference::Number(wire::number_given(given));
            // Anybody may ask, and sees the status alone, so that the rows are read on the service's own behalf.
            let call = Call::internal("lookup");
            let reader = self.db.reader(&call);
            let package = packages::get(&reader, &reference).await?;
            Ok(LookupTrackingResponse { status: wire::status(package.status) })
        })
        .await
    }
}
