//! Deadlines that mean DEADLINE_EXCEEDED, over a wire and within the process: the caller's `grpc-timeout`, or ours.
//!
//! A unary call is bounded as a whole, by the caller's time-out or the default, and never for longer than the maximum.
//! A stream's length is unknown, so only the caller's own time-out bounds it; but a server's stream must begin in time.

use std::time::{Duration, Instant};

use http::{HeaderMap, Response};
use tonic::body::Body;

use super::{Incoming, Layer, Next, refuse};
use crate::{body, status};

pub(crate) struct EnforceDeadline {
    /// For calls that bring no time-out.
    pub default: Duration,
    /// For calls that bring a longer one.
    pub maximum: Duration,
}

impl Layer for EnforceDeadline {
    async fn handle<N: Next>(&self, mut incoming: Incoming, next: &N) -> Response<Body> {
        let asked = timeout_in(incoming.request.headers());
        let (unary, uploads) = (incoming.is_unary(), incoming.method.is_some_and(|method| method.client_streaming));
        let now = Instant::now();
        let whole = if unary { Some(asked.unwrap_or(self.default).min(self.maximum)) } else { asked };
        let whole = whole.and_then(|timeout| now.checked_add(timeout));
        let head = if unary || uploads { whole } else { Some(now + asked.unwrap_or(self.default).min(self.maximum)) };
        incoming.call.deadline = whole;
        let Some(head) = head else { return next.run(incoming).await };
        let Ok(response) = tokio::time::timeout_at(head.into(), next.run(incoming)).await else {
            return refuse(status::deadline_exceeded());
        };
        match whole {
            Some(end) if !unary => response.map(|inner| body::until(inner, expiry(end))),
            _ => response,
        }
    }
}

/// Becomes the status of a call whose deadline passed, at that instant.
pub(crate) async fn expiry(deadline: Instant) -> tonic::Status {
    tokio::time::sleep_until(deadline.into()).await;
    status::status(status::deadline_exceeded())
}

/// The time-out that a caller sent; `None` where there is none or it is malformed.
pub(crate) fn timeout_in(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// A time-out as the header carries it: at most eight digits, rounded up to the next whole unit.
pub(crate) fn timeout_header(timeout: Duration) -> http::HeaderValue {
    const MOST: u128 = 99_999_999;
    let micros = timeout.as_nanos().div_ceil(1_000);
    let (count, unit) = if micros <= MOST {
        (micros, 'u')
    } else if micros.div_ceil(1_000) <= MOST {
        (micros.div_ceil(1_000), 'm')
    } else {
        (micros.div_ceil(1_000_000).min(MOST), 'S')
    };
    http::HeaderValue::try_from(format!("{count}{unit}")).expect("digits and a letter are a header value")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tonic::Code;

    use super::super::tests::{End, GET_JOB, WATCH_JOB, incoming, outcome, yes};
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);
    const LAYER: EnforceDeadline =
        EnforceDeadline { default: Duration::from_millis(40), maximum: Duration::from_millis(80) };

    fn timed(path: &str, timeout: &str) -> Incoming {
        let mut incoming = incoming(path);
        incoming.request.headers_mut().insert("grpc-timeout", timeout.parse().expect("a value"));
        incoming
    }

    #[tokio::test]
    async fn a_call_ends_by_its_callers_time_out_or_the_default_and_never_after_the_maximum() {
        for (incoming, millis) in [(timed(GET_JOB, "20m"), 20), (incoming(GET_JOB), 40), (timed(GET_JOB, "9H"), 80)] {
            let began = Instant::now();
            let never = End(|_| futures::future::pending());
            let failure = outcome(&LAYER.handle(incoming, &never).await);
            assert_eq!((failure.code, failure.reason.as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
            assert!(began.elapsed() >= millis * MILLISECOND, "after {:?}", began.elapsed());
        }
    }

    #[tokio::test]
    async fn a_stream_must_begin_in_time_and_then_lives_until_its_own_time_out_or_for_ever() {
        let never = End(|_| futures::future::pending());
        assert_eq!(outcome(&LAYER.handle(incoming(WATCH_JOB), &never).await).code, Code::DeadlineExceeded);

        let open = || Response::new(Body::new(http_body_util::StreamBody::new(pending())));
        let stream = LAYER.handle(timed(WATCH_JOB, "120m"), &End(move |_| async move { open() })).await;
        let trailers = stream.into_body().frame().await.expect("a frame").expect("trailers");
        assert_eq!(trailers.trailers_ref().and_then(body::code_in), Some(Code::DeadlineExceeded));

        let stream = LAYER.handle(incoming(WATCH_JOB), &End(move |_| async move { open() })).await;
        let frame = tokio::time::timeout(200 * MILLISECOND, stream.into_body().frame()).await;
        assert!(frame.is_err(), "the stream ended by itself");
    }

    fn pending() -> impl futures::Stream<Item = Result<http_body::Frame<bytes::Bytes>, tonic::Status>> {
        futures::stream::pending()
    }

    #[tokio::test]
    async fn the_handler_sees_the_deadline() {
        let end = End(|incoming: Incoming| async move {
            assert!(incoming.call.deadline.is_some_and(|at| at <= Instant::now() + Duration::from_secs(2)));
            yes()
        });
        let generous = EnforceDeadline { default: Duration::MAX, maximum: Duration::from_secs(60) };
        generous.handle(timed(GET_JOB, "2S"), &end).await;
    }

    #[test]
    fn a_time_out_survives_its_header() {
        for millis in [0, 1, 1_500, 99_999_999, 500_000_000_000] {
            let timeout = Duration::from_millis(millis);
            let headers =
                HeaderMap::from_iter([(http::HeaderName::from_static("grpc-timeout"), timeout_header(timeout))]);
            let back = timeout_in(&headers).expect("a time-out");
            assert!(back >= timeout.min(Duration::from_secs(99_999_999)), "{timeout:?} became {back:?}");
        }
        for malformed in ["", "5", "S", "-1S", "123456789S", "5x", "１S"] {
            let Ok(value) = malformed.parse() else { continue };
            let headers = HeaderMap::from_iter([(http::HeaderName::from_static("grpc-timeout"), value)]);
            assert_eq!(timeout_in(&headers), None, "{malformed:?} was taken");
        }
    }
}
