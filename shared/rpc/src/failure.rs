//! What a client learns from a status: the way back from [`crate::status()`], in owned values that need no gRPC.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use guanxi_kernel::{Resource, Violation};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::status::code_name;

/// Why a call failed, as the server told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The code.
    pub code: Code,
    /// The stable reason, such as `POINTS_INSUFFICIENT`; the code's name where the server gave none.
    pub reason: String,
    /// Words for a developer.
    pub message: String,
    /// Values for a program.
    pub metadata: BTreeMap<String, String>,
    /// The fields that are wrong, all of them.
    pub violations: Vec<Violation>,
    /// The resource it is about.
    pub resource: Option<Resource>,
    /// After how long the same call may be tried again.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// Whether the same call, with the same request id, may succeed if it is made again: the server was not there, or
    /// said when to come back.
    pub fn is_transient(&self) -> bool {
        match self.code {
            Code::Unavailable => true,
            Code::ResourceExhausted => self.retry_after.is_some(),
            _ => false,
        }
    }
}

/// What the server said with this status.
pub fn refusal_of(status: &Status) -> Failure {
    Failure::from(status)
}

impl From<&Status> for Failure {
    fn from(status: &Status) -> Self {
        let details = status.get_error_details();
        let (reason, metadata) = match details.error_info() {
            Some(info) => (info.reason.clone(), info.metadata.clone().into_iter().collect()),
            None => (code_name(status.code()).to_owned(), BTreeMap::new()),
        };
        let violations = details.bad_request().map(|bad| &bad.field_violations).into_iter().flatten();
        Self {
            code: status.code(),
            reason,
            message: status.message().to_owned(),
            metadata,
            violations: violations
                .map(|violation| Violation {
                    field: violation.field.clone(),
                    rule: violation.reason.clone(),
                    description: violation.description.clone(),
                })
                .collect(),
            resource: details
                .resource_info()
                .map(|info| Resource { kind: info.resource_type.clone(), name: info.resource_name.clone() }),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::from(&status)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use guanxi_kernel::Refused;

    use super::*;

    #[test]
    fn a_refusal_survives_the_way_through_a_status() {
        let refused = Refused::unavailable("STARTING", "not yet", Duration::from_millis(50)).with("service", "loyalty");
        let failure = refusal_of(&crate::status(refused.clone()));
        assert_eq!((failure.code, failure.reason.as_str()), (Code::Unavailable, "STARTING"));
        assert_eq!((failure.message.as_str(), failure.metadata["service"].as_str()), ("not yet", "loyalty"));
        assert_eq!(failure.retry_after, refused.retry_delay());
        assert!(failure.is_transient());

        let missing = Refused::not_found("customer", "customers/1");
        let failure = refusal_of(&crate::status(missing.clone()));
        assert_eq!(failure.resource.as_ref(), missing.resource());
        assert!(!failure.is_transient());

        let invalid = Refused::invalid("page_size", "PAGE_SIZE_NEGATIVE", "-1 is negative");
        assert_eq!(refusal_of(&crate::status(invalid.clone())).violations, invalid.field_violations());
    }
}
