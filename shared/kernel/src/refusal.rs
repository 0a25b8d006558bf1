//! Refusals: what a service says when it does not do what it was asked, in terms that no transport knows.
//!
//! A domain's error enum says what happened; its [`Refusal`] says how a caller hears of it; one mapper (in `rpc`) turns
//! that into a status with details.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What sort of refusal it is. The names are those of gRPC's codes, with their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is wrong whatever the state of the world.
    InvalidArgument,
    /// There is no such thing, or the caller may not know of it.
    NotFound,
    /// The thing to be made exists.
    AlreadyExists,
    /// The state of the world forbids it; retrying alone does not help.
    FailedPrecondition,
    /// Somebody else changed it first: read again, then decide again.
    Aborted,
    /// The caller may not do this.
    PermissionDenied,
    /// Nobody knows who calls.
    Unauthenticated,
    /// A limit was reached.
    ResourceExhausted,
    /// Past the end of something that was asked for by position.
    OutOfRange,
    /// Not now; the same call may succeed later.
    Unavailable,
    /// The caller's deadline passed.
    DeadlineExceeded,
    /// Our fault.
    Internal,
}

/// One field that breaks one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field, as in the message: `order.lines[2].price`.
    pub field: String,
    /// The rule's stable id.
    pub rule: String,
    /// The rule in words, with the value unless it is personal.
    pub description: String,
}

/// The resource that a refusal is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its kind, such as `customer`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Body {
    kind: Kind,
    reason: &'static str,
    message: String,
    metadata: BTreeMap<&'static str, String>,
    violations: Vec<Violation>,
    resource: Option<Resource>,
    retry_after: Option<Duration>,
}

/// Why something was not done. `reason` is stable API: each has a page in `docs/errors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(Box<Body>);

impl Refused {
    /// A refusal of any kind. `message` is for a developer: lower case, with the offending value, nothing personal.
    pub fn new(kind: Kind, reason: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Body {
            kind,
            reason,
            message: message.into(),
            metadata: BTreeMap::new(),
            violations: Vec::new(),
            resource: None,
            retry_after: None,
        }))
    }

    /// One field is wrong. `rule` is the rule's stable id.
    pub fn invalid(field: impl Into<String>, rule: &str, description: impl Into<String>) -> Self {
        Self::violations(vec![Violation {
            field: field.into(),
            rule: rule.to_owned(),
            description: description.into(),
        }])
    }

    /// Several fields are wrong; all are said at once.
    pub fn violations(violations: Vec<Violation>) -> Self {
        let first = violations.first().map_or_else(String::new, |v| format!(": {}: {}", v.field, v.description));
        let more = match violations.len() {
            0 | 1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        let mut refused = Self::new(Kind::InvalidArgument, "INVALID_ARGUMENT", format!("invalid request{first}{more}"));
        refused.0.violations = violations;
        refused
    }

    /// There is no such resource, or the caller may not know of it.
    pub fn not_found(kind: &str, name: impl fmt::Display) -> Self {
        let name = name.to_string();
        let mut refused = Self::new(Kind::NotFound, "NOT_FOUND", format!("{kind} {name} does not exist"));
        refused.0.resource = Some(Resource { kind: kind.to_owned(), name });
        refused
    }

    /// The resource to be made exists.
    pub fn exists(kind: &str, name: impl fmt::Display) -> Self {
        let name = name.to_string();
        let mut refused = Self::new(Kind::AlreadyExists, "ALREADY_EXISTS", format!("{kind} {name} exists"));
        refused.0.resource = Some(Resource { kind: kind.to_owned(), name });
        refused
    }

    /// The state of the world forbids it.
    pub fn precondition(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::FailedPrecondition, reason, message)
    }

    /// The caller may not do it.
    pub fn denied(reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::PermissionDenied, reason, message)
    }

    /// The etag sent is not the resource's.
    pub fn stale_etag(name: impl fmt::Display) -> Self {
        Self::new(Kind::Aborted, "ETAG_MISMATCH", format!("{name} was changed since it was read: read it again"))
            .with("name", name)
    }

    /// Not now; the same call may be tried again after `retry_after`.
    pub fn unavailable(reason: &'static str, message: impl Into<String>, retry_after: Duration) -> Self {
        let mut refused = Self::new(Kind::Unavailable, reason, message);
        refused.0.retry_after = Some(retry_after);
        refused
    }

    /// Our fault. The message must say nothing of the inside; the cause goes to the log.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, "INTERNAL", message)
    }

    /// Adds a value that a program may want to read.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.0.metadata.insert(key, value.to_string());
        self
    }

    /// Says which resource it is about.
    #[must_use]
    pub fn about(mut self, kind: &str, name: impl fmt::Display) -> Self {
        self.0.resource = Some(Resource { kind: kind.to_owned(), name: name.to_string() });
        self
    }

    /// Says after how long the same call may be tried again.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// What sort it is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The stable reason.
    pub fn reason(&self) -> &'static str {
        self.0.reason
    }

    /// The words for a developer.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The values for a program.
    pub fn metadata(&self) -> &BTreeMap<&'static str, String> {
        &self.0.metadata
    }

    /// The fields that are wrong.
    pub fn field_violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// The resource it is about.
    pub fn resource(&self) -> Option<&Resource> {
        self.0.resource.as_ref()
    }

    /// After how long the same call may be tried again.
    pub fn retry_delay(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.reason, self.0.message)
    }
}

impl std::error::Error for Refused {}

/// An error of a domain that a caller can hear of.
pub trait Refusal {
    /// How the caller hears of it.
    fn refusal(&self) -> Refused;
}

impl<E: Refusal> From<E> for Refused {
    fn from(error: E) -> Self {
        error.refusal()
    }
}

/// `decide(…).refuse()?`: from a domain's result to one that says how the caller hears of it.
pub trait Refuse<T> {
    /// Maps the error to its refusal.
    ///
    /// # Errors
    /// The refusal of the error.
    fn refuse(self) -> Result<T, Refused>;

    /// The same, but the error is said to be in `field`.
    ///
    /// # Errors
    /// The refusal, as a violation of `field`.
    fn refuse_in(self, field: &str) -> Result<T, Refused>;
}

impl<T, E: Refusal> Refuse<T> for Result<T, E> {
    fn refuse(self) -> Result<T, Refused> {
        self.map_err(|e| e.refusal())
    }

    fn refuse_in(self, field: &str) -> Result<T, Refused> {
        self.map_err(|e| {
            let refused = e.refusal();
            let rule = refused.field_violations().first().map_or(refused.reason(), |v| v.rule.as_str()).to_owned();
            let description =
                refused.field_violations().first().map_or(refused.message(), |v| v.description.as_str()).to_owned();
            Refused::invalid(field, &rule, description)
        })
    }
}
