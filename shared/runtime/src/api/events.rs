//! EventService: replays of a service's events, and who has read how far.

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use guanxi_contracts::common::v1::{
    ConfirmEventsRequest, ConfirmEventsResponse, EventPosition, ReplayEventsRequest, ReplayEventsResponse,
};
use guanxi_contracts::server::common_v1::event_service_server::EventService;
use guanxi_kernel::{Access, Call, Refused};
use guanxi_messaging::event::to_envelope;
use guanxi_rpc::{answer, convert, open, status};
use guanxi_store::outbox::Position;
use tonic::{Request, Response, Status};

use super::Host;

/// Events read at once.
const PAGE: u32 = 512;

#[tonic::async_trait]
impl EventService for Host {
    type ReplayEventsStream = BoxStream<'static, Result<ReplayEventsResponse, Status>>;

    async fn replay_events(
        &self,
        request: Request<ReplayEventsRequest>,
    ) -> Result<Response<Self::ReplayEventsStream>, Status> {
        let (call, message) = open(request);
        sees_everything(&call).map_err(status)?;
        let hosted = self.only(&message.service).map_err(status)?;
        let partition = number(message.partition, "partition").map_err(status)?;
        let (db, producer) = (hosted.db.clone(), hosted.service);
        let after = Position { epoch: message.epoch, number: message.number };
        let pages = stream::try_unfold((db, Some(after)), move |(db, after)| async move {
            let Some(after) = after else { return Ok(None) };
            let page = db.outbox_after(partition, after, PAGE).await.map_err(|error| status(error.into()))?;
            // What is committed meanwhile is on the bus: the replay ends with the first page that is not full.
            let next = page.last().map(|event| event.position).filter(|_| page.len() >= PAGE as usize);
            Ok::<_, Status>((!page.is_empty()).then_some((page, (db, next))))
        });
        let events = pages.map_ok(move |page| {
            let answer = move |event| Ok(ReplayEventsResponse { event: Some(to_envelope(producer, partition, event)) });
            stream::iter(page.into_iter().map(answer))
        });
        Ok(Response::new(events.try_flatten().boxed()))
    }

    async fn confirm_events(
        &self,
        request: Request<ConfirmEventsRequest>,
    ) -> Result<Response<ConfirmEventsResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            sees_everything(&call)?;
            let hosted = self.only(&message.service)?;
            let positions = message.positions.iter().enumerate().map(|(at, position)| {
                let partition = number(position.partition, &format!("positions[{at}].partition"))?;
                Ok((partition, Position { epoch: position.epoch, number: position.number }))
            });
            let positions: Vec<_> = convert::each(positions)?;
            hosted.db.confirm_outbox(&message.consumer, &positions).await?;
            let heads = hosted.db.outbox_heads().await?.into_iter().map(|(partition, at)| EventPosition {
                partition: i32::try_from(partition).unwrap_or(i32::MAX),
                epoch: at.epoch,
                number: at.number,
            });
            Ok(ConfirmEventsResponse { heads: heads.collect() })
        })
        .await
    }
}

/// Events are of all organisations in one row: only who may read all of them may read any.
fn sees_everything(call: &Call) -> Result<(), Refused> {
    match *call.caller.organizations {
        Access::All => Ok(()),
        Access::Some(_) => {
            Err(Refused::denied("ORGANIZATIONS_MISSING", "reading events needs access to all organisations"))
        }
    }
}

fn number(partition: i32, field: &str) -> Result<u32, Refused> {
    u32::try_from(partition)
        .map_err(|_| Refused::invalid(field, "int32.gte", format!("must not be negative, not {partition}")))
}
