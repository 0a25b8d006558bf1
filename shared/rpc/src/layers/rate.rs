//! At most so many calls a second for each caller, so that one cannot take what is everybody's. Off unless it is set.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use guanxi_kernel::{Kind, Refused};
use http::Response;
use tonic::body::Body;

use super::{Incoming, Layer, Next, is_infrastructure, refuse};

/// Where a call came from over TCP; an extension of the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From(pub SocketAddr);

pub(crate) struct LimitRate(Option<Limiter>);

struct Limiter {
    by_caller: DefaultKeyedRateLimiter<Arc<str>>,
    clock: DefaultClock,
    per_second: NonZeroU32,
    checks: AtomicU32,
}

/// After so many checks, callers that have not been seen lately are forgotten.
const CHECKS_BETWEEN_SWEEPS: u32 = 65_536;

impl LimitRate {
    /// `per_second` calls on average, `burst` at once.
    pub fn new(limit: Option<(NonZeroU32, NonZeroU32)>) -> Self {
        Self(limit.map(|(per_second, burst)| Limiter {
            by_caller: DefaultKeyedRateLimiter::keyed(Quota::per_second(per_second).allow_burst(burst)),
            clock: DefaultClock::default(),
            per_second,
            checks: AtomicU32::new(0),
        }))
    }
}

impl Layer for LimitRate {
    async fn handle<N: Next>(&self, incoming: Incoming, next: &N) -> Response<Body> {
        if let Some(limiter) = &self.0
            && !incoming.method.is_some_and(is_infrastructure)
            && let Err(refused) = limiter.check(&incoming)
        {
            return refuse(refused);
        }
        next.run(incoming).await
    }
}

impl Limiter {
    fn check(&self, incoming: &Incoming) -> Result<(), Refused> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % CHECKS_BETWEEN_SWEEPS == CHECKS_BETWEEN_SWEEPS - 1 {
            self.by_caller.retain_recent();
        }
        let subject = &incoming.call.caller.subject;
        // Nobody's calls are told apart by where they come from.
        let key = match incoming.request.extensions().get::<From>() {
            Some(From(address)) if incoming.method.is_some_and(|method| method.anonymous) => {
                format!("{subject}@{}", address.ip()).into()
            }
            _ => Arc::clone(subject),
        };
        self.by_caller.check_key(&key).map_err(|not_until| {
            let message = format!("{key:?} made more than {} calls a second", self.per_second);
            Refused::new(Kind::ResourceExhausted, "RATE_LIMITED", message)
                .with("subject", key)
                .with("per_second", self.per_second)
                .retry_after(not_until.wait_time_from(self.clock.now()))
        })
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::super::tests::{End, GET_JOB, incoming, outcome, yes};
    use super::*;

    async fn call(layer: &LimitRate, subject: &str) -> crate::Failure {
        let mut incoming = incoming(GET_JOB);
        incoming.call.caller.subject = subject.into();
        outcome(&layer.handle(incoming, &End(|_| async { yes() })).await)
    }

    #[tokio::test]
    async fn one_callers_burst_is_not_anothers() {
        let one = NonZeroU32::MIN;
        let layer = LimitRate::new(Some((one, one)));
        assert_eq!(call(&layer, "a").await.code, Code::Ok);
        let limited = call(&layer, "a").await;
        assert_eq!((limited.code, limited.reason.as_str()), (Code::ResourceExhausted, "RATE_LIMITED"));
        assert!(limited.retry_after.is_some_and(|delay| delay.as_secs_f64() <= 1.0));
        assert_eq!(call(&layer, "b").await.code, Code::Ok);
    }

    #[tokio::test]
    async fn without_a_limit_nobody_is_refused() {
        let layer = LimitRate::new(None);
        for _ in 0..100 {
            assert_eq!(call(&layer, "a").await.code, Code::Ok);
        }
    }
}
