//! A metric, and the instrument that records it with the process's meter provider.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter, UpDownCounter};

/// Seconds, from a lookup in memory to the longest that a caller waits.
const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Sizes of batches.
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Something that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name for OpenTelemetry.
    pub name: &'static str,
    /// Its unit, by UCUM; what is counted is in braces.
    pub unit: &'static str,
    /// How it is measured.
    pub kind: Kind,
    /// What it says.
    pub about: &'static str,
}

/// How a metric is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It grows and shrinks by what happens.
    UpDownCounter,
    /// It is what was last seen.
    Gauge,
    /// A distribution of seconds.
    Seconds,
    /// A distribution of small numbers.
    Sizes,
}

/// A gauge's value, as those return it who look at a database.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Which gauge.
    pub metric: Metric,
    /// What it is.
    pub value: f64,
    /// Of what.
    pub attributes: Vec<KeyValue>,
}

impl Metric {
    /// Its name for Prometheus, without the suffixes of a histogram's series.
    pub fn prometheus(&self) -> String {
        let name = self.name.replace('.', "_");
        let name = if self.unit == "s" { name + "_seconds" } else { name };
        if self.kind == Kind::Counter { name + "_total" } else { name }
    }

    /// Bounds of a histogram's buckets.
    pub fn bounds(&self) -> &'static [f64] {
        match self.kind {
            Kind::Seconds => SECONDS,
            Kind::Sizes => SIZES,
            Kind::Counter | Kind::UpDownCounter | Kind::Gauge => &[],
        }
    }

    /// Records what only grows. Telemetry is set up before: what is made earlier records nothing.
    pub fn counter(&self) -> Counter<u64> {
        debug_assert_eq!(self.kind, Kind::Counter, "{}", self.name);
        meter().u64_counter(self.name).with_unit(self.unit).with_description(self.about).build()
    }

    /// Records what grows and shrinks, with this meter.
    pub fn up_down_counter(&self, meter: &Meter) -> UpDownCounter<i64> {
        debug_assert_eq!(self.kind, Kind::UpDownCounter, "{}", self.name);
        meter.i64_up_down_counter(self.name).with_unit(self.unit).with_description(self.about).build()
    }

    /// Records what was last seen.
    pub fn gauge(&self) -> Gauge<f64> {
        debug_assert_eq!(self.kind, Kind::Gauge, "{}", self.name);
        meter().f64_gauge(self.name).with_unit(self.unit).with_description(self.about).build()
    }

    /// Records a distribution.
    pub fn histogram(&self) -> Histogram<f64> {
        self.histogram_of(&meter())
    }

    /// Records a distribution, with this meter.
    pub fn histogram_of(&self, meter: &Meter) -> Histogram<f64> {
        debug_assert!(matches!(self.kind, Kind::Seconds | Kind::Sizes), "{}", self.name);
        let histogram = meter.f64_histogram(self.name).with_unit(self.unit).with_description(self.about);
        histogram.with_boundaries(self.bounds().to_vec()).build()
    }

    /// A value of this gauge.
    pub fn is(self, value: f64, attributes: impl Into<Vec<KeyValue>>) -> Measured {
        Measured { metric: self, value, attributes: attributes.into() }
    }
}

/// The process's meter.
fn meter() -> Meter {
    opentelemetry::global::meter("guanxi")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::signals::{METRICS, attribute};

    #[test]
    fn names_are_plain_and_none_is_used_twice() {
        let names = METRICS.iter().map(|metric| metric.name).chain(attribute::ALL.iter().copied());
        let mut seen = BTreeSet::new();
        for name in names {
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'.' || b == b'_'), "{name}");
            assert!(seen.insert(name), "{name} is there twice");
        }
        assert!(METRICS.iter().all(|metric| metric.about.trim().ends_with('.')));
    }
}
