//! The metric of what the code map does not know: the codes to map in its next version.

use std::sync::LazyLock;

use guanxi_kernel::signals::{self, Counter, KeyValue, attribute};

use crate::domain::CodeMap;

static GAPS: LazyLock<Counter<u64>> = LazyLock::new(|| signals::MAPPING_GAPS.counter());

/// Counts one event of a carrier. Callers can make carriers up, so those that the code map does not know are one.
pub fn count(carrier: &str) {
    let carrier = if CodeMap::built_in().zone(carrier).is_some() { carrier } else { "other" };
    GAPS.add(1, &[KeyValue::new(attribute::CARRIER, carrier.to_owned())]);
}
