//! How a consumer asks producers, in this process or elsewhere, for what the bus did not bring: their EventService.

use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use guanxi_contracts::common::v1::event_service_client::EventServiceClient;
use guanxi_contracts::common::v1::{ConfirmEventsRequest, EventPosition, ReplayEventsRequest};
use guanxi_kernel::signals::attribute;
use guanxi_messaging::event::from_envelope;
use guanxi_messaging::{ReplayError, Replays};
use guanxi_rpc::Peers;
use guanxi_store::outbox::{NumberedEvent, Position};
use tonic::Status;
use tracing::Instrument;

/// How long a producer may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks through the ways to the other services.
#[derive(Debug)]
pub(crate) struct RpcReplays(pub(crate) Peers);

#[async_trait]
impl Replays for RpcReplays {
    async fn replay(
        &self,
        producer: &str,
        partition: u32,
        after: Position,
        limit: usize,
    ) -> Result<Vec<NumberedEvent>, ReplayError> {
        let request = ReplayEventsRequest {
            service: producer.to_owned(),
            partition: number(partition)?,
            epoch: after.epoch,
            number: after.number,
        };
        let mut client = EventServiceClient::new(self.0.to(producer));
        let ask = async {
            let mut stream = client.replay_events(request).await?.into_inner();
            let mut events = Vec::new();
            // Dropping the stream early ends it: the rest is asked for later.
            while let (Some(answer), true) = (stream.try_next().await?, events.len() < limit) {
                let event = answer.event.and_then(from_envelope);
                events.push(event.ok_or_else(|| Status::data_loss("the producer sent an event that is not whole"))?);
            }
            Ok(events)
        };
        patiently(ask).instrument(span("replay", producer)).await
    }

    async fn confirm(
        &self,
        producer: &str,
        consumer: &str,
        positions: Vec<(u32, Position)>,
    ) -> Result<Vec<(u32, Position)>, ReplayError> {
        let positions = positions.into_iter().map(|(partition, at)| {
            Ok(EventPosition { partition: number(partition)?, epoch: at.epoch, number: at.number })
        });
        let request = ConfirmEventsRequest {
            service: producer.to_owned(),
            consumer: consumer.to_owned(),
            positions: positions.collect::<Result<_, ReplayError>>()?,
        };
        let mut client = EventServiceClient::new(self.0.to(producer));
        let ask = async { Ok(client.confirm_events(request).await?.into_inner()) };
        let answer = patiently(ask).instrument(span("confirm", producer)).await?;
        let heads = answer.heads.into_iter().map(|head| {
            let partition = u32::try_from(head.partition).map_err(|e| ReplayError(e.to_string()))?;
            Ok((partition, Position { epoch: head.epoch, number: head.number }))
        });
        heads.collect()
    }
}

async fn patiently<T>(ask: impl Future<Output = Result<T, Status>>) -> Result<T, ReplayError> {
    match tokio::time::timeout(PATIENCE, ask).await {
        Ok(answer) => answer.map_err(|status| ReplayError(format!("{:?}: {}", status.code(), status.message()))),
        Err(_) => Err(ReplayError(format!("no answer within {PATIENCE:?}"))),
    }
}

/// The span of a question, which the producer's own goes on with.
fn span(what: &'static str, producer: &str) -> tracing::Span {
    tracing::info_span!(
        "ask",
        otel.name = format!("{what} {producer}"),
        otel.kind = "client",
        { attribute::RPC_SYSTEM } = "grpc",
        { attribute::DESTINATION } = producer,
    )
}

fn number(partition: u32) -> Result<i32, ReplayError> {
    i32::try_from(partition).map_err(|error| ReplayError(error.to_string()))
}
