//! Calls spread over the replicas behind a name. The name is looked up again and again; each address has one connection,
//! made before a call needs it wherever another one can take the call; calls go round. A call that a server did not take,
//! since it was just sending its clients elsewhere, goes to the next connection: replicas that leave cost no call.

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::select_ok;
use http::header::USER_AGENT;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tonic::body::Body;

use crate::connect::connect;
use crate::layers::declared;
use crate::transport::{BoxError, RemoteSettings};

/// How often a call is tried that could not leave.
const ATTEMPTS: usize = 4;

/// For how long an address is left alone that could not be connected to, while there are others.
const REST: std::time::Duration = std::time::Duration::from_secs(1);

/// The replicas behind one URL. Clones share connections.
#[derive(Clone)]
pub(crate) struct Balance(Arc<Inner>);

struct Inner {
    scheme: Scheme,
    authority: Authority,
    port: u16,
    settings: RemoteSettings,
    known: RwLock<Known>,
    looking: tokio::sync::Mutex<()>,
    turn: AtomicUsize,
}

#[derive(Clone, Default)]
struct Known {
    endpoints: Arc<Vec<Arc<Endpoint>>>,
    at: Option<Instant>,
}

/// One address.
struct Endpoint {
    address: SocketAddr,
    kept: Mutex<Option<SendRequest<Body>>>,
    /// Held by whoever connects.
    connecting: tokio::sync::Mutex<()>,
    /// Whether somebody connects ahead of calls.
    ahead: AtomicBool,
    failed: Mutex<Option<(Instant, String)>>,
}

impl Balance {
    /// The replicas behind `scheme://authority`.
    pub fn new(scheme: Scheme, authority: Authority, settings: RemoteSettings) -> Self {
        let port = authority.port_u16().unwrap_or(if scheme == Scheme::HTTPS { 443 } else { 80 });
        let (known, looking, turn) = (RwLock::default(), tokio::sync::Mutex::default(), AtomicUsize::new(0));
        Self(Arc::new(Inner { scheme, authority, port, settings, known, looking, turn }))
    }

    /// Makes a call.
    pub async fn call(&self, mut request: Request<Body>) -> Result<Response<Body>, BoxError> {
        self.0.address(&mut request)?;
        let began = Instant::now();
        let (head, body) = request.into_parts();
        // One message can be sent once more; of a stream nobody knows what was read.
        let one_message = declared(head.uri.path()).is_some_and(|method| !method.client_streaming);
        let mut parcel =
            if one_message { Parcel::Whole(body.collect().await?.to_bytes()) } else { Parcel::Stream(body) };
        let mut refused = None;
        for _ in 0..ATTEMPTS {
            let endpoints = self.endpoints().await?;
            let mut connection = match self.0.connected(&endpoints) {
                Some(connection) => connection,
                None => match self.0.connect_any(&endpoints).await {
                    Ok(connection) => connection,
                    // They may have moved since the name was last looked up.
                    Err(_) if self.0.looked_up_before(began) => {
                        self.0.look_up(began).await?;
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                },
            };
            let request = Request::from_parts(head.clone(), parcel.body());
            match connection.try_send_request(request).await {
                Ok(response) => return Ok(response.map(Body::new)),
                Err(mut error) => {
                    match (error.take_message(), &parcel) {
                        (Some(unsent), Parcel::Stream(_)) => parcel = Parcel::Stream(unsent.into_body()),
                        (None, Parcel::Stream(_)) => return Err(error.into_error().into()),
                        (None, Parcel::Whole(_)) if !was_sent_elsewhere(error.error()) => {
                            return Err(error.into_error().into());
                        }
                        _ => {}
                    }
                    refused = Some(error.into_error());
                }
            }
        }
        Err(refused.map_or_else(|| "no replica takes the call".into(), BoxError::from))
    }

    /// The addresses, as of lately. The first caller waits for them; later they are looked up beside the calls.
    async fn endpoints(&self) -> io::Result<Arc<Vec<Arc<Endpoint>>>> {
        let known = self.0.known();
        match known.at {
            None => {
                self.0.look_up(Instant::now()).await?;
                Ok(self.0.known().endpoints)
            }
            Some(at) => {
                if at.elapsed() >= self.0.settings.resolve_every && self.0.looking.try_lock().is_ok() {
                    let inner = Arc::clone(&self.0);
                    tokio::spawn(async move {
                        if let Err(error) = inner.look_up(at + inner.settings.resolve_every).await {
                            tracing::debug!(%error, authority = %inner.authority, "the name was not found again");
                        }
                    });
                }
                Ok(known.endpoints)
            }
        }
    }
}

/// What a call sends.
enum Parcel {
    Whole(Bytes),
    Stream(Body),
}

impl Parcel {
    fn body(&mut self) -> Body {
        match self {
            Self::Whole(bytes) => Body::new(Full::new(bytes.clone())),
            Self::Stream(body) => std::mem::take(body),
        }
    }
}

/// Whether the server said that it takes no more calls on this connection, or not this one: in the worst case it took the
/// call and went, and a change that is made again is known by its request id.
fn was_sent_elsewhere(error: &hyper::Error) -> bool {
    let Some(cause) = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>()) else { return false };
    let goodbye = cause.is_go_away() && cause.reason() == Some(h2::Reason::NO_ERROR);
    cause.is_remote() && (goodbye || cause.reason() == Some(h2::Reason::REFUSED_STREAM))
}

