//! How a process ends when it is asked to, and that two never share a data directory.

use std::net::TcpStream;
use std::time::Duration;

use guanxi_client::Error;
use guanxi_client::contracts::logistics::v1::WatchShipmentsRequest;
use guanxi_testkit::process::{Plan, Suite, guanxi, text};
use tonic::Code;

use crate::things;

/// The time that a process has to end.
const LIMIT: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_it_in_time_though_a_watch_is_open_and_a_peer_is_silent() {
    for signal in ["TERM", "INT"] {
        let mut suite = Suite::start();
        let client = suite.client();
        let shipment = things::shipment(&client, None).await.name;
        let request = WatchShipmentsRequest { shipment, ..WatchShipmentsRequest::default() };
        let mut watch = client.logistics().tracking().watch_shipments(request).await.unwrap().into_inner();
        assert!(watch.message().await.unwrap().unwrap().snapshot.is_some());
        let server = suite.server("logistics");
        let _silent = [server.port(), server.admin_port()].map(|port| TcpStream::connect(("127.0.0.1", port)).unwrap());

        server.signal(signal);
        let (status, took) = server.wait(LIMIT).unwrap_or_else(|| panic!("SIG{signal} did not end it in {LIMIT:?}"));
        assert!(status.success(), "SIG{signal} ended it with {status} after {took:?}");
        let ended = loop {
            match watch.message().await {
                Ok(Some(_heartbeat)) => {}
                Ok(None) => panic!("the watch ended as if all had been told"),
                Err(status) => break Error::from(status),
            }
        };
        assert_eq!((ended.code, ended.reason.as_str()), (Code::Unavailable, "SHUTTING_DOWN"), "{ended:?}");
    }
}

#[test]
fn a_collector_whose_name_leads_nowhere_does_not_hold_up_the_end() {
    let mut suite = Plan::embedded().setting("telemetry.otlp", "http://collector.invalid:4317").start();
    let server = suite.server("customer");
    server.signal("TERM");
    let (status, took) = server.wait(LIMIT).unwrap_or_else(|| panic!("SIGTERM did not end it in {LIMIT:?}"));
    assert!(status.success(), "SIGTERM ended it with {status} after {took:?}");
    println!("ended after {took:?}");
    assert!(took < Duration::from_secs(3), "without a call under way it took {took:?}");
}

#[test]
fn a_second_process_on_the_same_data_is_refused_and_the_first_goes_on() {
    let mut suite = Suite::start();
    let output = suite.server("customer").command().output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    let said = text(&output.stderr);
    assert!(said.contains("another guanxi process uses the data directory"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(suite.figures()["customers"], 0, "the first answers");
    suite.server("customer").stop();
}

#[test]
fn migrating_under_a_running_process_is_refused_too() {
    let suite = Suite::start();
    let output = guanxi().args(["migrate", "--data-dir"]).arg(suite.dir().join("data")).output().unwrap();
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains("another guanxi process uses the data directory"), "{said}");
    assert_eq!(suite.figures()["customers"], 0, "the running one answers");
}
