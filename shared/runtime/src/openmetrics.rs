//! OpenMetrics: the text form of metrics that can carry exemplars, for scrapers that ask for it. The library that keeps
//! the metrics writes the older form only.

use std::fmt::Write;

use guanxi_kernel::signals::{RPC_DURATION, attribute};
use guanxi_rpc::exemplars::{Exemplar, exemplar};
use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

/// What a scraper asks for, and what the answer is.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether a scraper that accepts this understands it.
pub(crate) fn is_accepted(accept: &str) -> bool {
    accept.split(',').any(|media| media.trim().starts_with("application/openmetrics-text"))
}

/// All families in their text form.
pub(crate) fn text(families: &[MetricFamily]) -> String {
    let mut text = String::new();
    for family in families {
        // Writing to a string cannot fail.
        let _ = write_family(&mut text, family);
    }
    text.push_str("# EOF\n");
    text
}

fn write_family(text: &mut String, family: &MetricFamily) -> std::fmt::Result {
    let (kind, name) = match family.get_field_type() {
        MetricType::COUNTER => ("counter", family.name().trim_end_matches("_total")),
        MetricType::GAUGE => ("gauge", family.name()),
        MetricType::HISTOGRAM => ("histogram", family.name()),
        MetricType::SUMMARY | MetricType::UNTYPED => return Ok(()),
    };
    writeln!(text, "# TYPE {name} {kind}")?;
    writeln!(text, "# HELP {name} {}", escaped(family.help()))?;
    let is_duration = name == RPC_DURATION.prometheus();
    for metric in family.get_metric() {
        let labels = labels(metric.get_label());
        match family.get_field_type() {
            MetricType::COUNTER => sample(text, name, "_total", &labels, "", metric.get_counter().get_value())?,
            MetricType::HISTOGRAM => write_histogram(text, name, &labels, metric, is_duration)?,
            _ => sample(text, name, "", &labels, "", metric.get_gauge().get_value())?,
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    Ok(())
}

fn write_histogram(
    text: &mut String,
    name: &str,
    labels: &str,
    metric: &Metric,
    is_duration: bool,
) -> std::fmt::Result {
    let histogram = metric.get_histogram();
    let bounded = histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound().is_finite());
    let buckets = bounded.map(|bucket| (bucket.upper_bound().to_string(), bucket.cumulative_count()));
    let last = ("+Inf".to_owned(), histogram.get_sample_count());
    for (at, (bound, count)) in buckets.chain([last]).enumerate() {
        sample(text, name, "_bucket", labels, &format!("le=\"{bound}\""), number(count))?;
        if let Some(Exemplar { trace, span, seconds }) = is_duration.then(|| of(metric, at)).flatten() {
            write!(text, " # {{trace_id=\"{trace}\",span_id=\"{span}\"}} {seconds}")?;
        }
        text.push('\n');
    }
    sample(text, name, "_count", labels, "", number(histogram.get_sample_count()))?;
    text.push('\n');
    sample(text, name, "_sum", labels, "", histogram.get_sample_sum())
}

/// The exemplar of a bucket of the calls' duration.
fn of(metric: &Metric, bucket: usize) -> Option<Exemplar> {
    let label = |name: &str| {
        let name = name.replace('.', "_");
        metric.get_label().iter().find(|pair| pair.name() == name).map(LabelPair::value)
    };
    exemplar(label(attribute::RPC_METHOD)?, label(attribute::RPC_CODE)?, bucket)
}

fn sample(text: &mut String, name: &str, suffix: &str, labels: &str, last: &str, value: f64) -> std::fmt::Result {
    let comma = if labels.is_empty() || last.is_empty() { "" } else { "," };
    let (open, close) = if labels.is_empty() && last.is_empty() { ("", "") } else { ("{", "}") };
    write!(text, "{name}{suffix}{open}{labels}{comma}{last}{close} {value}")
}

fn labels(pairs: &[LabelPair]) -> String {
    pairs.iter().map(|pair| format!("{}=\"{}\"", pair.name(), escaped(pair.value()))).collect::<Vec<_>>().join(",")
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[allow(clippy::cast_precision_loss, reason = "nobody counts to 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use opentelemetry::metrics::MeterProvider;
    use opentelemetry_sdk::metrics::SdkMeterProvider;

    use super::*;

    #[test]
    fn counters_gauges_and_histograms_have_their_form() {
        let registry = prometheus::Registry::new();
        let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone());
        let exporter = exporter.scope_info_enabled(false).without_target_info().build().expect("an exporter");
        let meters = SdkMeterProvider::builder().with_reader(exporter).build();
        let meter = meters.meter("test");
        let label = [opentelemetry::KeyValue::new("of.what", "a \"b\"")];
        meter.u64_counter("done").build().add(3, &label);
        meter.f64_gauge("age").with_unit("s").build().record(1.5, &[]);
        meter.f64_histogram("took").with_unit("s").with_boundaries(vec![0.5, 1.0]).build().record(0.7, &[]);
        let text = text(&registry.gather());
        for line in [
            "# TYPE done counter",
            "done_total{of_what=\"a \\\"b\\\"\"} 3",
            "age_seconds 1.5",
            "took_seconds_bucket{le=\"0.5\"} 0",
            "took_seconds_bucket{le=\"+Inf\"} 1",
            "took_seconds_sum 0.7",
        ] {
            assert!(text.lines().any(|l| l == line), "no {line} in\n{text}");
        }
        assert!(text.ends_with("\n# EOF\n"), "{text}");
        assert!(is_accepted("text/plain;q=0.5,application/openmetrics-text;version=1.0.0") && !is_accepted("*/*"));
    }
}
