//! The TCP server: HTTP/2 without TLS, one task for each connection, and a shutdown that returns in time even with an
//! open stream and a peer that never says anything.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use http::Request;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;
use tonic::body::Body;

use crate::body;
use crate::layers::rate::From;
use crate::shutdown::Shutdown;
use crate::stack::Stack;

/// What the server is set to.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// How often a silent connection is asked whether it lives.
    pub keepalive_interval: Duration,
    /// How long it may take to answer that.
    pub keepalive_timeout: Duration,
    /// Calls and streams at one time on one connection.
    pub calls_per_connection: u32,
    /// How long calls that are being served may take to end after the shutdown began; then they are cut.
    pub drain: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            keepalive_interval: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(10),
            calls_per_connection: 4_096,
            drain: Duration::from_secs(4),
        }
    }
}

/// How long a connection may take to say goodbye once its last call has ended.
const GOODBYE: Duration = Duration::from_millis(250);

/// How long to wait before accepting again after the system refused to (most times: too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `stack` on `listener` until the shutdown, then drains: no new connections, no new calls on old ones, calls in
/// flight end or are cut after `drain`. Returns when every connection is closed.
pub async fn serve(listener: TcpListener, stack: Stack, settings: ServerSettings, shutdown: Shutdown) {
    let calls = TaskTracker::new();
    let mut connections = JoinSet::new();
    let mut begun = pin!(shutdown.begun());
    loop {
        tokio::select! {
            () = &mut begun => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, address)) => {
                    let connection = Connection { stack: stack.clone(), calls: calls.clone(), address };
                    connections.spawn(connection.serve(socket, settings.clone(), shutdown.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_ended) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(listener); // The port is free, and nobody waits at it.
    calls.close();
    let drained = async {
        calls.wait().await;
        let closed = async { while connections.join_next().await.is_some() {} };
        let _silent_peers_stay = tokio::time::timeout(GOODBYE, closed).await;
    };
    if tokio::time::timeout(settings.drain, drained).await.is_err() {
        tracing::warn!(calls = calls.len(), "calls were cut that had not ended in time");
    }
    connections.shutdown().await;
}

/// One connection.
struct Connection {
    stack: Stack,
    calls: TaskTracker,
    address: SocketAddr,
}

impl Connection {
    async fn serve(self, socket: TcpStream, settings: ServerSettings, shutdown: Shutdown) {
        if let Err(error) = self.run(socket, &settings, shutdown).await {
            tracing::debug!(%error, address = %self.address, "a connection ended");
        }
    }

    async fn run(&self, socket: TcpStream, settings: &ServerSettings, shutdown: Shutdown) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let service = service_fn(|request: Request<hyper::body::Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(From(self.address));
            let (answer, call) = (self.stack.answer(request), self.calls.token());
            async move { Ok::<_, Infallible>(answer.await.map(|inner| body::held(inner, call))) }
        });
        let mut protocol = http2::Builder::new(TokioExecutor::new());
        protocol
            .timer(TokioTimer::new())
            .keep_alive_interval(settings.keepalive_interval)
            .keep_alive_timeout(settings.keepalive_timeout)
            .max_concurrent_streams(settings.calls_per_connection);
        let mut connection = pin!(protocol.serve_connection(TokioIo::new(socket), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = shutdown.begun() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        ended.map_err(io::Error::other)
    }
}
