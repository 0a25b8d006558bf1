//! At most so many calls, and so many streams, at one time; the next is refused at once, before any work is spent on
//! it, and told when to come back. What waits in a queue would be answered after its caller has gone.

use std::sync::Arc;
use std::time::Duration;

use guanxi_kernel::{Kind, Refused};
use http::Response;
use tokio::sync::Semaphore;
use tonic::body::Body;

use super::{Incoming, Layer, Next, is_infrastructure, refuse};
use crate::body;

pub(crate) struct ShedLoad {
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

impl ShedLoad {
    pub fn new(calls: usize, streams: usize) -> Self {
        let of = |limit: usize| Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
        Self { calls: of(calls), streams: of(streams) }
    }
}

impl Layer for ShedLoad {
    async fn handle<N: Next>(&self, incoming: Incoming, next: &N) -> Response<Body> {
        if incoming.is_unary() {
            // A health check must hear how busy a server is, not be turned away by it.
            if incoming.method.is_some_and(is_infrastructure) {
                return next.run(incoming).await;
            }
            let Ok(_permit) = self.calls.try_acquire() else { return overloaded() };
            next.run(incoming).await
        } else {
            let Ok(permit) = Arc::clone(&self.streams).try_acquire_owned() else { return overloaded() };
            next.run(incoming).await.map(|inner| body::held(inner, permit))
        }
    }
}

fn overloaded() -> Response<Body> {
    let refused = Refused::new(Kind::ResourceExhausted, "OVERLOADED", "the server has as many calls as it takes");
    refuse(refused.retry_after(Duration::from_millis(250)))
}

#[cfg(test)]
mod tests {
    use futures::poll;
    use std::pin::pin;
    use tonic::Code;

    use super::super::tests::{End, GET_JOB, HEALTH, incoming, outcome, yes};
    use super::*;

    #[tokio::test]
    async fn the_call_above_the_limit_is_refused_at_once_and_told_when_to_come_back() {
        let shed = ShedLoad::new(1, 1);
        let never = End(|_| futures::future::pending());
        let mut first = pin!(shed.handle(incoming(GET_JOB), &never));
        assert!(poll!(first.as_mut()).is_pending());

        let end = End(|_| async { yes() });
        let second = outcome(&shed.handle(incoming(GET_JOB), &end).await);
        assert_eq!((second.code, second.reason.as_str()), (Code::ResourceExhausted, "OVERLOADED"));
        assert!(second.retry_after.is_some());
        assert_eq!(outcome(&shed.handle(incoming(HEALTH), &end).await).code, Code::Ok);
    }

    #[tokio::test]
    async fn a_dropped_call_makes_room() {
        let shed = ShedLoad::new(1, 1);
        let never = End(|_| futures::future::pending());
        {
            let mut first = pin!(shed.handle(incoming(GET_JOB), &never));
            assert!(poll!(first.as_mut()).is_pending());
        }
        let end = End(|_| async { yes() });
        assert_eq!(outcome(&shed.handle(incoming(GET_JOB), &end).await).code, Code::Ok);
    }
}
