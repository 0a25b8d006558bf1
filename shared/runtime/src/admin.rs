//! The admin port: `/metrics` for Prometheus, `/healthz` (the process lives) and `/readyz` (it takes calls) for probes, and
//! gRPC health for those that ask so: never encrypted, whatever the port for calls is.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::telemetry::Metrics;

/// How long a probe waits for its answer.
const PROBE: Duration = Duration::from_secs(3);

#[derive(Clone)]
struct Admin {
    metrics: Metrics,
    ready: watch::Receiver<bool>,
}

/// Serves the admin port until `stop`.
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    ready: watch::Receiver<bool>,
    probes: Routes,
    stop: CancellationToken,
) {
    let routes = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readiness))
        .route("/metrics", get(scrape))
        .with_state(Admin { metrics, ready })
        .merge(probes.into_axum_router());
    // A scraper that keeps its connection open must not keep the process: dropping the server ends it.
    let served = stop.run_until_cancelled(axum::serve(listener, routes).into_future()).await;
    if let Some(Err(error)) = served {
        tracing::error!(%error, "the admin port failed");
    }
}

async fn readiness(State(admin): State<Admin>) -> impl IntoResponse {
    if *admin.ready.borrow() { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}

async fn scrape(State(admin): State<Admin>, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let (content_type, text) = admin.metrics.text(accept);
    ([(header::CONTENT_TYPE, content_type)], text)
}

/// Asks a process's admin port whether it is ready: what `guanxi healthcheck` does.
///
/// # Errors
/// What was heard instead, for a person.
pub async fn healthcheck(admin: SocketAddr) -> Result<(), String> {
    let ask = async {
        let mut stream = TcpStream::connect(admin).await?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    match tokio::time::timeout(PROBE, ask).await {
        Ok(Ok(answer)) if answer.split(' ').nth(1) == Some("200") => Ok(()),
        Ok(Ok(answer)) => Err(format!("not ready: {}", answer.lines().last().unwrap_or("no answer"))),
        Ok(Err(error)) => Err(format!("nobody answers on {admin}: {error}")),
        Err(_) => Err(format!("no answer on {admin} within {PROBE:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_is_healthy_when_it_takes_calls() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (ready, reader) = watch::channel(false);
        let stop = CancellationToken::new();
        let served = tokio::spawn(serve(listener, Metrics::default(), reader, Routes::default(), stop.clone()));
        assert_eq!(healthcheck(address).await, Err("not ready: not ready".to_owned()));
        ready.send_replace(true);
        assert_eq!(healthcheck(address).await, Ok(()));
        let idle = TcpStream::connect(address).await.expect("listening");
        stop.cancel();
        served.await.expect("the server ends with an idle connection open");
        drop(idle);
        assert!(healthcheck(address).await.is_err());
    }
}
