//! A span and two metrics for each call. A call's code is CANCELLED until it is answered, so that calls whose caller
//! went away are counted too.

use std::sync::Arc;
use std::time::Instant;

use http::Response;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter, UpDownCounter};
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
        Self::with(&opentelemetry::global::meter("guanxi.rpc"))
    }

    fn with(meter: &Meter) -> Self {
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

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::poll;
    use http_body_util::{BodyExt, StreamBody};
    use opentelemetry::metrics::MeterProvider;
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::metrics::SdkMeterProvider;
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt;

    use super::super::tests::{End, GET_JOB, WATCH_JOB, incoming, yes};
    use super::*;

    /// A layer, and what it has measured so far: method, code and count of each series of the duration.
    fn measured() -> (Observe, impl Fn() -> Vec<(String, String, u64)>) {
        let registry = prometheus::Registry::new();
        let reader = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build().expect("an exporter");
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        let layer = Observe::with(&provider.meter("test"));
        let read = move || {
            let _alive = &provider;
            let families = registry.gather();
            let series = families.iter().filter(|family| family.name().starts_with("rpc_server_duration"));
            let mut series: Vec<_> = series
                .flat_map(|family| family.get_metric())
                .map(|metric| {
                    let label = |name: &str| {
                        let pair = metric.get_label().iter().find(|pair| pair.name() == name);
                        pair.map(|pair| pair.value().to_owned()).unwrap_or_default()
                    };
                    (label("rpc_method"), label("rpc_code"), metric.get_histogram().get_sample_count())
                })
                .collect();
            series.sort();
            series
        };
        (layer, read)
    }

    fn series(method: &str, code: &str, count: u64) -> (String, String, u64) {
        (method.to_owned(), code.to_owned(), count)
    }

    #[tokio::test]
    async fn a_call_whose_caller_went_away_is_counted_as_cancelled() {
        let (layer, measured) = measured();
        {
            let never = End(|_| futures::future::pending());
            let mut call = pin!(layer.handle(incoming(GET_JOB), &never));
            assert!(poll!(call.as_mut()).is_pending());
        }
        layer.handle(incoming(GET_JOB), &End(|_| async { yes() })).await;
        assert_eq!(measured(), [series(GET_JOB, "CANCELLED", 1), series(GET_JOB, "OK", 1)]);
    }

    #[tokio::test]
    async fn a_stream_is_counted_when_it_ends_by_the_code_of_its_trailers() {
        let (layer, measured) = measured();
        let stream = || {
            let open = futures::stream::pending::<Result<http_body::Frame<bytes::Bytes>, tonic::Status>>();
            let end = async { tonic::Status::unavailable("going down") };
            Response::new(body::until(Body::new(StreamBody::new(open)), end))
        };
        let response = layer.handle(incoming(WATCH_JOB), &End(move |_| async move { stream() })).await;
        assert_eq!(measured(), []);
        response.into_body().collect().await.expect("a body");
        assert_eq!(measured(), [series(WATCH_JOB, "UNAVAILABLE", 1)]);
    }

    #[tokio::test]
    async fn a_made_up_method_does_not_get_a_series_of_its_own() {
        let (layer, measured) = measured();
        layer.handle(incoming("/made.Up/Method"), &End(|_| async { yes() })).await;
        assert_eq!(measured(), [series("unknown", "OK", 1)]);
    }

    #[tokio::test]
    async fn the_call_goes_on_in_its_callers_trace() {
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let subscriber = tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
        let _default = tracing::subscriber::set_default(subscriber);

        let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let mut call = incoming(GET_JOB);
        call.request.headers_mut().insert("traceparent", sent.parse().expect("a value"));
        let end = End(|incoming: Incoming| async move {
            let mut headers = http::HeaderMap::new();
            trace::send(&mut headers, None);
            assert_eq!(trace::sent(&headers), incoming.call.traceparent, "what is sent on is the call's own span");
            let own = incoming.call.traceparent.expect("a trace context");
            tonic::Status::new(Code::Ok, &*own).into_http()
        });
        let own = super::super::tests::outcome(&Observe::new().handle(call, &end).await).message;
        assert_eq!((&own[..36], own.len()), (&sent[..36], 55), "another trace");
        assert_ne!(own[36..52], sent[36..52], "the same span");
    }
}
