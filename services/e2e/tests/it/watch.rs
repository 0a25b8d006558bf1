//! A watch over kill −9: whoever comes back with the last token loses no change and gets none twice.

use std::time::{Duration, Instant};

use futures::stream;
use guanxi_client::Client;
use guanxi_client::contracts::logistics::v1::{
    IngestEventsRequest, IngestOutcome, ShipmentChange, WatchShipmentsRequest, WatchShipmentsResponse,
};
use guanxi_testkit::process::Plan;
use tonic::{Status, Streaming};

use crate::things::{event, package, shipment};

/// The number of the first change after a shipment was made.
const FIRST: i64 = 2;

/// Changes that are told of, and after how many the process is killed.
const CHANGES: i64 = 40;
const KILLS: [i64; 2] = [10, 25];

/// How long a service that is started again may stay away.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends one event, again until it is answered: its natural key makes it one.
async fn ingest(client: Client, event: IngestEventsRequest) {
    let since = Instant::now();
    let once = async || {
        let events = stream::iter([event.clone()]);
        let mut answers = client.logistics().tracking().ingest_events(events).await?.into_inner();
        answers.message().await?.ok_or_else(|| Status::unavailable("no answer"))
    };
    loop {
        match once().await {
            Ok(answer) => {
                assert!(matches!(answer.outcome(), IngestOutcome::Accepted | IngestOutcome::Duplicate), "{answer:?}");
                return;
            }
            Err(error) => assert!(since.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Opens a watch, again until there is somebody to open it with.
async fn open(client: &Client, request: &WatchShipmentsRequest) -> Streaming<WatchShipmentsResponse> {
    let since = Instant::now();
    loop {
        match client.logistics().tracking().watch_shipments(request.clone()).await {
            Ok(watch) => return watch.into_inner(),
            Err(error) => assert!(since.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_resumed_over_a_kill_loses_no_change_and_repeats_none() {
    let mut suite = Plan::embedded().setting("logistics.watch_poll", "100ms").start();
    let client = suite.client();
    let sent = shipment(&client, None).await;
    let reporting = tokio::spawn({
        let (client, of) = (client.clone(), package(&sent.packages[0].name));
        async move {
            // Each is another status than the one before, and so a change.
            for number in 0..CHANGES {
                let status = if number % 2 == 0 { "IN_TRANSIT" } else { "OUT_FOR_DELIVERY" };
                ingest(client.clone(), event(of.clone(), &number.to_string(), status, number)).await;
            }
        }
    });

    let mut request = WatchShipmentsRequest { shipment: sent.name.clone(), ..WatchShipmentsRequest::default() };
    let (mut told, mut kills) = (Vec::<ShipmentChange>::new(), KILLS.into_iter().peekable());
    let mut snapshots = 0;
    let mut missed = 0;
    while told.len() as i64 + missed < CHANGES {
        let mut watch = open(&client, &request).await;
        while let Ok(Some(message)) = watch.message().await {
            request.resume_token = message.resume_token;
            if message.snapshot.is_some() {
                snapshots += 1;
            }
            if let Some(change) = message.change {
                // What happened before the first snapshot is in it.
                missed = if told.is_empty() { change.number - FIRST } else { missed };
                told.push(change);
            }
            let heard = told.len() as i64 + missed;
            if kills.next_if(|kill| heard >= *kill).is_some() {
                suite.server("logistics").kill();
                suite.server("logistics").start_again();
                break;
            }
            if heard == CHANGES {
                break;
            }
        }
    }
    reporting.await.unwrap();
    assert_eq!((snapshots, kills.next()), (1, None), "one look at the whole, two kills");
    let numbers: Vec<i64> = told.iter().map(|change| change.number).collect();
    let first = numbers[0];
    assert_eq!(numbers, (first..FIRST + CHANGES).collect::<Vec<_>>());
    suite.verify();
}
