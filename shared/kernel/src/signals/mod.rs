//! The names of everything that Guanxi measures: metrics with their units, and attributes. No other file spells one out.
//!
//! Names follow OpenTelemetry's semantic conventions for RPC, databases and messaging; what those have no name for is
//! `guanxi.…`. Values of attributes are few and known beforehand: nothing that a caller makes up, nothing of a person.
//! Prometheus reads the same names with underscores, the unit, and `_total` after counters.

pub mod attribute;
mod metric;

pub use metric::{Kind, Measured, Metric};
pub use opentelemetry::KeyValue;
pub use opentelemetry::metrics::{Counter, Gauge, Histogram, UpDownCounter};

use crate::Timestamp;

/// Declares metrics; what is said of each is also its description.
macro_rules! metrics {
    ($($(#[doc = $about:literal])+ $name:ident = $kind:ident $text:literal in $unit:literal;)*) => {
        $($(#[doc = $about])+ pub const $name: Metric = Metric {
            name: $text, unit: $unit, kind: Kind::$kind, about: concat!($($about),+),
        };)*

        /// Every metric.
        pub const METRICS: &[Metric] = &[$($name),*];
    };
}

metrics! {
    /// Time from a call's head to its last frame, by method and code.
    RPC_DURATION = Seconds "rpc.server.call.duration" in "s";
    /// Calls and streams that are being served, by method.
    RPC_ACTIVE = UpDownCounter "guanxi.rpc.active_calls" in "{call}";

    /// Calls that were decided and committed together.
    BATCH_SIZE = Sizes "guanxi.group_commit.size" in "{call}";
    /// How long the first call of a batch waited before the batch was taken up.
    BATCH_WAIT = Seconds "guanxi.group_commit.wait" in "s";

    /// Time of one statement, with the wait for a connection where it is not in a transaction.
    DB_DURATION = Seconds "db.client.operation.duration" in "s";
    /// Time until a transaction had its connection and had begun.
    DB_WAIT = Seconds "db.client.connection.wait_time" in "s";
    /// Connections of a pool, by state.
    DB_CONNECTIONS = Gauge "db.client.connection.count" in "{connection}";
    /// The most connections that a pool may have.
    DB_CONNECTIONS_MAX = Gauge "db.client.connection.max" in "{connection}";
    /// Transactions that lost a race and were run again.
    DB_RETRIES = Counter "guanxi.db.retries" in "{transaction}";
    /// Migrations, by state: applied; pending (the schema is older than this release); unknown (it is newer).
    MIGRATIONS = Gauge "guanxi.db.migrations" in "{migration}";

    /// Events that were put on the bus.
    SENT = Counter "messaging.client.sent.messages" in "{message}";
    /// Events that were taken from the bus or replayed, and committed.
    CONSUMED = Counter "messaging.client.consumed.messages" in "{message}";
    /// Time that the bus took, by operation.
    BUS_DURATION = Seconds "messaging.client.operation.duration" in "s";
    /// Time of one transaction that handles events.
    CONSUME_DURATION = Seconds "messaging.process.duration" in "s";
    /// Events that are committed and not yet numbered.
    OUTBOX_WAITING = Gauge "guanxi.outbox.waiting" in "{event}";
    /// Age of the oldest parcel that is not yet numbered.
    OUTBOX_AGE = Gauge "guanxi.outbox.age" in "s";
    /// How many events a consumer is behind the head of a partition.
    CONSUMER_LAG = Gauge "guanxi.consumer.lag" in "{event}";
    /// Events that wait for what they are about.
    PARKED = Gauge "guanxi.inbox.parked" in "{event}";
    /// Events that could not be handled.
    DEAD_LETTERS = Gauge "guanxi.inbox.dead_letters" in "{event}";

    /// Jobs that wait or run, by kind and state.
    JOBS = Gauge "guanxi.job.open" in "{job}";
    /// Jobs that ended in this process, by kind and how.
    JOBS_ENDED = Counter "guanxi.job.ended" in "{job}";
    /// How long ago the oldest job that is not done was asked for; 0 where there is none.
    JOB_AGE = Gauge "guanxi.job.age" in "s";
    /// How often a scheduled job is due.
    JOB_INTERVAL = Gauge "guanxi.job.interval" in "s";
    /// When a job of this kind last succeeded, in seconds since 1970; 0 where none has that is remembered.
    JOB_SUCCESS = Gauge "guanxi.job.last_success.timestamp" in "s";

    /// Rows that broke an invariant when it was last checked by this process.
    VIOLATIONS = Gauge "guanxi.verify.violations" in "{row}";
    /// When an invariant was last checked by this process, in seconds since 1970.
    VERIFIED = Gauge "guanxi.verify.timestamp" in "s";

    /// Points that entries of the ledger moved, by kind.
    POINTS = Counter "guanxi.loyalty.points" in "{point}";
    /// Shipments that were delivered, by what became of their first promise.
    DELIVERIES = Counter "guanxi.logistics.deliveries" in "{shipment}";
    /// Shipments that are under way, by whether their promised day has passed.
    UNDELIVERED = Gauge "guanxi.logistics.undelivered" in "{shipment}";
    /// Tracking events whose code the code map does not know.
    MAPPING_GAPS = Counter "guanxi.logistics.mapping_gaps" in "{event}";
    /// Cases that are not over, by state.
    CASES = Gauge "guanxi.feedback.cases" in "{case}";

    /// When a certificate expires, in seconds since 1970.
    CERTIFICATE_EXPIRY = Gauge "guanxi.certificate.expiry.timestamp" in "s";
    /// 1 for each service of a process, with its version.
    BUILD = Gauge "guanxi.build.info" in "{service}";
}

/// Notes when a certificate expires. `name` says which: `server`, `client`, `ca`. To be called whenever one is loaded.
pub fn certificate_expires(name: &'static str, at: Timestamp) {
    CERTIFICATE_EXPIRY.gauge().record(seconds(at), &[KeyValue::new(attribute::CERTIFICATE, name)]);
}

/// An instant as metrics carry it: seconds since 1970.
pub fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

/// A count as metrics carry it.
#[allow(clippy::cast_precision_loss, reason = "nobody counts to 2^53")]
pub fn count(number: i64) -> f64 {
    number as f64
}
