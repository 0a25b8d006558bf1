//! The TCP server: HTTP/2, with or without TLS, and HTTP/1.1 for browsers where they are let in; one task for each
//! connection. A connection that has grown old is asked to be made anew, so that clients find replicas that came later;
//! a shutdown returns in time even with an open stream and a peer that never says anything.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Request;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::ReusableBoxFuture;
use tokio_util::task::TaskTracker;
use tonic::body::Body;

use crate::body;
use crate::connect::Socket;
use crate::layers::rate::From;
use crate::linger::Lingering;
use crate::shutdown::Shutdown;
use crate::stack::Stack;
use crate::stream::shortened;
use crate::tls::ServerTls;
use crate::web::Web;

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
    /// After how long, less up to a tenth at random, a connection takes no more calls.
    pub connection_age: Duration,
    /// How long its streams may go on then, before they are ended with UNAVAILABLE.
    pub connection_grace: Duration,
    /// What encrypts connections; `None`: nothing does.
    pub tls: Option<Arc<ServerTls>>,
    /// The origins of pages that may call by gRPC-Web, `*` for all; empty: nobody calls so.
    pub web_origins: Vec<String>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            keepalive_interval: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(10),
            calls_per_connection: 4_096,
            drain: Duration::from_secs(4),
            connection_age: Duration::from_secs(30 * 60),
            connection_grace: Duration::from_secs(30),
            tls: None,
            web_origins: Vec::new(),
        }
    }
}

/// How long a connection may take to say goodbye once its last call has ended.
const GOODBYE: Duration = Duration::from_millis(250);

/// How long to wait before accepting again after the system refused to (most times: too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a peer may take to say who it is, and, over HTTP/1.1, what it wants.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Serves `stack` on `listener` until the shutdown, then drains: no new connections, no new calls on old ones, calls in
/// flight end or are cut after `drain`. Returns when every connection is closed.
pub async fn serve(listener: TcpListener, stack: Stack, settings: ServerSettings, shutdown: Shutdown) {
    let calls = TaskTracker::new();
    let drain = settings.drain;
    let server = Arc::new(Server { web: Web::new(&stack, &settings.web_origins), stack, settings });
    let mut connections = JoinSet::new();
    let mut begun = pin!(shutdown.begun());
    loop {
        tokio::select! {
            () = &mut begun => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, address)) => {
                    let (server, calls, shutdown) = (Arc::clone(&server), calls.clone(), shutdown.of_connection());
                    connections.spawn(Connection { server, calls, address, shutdown }.serve(socket));
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
    if tokio::time::timeout(drain, drained).await.is_err() {
        tracing::warn!(calls = calls.len(), "calls were cut that had not ended in time");
    }
    connections.shutdown().await;
}

/// What all connections share.
struct Server {
    stack: Stack,
    web: Option<Web>,
    settings: ServerSettings,
}

impl Server {
    /// HTTP/2, and HTTP/1.1 where browsers are let in.
    fn protocol(&self) -> auto::Builder<TokioExecutor> {
        let mut protocol = auto::Builder::new(TokioExecutor::new());
        protocol.http1().timer(TokioTimer::new()).header_read_timeout(HANDSHAKE);
        protocol
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(self.settings.keepalive_interval)
            .keep_alive_timeout(self.settings.keepalive_timeout)
            .max_concurrent_streams(self.settings.calls_per_connection);
        if self.web.is_some() { protocol } else { protocol.http2_only() }
    }
}

/// One connection.
struct Connection {
    server: Arc<Server>,
    calls: TaskTracker,
    address: SocketAddr,
    /// The process's, or this connection's own once it has grown old.
    shutdown: Shutdown,
}

impl Connection {
    async fn serve(self, socket: TcpStream) {
        let address = self.address;
        let served = async { self.run(self.secured(socket).await?).await };
        if let Err(error) = served.await {
            tracing::debug!(%error, %address, "a connection ended");
        }
    }

    /// The socket, encrypted where it has to be. What goes down while a peer says nothing does not wait for it.
    async fn secured(&self, socket: TcpStream) -> io::Result<Socket> {
        socket.set_nodelay(true)?;
        let Some(tls) = &self.server.settings.tls else { return Ok(Box::new(socket)) };
        let handshake = TlsAcceptor::from(tls.current()).accept(socket);
        tokio::select! {
            handshake = tokio::time::timeout(HANDSHAKE, handshake) => Ok(Box::new(handshake??)),
            () = self.shutdown.begun() => Err(io::Error::other("the server is going down")),
        }
    }

    async fn run(&self, socket: Socket) -> io::Result<()> {
        let service = service_fn(|request: Request<hyper::body::Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(From(self.address));
            request.extensions_mut().insert(self.shutdown.clone());
            let answer = match &self.server.web {
                Some(web) => web.answer(request),
                None => self.server.stack.answer(request),
            };
            let call = self.calls.token();
            async move { Ok::<_, Infallible>(answer.await.map(|inner| body::held(inner, call))) }
        });
        let protocol = self.server.protocol();
        let mut connection = pin!(protocol.serve_connection(TokioIo::new(Lingering::new(socket)), service));
        let ServerSettings { connection_age, connection_grace, .. } = &self.server.settings;
        let old = tokio::time::sleep(shortened(*connection_age));
        tokio::select! {
            ended = by_turns(connection.as_mut()) => return ended.map_err(io::Error::other),
            () = self.shutdown.begun() => connection.as_mut().graceful_shutdown(),
            () = old => {
                // No new calls; those under way end by their deadlines, streams because we say so.
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = by_turns(connection.as_mut()) => return ended.map_err(io::Error::other),
                    () = tokio::time::sleep(*connection_grace) => self.shutdown.begin(),
                }
            }
        }
        by_turns(connection).await.map_err(io::Error::other)
    }
}

/// Has a connection that is woken wait until whatever can run now has run: answers that are ready together are written
/// together then, instead of one packet each. It waits for nothing else, so a lone answer goes at once.
fn by_turns<F>(connection: Pin<&mut F>) -> ByTurns<'_, F> {
    ByTurns { connection, turn: ReusableBoxFuture::new(tokio::task::yield_now()) }
}

struct ByTurns<'a, F> {
    connection: Pin<&'a mut F>,
    turn: ReusableBoxFuture<'static, ()>,
}

impl<F: Future> Future for ByTurns<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        ready!(self.turn.poll(context));
        self.turn.set(tokio::task::yield_now());
        self.connection.as_mut().poll(context)
    }
}
