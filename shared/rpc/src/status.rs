//! The one place that turns a refusal into a status: its code, `ErrorInfo` always, and the details that its kind asks
//! for. [`crate::Failure`] is the way back.

use std::borrow::Cow;
use std::collections::HashMap;

use guanxi_contracts::codec::ERROR_DOMAIN;
use guanxi_kernel::{Kind, Refused};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// The status of a refusal.
pub fn status(refused: Refused) -> Status {
    let message = shortened(refused.message());
    let mut details = ErrorDetails::new();
    let metadata: HashMap<String, String> =
        refused.metadata().iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    details.set_error_info(refused.reason(), ERROR_DOMAIN, metadata);
    if !refused.field_violations().is_empty() {
        let violations = refused.field_violations().iter().map(|violation| FieldViolation {
            field: violation.field.clone(),
            description: violation.description.clone(),
            reason: violation.rule.clone(),
            ..FieldViolation::default()
        });
        details.set_bad_request(violations.collect::<Vec<_>>());
    }
    let subject = refused.resource().map_or("", |resource| resource.name.as_str());
    match refused.kind() {
        Kind::FailedPrecondition => {
            details.add_precondition_failure_violation(refused.reason(), subject, message.as_ref());
        }
        Kind::ResourceExhausted => {
            let subject = refused.metadata().get("subject").map_or(subject, String::as_str);
            details.add_quota_failure_violation(subject, message.as_ref());
        }
        _ => {}
    }
    if let Some(resource) = refused.resource() {
        details.set_resource_info(&resource.kind, &resource.name, "", message.as_ref());
    }
    if let Some(delay) = refused.retry_delay() {
        details.set_retry_info(Some(delay));
    }
    bounded(Status::with_error_details(code(refused.kind()), message.as_ref(), details))
}

/// Details of a status at the most, in bytes. They travel in a header, base64, and clients refuse headers of more than
/// 8 KiB in all: a status that is too long would arrive as a broken connection.
const MOST_DETAILS: usize = 3_600;
/// A status's message at the most, in bytes; a header may need three for each.
const MOST_MESSAGE: usize = 1_000;

/// A message, cut where it is too long for a header.
fn shortened(message: &str) -> Cow<'_, str> {
    if message.len() <= MOST_MESSAGE {
        return Cow::Borrowed(message);
    }
    let end = message.floor_char_boundary(MOST_MESSAGE - '…'.len_utf8());
    Cow::Owned(format!("{}…", &message[..end]))
}

/// A status that fits into a header: of very many wrong fields the first are named, and `violations_left_out` says how
/// many are not.
pub(crate) fn bounded(status: Status) -> Status {
    if status.details().len() <= MOST_DETAILS && status.message().len() <= MOST_MESSAGE {
        return status;
    }
    let message = shortened(status.message()).into_owned();
    let mut details = status.get_error_details();
    if let Some(bad) = details.bad_request() {
        let mut violations = bad.field_violations.clone();
        let (mut size, all) = (0, violations.len());
        violations.retain(|violation| {
            size += violation.field.len() + violation.description.len() + violation.reason.len() + 16;
            size <= MOST_DETAILS - 256
        });
        let left_out = all - violations.len();
        details.set_bad_request(violations);
        if let Some(mut info) = details.error_info().cloned().filter(|_| left_out > 0) {
            info.metadata.insert("violations_left_out".to_owned(), left_out.to_string());
            details.set_error_info(info.reason, info.domain, info.metadata);
        }
    }
    Status::with_error_details_and_metadata(status.code(), message, details, status.metadata().clone())
}

/// The code of a kind of refusal.
pub fn code(kind: Kind) -> Code {
    match kind {
        Kind::InvalidArgument => Code::InvalidArgument,
        Kind::NotFound => Code::NotFound,
        Kind::AlreadyExists => Code::AlreadyExists,
        Kind::FailedPrecondition => Code::FailedPrecondition,
        Kind::Aborted => Code::Aborted,
        Kind::PermissionDenied => Code::PermissionDenied,
        Kind::Unauthenticated => Code::Unauthenticated,
        Kind::ResourceExhausted => Code::ResourceExhausted,
        Kind::OutOfRange => Code::OutOfRange,
        Kind::Unavailable => Code::Unavailable,
        Kind::DeadlineExceeded => Code::DeadlineExceeded,
        Kind::Internal => Code::Internal,
    }
}

