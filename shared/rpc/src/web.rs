//! Calls from browsers: gRPC-Web over HTTP/1.1 or HTTP/2, on the port of all calls, by pages of the origins that are let
//! in. They meet the same stack as every other call.

use std::convert::Infallible;
use std::time::Duration;

use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Method, Request, Response};
use tonic::body::Body;
use tonic_web::GrpcWebLayer;
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::stack::Stack;

/// How long a browser may remember what a preflight told it.
const REMEMBERED: Duration = Duration::from_secs(2 * 3600);

/// The stack, as browsers reach it.
pub(crate) struct Web(BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>);

impl Web {
    /// For pages of these origins, `*` for all; `None` where there are none.
    pub fn new(stack: &Stack, origins: &[String]) -> Option<Self> {
        if origins.is_empty() {
            return None;
        }
        let stack = stack.clone();
        let service = tower::service_fn(move |request| {
            let answer = stack.answer(request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        Some(Self(BoxCloneSyncService::new(cors(origins).layer(GrpcWebLayer::new().layer(service)))))
    }

    /// Answers a call of a browser, and passes on any other.
    pub fn answer(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        let service = self.0.clone();
        Box::pin(async move {
            let Ok(response) = service.oneshot(request).await;
            response
        })
    }
}

fn cors(origins: &[String]) -> CorsLayer {
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    let sent = ["x-grpc-web", "x-user-agent", "grpc-timeout", "traceparent", "tracestate"];
    let told = ["grpc-status", "grpc-message", "grpc-status-details-bin"];
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::POST])
        .allow_headers(
            [AUTHORIZATION, CONTENT_TYPE].into_iter().chain(sent.map(HeaderName::from_static)).collect::<Vec<_>>(),
        )
        .expose_headers(told.map(HeaderName::from_static))
        .max_age(REMEMBERED)
}
