//! A span and two metrics for each call. A call's code is CANCELLED until it is answered, so that calls whose caller
//! went away are counted too.

use std::sync::Arc;
use std::time::Instant;

use http::Response;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, UpDownCounter};
use tonic::Code;
use tonic::body::Body;
use tracing::{Instrument, Span};

use super::{Incoming, Layer, Next};
use crate::body::{self, Observer};
use crate::status::code_name;
use crate::trace;

pub(crate) struct Observe(Arc<Instruments>);

struct Instruments {
    duration: Histogram<f64>,
    active: UpDownCounter<i64>,
}

impl Observe {
    /// Measures with the process's meter provider, which must be set before.
    pub fn new() -> Self {
        let meter = opentelemetry::global::meter("guanxi.rpc");
        let duration = meter
            .f64_histogram("rpc.server.duration")
            .with_unit("s")
            .with_description("time from a call's head to its last frame, by method and code")
            .with_boundaries(vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
            .build();
        let active = meter
            .i64_up_down_counter("rpc.server.active_calls")
            .with_description("calls and streams that are being served, by method")
            .build();
        Self(Arc::new(Instruments { duration, active }))
    }
}

impl Layer for Observe {
    async fn handle<N: Next>(&self, mut incoming: Incoming, next: &N) -> Response<Body> {
        let method = incoming.label();
        let span = tracing::info_span!(
            "rpc",
            otel.name = &method[usize::from(method.starts_with('/'))..],
            otel.kind = "server",
            rpc.system = "grpc",
            rpc.method = method,
            rpc.code = tracing::field::Empty,
        );
        trace::continue_from(&span, incoming.request.headers());
        incoming.call.traceparent = trace::traceparent(&span).or_else(|| trace::sent(incoming.request.headers()));
        let mut observation = Observation::begin(Arc::clone(&self.0), method, span.clone());
        let response = next.run(incoming).instrument(span).await;
        match body::code_in(response.headers()) {
            Some(code) => {
                observation.ended(code);
                response
            }
            None => response.map(|inner| body::observed(inner, observation)),
        }
    }
}

/// One call, from its beginning to its end, whatever that is.
struct Observation {
    instruments: Arc<Instruments>,
    method: &'static str,
    began: Instant,
    span: Span,
    code: Code,
}

impl Observation {
    fn begin(instruments: Arc<Instruments>, method: &'static str, span: Span) -> Self {
        instruments.active.add(1, &[KeyValue::new("rpc.method", method)]);
        Self { instruments, method, began: Instant::now(), span, code: Code::Cancelled }
    }
}

impl Observer for Observation {
    fn ended(&mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let panicked = self.code == Code::Cancelled && std::thread::panicking();
        let code = code_name(if panicked { Code::Internal } else { self.code });
        self.span.record("rpc.code", code);
        let method = KeyValue::new("rpc.method", self.method);
        self.instruments.active.add(-1, std::slice::from_ref(&method));
        self.instruments
            .duration
            .record(self.began.elapsed().as_secs_f64(), &[method, KeyValue::new("rpc.code", code)]);
    }
}
