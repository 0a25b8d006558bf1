//! The server's layers over its routes. One stack serves the TCP listener and the calls from within the process, so
//! that both meet the same rules.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service as _;

use crate::body;
use crate::layers::{
    Incoming, Next, Over, authenticate::Authenticate, authorize::Authorize, deadline::EnforceDeadline, declared,
    is_infrastructure, observe::Observe, panic::CatchPanics, rate::LimitRate, shed::ShedLoad,
};
use crate::shutdown::Shutdown;
use crate::status;
use crate::token::Verifier;

/// Who may call at all.
#[derive(Debug, Clone)]
pub enum Authentication {
    /// Anybody, for everything. Only for SQLite on a loopback listener.
    Off,
    /// The bearers of tokens that this one accepts.
    Required(Arc<Verifier>),
}

/// How often one caller may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls a second, on average.
    pub per_second: NonZeroU32,
    /// Calls at once.
    pub burst: NonZeroU32,
}

/// What the stack is set to.
#[derive(Debug, Clone)]
pub struct StackSettings {
    /// Who may call at all.
    pub authentication: Authentication,
    /// Unary calls at one time; the next is refused with OVERLOADED.
    pub calls: usize,
    /// Streams at one time; the next is refused with OVERLOADED.
    pub streams: usize,
    /// The deadline of a unary call that brings none, and of a stream's beginning.
    pub default_deadline: Duration,
    /// The longest deadline of a unary call.
    pub maximum_deadline: Duration,
    /// How often one caller may call; `None`: as often as it likes.
    pub rate: Option<Rate>,
}

impl Default for StackSettings {
    fn default() -> Self {
        Self {
            authentication: Authentication::Off,
            calls: 4_096,
            streams: 1_024,
            default_deadline: Duration::from_secs(10),
            maximum_deadline: Duration::from_secs(60),
            rate: None,
        }
    }
}

/// Routes under all layers: a service that takes any gRPC request and always answers.
#[derive(Clone)]
pub struct Stack(Arc<dyn Fn(Request<Body>) -> BoxFuture<'static, Response<Body>> + Send + Sync>);

impl Stack {
    /// Puts the layers over `routes`. Meters come from the process's provider, so telemetry is set up before.
    pub fn new(routes: Routes, settings: &StackSettings, shutdown: &Shutdown) -> Self {
        let rate = settings.rate.map(|rate| (rate.per_second, rate.burst));
        let handlers = Handlers { routes: routes.prepare(), shutdown: shutdown.clone() };
        // From the inside out, so read it upwards: a request meets the last line first.

        // Who calls is known, and that it may call at all: now whether it may call this.
        let stack = Over { layer: Authorize, next: handlers };
        // Needs to know who calls; before the scope, so that asking for what one may not have counts too.
        let stack = Over { layer: LimitRate::new(rate), next: stack };
        // Checking a signature costs time, so it is done within the deadline and under the limit.
        let stack = Over { layer: Authenticate::new(settings.authentication.clone()), next: stack };
        // Everything below costs time that somebody waits for.
        let (default, maximum) = (settings.default_deadline, settings.maximum_deadline);
        let stack = Over { layer: EnforceDeadline { default, maximum }, next: stack };
        // Refuses before any work is spent, but seen by the metrics.
        let stack = Over { layer: ShedLoad::new(settings.calls, settings.streams), next: stack };
        // Counts what is refused below, too, and what is never answered.
        let stack = Over { layer: Observe::new(), next: stack };
        // Outermost: whatever panics below, the caller gets an answer.
        let stack = Over { layer: CatchPanics, next: stack };

        let stack = Arc::new(stack);
        Self(Arc::new(move |request| {
            let stack = Arc::clone(&stack);
            let method = declared(request.uri().path());
            let incoming = Incoming { request, method, call: crate::call::nobody() };
            Box::pin(async move { stack.run(incoming).await })
        }))
    }

    /// Answers a request. Dropping the future cancels the call.
    pub fn answer(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        (self.0)(request)
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stack")
    }
}

/// The inner end: hands the call to its handler, ends its stream when the process goes down, and completes the statuses
/// that the gRPC library makes by itself.
struct Handlers {
    routes: Routes,
    shutdown: Shutdown,
}

impl Next for Handlers {
    async fn run(&self, incoming: Incoming) -> Response<Body> {
        let unary = incoming.is_unary();
        // A stream that only gives, we end at shutdown; one that takes elements finishes those that it took, and
        // `answer_each` ends it.
        let ended_by_us = incoming
            .method
            .is_some_and(|method| method.server_streaming && (!method.client_streaming || is_infrastructure(method)));
        let mut request = incoming.request;
        request.extensions_mut().insert(incoming.call);
        // What came over a connection ends with it, too.
        let shutdown = request.extensions().get::<Shutdown>().unwrap_or(&self.shutdown).clone();
        if !unary {
            request.extensions_mut().insert(shutdown.clone());
        }
        let Ok(response) = self.routes.clone().call(request).await;
        if body::code_in(response.headers()).is_some_and(|code| code != tonic::Code::Ok) {
            return match Status::from_header_map(response.headers()) {
                Some(bare) => status::bounded(status::complete(bare)).into_http(),
                None => response,
            };
        }
        if ended_by_us {
            let begun = shutdown.begun();
            let going_down = async move {
                begun.await;
                status::status(Shutdown::refusal())
            };
            return response.map(|inner| body::until(inner, going_down));
        }
        response
    }
}
