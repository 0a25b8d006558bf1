//! Retries at the level of calls: the same request, with the same request id, while the server is not there or says
//! when to come back. What it did before the answer was lost, it does not do again.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tonic::{Response, Status};

use crate::{Client, Error};

impl Client {
    /// Makes `call`, again while it fails with UNAVAILABLE, or with RESOURCE_EXHAUSTED and a time to come back, until
    /// the client's deadline. `call` must send the same message each time.
    ///
    /// # Errors
    /// The call's last error.
    pub async fn retry<T, C, F>(&self, call: C) -> Result<T, Error>
    where
        C: FnMut() -> F,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        self.retry_for(self.deadline, call).await
    }

    /// The same, for as long as `patience`.
    ///
    /// # Errors
    /// The call's last error.
    pub async fn retry_for<T, C, F>(&self, patience: Duration, mut call: C) -> Result<T, Error>
    where
        C: FnMut() -> F,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut last = None;
        let attempt = || {
            let answer = call();
            async move { Ok(answer.await.map_err(Error::from)?.into_inner()) }
        };
        let retried = attempt
            .retry(backoff())
            .when(Error::is_transient)
            .adjust(|error: &Error, delay| delay.map(|delay| delay.max(error.retry_after.unwrap_or_default())))
            .notify(|error, _| last = Some(error.clone()));
        match tokio::time::timeout(patience, retried).await {
            Ok(answer) => answer,
            Err(_) => Err(last.unwrap_or_else(|| Error::from(Status::deadline_exceeded("no answer within patience")))),
        }
    }
}

/// 50 ms, doubled each time up to 2 s, plus as much again at random.
fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(2))
        .without_max_times()
        .with_jitter()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tonic::Code;

    use super::*;

    async fn failing(code: Code, times: u32) -> (u32, Result<u32, Code>) {
        let calls = Cell::new(0);
        let client = Client::builder().endpoint("127.0.0.1:1").build().expect("a client");
        let answer = client.retry_for(Duration::from_millis(400), || {
            calls.set(calls.get() + 1);
            let made = calls.get();
            async move { if made <= times { Err(Status::new(code, "no")) } else { Ok(Response::new(made)) } }
        });
        let answer = answer.await.map_err(|error| error.code);
        (calls.get(), answer)
    }

    #[tokio::test]
    async fn a_server_that_comes_back_answers_in_the_end() {
        assert_eq!(failing(Code::Unavailable, 2).await, (3, Ok(3)));
    }

    #[tokio::test]
    async fn a_refusal_is_an_answer() {
        for code in [Code::InvalidArgument, Code::Aborted, Code::ResourceExhausted, Code::DeadlineExceeded] {
            assert_eq!(failing(code, 9).await, (1, Err(code)));
        }
    }

    #[tokio::test]
    async fn patience_ends_with_the_last_error() {
        let (calls, answer) = failing(Code::Unavailable, u32::MAX).await;
        assert!(calls > 1);
        assert_eq!(answer, Err(Code::Unavailable));
    }
}
