//! A panic in a handler is our fault and nobody else's: the call answers INTERNAL, the process goes on.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use guanxi_kernel::Refused;
use http::Response;
use tonic::Status;
use tonic::body::Body;

use super::{Incoming, Layer, Next, refuse};
use crate::{body, status};

pub(crate) struct CatchPanics;

impl Layer for CatchPanics {
    async fn handle<N: Next>(&self, incoming: Incoming, next: &N) -> Response<Body> {
        let unary = incoming.is_unary();
        match AssertUnwindSafe(next.run(incoming)).catch_unwind().await {
            Ok(response) if unary => response,
            Ok(response) => response.map(|inner| body::caught(inner, in_stream)),
            Err(panic) => refuse(refusal(panic)),
        }
    }
}

fn in_stream(panic: Box<dyn Any + Send>) -> Status {
    status::status(refusal(panic))
}

/// What the caller hears; what happened goes to the log.
fn refusal(panic: Box<dyn Any + Send>) -> Refused {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "not a text".to_owned());
    tracing::error!(panic = text, "a handler panicked");
    Refused::internal("the call failed inside the server, which has logged why")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{End, GET_JOB, incoming, outcome};
    use super::*;

    #[tokio::test]
    async fn a_panic_says_internal_and_nothing_of_the_inside() {
        let end = End(|_| async { panic!("secret") });
        let failure = outcome(&CatchPanics.handle(incoming(GET_JOB), &end).await);
        assert_eq!((failure.code, failure.reason.as_str()), (tonic::Code::Internal, "INTERNAL"));
        assert!(!failure.message.contains("secret"));
    }
}
