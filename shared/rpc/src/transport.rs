//! One way to call a service, wherever it runs: in this process, over routes that are bound late, or behind a URL. The
//! client's half of what the stack does: token, deadline, trace, and errors that say what they mean.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use guanxi_kernel::{Access, Call, Kind, Refused};
use http::header::AUTHORIZATION;
use http::uri::Scheme;
use http::{Request, Response};
use thiserror::Error;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

use crate::balance::Balance;
use crate::connect::Resolver;
use crate::layers::deadline::{expiry, timeout_header, timeout_in};
use crate::layers::{declared, refuse};
use crate::stack::Stack;
use crate::tls::ClientTls;
use crate::token::{NoToken, TokenSource};
use crate::{body, status, trace};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Carrier = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// The services of this process, once they have been put together. Clones are one slot.
#[derive(Debug, Clone, Default)]
pub struct Local(Arc<OnceLock<Stack>>);

impl Local {
    /// An empty slot: calls through it are UNAVAILABLE.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fills the slot, once; what is set later changes nothing.
    pub fn set(&self, stack: Stack) {
        let _first_wins = self.0.set(stack);
    }

    /// A way to call what is, or will be, in the slot.
    pub fn transport(&self) -> Transport {
        let slot = Arc::clone(&self.0);
        let carrier = tower::service_fn(move |request| {
            let answer = slot.get().map(|stack| stack.answer(request));
            async move {
                match answer {
                    Some(answer) => Ok(answer.await),
                    None => Ok(refuse(starting())),
                }
            }
        });
        Transport::over(BoxCloneSyncService::new(carrier), "this process")
    }
}

fn starting() -> Refused {
    Refused::unavailable("STARTING", "the process is still starting", Duration::from_millis(100))
}

/// How a service behind a URL is reached.
#[derive(Debug, Clone)]
pub struct RemoteSettings {
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How often a silent connection is asked whether it lives.
    pub keepalive_interval: Duration,
    /// How long it may take to answer that.
    pub keepalive_timeout: Duration,
    /// Whom to believe, and what to show, where the URL begins with `https`.
    pub tls: Option<ClientTls>,
    /// Who says the addresses behind the URL's name.
    pub resolver: Resolver,
    /// How often the name is looked up again.
    pub resolve_every: Duration,
}

impl Default for RemoteSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            keepalive_interval: Duration::from_secs(20),
            keepalive_timeout: Duration::from_secs(10),
            tls: None,
            resolver: Resolver::default(),
            resolve_every: Duration::from_secs(5),
        }
    }
}

/// A URL that cannot be called.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{url:?} cannot be called: {problem}")]
pub struct AddressError {
    /// The URL.
    pub url: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A way to call a service, for generated clients: `PointsServiceClient::new(transport)`. Clones share the connection.
#[derive(Clone)]
pub struct Transport {
    carrier: Carrier,
    peer: Arc<str>,
    tokens: Arc<dyn TokenSource>,
    default_deadline: Option<Duration>,
    on_behalf_of: Option<Arc<OnBehalf>>,
}

/// What a call that is made to serve another one inherits from it.
struct OnBehalf {
    deadline: Option<Instant>,
    traceparent: Option<Arc<str>>,
    access: Arc<Access>,
}

impl Transport {
    fn over(carrier: Carrier, peer: &str) -> Self {
        Self { carrier, peer: peer.into(), tokens: Arc::new(NoToken), default_deadline: None, on_behalf_of: None }
    }

    /// A service behind `http://host:port`, or `https://` with TLS. It connects at the first call, to every address that
    /// the name has, and again whenever a connection is gone.
    ///
    /// # Errors
    /// [`AddressError`] where the URL is malformed, or is `https` and there is no CA certificate.
    pub fn remote(url: &str, settings: &RemoteSettings) -> Result<Self, AddressError> {
        let wrong = |problem: &dyn fmt::Display| AddressError { url: url.to_owned(), problem: problem.to_string() };
        let uri: http::Uri = url.parse().map_err(|error: http::uri::InvalidUri| wrong(&error))?;
        let scheme = uri.scheme().filter(|scheme| [Scheme::HTTP, Scheme::HTTPS].contains(scheme));
        let scheme = scheme.ok_or_else(|| wrong(&"it does not begin with http:// or https://"))?;
        if *scheme == Scheme::HTTPS && settings.tls.is_none() {
            return Err(wrong(&"https needs a CA certificate"));
        }
        let authority = uri.authority().ok_or_else(|| wrong(&"it names no host"))?;
        let balance = Balance::new(scheme.clone(), authority.clone(), settings.clone());
        let carrier = tower::service_fn(move |request| {
            let balance = balance.clone();
            async move { balance.call(request).await }
        });
        Ok(Self::over(BoxCloneSyncService::new(carrier), url))
    }

