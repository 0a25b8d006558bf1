//! Streams: one answer for each element of a client's stream, in its order; and watches, which say that they live and
//! end by themselves.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures::future::{Either, ready};
use futures::stream::{self, BoxStream, Stream, StreamExt};
use guanxi_kernel::{Call, Refused};
use tokio::time::{Instant, sleep_until};
use tonic::{Request, Response, Status, Streaming};

use crate::shutdown::Shutdown;
use crate::{call, status};

/// The answering half of a stream: `type IngestEventsStream = Answers<IngestEventsResponse>;`.
pub type Answers<T> = BoxStream<'static, Result<T, Status>>;

/// Answers each element of a client's stream, in the order of the elements, working on up to `concurrency` at once
/// (so that group commit has something to group). Elements are not yet validated: [`crate::check`] them, and answer a
/// bad one as such. A refusal ends the stream; what was taken before is answered first. When the process goes down, no
/// more elements are taken, those taken are answered, and the stream ends with UNAVAILABLE.
///
/// # Errors
/// None: the type is that of a handler.
pub fn answer_each<E, A, W, F>(
    request: Request<Streaming<E>>,
    concurrency: usize,
    work: W,
) -> Result<Response<Answers<A>>, Status>
where
    E: Send + 'static,
    A: Send + 'static,
    W: Fn(Call, E) -> F + Send + 'static,
    F: Future<Output = Result<A, Refused>> + Send + 'static,
{
    let shutdown = request.extensions().get::<Shutdown>().cloned().unwrap_or_default();
    let (call, elements) = call::open(request);
    Ok(Response::new(answers(elements, concurrency, shutdown, move |element| work(call.clone(), element))))
}

fn answers<E, A, F>(
    elements: impl Stream<Item = Result<E, Status>> + Send + 'static,
    concurrency: usize,
    shutdown: Shutdown,
    work: impl Fn(E) -> F + Send + 'static,
) -> Answers<A>
where
    E: Send + 'static,
    A: Send + 'static,
    F: Future<Output = Result<A, Refused>> + Send + 'static,
{
    let (complete, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let last = {
        let complete = Arc::clone(&complete);
        stream::poll_fn(move |_| {
            complete.store(true, Ordering::Relaxed);
            Poll::Ready(None)
        })
    };
    let interrupted = {
        let seen = Arc::clone(&seen);
        stream::poll_fn(move |_| {
            let end = !complete.load(Ordering::Relaxed) && !seen.swap(true, Ordering::Relaxed);
            Poll::Ready(end.then(|| Err(status::status(Shutdown::refusal()))))
        })
    };
    elements
        .chain(last)
        .take_until(shutdown.begun())
        .map(move |element| match element {
            Ok(element) => {
                let work = work(element);
                Either::Left(async move { work.await.map_err(status::status) })
            }
            Err(status) => Either::Right(ready(Err(status))),
        })
        .buffered(concurrency.max(1))
        .chain(interrupted)
        .boxed()
}

/// How a watch lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watching {
    /// After so long without news, the watch says that it lives.
    pub heartbeat: Duration,
    /// After so long, less up to a tenth at random, the watch ends by itself; the client comes back, most times to
    /// another replica.
    pub max_age: Duration,
}

impl Default for Watching {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(15), max_age: Duration::from_secs(30 * 60) }
    }
}

/// A watch over `items`: `heartbeat()` in between when there is no news, and an end at the maximum age. A refusal among
/// the items ends it. (When the process goes down, the stack ends it with UNAVAILABLE.)
///
/// # Errors
/// None: the type is that of a handler.
pub fn watch<T: Send + 'static>(
    items: impl Stream<Item = Result<T, Refused>> + Send + 'static,
    watching: Watching,
    heartbeat: impl Fn() -> T + Send + 'static,
) -> Result<Response<Answers<T>>, Status> {
    let end = Instant::now() + shortened(watching.max_age);
    let state = (Box::pin(items), heartbeat);
    let answers = stream::unfold(state, move |(mut items, heartbeat)| async move {
        let item = tokio::select! {
            biased;
            () = sleep_until(end) => None,
            item = items.next() => item.map(|item| item.map_err(status::status)),
            () = tokio::time::sleep(watching.heartbeat) => Some(Ok(heartbeat())),
        };
        item.map(|item| (item, (items, heartbeat)))
    });
    Ok(Response::new(answers.boxed()))
}

