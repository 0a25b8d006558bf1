//! A span and two metrics for each call. A call's code is CANCELLED until it is answered, so that calls whose caller
//! went away are counted too.

use std::sync::Arc;
use std::time::Instant;

use guanxi_kernel::signals::{self, KeyValue, attribute};
use http::Response;
use opentelemetry::metrics::{Histogram, Meter, UpDownCounter};
use tonic::Code;
use tonic::body::Body;
use tracing::{Instrument, Span};

use super::{Incoming, Layer, Next};
use crate::body::{self, Observer};
use crate::exemplars;
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
        Self(Arc::new(Instruments {
            duration: signals::RPC_DURATION.histogram_of(meter),
            active: signals::RPC_ACTIVE.up_down_counter(meter),
        }))
    }
}

/// The service that a method is of, as metrics name it: `loyalty` of `guanxi.loyalty.v1.PointsService/EarnPoints`.
fn service(method: &'static str) -> &'static str {
    let mut parts = method.split('.');
    match parts.next() {
        Some("guanxi") => parts.next().unwrap_or_default(),
        Some(other) => other,
        None => method,
    }
}

impl Layer for Observe {
    async fn handle<N: Next>(&self, mut incoming: Incoming, next: &N) -> Response<Body> {
        let method = incoming.label();
        let span = tracing::info_span!(
            "rpc",
            otel.name = method,
            otel.kind = "server",
            { attribute::RPC_SYSTEM } = "grpc",
            { attribute::RPC_METHOD } = method,
            { attribute::RPC_CODE } = tracing::field::Empty,
        );
        trace::continue_from(&span, incoming.request.headers());
        let own = trace::traceparent(&span);
        incoming.call.traceparent = own.clone().or_else(|| trace::sent(incoming.request.headers()));
        let mut observation = Observation::begin(Arc::clone(&self.0), method, span.clone(), own);
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
    /// The span in its trace, where somebody collects it.
    traceparent: Option<Arc<str>>,
    code: Code,
}

impl Observation {
    fn begin(instruments: Arc<Instruments>, method: &'static str, span: Span, traceparent: Option<Arc<str>>) -> Self {
        instruments.active.add(1, &[KeyValue::new(attribute::RPC_METHOD, method)]);
        Self { instruments, method, began: Instant::now(), span, traceparent, code: Code::Cancelled }
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
        self.span.record(attribute::RPC_CODE, code);
        let method = KeyValue::new(attribute::RPC_METHOD, self.method);
        self.instruments.active.add(-1, std::slice::from_ref(&method));
        let took = self.began.elapsed().as_secs_f64();
        let service = KeyValue::new(attribute::SERVICE, service(self.method));
        self.instruments.duration.record(took, &[method, service, KeyValue::new(attribute::RPC_CODE, code)]);
        if let Some(traceparent) = &self.traceparent {
            exemplars::keep(traceparent, self.method, code, took);
        }
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
            let series = families.iter().filter(|family| family.name().starts_with("rpc_server_call_duration"));
            let mut series: Vec<_> = series
                .flat_map(|family| family.get_metric())
                .map(|metric| {
                    let label = |name: &str| {
                        let pair = metric.get_label().iter().find(|pair| pair.name() == name);
                        pair.map(|pair| pair.value().to_owned()).unwrap_or_default()
                    };
                    (label("rpc_method"), label("rpc_response_status_code"), metric.get_histogram().get_sample_count())
                })
                .collect();
            series.sort();
            series
        };
        (layer, read)
    }

    fn series(method: &str, code: &str, count: u64) -> (String, String, u64) {
        (method.trim_start_matches('/').to_owned(), code.to_owned(), count)
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
