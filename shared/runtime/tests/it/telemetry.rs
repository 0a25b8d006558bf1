//! Metrics on the admin port, and an end that no collector can hold up. One test: a process has one telemetry.

use std::time::{Duration, Instant};

use guanxi_client::Client;
use guanxi_contracts::common::v1::GetFlowLagRequest;
use guanxi_runtime::settings::{Settings, Sources};
use guanxi_runtime::{Parts, Telemetry, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::sample::SERVICE;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_measured_and_a_silent_collector_does_not_hold_up_the_end() {
    let collector = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let sources = Sources::default()
        .flag("database.data_dir", Some(folder.path().display()))
        .flag("server.listen", Some("127.0.0.1:0"))
        .flag("server.admin", Some("127.0.0.1:0"))
        .flag("telemetry.otlp", Some(format!("http://{}", collector.local_addr().unwrap())))
        .flag("telemetry.sample", Some("1.0"))
        .flag("telemetry.level", Some("warn"));
    let settings = Settings::load(sources, &["sample"]).unwrap();
    let telemetry = Telemetry::start(&settings.telemetry, &["sample"]).unwrap();
    let parts = Parts { metrics: telemetry.metrics(), ..Parts::default() };
    let process = start(settings, &[SERVICE], parts).await.unwrap();

    let client = Client::builder().endpoint(&format!("http://{}", process.address().unwrap())).build().unwrap();
    client.admin("sample").get_flow_lag(GetFlowLagRequest::default()).await.unwrap();
    let metrics = scrape(process.admin_address().unwrap()).await;
    assert!(metrics.starts_with("HTTP/1.0 200"), "{metrics}");
    let measured = metrics.lines().any(|line| line.contains("AdminService/GetFlowLag") && line.contains("rpc_server"));
    assert!(measured, "no metric of the call in:\n{metrics}");

    let began = Instant::now();
    process.shutdown().await;
    telemetry.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(5), "the end took {:?}", began.elapsed());
}

async fn scrape(admin: std::net::SocketAddr) -> String {
    let mut stream = TcpStream::connect(admin).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