/// `age` less up to a tenth, so that what began together does not end together.
pub(crate) fn shortened(age: Duration) -> Duration {
    let part = RandomState::new().build_hasher().finish() % 1_000;
    age - age.mul_f64(part as f64 / 10_000.0)
}

#[cfg(test)]
mod tests {
    use guanxi_kernel::Kind;
    use tokio::sync::mpsc;
    use tokio_util::sync::CancellationToken;
    use tonic::Code;

    use super::*;

    fn channel() -> (mpsc::Sender<Result<u32, Status>>, impl Stream<Item = Result<u32, Status>> + Send) {
        let (send, mut receive) = mpsc::channel(8);
        (send, stream::poll_fn(move |context| receive.poll_recv(context)))
    }

    async fn codes(answers: Answers<u32>) -> Vec<Result<u32, Code>> {
        answers.map(|answer| answer.map_err(|status| status.code())).collect().await
    }

    #[tokio::test]
    async fn answers_keep_the_order_of_the_elements_whatever_finishes_first() {
        let elements = stream::iter([3_u64, 1, 2].map(Ok));
        let work = |n: u64| async move {
            for _ in 0..n {
                tokio::task::yield_now().await;
            }
            Ok(n as u32)
        };
        let answers = codes(answers(elements, 8, Shutdown::new(), work)).await;
        assert_eq!(answers, [Ok(3), Ok(1), Ok(2)]);
    }

    #[tokio::test]
    async fn what_was_taken_before_the_shutdown_is_answered_and_the_stream_says_come_back() {
        let (shutdown, gate) = (Shutdown::new(), CancellationToken::new());
        let (send, elements) = channel();
        send.send(Ok(1)).await.expect("the stream takes it");
        let waiting = gate.clone();
        let begun = shutdown.clone();
        let mut answers = answers(elements, 8, shutdown.clone(), move |n| {
            let gate = waiting.clone();
            begun.begin(); // The process goes down while the element is worked on.
            async move {
                gate.cancelled().await;
                Ok(n)
            }
        });
        assert!(futures::poll!(answers.next()).is_pending());
        send.send(Ok(2)).await.expect("nobody reads it");
        gate.cancel();
        assert_eq!(codes(answers).await, [Ok(1), Err(Code::Unavailable)]);
    }

    #[tokio::test]
    async fn a_stream_that_was_complete_ends_well_even_when_the_process_goes_down() {
        let shutdown = Shutdown::new();
        let begun = shutdown.clone();
        let answers = answers(stream::iter([Ok(1)]), 8, shutdown, |n| async move { Ok(n) });
        let answers = answers.inspect(move |_| begun.begin()).boxed();
        assert_eq!(codes(answers).await, [Ok(1)]);
    }

    #[tokio::test]
    async fn a_refusal_ends_the_stream_after_the_answers_before_it() {
        let refuse = |n: u32| async move {
            if n == 2 { Err(Refused::new(Kind::Unavailable, "DATABASE_GONE", "gone")) } else { Ok(n) }
        };
        let answers = codes(answers(stream::iter([Ok(1), Ok(2)]), 8, Shutdown::new(), refuse)).await;
        assert_eq!(answers, [Ok(1), Err(Code::Unavailable)]);
    }

    #[tokio::test]
    async fn a_watch_without_news_says_that_it_lives_and_ends_at_its_age() {
        let watching = Watching { heartbeat: Duration::from_millis(20), max_age: Duration::from_millis(400) };
        let news = stream::iter([Ok(7)]).chain(stream::pending());
        let began = Instant::now();
        let answers = codes(watch(news, watching, || 0).expect("a watch").into_inner()).await;
        assert_eq!((answers[0], answers[1]), (Ok(7), Ok(0)));
        assert!((2..=20).contains(&answers.len()), "{} answers", answers.len());
        assert!(began.elapsed() >= Duration::from_millis(360));
    }
}
