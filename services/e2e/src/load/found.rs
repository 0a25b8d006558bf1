//! What is there after the load: everything that a caller was told of, and nothing of it twice. An order is looked for where
//! it was recorded and where its event led to: the points that it earned.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use guanxi_client::Client;
use guanxi_client::contracts::common::v1::{GetFlowLagRequest, ServiceFlow};
use guanxi_client::contracts::customer::v1::ListOrdersRequest;
use guanxi_client::contracts::feedback::v1::ListReviewsRequest;
use guanxi_client::contracts::logistics::v1::ListTrackingEventsRequest;
use guanxi_client::contracts::loyalty::v1::{EntryKind, ListEntriesRequest};
use tonic::Status;

use super::World;
use super::world::{earned, ordered};

/// Who hears whom.
const HEARD: [(&str, &str); 5] = [
    ("loyalty", "customer"),
    ("loyalty", "logistics"),
    ("logistics", "customer"),
    ("feedback", "customer"),
    ("feedback", "logistics"),
];
/// How long events may be on their way after the load.
const PATIENCE: Duration = Duration::from_secs(120);
const PAGE: i32 = 1_000;

/// What was looked for, and found.
#[derive(Debug, Default)]
pub struct Found {
    /// How many calls were acknowledged.
    pub acknowledged: usize,
    /// How many of them left what they should.
    pub found: usize,
    /// What was acknowledged and is not there.
    pub lost: Vec<String>,
    /// What is there more than once.
    pub twice: Vec<String>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, found, lost, twice } = self;
        write!(f, "acknowledged {acknowledged}, found {found}, lost {}, done twice {}", lost.len(), twice.len())?;
        let some = |list: &[String]| list.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        if lost.is_empty() && twice.is_empty() { Ok(()) } else { write!(f, ": {} / {}", some(lost), some(twice)) }
    }
}

/// Reads all pages of a list.
macro_rules! pages {
    ($client:expr, $call:ident, $request:expr, $items:ident) => {{
        let (mut all, mut request) = (Vec::new(), $request);
        loop {
            let answer = $client.$call(request.clone()).await?.into_inner();
            all.extend(answer.$items);
            if answer.next_page_token.is_empty() {
                break all;
            }
            request.page_token = answer.next_page_token;
        }
    }};
}

impl World {
    /// Waits until every event was heard by all, then looks for what these calls left.
    ///
    /// # Errors
    /// A call that failed.
    ///
    /// # Panics
    /// Where events are still on their way after two minutes.
    pub async fn look_for(&self, client: &Client, acknowledged: &[u64]) -> Result<Found, Status> {
        self.settled(client).await?;
        let mut there: HashMap<String, u32> = HashMap::new();
        let mut saw = |what: String| *there.entry(what).or_default() += 1;
        for customer in &self.customers {
            let request = ListOrdersRequest { customer: customer.clone(), page_size: PAGE, ..Default::default() };
            for order in pages!(client.customer().orders(), list_orders, request, orders) {
                saw(order.name);
            }
        }
        for member in &self.members {
            let request = ListEntriesRequest { member: member.clone(), page_size: PAGE, ..Default::default() };
            let entries = pages!(client.loyalty().points(), list_entries, request, entries);
            for entry in entries.into_iter().filter(|entry| entry.kind() == EntryKind::Earn) {
                saw(format!("points of {}", entry.order));
            }
        }
        for package in &self.packages {
            let request = ListTrackingEventsRequest { parent: package.clone(), page_size: PAGE, ..Default::default() };
            for event in pages!(client.logistics().tracking(), list_tracking_events, request, events) {
                saw(format!("scan {}", event.source_event_id));
            }
        }
        let request = ListReviewsRequest { page_size: PAGE, ..Default::default() };
        for review in pages!(client.feedback().reviews(), list_reviews, request, reviews) {
            saw(format!("review {}", review.external_id));
        }

        let mut found = Found { acknowledged: acknowledged.len(), ..Found::default() };
        for &n in acknowledged {
            let left = match Self::kind(n) {
                "orders" => vec![ordered(n), format!("points of {}", ordered(n))],
                "points" => vec![format!("points of {}", earned(n))],
                "scans" => vec![format!("scan {n}")],
                _ => vec![format!("review {n}")],
            };
            let lost: Vec<_> = left.into_iter().filter(|what| !there.contains_key(what)).collect();
            found.found += usize::from(lost.is_empty());
            found.lost.extend(lost);
        }
        found.twice.extend(there.into_iter().filter(|(_, times)| *times > 1).map(|(what, _)| what));
        Ok(found)
    }

    /// Returns when nobody has anything left to hear.
    async fn settled(&self, client: &Client) -> Result<(), Status> {
        let since = Instant::now();
        loop {
            let mut flows = HashMap::new();
            for service in ["customer", "loyalty", "logistics", "feedback"] {
                let request = GetFlowLagRequest { service: service.to_owned() };
                let answer = client.admin(service).get_flow_lag(request).await?.into_inner();
                flows.extend(answer.services.into_iter().map(|flow| (flow.service.clone(), flow)));
            }
            let waiting = |flow: &ServiceFlow| flow.outbox_waiting + flow.parked > 0;
            let behind = |(listener, teller): &(&str, &str)| {
                let (listener, teller) = (&flows[*listener], &flows[*teller]);
                let mut heads = teller.heads.iter().filter(|head| head.number > 0);
                heads.any(|head| {
                    let at = |at: &&_| is_at(head.partition, &teller.service, at);
                    let heard = listener.consumed.iter().find(at).map(|at| (at.epoch, at.number));
                    heard != Some((head.epoch, head.number))
                })
            };
            if !flows.values().any(waiting) && !HEARD.iter().any(behind) {
                let dead: i64 = flows.values().map(|flow| flow.dead_letters).sum();
                assert_eq!(dead, 0, "there are dead letters");
                return Ok(());
            }
            assert!(since.elapsed() < PATIENCE, "events are still on their way: {flows:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn is_at(partition: i32, producer: &str, at: &guanxi_client::contracts::common::v1::FlowPosition) -> bool {
    at.partition == partition && at.producer == producer
}
