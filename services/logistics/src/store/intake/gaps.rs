//! The metric of what the code map does not know: the codes to map in its next version.

use std::sync::LazyLock;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;

static GAPS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    opentelemetry::global::meter("guanxi.logistics")
        .u64_counter("guanxi.logistics.mapping_gaps")
        .with_description("Tracking events whose code the code map does not know.")
        .build()
});

/// Counts one event of a carrier.
pub fn count(carrier: &str) {
    GAPS.add(1, &[KeyValue::new("carrier", carrier.to_owned())]);
}
