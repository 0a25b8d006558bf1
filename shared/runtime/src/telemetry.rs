//! Logs on standard error; traces, metrics and logs to an OTLP collector; metrics for Prometheus: set up once a process.

use std::io::IsTerminal;
use std::time::Duration;

use guanxi_kernel::signals::{KeyValue, attribute};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use prometheus::{Registry, TextEncoder};
use tokio::sync::oneshot;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

use crate::error::StartError;
use crate::openmetrics;
use crate::settings::{self, LogFormat};

/// How long the collector may take at the end.
const LAST_EXPORT: Duration = Duration::from_secs(1);
/// Links of a span: a transaction of a consumer handles as many events at the most.
const LINKS: u32 = 256;

/// What was set up, to be shut down at the end.
#[derive(Debug)]
pub struct Telemetry {
    metrics: Metrics,
    meters: Option<SdkMeterProvider>,
    tracers: Option<SdkTracerProvider>,
    loggers: Option<SdkLoggerProvider>,
}

/// The process's metrics, as Prometheus reads them.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Registry);

impl Metrics {
    /// Everything measured so far in the text form that a scraper accepts, with its content type.
    pub fn text(&self, accept: &str) -> (&'static str, String) {
        let families = self.0.gather();
        if openmetrics::is_accepted(accept) {
            return (openmetrics::CONTENT_TYPE, openmetrics::text(&families));
        }
        let mut text = String::new();
        if let Err(error) = TextEncoder::new().encode_utf8(&families, &mut text) {
            tracing::warn!(%error, "metrics could not be encoded");
        }
        ("text/plain; version=0.0.4; charset=utf-8", text)
    }
}

impl Telemetry {
    /// Sets the process's logger, meters and tracers. Once a process, inside the runtime that exports. `services` are
    /// those that the process serves.
    ///
    /// # Errors
    /// Where something else has set a logger, or the collector's address is not one.
    pub fn start(settings: &settings::Telemetry, services: &[&str]) -> Result<Self, StartError> {
        let failed = |what: &str, error: &dyn std::fmt::Display| StartError::telemetry(what, error);
        let resource = resource(services);
        let endpoint = Some(settings.otlp.expose()).filter(|url| !url.is_empty());
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());

        let registry = Registry::new();
        let prometheus = opentelemetry_prometheus::exporter().with_registry(registry.clone()).scope_info_enabled(false);
        let mut meters = SdkMeterProvider::builder()
            .with_resource(resource.clone())
            .with_reader(prometheus.build().map_err(|error| failed("metrics", &error))?);
        let (mut tracers, mut loggers) = (None, None);
        if let Some(endpoint) = endpoint {
            let exporter = MetricExporter::builder().with_tonic().with_endpoint(endpoint).build();
            let exporter = exporter.map_err(|error| failed("metrics exporter", &error))?;
            meters =
                meters.with_reader(PeriodicReader::builder(exporter).with_interval(settings.metrics_every).build());
            let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build();
            let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample)));
            let provider = SdkTracerProvider::builder()
                .with_resource(resource.clone())
                .with_sampler(sampler)
                .with_max_links_per_span(LINKS)
                .with_batch_exporter(exporter.map_err(|error| failed("trace exporter", &error))?)
                .build();
            opentelemetry::global::set_tracer_provider(provider.clone());
            tracers = Some(provider);
            let exporter = LogExporter::builder().with_tonic().with_endpoint(endpoint).build();
            let exporter = exporter.map_err(|error| failed("log exporter", &error))?;
            loggers = Some(SdkLoggerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build());
        }
        let meters = meters.build();
        opentelemetry::global::set_meter_provider(meters.clone());

        let traces = tracers.as_ref().map(|provider| {
            tracing_opentelemetry::layer().with_tracer(provider.tracer("guanxi")).with_filter(exported())
        });
        let sent = match &loggers {
            Some(loggers) => {
                Some(OpenTelemetryTracingBridge::new(loggers).with_filter(exported()).with_filter(level(settings)?))
            }
            None => None,
        };
        let subscriber = tracing_subscriber::registry().with(traces).with(sent).with(logs(settings)?);
        tracing::subscriber::set_global_default(subscriber).map_err(|error| failed("logger", &error))?;
        Ok(Self { metrics: Metrics(registry), meters: Some(meters), tracers, loggers })
    }

    /// No exporters and no logger of its own: for tests, which run many processes in one.
    pub fn none() -> Self {
        Self { metrics: Metrics::default(), meters: None, tracers: None, loggers: None }
    }

    /// The metrics, for the admin port.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Sends what is left, for a second at most. The exporters block, so each does it on a thread of its own, which
    /// nobody waits for where the collector is away: a thread of the runtime's would hold up the end of the process.
    pub async fn shutdown(self) {
        let Self { tracers, meters, loggers, .. } = self;
        let exports: [(&str, Option<Export>); 3] = [
            ("traces", tracers.map(|end| Box::new(move || end.shutdown_with_timeout(LAST_EXPORT)) as Export)),
            ("metrics", meters.map(|end| Box::new(move || end.shutdown_with_timeout(LAST_EXPORT)) as Export)),
            ("logs", loggers.map(|end| Box::new(move || end.shutdown_with_timeout(LAST_EXPORT)) as Export)),
        ];
        let begun = exports.into_iter().filter_map(|(what, export)| export.map(|export| last_export(what, export)));
        let last = futures::future::join_all(begun);
        // The exporters do not always keep to theirs: one that looks a name up does not.
        if tokio::time::timeout(LAST_EXPORT, last).await.is_err() {
            tracing::debug!("the collector did not take the last traces, metrics and logs in time");
        }
    }
}

