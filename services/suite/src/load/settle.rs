//! Waits until all that the services tell each other is told and handled: outboxes empty, every consumer at its
//! producer's head, nothing parked.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use guanxi_client::contracts::common::v1::{GetFlowLagRequest, ServiceFlow};
use guanxi_client::{Client, Error};

use super::flow;
use crate::services;

/// How often the services are asked.
const POLL: Duration = Duration::from_millis(50);

/// For how long nothing may move before what still waits is taken to wait for good: longer than the lease of a process
/// that was killed keeps others from its work, and than they pause after a database was gone.
const STILL: Duration = Duration::from_secs(30);

/// The same, where only parked events wait: they move only when other events do, and none are on their way.
const PARKED_STILL: Duration = Duration::from_secs(2);

/// How the flow came to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Events that are not published or not handled, and have not moved for long.
    pub stuck: i64,
    /// Events that wait for something that nobody has told of.
    pub parked: i64,
    /// Events that could not be handled and wait for somebody.
    pub dead_letters: i64,
}

impl Settled {
    /// Whether anything is left.
    pub fn is_clean(self) -> bool {
        self == Self { stuck: 0, parked: 0, dead_letters: 0 }
    }
}

/// Waits until the flow rests.
///
/// # Errors
/// A service that does not answer.
pub async fn settle(client: &Client) -> Result<Settled, Error> {
    let mut last = (sample(client).await?, Instant::now());
    let mut drained = 0;
    loop {
        let lag = Lag::of(&last.0);
        // Two samples, since an event may be between two services while each is asked.
        drained = if lag.on_the_way() == 0 { drained + 1 } else { 0 };
        let still = last.1.elapsed();
        let parked_for_good = drained > 1 && still > PARKED_STILL;
        if (drained > 1 && lag.parked == 0) || parked_for_good || still > STILL {
            let Lag { parked, dead_letters, .. } = lag;
            return Ok(Settled { stuck: lag.on_the_way(), parked, dead_letters });
        }
        tokio::time::sleep(POLL).await;
        let now = sample(client).await?;
        if now != last.0 {
            last = (now, Instant::now());
        }
    }
}

/// The flow of every service.
async fn sample(client: &Client) -> Result<Vec<ServiceFlow>, Error> {
    let asked = services::names().map(|service| async move {
        let asked = || {
            let mut admin = client.admin(service);
            async move { admin.get_flow_lag(GetFlowLagRequest { service: service.to_owned() }).await }
        };
        Ok::<_, Error>(flow::ask(client, asked).await?.services)
    });
    Ok(try_join_all(asked).await?.into_iter().flatten().collect())
}

/// What a sample comes to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lag {
    unpublished: i64,
    unhandled: i64,
    parked: i64,
    dead_letters: i64,
}

impl Lag {
    fn of(flows: &[ServiceFlow]) -> Self {
        let heads: BTreeMap<(&str, i32), (i64, i64)> = flows
            .iter()
            .flat_map(|flow| &flow.heads)
            .map(|head| ((head.producer.as_str(), head.partition), (head.epoch, head.number)))
            .collect();
        let mut lag = Self::default();
        for flow in flows {
            lag.unpublished += flow.outbox_waiting;
            lag.parked += flow.parked;
            lag.dead_letters += flow.dead_letters;
            for at in &flow.consumed {
                let (epoch, head) = heads.get(&(at.producer.as_str(), at.partition)).copied().unwrap_or((at.epoch, 0));
                let done = if at.epoch == epoch { at.number } else { 0 };
                lag.unhandled += (head - done).max(0);
            }
        }
        lag
    }

    fn on_the_way(&self) -> i64 {
        self.unpublished + self.unhandled
    }
}

#[cfg(test)]
mod tests {
    use guanxi_client::contracts::common::v1::FlowPosition;

    use super::*;

    fn at(producer: &str, epoch: i64, number: i64) -> FlowPosition {
        FlowPosition { producer: producer.to_owned(), partition: 3, epoch, number }
    }

    fn lag(consumed: FlowPosition) -> i64 {
        let customer =
            ServiceFlow { service: "customer".into(), heads: vec![at("customer", 2, 7)], ..ServiceFlow::default() };
        let loyalty = ServiceFlow { service: "loyalty".into(), consumed: vec![consumed], ..ServiceFlow::default() };
        Lag::of(&[customer, loyalty]).on_the_way()
    }

    #[test]
    fn a_consumer_lags_by_what_its_producer_has_numbered() {
        assert_eq!(lag(at("customer", 2, 7)), 0);
        assert_eq!(lag(at("customer", 2, 4)), 3);
        assert_eq!(lag(at("customer", 0, 0)), 7, "nothing of this partition yet");
        assert_eq!(lag(at("customer", 1, 99)), 7, "an older epoch says nothing");
        assert_eq!(lag(at("feedback", 0, 0)), 0, "a producer that has told nothing");
    }

    #[test]
    fn what_is_not_published_is_on_its_way() {
        let flow = ServiceFlow { outbox_waiting: 2, parked: 5, ..ServiceFlow::default() };
        assert_eq!(Lag::of(&[flow]), Lag { unpublished: 2, parked: 5, ..Lag::default() });
    }
}