/// A code as metrics, logs and people write it.
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// The refusal of a call whose deadline passed.
pub(crate) fn deadline_exceeded() -> Refused {
    Refused::new(Kind::DeadlineExceeded, "DEADLINE_EXCEEDED", "the call's deadline passed before it was answered")
}

/// A status that the gRPC library made by itself, with the details that ours always have; ours unchanged.
pub(crate) fn complete(bare: Status) -> Status {
    if !bare.details().is_empty() {
        return bare;
    }
    let reason = match bare.code() {
        Code::Unimplemented => "METHOD_UNKNOWN",
        Code::OutOfRange => "MESSAGE_TOO_LARGE",
        code => code_name(code),
    };
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, ERROR_DOMAIN, HashMap::<String, String>::new());
    let message = match bare.message() {
        "" if bare.code() == Code::Unimplemented => "nothing that runs here serves this method",
        message => message,
    };
    Status::with_error_details_and_metadata(bare.code(), message, details, bare.metadata().clone())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use guanxi_contracts::codec::{Broken, invalid};
    use guanxi_kernel::Violation;

    use super::*;

    #[test]
    fn every_status_carries_its_reason_and_values() {
        let refused = Refused::precondition("POINTS_INSUFFICIENT", "70 asked, 50 available").with("available", 50);
        let status = status(refused.about("member", "members/1"));
        let details = status.get_error_details();
        let info = details.error_info().expect("an ErrorInfo");
        assert_eq!((status.code(), info.reason.as_str()), (Code::FailedPrecondition, "POINTS_INSUFFICIENT"));
        assert_eq!((info.domain.as_str(), info.metadata["available"].as_str()), ("guanxi", "50"));
        let broken = &details.precondition_failure().expect("a PreconditionFailure").violations[0];
        assert_eq!((broken.r#type.as_str(), broken.subject.as_str()), ("POINTS_INSUFFICIENT", "members/1"));
        assert_eq!(details.resource_info().expect("a ResourceInfo").resource_type, "member");
    }

    #[test]
    fn a_limit_says_when_to_come_back() {
        let refused = Refused::new(Kind::ResourceExhausted, "RATE_LIMITED", "more than 5 calls a second")
            .with("subject", "pos")
            .retry_after(Duration::from_millis(200));
        let details = status(refused).get_error_details();
        assert_eq!(details.retry_info().expect("a RetryInfo").retry_delay, Some(Duration::from_millis(200)));
        assert_eq!(details.quota_failure().expect("a QuotaFailure").violations[0].subject, "pos");
    }

    #[test]
    fn a_domains_violations_look_like_those_of_the_codec() {
        let (field, rule, description) = ("order.lines[2].price", "int64.gte", "must be at least 0, not -1");
        let own = Refused::violations(vec![Violation {
            field: field.into(),
            rule: rule.into(),
            description: description.into(),
        }]);
        let codec = invalid(vec![Broken { field: field.into(), rule: rule.into(), description: description.into() }]);
        let own = status(own);
        assert_eq!((own.code(), own.message(), own.details()), (codec.code(), codec.message(), codec.details()));
    }

    #[test]
    fn a_status_fits_into_a_header_however_much_is_wrong() {
        let violation = |n: usize| Violation {
            field: format!("orders[{n}].name"),
            rule: "string.pattern".into(),
            description: format!("must match the pattern of names, not \"{n}\""),
        };
        let status = status(Refused::violations((0..1_000).map(violation).collect()));
        assert!(status.details().len() <= MOST_DETAILS, "{} bytes", status.details().len());
        let details = status.get_error_details();
        let (named, info) = (details.bad_request().expect("a BadRequest"), details.error_info().expect("an ErrorInfo"));
        let left_out: usize = info.metadata["violations_left_out"].parse().expect("a count");
        assert!(named.field_violations.len() > 20);
        assert_eq!(named.field_violations.len() + left_out, 1_000);

        let long = super::status(Refused::precondition("X", "错".repeat(10_000)));
        assert!(long.message().len() <= MOST_MESSAGE && long.message().ends_with('…'));
        assert!(long.details().len() <= MOST_DETAILS);
    }

    #[test]
    fn a_status_of_the_library_gets_a_reason() {
        let completed = complete(Status::unimplemented(""));
        assert_eq!(completed.get_details_error_info().expect("an ErrorInfo").reason, "METHOD_UNKNOWN");
        assert!(!completed.message().is_empty());
    }
}
