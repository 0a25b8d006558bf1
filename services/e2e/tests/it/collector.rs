//! A collector of the test's own: it takes traces, metrics and logs by OTLP as a real one does, and keeps them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// The largest export that is taken, in bytes.
const LARGEST: usize = 64 << 20;

/// One span, as far as the test looks.
pub struct Span {
    /// The process's `service.name`.
    pub service: String,
    pub name: String,
    pub kind: SpanKind,
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
    links: Vec<Vec<u8>>,
}

/// What came in so far.
#[derive(Default)]
pub struct Received {
    pub spans: Vec<Span>,
    /// The names of metrics, by service.
    pub metrics: BTreeMap<String, BTreeSet<String>>,
    /// How many lines of log, by service; and how many of them are in a trace.
    pub logs: BTreeMap<String, (usize, usize)>,
    /// Attributes of the processes.
    pub resources: BTreeMap<String, BTreeMap<String, String>>,
    /// Everything, as text.
    pub text: String,
}

/// The collector.
#[derive(Clone, Default)]
pub struct Receiver(Arc<Mutex<Received>>);

impl Receiver {
    /// Starts it; returns it with its URL.
    pub async fn start() -> (Self, String) {
        let receiver = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(receiver.clone()).max_decoding_message_size(LARGEST))
            .add_service(MetricsServiceServer::new(receiver.clone()).max_decoding_message_size(LARGEST))
            .add_service(LogsServiceServer::new(receiver.clone()).max_decoding_message_size(LARGEST));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (receiver, url)
    }

    /// What came in so far.
    pub fn received(&self) -> MutexGuard<'_, Received> {
        self.0.lock().unwrap()
    }
}

impl Received {
    /// The pairs of services, the second of which was called by the first in one trace: its span is the child of a span
    /// of the first.
    pub fn calls(&self) -> BTreeSet<(String, String)> {
        let by_id: HashMap<(&[u8], &[u8]), &str> =
            self.spans.iter().map(|span| ((&*span.trace, &*span.id), &*span.service)).collect();
        let servers = self.spans.iter().filter(|span| span.kind == SpanKind::Server);
        let calls = servers.filter_map(|span| Some((*by_id.get(&(&*span.trace, &*span.parent))?, &*span.service)));
        calls.filter(|(from, to)| from != to).map(|(from, to)| (from.to_owned(), to.to_owned())).collect()
    }

    /// The pairs of services, the second of which handled events of the first in a trace, or by a link from one, that
    /// the first is in, too.
    pub fn events(&self) -> BTreeSet<(String, String)> {
        let mut within: HashMap<&[u8], HashSet<&str>> = HashMap::new();
        for span in &self.spans {
            within.entry(&span.trace).or_default().insert(&span.service);
        }
        let mut edges = BTreeSet::new();
        for span in self.spans.iter().filter(|span| span.kind == SpanKind::Consumer) {
            let producer = format!("guanxi-{}", span.name.trim_start_matches("process "));
            let mut traces = std::iter::once(&span.trace).chain(&span.links);
            if traces.any(|trace| within.get(&**trace).is_some_and(|services| services.contains(&*producer))) {
                edges.insert((producer, span.service.clone()));
            }
        }
        edges
    }

    fn resource(&mut self, resource: Option<Resource>) -> String {
        let attributes = resource.into_iter().flat_map(|resource| resource.attributes);
        let attributes: BTreeMap<String, String> = attributes
            .filter_map(|pair| match pair.value?.value? {
                Value::StringValue(text) => Some((pair.key, text)),
                _ => None,
            })
            .collect();
        let service = attributes["service.name"].clone();
        self.resources.insert(service.clone(), attributes);
        service
    }
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut received = self.received();
        let request = request.into_inner();
        write!(received.text, "{request:?}").unwrap();
        for of_process in request.resource_spans {
            let service = received.resource(of_process.resource);
            for span in of_process.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                received.spans.push(Span {
                    service: service.clone(),
                    kind: span.kind(),
                    name: span.name,
                    trace: span.trace_id,
                    id: span.span_id,
                    parent: span.parent_span_id,
                    links: span.links.into_iter().map(|link| link.trace_id).collect(),
                });
            }
        }
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let mut received = self.received();
        let request = request.into_inner();
        write!(received.text, "{request:?}").unwrap();
        for of_process in request.resource_metrics {
            let service = received.resource(of_process.resource);
            let names = of_process.scope_metrics.into_iter().flat_map(|scope| scope.metrics).map(|metric| metric.name);
            received.metrics.entry(service).or_default().extend(names);
        }
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let mut received = self.received();
        let request = request.into_inner();
        write!(received.text, "{request:?}").unwrap();
        for of_process in request.resource_logs {
            let service = received.resource(of_process.resource);
            for record in of_process.scope_logs.into_iter().flat_map(|scope| scope.log_records) {
                let (lines, traced) = received.logs.entry(service.clone()).or_default();
                *lines += 1;
                *traced += usize::from(!record.trace_id.is_empty());
            }
        }
        Ok(Response::new(Default::default()))
    }
}
