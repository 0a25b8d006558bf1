//! W3C trace context: from the headers of a call into its span, and from a span into what the call causes.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::TraceContextExt;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: &str = "traceparent";

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// Makes `span` a child of the caller's, if it sent one. Where nobody collects spans there is nothing to do.
pub(crate) fn continue_from(span: &Span, headers: &HeaderMap) {
    if headers.contains_key(TRACEPARENT) {
        let parent = opentelemetry::global::get_text_map_propagator(|propagator| propagator.extract(&Headers(headers)));
        let _nobody_collects = span.set_parent(parent);
    }
}

/// The trace context of `span`, as `traceparent` carries it; `None` where nobody collects spans.
pub fn traceparent(span: &Span) -> Option<Arc<str>> {
    let context = span.context();
    let span = context.span();
    let at = span.span_context();
    at.is_valid().then(|| {
        let flags = at.trace_flags().to_u8();
        format!("00-{}-{}-{flags:02x}", at.trace_id(), at.span_id()).into()
    })
}

/// The trace context that a caller sent, if it is well formed.
pub(crate) fn sent(headers: &HeaderMap) -> Option<Arc<str>> {
    let text = headers.get(TRACEPARENT)?.to_str().ok()?;
    is_traceparent(text).then(|| text.into())
}

/// Adds the trace context to a call: that of the span that we are in, else the one given.
pub(crate) fn send(headers: &mut HeaderMap, otherwise: Option<&str>) {
    let current = traceparent(&Span::current());
    if let Some(text) = current.as_deref().or(otherwise)
        && let Ok(value) = HeaderValue::from_str(text)
    {
        headers.insert(TRACEPARENT, value);
    }
}

fn is_traceparent(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut hex = |length: usize| {
        parts.next().is_some_and(|part| {
            part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
    };
    hex(2) && hex(32) && hex(16) && hex(2) && text.len() == 55
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_trace_context_is_passed_on() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let mut headers = HeaderMap::new();
        send(&mut headers, Some(good));
        assert_eq!(sent(&headers).as_deref(), Some(good));
        for bad in ["", "x", &good[1..], &good.to_uppercase(), &format!("{good}-00")] {
            assert!(!is_traceparent(bad), "{bad} was taken");
        }
    }
}