    /// No way at all: every call is refused, since nobody said where `service` is.
    pub fn nowhere(service: &str) -> Self {
        let refused = Refused::precondition("ENDPOINT_UNKNOWN", format!("no endpoint was given for {service}"));
        let refused = refused.with("service", service);
        let carrier = tower::service_fn(move |_| std::future::ready(Ok(refuse(refused.clone()))));
        Self::over(BoxCloneSyncService::new(carrier), service)
    }

    /// Takes the tokens of its calls from `tokens`.
    #[must_use]
    pub fn with_tokens(self, tokens: Arc<dyn TokenSource>) -> Self {
        Self { tokens, ..self }
    }

    /// The deadline of unary calls that set none themselves.
    #[must_use]
    pub fn with_default_deadline(self, deadline: Duration) -> Self {
        Self { default_deadline: Some(deadline), ..self }
    }

    /// The same way, for what is done to serve `call`: within what is left of its deadline, in its trace, about the data
    /// that its caller may touch.
    #[must_use]
    pub fn for_call(&self, call: &Call) -> Self {
        let on_behalf_of = OnBehalf {
            deadline: call.deadline,
            traceparent: call.traceparent.clone(),
            access: Arc::clone(&call.caller.organizations),
        };
        Self { on_behalf_of: Some(Arc::new(on_behalf_of)), ..self.clone() }
    }

    /// Puts deadline, token and trace into the head of a request; the deadline is what the client enforces too.
    fn prepare(&self, request: &mut Request<Body>) -> Option<Instant> {
        let inherited = self.on_behalf_of.as_deref();
        let unary = declared(request.uri().path()).is_none_or(|m| !m.client_streaming && !m.server_streaming);
        let now = Instant::now();
        let asked = timeout_in(request.headers()).or(self.default_deadline.filter(|_| unary));
        let own = asked.and_then(|timeout| now.checked_add(timeout));
        let deadline = own.into_iter().chain(inherited.and_then(|call| call.deadline)).min();
        let headers = request.headers_mut();
        if let Some(deadline) = deadline {
            headers.insert("grpc-timeout", timeout_header(deadline.saturating_duration_since(now)));
        }
        if !headers.contains_key(AUTHORIZATION)
            && let Some(value) = self.tokens.authorization(inherited.map_or(&Access::All, |call| &call.access))
        {
            headers.insert(AUTHORIZATION, value);
        }
        trace::send(headers, inherited.and_then(|call| call.traceparent.as_deref()));
        deadline
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(())) // The carrier's readiness is waited for within the call, and so within its deadline.
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let deadline = self.prepare(&mut request);
        let (carrier, peer) = (self.carrier.clone(), Arc::clone(&self.peer));
        Box::pin(async move {
            if deadline.is_some_and(|at| at <= Instant::now()) {
                return Ok(refuse(status::deadline_exceeded()));
            }
            let answer = carrier.oneshot(request);
            let answered = match deadline {
                None => answer.await,
                Some(at) => match tokio::time::timeout_at(at.into(), answer).await {
                    Ok(answered) => answered,
                    Err(_) => return Ok(refuse(status::deadline_exceeded())),
                },
            };
            let response = match answered {
                Ok(response) => response,
                Err(error) => return Ok(meaning(Status::from_error(error), &peer).into_http()),
            };
            Ok(response.map(|inner| {
                let mended = body::mended(inner, move |status| meaning(status, &peer));
                match deadline {
                    Some(at) => body::until(mended, expiry(at)),
                    None => mended,
                }
            }))
        })
    }
}

/// What the failure of a connection means to the caller: the library's own words for it range from UNKNOWN to
/// CANCELLED, but all say that the server is not there, so that the same call may be made again.
fn meaning(bare: Status, peer: &str) -> Status {
    if !bare.details().is_empty() {
        return bare;
    }
    match bare.code() {
        Code::Cancelled if bare.message() == tonic::TimeoutExpired(()).to_string() => {
            status::status(status::deadline_exceeded())
        }
        Code::Cancelled | Code::Unknown | Code::Internal | Code::Unavailable => {
            let refused = Refused::new(
                Kind::Unavailable,
                "PEER_UNAVAILABLE",
                format!("{peer} cannot be reached: {}", bare.message()),
            );
            status::status(refused.with("peer", peer))
        }
        _ => status::complete(bare),
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("peer", &self.peer).finish_non_exhaustive()
    }
}
