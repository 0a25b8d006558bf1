//! Logs on standard error, traces and metrics to an OTLP collector, metrics for Prometheus: set up once a process.

use std::io::IsTerminal;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use prometheus::{Registry, TextEncoder};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

use crate::error::StartError;
use crate::settings::{self, LogFormat};

/// How long the collector may take at the end.
const LAST_EXPORT: Duration = Duration::from_secs(2);

/// What was set up, to be shut down at the end.
#[derive(Debug)]
pub struct Telemetry {
    metrics: Metrics,
    meters: Option<SdkMeterProvider>,
    tracers: Option<SdkTracerProvider>,
}

/// The process's metrics, as Prometheus reads them.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Registry);

impl Metrics {
    /// The text form of everything measured so far.
    pub fn text(&self) -> String {
        let mut text = String::new();
        match TextEncoder::new().encode_utf8(&self.0.gather(), &mut text) {
            Ok(()) => text,
            Err(error) => {
                tracing::warn!(%error, "metrics could not be encoded");
                String::new()
            }
        }
    }
}

impl Telemetry {
    /// Sets the process's logger, meters and tracers. Once a process, inside the runtime that exports.
    ///
    /// # Errors
    /// Where something else has set a logger, or the collector's address is not one.
    pub fn start(settings: &settings::Telemetry) -> Result<Self, StartError> {
        let failed = |what: &str, error: &dyn std::fmt::Display| StartError::telemetry(what, error);
        let resource = Resource::builder()
            .with_service_name("guanxi")
            .with_attribute(opentelemetry::KeyValue::new("service.version", guanxi_store::migrate::release()))
            .build();
        let endpoint = Some(settings.otlp.expose()).filter(|url| !url.is_empty());
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());

        let registry = Registry::new();
        let prometheus = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build();
        let mut meters = SdkMeterProvider::builder()
            .with_resource(resource.clone())
            .with_reader(prometheus.map_err(|error| failed("metrics", &error))?);
        let mut tracers = None;
        if let Some(endpoint) = endpoint {
            let exporter = MetricExporter::builder().with_tonic().with_endpoint(endpoint).build();
            let exporter = exporter.map_err(|error| failed("metrics exporter", &error))?;
            meters =
                meters.with_reader(PeriodicReader::builder(exporter).with_interval(settings.metrics_every).build());
            let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build();
            let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample)));
            let provider = SdkTracerProvider::builder()
                .with_resource(resource)
                .with_sampler(sampler)
                .with_batch_exporter(exporter.map_err(|error| failed("trace exporter", &error))?)
                .build();
            opentelemetry::global::set_tracer_provider(provider.clone());
            tracers = Some(provider);
        }
        let meters = meters.build();
        opentelemetry::global::set_meter_provider(meters.clone());

        let traces = tracers.as_ref().map(|provider| {
            tracing_opentelemetry::layer().with_tracer(provider.tracer("guanxi")).with_filter(exported())
        });
        let subscriber = tracing_subscriber::registry().with(traces).with(logs(settings)?);
        tracing::subscriber::set_global_default(subscriber).map_err(|error| failed("logger", &error))?;
        Ok(Self { metrics: Metrics(registry), meters: Some(meters), tracers })
    }

    /// No exporters and no logger of its own: for tests, which run many processes in one.
    pub fn none() -> Self {
        Self { metrics: Metrics::default(), meters: None, tracers: None }
    }

    /// The metrics, for the admin port.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Sends what is left, for a few seconds at most. The exporters block, so each does it on a thread of its own.
    pub async fn shutdown(self) {
        let traces = self.tracers.map(|tracers| move || tracers.shutdown_with_timeout(LAST_EXPORT));
        let metrics = self.meters.map(|meters| move || meters.shutdown_with_timeout(LAST_EXPORT));
        let last = futures::future::join(last_export("traces", traces), last_export("metrics", metrics));
        // The exporters' own time-outs end it; this one is for a collector that keeps even those waiting.
        if tokio::time::timeout(2 * LAST_EXPORT, last).await.is_err() {
            tracing::debug!("the collector did not take the last traces and metrics in time");
        }
    }
}

async fn last_export<F>(what: &str, export: Option<F>)
where
    F: FnOnce() -> OTelSdkResult + Send + 'static,
{
    let Some(export) = export else { return };
    if let Ok(Err(error)) = tokio::task::spawn_blocking(export).await {
        tracing::debug!(what, %error, "the last of them were not taken");
    }
}

/// Our own spans only: the transport's would say the same again, one level down.
fn exported() -> Targets {
    ["h2", "hyper", "hyper_util", "tonic", "tower"]
        .into_iter()
        .fold(Targets::new().with_default(LevelFilter::INFO), |targets, theirs| {
            targets.with_target(theirs, LevelFilter::OFF)
        })
}

fn logs<S>(settings: &settings::Telemetry) -> Result<Box<dyn Layer<S> + Send + Sync>, StartError>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    // PostgreSQL says at each start that what exists exists; a directive of the operator's own comes later and wins.
    let filter = EnvFilter::try_new(format!("sqlx::postgres::notice=warn,{}", settings.level))
        .map_err(|error| StartError::telemetry("log level", &error))?;
    let colours = std::io::stderr().is_terminal();
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    Ok(match settings.log {
        LogFormat::Human => layer.with_target(true).with_filter(filter).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(true).with_filter(filter).boxed(),
    })
}