impl Inner {
    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts the server's name before the path, as HTTP/2 wants it.
    fn address(&self, request: &mut Request<Body>) -> Result<(), http::Error> {
        let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let builder = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone());
        *request.uri_mut() = builder.path_and_query(path).build()?;
        let agent = HeaderValue::from_static(concat!("guanxi/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().entry(USER_AGENT).or_insert(agent);
        Ok(())
    }

    fn looked_up_before(&self, moment: Instant) -> bool {
        self.known().at.is_none_or(|at| at < moment)
    }

    /// Looks the name up, unless somebody did since `moment`. What is still there keeps its connection; what is not
    /// finishes its calls.
    async fn look_up(&self, moment: Instant) -> io::Result<()> {
        let _one_at_a_time = self.looking.lock().await;
        if !self.looked_up_before(moment) {
            return Ok(());
        }
        let found = self.settings.resolver.addresses(self.authority.host(), self.port).await;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let addresses = match found {
            Ok(addresses) if !addresses.is_empty() => addresses,
            // The name is gone, or its server is: what was there may still be.
            other if !known.endpoints.is_empty() => {
                known.at = Some(Instant::now());
                return other.map(|_| ());
            }
            Ok(_) => return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")),
            Err(error) => return Err(error),
        };
        let before =
            |address: &SocketAddr| known.endpoints.iter().find(|endpoint| endpoint.address == *address).cloned();
        let endpoints = addresses.iter().map(|address| before(address).unwrap_or_else(|| Endpoint::new(*address)));
        let endpoints = Arc::new(endpoints.collect());
        *known = Known { endpoints, at: Some(Instant::now()) };
        Ok(())
    }

    /// The connection whose turn it is. Addresses without one are connected to meanwhile.
    fn connected(self: &Arc<Self>, endpoints: &[Arc<Endpoint>]) -> Option<SendRequest<Body>> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % endpoints.len().max(1);
        let (after, before) = endpoints.split_at(first);
        let mut turn = None;
        for endpoint in before.iter().chain(after) {
            match endpoint.kept() {
                Some(connection) => turn = turn.or(Some(connection)),
                None => Self::connect_ahead(self, endpoint),
            }
        }
        turn
    }

    fn connect_ahead(self: &Arc<Self>, endpoint: &Arc<Endpoint>) {
        if endpoint.rests() || endpoint.ahead.swap(true, Ordering::Relaxed) {
            return;
        }
        let (inner, endpoint) = (Arc::clone(self), Arc::clone(endpoint));
        tokio::spawn(async move {
            let _told_where_it_matters = endpoint.connection(&inner).await;
            endpoint.ahead.store(false, Ordering::Relaxed);
        });
    }

    /// The first connection that comes about.
    async fn connect_any(&self, endpoints: &[Arc<Endpoint>]) -> io::Result<SendRequest<Body>> {
        let connections = endpoints.iter().map(|endpoint| endpoint.connection(self).boxed());
        Ok(select_ok(connections).await?.0)
    }
}

impl Endpoint {
    fn new(address: SocketAddr) -> Arc<Self> {
        let (kept, connecting, failed) = (Mutex::default(), tokio::sync::Mutex::default(), Mutex::default());
        Arc::new(Self { address, kept, connecting, ahead: AtomicBool::new(false), failed })
    }

    /// Its connection, where there is one that takes calls.
    fn kept(&self) -> Option<SendRequest<Body>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|connection| !connection.is_closed()).cloned()
    }

    fn failed(&self) -> std::sync::MutexGuard<'_, Option<(Instant, String)>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rests(&self) -> bool {
        self.failed().as_ref().is_some_and(|(at, _)| at.elapsed() < REST)
    }

    /// Its connection, made now where there is none. Those that wait for one that fails fail with it.
    async fn connection(&self, inner: &Inner) -> io::Result<SendRequest<Body>> {
        let began = Instant::now();
        let _one_at_a_time = self.connecting.lock().await;
        if let Some(connection) = self.kept() {
            return Ok(connection);
        }
        if let Some((_, error)) = self.failed().as_ref().filter(|(at, _)| *at >= began) {
            return Err(io::Error::new(io::ErrorKind::NotConnected, error.clone()));
        }
        match self.connect(inner).await {
            Ok(connection) => {
                *self.failed() = None;
                *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection.clone());
                Ok(connection)
            }
            Err(error) => {
                tracing::debug!(%error, address = %self.address, "no connection");
                *self.failed() = Some((Instant::now(), error.to_string()));
                Err(error)
            }
        }
    }

    async fn connect(&self, inner: &Inner) -> io::Result<SendRequest<Body>> {
        let settings = &inner.settings;
        let secure = inner.scheme == Scheme::HTTPS;
        let tls = settings.tls.as_ref().filter(|_| secure).map(|tls| (tls.current(), inner.authority.host()));
        let socket = connect(self.address, tls, settings.connect_timeout).await?;
        let mut protocol = http2::Builder::new(TokioExecutor::new());
        protocol
            .timer(TokioTimer::new())
            .keep_alive_interval(settings.keepalive_interval)
            .keep_alive_timeout(settings.keepalive_timeout)
            .keep_alive_while_idle(true);
        let (sender, connection) = protocol.handshake(TokioIo::new(socket)).await.map_err(io::Error::other)?;
        let address = self.address;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, %address, "a connection ended");
            }
        });
        Ok(sender)
    }
}
