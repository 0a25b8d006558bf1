//! What messaging measures and traces: what the bus took and brought, how far consumers are, and how an event's handling
//! goes on with the trace of the call that caused it.

use std::collections::HashMap;
use std::time::Instant;

use guanxi_kernel::signals::{self, Counter, Gauge, Histogram, KeyValue, attribute};
use guanxi_store::outbox::{NumberedEvent, Position};
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::bus::{Bus, BusError, Stream};

/// The instruments of a service's relay.
#[derive(Debug)]
pub(crate) struct Sending {
    sent: Counter<u64>,
    duration: Histogram<f64>,
    labels: Vec<KeyValue>,
}

impl Sending {
    pub(crate) fn new(producer: &'static str, bus: &dyn Bus) -> Self {
        let labels = vec![
            KeyValue::new(attribute::MESSAGING_SYSTEM, bus.system()),
            KeyValue::new(attribute::DESTINATION, producer),
            KeyValue::new(attribute::MESSAGING_OPERATION, "send"),
        ];
        Self { sent: signals::SENT.counter(), duration: signals::BUS_DURATION.histogram(), labels }
    }

    /// Events were handed to the bus since `began`, or it failed.
    pub(crate) fn ended(&self, began: Instant, events: u64, outcome: &Result<(), BusError>) {
        let took = began.elapsed().as_secs_f64();
        if outcome.is_ok() {
            self.sent.add(events, &self.labels[..2]);
            self.duration.record(took, &self.labels);
        } else {
            let failed: Vec<_> = self.labels.iter().cloned().chain([KeyValue::new(attribute::ERROR, "bus")]).collect();
            self.duration.record(took, &failed);
        }
    }
}

/// Asks the bus for a sign of life, and records how long that took.
pub async fn ping(bus: &dyn Bus) {
    let began = Instant::now();
    let outcome = bus.ping().await;
    let system = KeyValue::new(attribute::MESSAGING_SYSTEM, bus.system());
    let labels = [system, KeyValue::new(attribute::MESSAGING_OPERATION, "ping")];
    let failed = outcome.is_err().then(|| KeyValue::new(attribute::ERROR, "bus"));
    let labels: Vec<_> = labels.into_iter().chain(failed).collect();
    signals::BUS_DURATION.histogram().record(began.elapsed().as_secs_f64(), &labels);
}

/// The instruments of a service's consumer.
pub(crate) struct Consuming {
    consumer: &'static str,
    consumed: Counter<u64>,
    duration: Histogram<f64>,
    lag: Gauge<f64>,
}

impl Consuming {
    pub(crate) fn new(consumer: &'static str) -> Self {
        Self {
            consumer,
            consumed: signals::CONSUMED.counter(),
            duration: signals::CONSUME_DURATION.histogram(),
            lag: signals::CONSUMER_LAG.gauge(),
        }
    }

    fn labels(&self, producer: &str) -> [KeyValue; 2] {
        [KeyValue::new(attribute::SERVICE, self.consumer), KeyValue::new(attribute::DESTINATION, producer.to_owned())]
    }

    /// A transaction handled events, or failed to.
    pub(crate) fn handled(&self, producer: &str, events: usize, began: Instant, done: bool) {
        let [service, producer] = self.labels(producer);
        let took = began.elapsed().as_secs_f64();
        if done {
            self.consumed.add(u64::try_from(events).unwrap_or(u64::MAX), &[service.clone(), producer.clone()]);
            self.duration.record(took, &[service, producer]);
        } else {
            self.duration.record(took, &[service, producer, KeyValue::new(attribute::ERROR, "handler")]);
        }
    }

    /// How far the consumer is behind a producer, partition by partition.
    pub(crate) fn lags(&self, producer: &str, at: &[(u32, Position)], heads: &[(u32, Position)]) {
        for (partition, head) in heads {
            let at = at.iter().find(|(known, _)| known == partition).map(|(_, at)| *at).unwrap_or_default();
            let [service, producer] = self.labels(producer);
            let partition = KeyValue::new(attribute::PARTITION, i64::from(*partition));
            self.lag.record(signals::count(behind(at, *head)), &[service, producer, partition]);
        }
    }
}

/// How many events are between a consumer and the head. Of another epoch it has nothing yet.
fn behind(at: Position, head: Position) -> i64 {
    if at.epoch == head.epoch { (head.number - at.number).max(0) } else { head.number }
}

/// The span of one transaction that handles events. It goes on with the trace of the first event whose trace is
/// exported, and links to those of the others: an event by itself is always in the trace of the call that caused it.
pub(crate) fn span(consumer: &'static str, stream: &Stream, events: &[NumberedEvent]) -> Span {
    let span = tracing::info_span!(
        "process",
        otel.name = format!("process {}", stream.producer),
        otel.kind = "consumer",
        { attribute::SERVICE } = consumer,
        { attribute::DESTINATION } = stream.producer,
        { attribute::PARTITION } = stream.partition,
        { attribute::MESSAGING_OPERATION } = "process",
        { attribute::BATCH_COUNT } = events.len(),
    );
    if span.is_disabled() {
        return span;
    }
    let mut causes: Vec<Context> = Vec::new();
    for traceparent in events.iter().filter_map(|numbered| numbered.event.traceparent.as_deref()) {
        let cause = context(traceparent);
        let same = |other: &Context| other.span().span_context() == cause.span().span_context();
        if cause.span().span_context().is_valid() && !causes.iter().any(same) {
            causes.push(cause);
        }
    }
    let first = causes.iter().position(|cause| cause.span().span_context().is_sampled()).unwrap_or(0);
    if first < causes.len() {
        let parent = causes.swap_remove(first);
        let _nobody_collects = span.set_parent(parent);
    }
    for cause in causes {
        span.add_link(cause.span().span_context().clone());
    }
    span
}

fn context(traceparent: &str) -> Context {
    let headers = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    // Without the context that we are in: a text that is none leads nowhere.
    opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.extract_with_context(&Context::new(), &headers)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer_is_behind_by_what_it_has_not_read_of_the_epoch() {
        let at = |epoch, number| Position { epoch, number };
        assert_eq!(behind(at(1, 4), at(1, 9)), 5);
        assert_eq!(behind(at(1, 9), at(1, 4)), 0, "the head was told before it read on");
        assert_eq!(behind(at(1, 400), at(2, 3)), 3);
        assert_eq!(behind(Position::default(), at(2, 3)), 3);
    }
}
