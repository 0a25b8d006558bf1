//! Exemplars: of each bucket of each series of the calls' duration, the trace that fell into it last. A dashboard leads
//! from a slow call to what it did. Only traces that are exported are kept, so it costs the other calls nothing.
//!
//! The SDK of OpenTelemetry for Rust keeps none; a second library of metrics beside it would measure every call twice.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use guanxi_kernel::signals::RPC_DURATION;

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

/// Keeps a call as the exemplar of its bucket, if its trace is exported.
pub(crate) fn keep(traceparent: &str, method: &'static str, code: &'static str, seconds: f64) {
    let mut parts = traceparent.split('-').skip(1);
    let (Some(trace), Some(span), Some("01")) = (parts.next(), parts.next(), parts.next()) else { return };
    let bounds = RPC_DURATION.bounds();
    let exemplar = Exemplar { trace: trace.to_owned(), span: span.to_owned(), seconds };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_the_last_call_whose_trace_is_exported() {
        let sent =
            |span: u8, flags: &str| format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902{span:02x}-{flags}");
        keep(&sent(1, "01"), "m", "OK", 0.0007);
        keep(&sent(2, "01"), "m", "OK", 0.0008);
        keep(&sent(3, "00"), "m", "OK", 0.0009);
        keep(&sent(4, "01"), "m", "OK", 99.0);
        assert_eq!(exemplar("m", "OK", 1).map(|call| call.span).as_deref(), Some("00f067aa0ba90202"));
        let last = RPC_DURATION.bounds().len();
        assert_eq!(exemplar("m", "OK", last).map(|call| call.seconds), Some(99.0));
        assert_eq!((exemplar("m", "OK", 0), exemplar("m", "NOT_FOUND", 1)), (None, None));
    }
}
