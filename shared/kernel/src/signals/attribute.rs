//! The names of attributes: of metrics, spans, and the process itself.

/// Declares names of attributes.
macro_rules! attributes {
    ($($(#[$about:meta])+ $name:ident = $text:literal;)*) => {
        $($(#[$about])+ pub const $name: &str = $text;)*

        /// Every attribute.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

attributes! {
    /// Whose it is: `customer`, `loyalty`, `logistics`, `feedback`; of a call also `common` and `grpc`.
    SERVICE = "guanxi.service";
    /// Why something failed: a word for the kind of it.
    ERROR = "error.type";

    /// `grpc`.
    RPC_SYSTEM = "rpc.system.name";
    /// The method, such as `guanxi.loyalty.v1.PointsService/EarnPoints`; `unknown` where no contract declares it.
    RPC_METHOD = "rpc.method";
    /// The code that the call ended with, such as `OK` or `NOT_FOUND`.
    RPC_CODE = "rpc.response.status_code";

    /// The queue before a kind of hot row, such as `points`.
    QUEUE = "guanxi.queue";

    /// `postgresql` or `sqlite`.
    DB_SYSTEM = "db.system.name";
    /// The statement's first word: `SELECT`, `INSERT`, `UPDATE`, `DELETE`, or `OTHER`.
    DB_OPERATION = "db.operation.name";
    /// The pool: `writer` or `reader`.
    DB_POOL = "db.client.connection.pool.name";
    /// `idle` or `used`.
    DB_CONNECTION_STATE = "db.client.connection.state";

    /// `redis`, or `memory` within a process.
    MESSAGING_SYSTEM = "messaging.system";
    /// The producer, whose outbox the events are of.
    DESTINATION = "messaging.destination.name";
    /// The partition of the producer's outbox.
    PARTITION = "messaging.destination.partition.id";
    /// `send`, `receive`, `ping`, `process`.
    MESSAGING_OPERATION = "messaging.operation.name";
    /// Events of one transaction.
    BATCH_COUNT = "messaging.batch.message_count";

    /// Where something stands.
    STATE = "guanxi.state";
    /// A job's kind.
    JOB = "guanxi.job.kind";
    /// An invariant's name.
    INVARIANT = "guanxi.invariant";
    /// The kind of a ledger's entry.
    ENTRY = "guanxi.entry.kind";
    /// What became of a promise: `kept`, `broken`, `none`; of one that is open `due` or `overdue`.
    PROMISE = "guanxi.promise";
    /// A carrier that the code map knows; the others are `other`.
    CARRIER = "guanxi.carrier";
    /// Which certificate.
    CERTIFICATE = "guanxi.certificate";
    /// Calls of one commit.
    CALLS = "guanxi.calls";

    /// `guanxi`, or `guanxi-loyalty` where a process serves one service alone.
    SERVICE_NAME = "service.name";
    /// `guanxi`.
    SERVICE_NAMESPACE = "service.namespace";
    /// The release.
    SERVICE_VERSION = "service.version";
    /// The process: a new one at each start.
    SERVICE_INSTANCE = "service.instance.id";
}
