//! The layers of the server, one idea each, and how one stands on another. Plain async functions: what a layer does
//! before `next.run` happens on the way in, what it does after on the way out.

use guanxi_contracts::Method;
use guanxi_kernel::{Call, Refused};
use http::{Request, Response};
use tonic::body::Body;

pub(crate) mod authenticate;
pub(crate) mod authorize;
pub(crate) mod deadline;
pub(crate) mod observe;
pub(crate) mod panic;
pub(crate) mod rate;
pub(crate) mod shed;

/// A request on its way in, with what the layers so far know of it.
pub(crate) struct Incoming {
    /// The request as it came.
    pub request: Request<Body>,
    /// What its contract declares; `None` where no contract declares the method.
    pub method: Option<&'static Method>,
    /// Caller, deadline and trace, each filled in by its layer.
    pub call: Call,
}

impl Incoming {
    /// Whether one message is answered by one message, as far as its contract says.
    pub fn is_unary(&self) -> bool {
        self.method.is_some_and(|method| !method.client_streaming && !method.server_streaming)
    }

    /// The method as it may appear in metrics and traces, without the slash that paths begin with: what callers make up
    /// does not.
    pub fn label(&self) -> &'static str {
        self.method.map_or("unknown", |method| method.path.trim_start_matches('/'))
    }
}

/// What comes after a layer.
pub(crate) trait Next: Send + Sync + 'static {
    /// Answers.
    fn run(&self, incoming: Incoming) -> impl Future<Output = Response<Body>> + Send;
}

/// One layer.
pub(crate) trait Layer: Send + Sync + 'static {
    /// Answers, most times by what `next` answers.
    fn handle<N: Next>(&self, incoming: Incoming, next: &N) -> impl Future<Output = Response<Body>> + Send;
}

/// A layer on top of what comes after it.
pub(crate) struct Over<L, N> {
    pub layer: L,
    pub next: N,
}

impl<L: Layer, N: Next> Next for Over<L, N> {
    fn run(&self, incoming: Incoming) -> impl Future<Output = Response<Body>> + Send {
        self.layer.handle(incoming, &self.next)
    }
}

/// The answer of a layer that does not let a call through.
pub(crate) fn refuse(refused: Refused) -> Response<Body> {
    crate::status(refused).into_http()
}

/// The methods that are not ours but everybody serves: health and reflection. Open to anyone.
const INFRASTRUCTURE: &[Method] = &[
    infrastructure("/grpc.health.v1.Health/Check", false, false),
    infrastructure("/grpc.health.v1.Health/List", false, false),
    infrastructure("/grpc.health.v1.Health/Watch", false, true),
    infrastructure("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", true, true),
    infrastructure("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", true, true),
];

const fn infrastructure(path: &'static str, client_streaming: bool, server_streaming: bool) -> Method {
    Method { path, scope: "", anonymous: true, audit: false, client_streaming, server_streaming }
}

/// What a contract declares of the method with this path.
pub(crate) fn declared(path: &str) -> Option<&'static Method> {
    guanxi_contracts::method(path).or_else(|| INFRASTRUCTURE.iter().find(|method| method.path == path))
}

/// Whether the method belongs to health or reflection.
pub(crate) fn is_infrastructure(method: &Method) -> bool {
    method.path.starts_with("/grpc.")
}

#[cfg(test)]
pub(crate) mod tests {
    //! What the layers' tests share: a call that comes in, and an end that answers it.

    use super::*;

    /// A call of the method with this path.
    pub fn incoming(path: &str) -> Incoming {
        let request = Request::builder().uri(path).body(Body::empty()).expect("a request");
        Incoming { request, method: declared(path), call: crate::call::nobody() }
    }

    /// An end of the stack made of a function.
    pub struct End<F>(pub F);

    impl<F, R> Next for End<F>
    where
        F: Fn(Incoming) -> R + Send + Sync + 'static,
        R: Future<Output = Response<Body>> + Send,
    {
        fn run(&self, incoming: Incoming) -> impl Future<Output = Response<Body>> + Send {
            (self.0)(incoming)
        }
    }

    /// An answer that says yes.
    pub fn yes() -> Response<Body> {
        tonic::Status::new(tonic::Code::Ok, "").into_http()
    }

    /// What a response failed with; the reason `OK` where it did not.
    pub fn outcome(response: &Response<Body>) -> crate::Failure {
        let status = tonic::Status::from_header_map(response.headers()).expect("a status in the head");
        crate::Failure::from(&status)
    }

    pub const GET_JOB: &str = "/guanxi.common.v1.JobService/GetJob";
    pub const WATCH_JOB: &str = "/guanxi.common.v1.JobService/WatchJob";
    pub const CANCEL_JOB: &str = "/guanxi.common.v1.JobService/CancelJob";
    pub const HEALTH: &str = "/grpc.health.v1.Health/Check";

    #[test]
    fn health_and_reflection_are_known_and_a_made_up_method_is_not() {
        assert!(declared(HEALTH).is_some_and(|method| method.anonymous));
        assert!(declared(GET_JOB).is_some_and(|method| method.scope == "jobs.read"));
        assert!(declared("/grpc.health.v1.Health/Chuck").is_none());
        assert!(declared("").is_none());
    }
}
