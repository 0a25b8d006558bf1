//! Exemplars: of each bucket of each series of the calls' duration, the trace that fell into it last. A dashboard leads
//! from a slow call to what it did. Only traces that are exported are kept, so it costs the other calls nothing.
//!
//! The SDK of OpenTelemetry for Rust keeps none; a second library of metrics beside it would measure every call twice.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use guanxi_kernel::signals::RPC_DURATION;
use opentelemetry::trace::TraceContextExt;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// A call that stands for its bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// The trace, in hex.
    pub trace: String,
    /// The call's span in it, in hex.
    pub span: String,
    /// How long the call took, in seconds.
    pub seconds: f64,
}

/// By method and code; of each the buckets, the last one without bound.
type Kept = HashMap<(&'static str, &'static str), Vec<Option<Exemplar>>>;

static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

/// Keeps a call's span as the exemplar of its bucket, if its trace is exported.
pub(crate) fn keep(span: &Span, method: &'static str, code: &'static str, seconds: f64) {
    if span.is_disabled() {
        return;
    }
    let context = span.context();
    let context = context.span();
    let at = context.span_context();
    if !at.is_sampled() {
        return;
    }
    let bounds = RPC_DURATION.bounds();
    let exemplar = Exemplar { trace: at.trace_id().to_string(), span: at.span_id().to_string(), seconds };
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let buckets = kept.entry((method, code)).or_insert_with(|| vec![None; bounds.len() + 1]);
    buckets[bounds.partition_point(|&bound| bound < seconds)] = Some(exemplar);
}

/// The exemplar of a bucket, counted from 0, of the calls of `method` that ended with `code`.
pub fn exemplar(method: &str, code: &str, bucket: usize) -> Option<Exemplar> {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let (_, buckets) = kept.iter().find(|((of, with), _)| *of == method && *with == code)?;
    buckets.get(bucket).cloned().flatten()
}