/// What ends an exporter.
type Export = Box<dyn FnOnce() -> OTelSdkResult + Send>;

/// Begins the last export on a thread; what is returned waits for its end.
fn last_export(what: &'static str, export: Export) -> impl Future<Output = ()> {
    let (ended, end) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let _within = runtime.enter();
        let _nobody_waits = ended.send(export());
    });
    async move {
        if let Ok(Err(error)) = end.await {
            tracing::debug!(what, %error, "the last of them were not taken");
        }
    }
}

/// What a process is to a collector.
fn resource(services: &[&str]) -> Resource {
    let name = match services {
        [one] => format!("guanxi-{one}"),
        _ => "guanxi".to_owned(),
    };
    let text = |name: &'static str, value: String| KeyValue::new(name, value);
    Resource::builder()
        .with_attribute(text(attribute::SERVICE_NAME, name))
        .with_attribute(text(attribute::SERVICE_NAMESPACE, "guanxi".to_owned()))
        .with_attribute(text(attribute::SERVICE_VERSION, guanxi_store::migrate::release().to_owned()))
        .with_attribute(text(attribute::SERVICE_INSTANCE, guanxi_kernel::new_id().to_string()))
        .build()
}

/// Not the transport's spans and lines: they would say the same again, one level down, and of the export itself.
fn exported() -> Targets {
    ["h2", "hyper", "hyper_util", "tonic", "tower", "opentelemetry", "opentelemetry_sdk", "opentelemetry-otlp"]
        .into_iter()
        .fold(Targets::new().with_default(LevelFilter::INFO), |targets, theirs| {
            targets.with_target(theirs, LevelFilter::OFF)
        })
}

/// What is logged.
fn level(settings: &settings::Telemetry) -> Result<EnvFilter, StartError> {
    // PostgreSQL says at each start that what exists exists; a directive of the operator's own comes later and wins.
    EnvFilter::try_new(format!("sqlx::postgres::notice=warn,{}", settings.level))
        .map_err(|error| StartError::telemetry("log level", &error))
}

fn logs<S>(settings: &settings::Telemetry) -> Result<Box<dyn Layer<S> + Send + Sync>, StartError>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let filter = level(settings)?;
    let colours = std::io::stderr().is_terminal();
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    Ok(match settings.log {
        LogFormat::Human => layer.with_target(true).with_filter(filter).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(true).with_filter(filter).boxed(),
    })
}
