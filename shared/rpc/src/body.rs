//! Response bodies that do one thing more: end early with a status, hold something as long as they live, or tell how
//! the call ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};

type Polled = Poll<Option<Result<Frame<Bytes>, Status>>>;

/// The last frame of a body that ends with this status.
fn trailers(status: &Status) -> Frame<Bytes> {
    let mut headers = HeaderMap::with_capacity(4);
    if status.add_header(&mut headers).is_err() {
        headers.insert(Status::GRPC_STATUS, http::HeaderValue::from_static("13"));
    }
    Frame::trailers(headers)
}

/// The code in a response's head or trailers, where there is one.
pub(crate) fn code_in(headers: &HeaderMap) -> Option<Code> {
    headers.get(Status::GRPC_STATUS).map(|value| Code::from_bytes(value.as_bytes()))
}

/// `body`, but ended with the status of `stop` as soon as that is ready, even if the body never runs dry.
pub(crate) fn until(body: Body, stop: impl Future<Output = Status> + Send + 'static) -> Body {
    Body::new(Until { body: Some(body), stop: Box::pin(stop) })
}

struct Until {
    body: Option<Body>,
    stop: BoxFuture<'static, Status>,
}

impl http_body::Body for Until {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        if let Poll::Ready(status) = this.stop.as_mut().poll(context) {
            this.body = None;
            return Poll::Ready(Some(Ok(trailers(&status))));
        }
        Pin::new(body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }
}

/// `body`, but what panics inside ends it with the status of `panicked`.
pub(crate) fn caught(body: Body, panicked: fn(Box<dyn std::any::Any + Send>) -> Status) -> Body {
    Body::new(Caught { body: Some(body), panicked })
}

struct Caught {
    body: Option<Body>,
    panicked: fn(Box<dyn std::any::Any + Send>) -> Status,
}

impl http_body::Body for Caught {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        match catch_unwind(AssertUnwindSafe(|| Pin::new(body).poll_frame(context))) {
            Ok(polled) => polled,
            Err(panic) => {
                self.body = None;
                Poll::Ready(Some(Ok(trailers(&(self.panicked)(panic)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }
}

/// `body`, holding `guard` as long as it lives.
pub(crate) fn held(body: Body, guard: impl Send + Unpin + 'static) -> Body {
    if body.is_end_stream() {
        return body;
    }
    Body::new(Held { body, _guard: guard })
}

struct Held<G> {
    body: Body,
    _guard: G,
}

impl<G: Send + Unpin> http_body::Body for Held<G> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Hears how a call ended. Dropped unheard, the call was cancelled.
pub(crate) trait Observer: Send + Unpin + 'static {
    /// The call ended with this code.
    fn ended(&mut self, code: Code);
}

/// `body`, telling `observer` the code of its trailers.
pub(crate) fn observed(body: Body, mut observer: impl Observer) -> Body {
    if body.is_end_stream() {
        observer.ended(Code::Ok);
        return body;
    }
    Body::new(Observed { body, observer, polling: false })
}

struct Observed<O: Observer> {
    body: Body,
    observer: O,
    /// True only during a poll, and after one that panicked.
    polling: bool,
}

impl<O: Observer> Drop for Observed<O> {
    fn drop(&mut self) {
        if self.polling {
            self.observer.ended(Code::Internal);
        }
    }
}

impl<O: Observer> http_body::Body for Observed<O> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        self.polling = true;
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.polling = false;
        let polled = ready!(polled);
        match &polled {
            Some(Ok(frame)) => {
                if let Some(code) = frame.trailers_ref().and_then(code_in) {
                    self.observer.ended(code);
                }
            }
            Some(Err(status)) => self.observer.ended(status.code()),
            None => {}
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// `body` of a client's call, where what goes wrong between us and the server is said as `lost` says it.
pub(crate) fn mended(body: Body, lost: impl Fn(Status) -> Status + Send + Unpin + 'static) -> Body {
    Body::new(Mended { body, lost })
}

struct Mended<F> {
    body: Body,
    lost: F,
}

impl<F: Fn(Status) -> Status + Send + Unpin> http_body::Body for Mended<F> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let polled = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(polled.map(|frame| frame.map_err(&self.lost)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    /// A body that gives one data frame and then waits for ever.
    fn open() -> Body {
        let first = futures::stream::once(async { Ok::<_, Status>(Frame::data(Bytes::from_static(b"x"))) });
        Body::new(StreamBody::new(futures::StreamExt::chain(first, futures::stream::pending())))
    }

    #[tokio::test]
    async fn an_open_body_ends_with_the_status_that_stops_it() {
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let mut body = until(open(), async { stopped.await.expect("a status") });
        assert!(body.frame().await.expect("a frame").expect("data").is_data());
        stop.send(Status::unavailable("going down")).expect("the body listens");
        let last = body.frame().await.expect("a frame").expect("trailers");
        assert_eq!(last.trailers_ref().and_then(code_in), Some(Code::Unavailable));
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_panic_in_a_stream_ends_the_stream_and_nothing_else() {
        let panicking = StreamBody::new(futures::stream::poll_fn(|_| -> Polled { panic!("in a stream") }));
        let mut body = caught(Body::new(panicking), |_| Status::internal("inside"));
        let last = body.frame().await.expect("a frame").expect("trailers");
        assert_eq!(last.trailers_ref().and_then(code_in), Some(Code::Internal));
        assert!(body.frame().await.is_none());
    }

    struct Heard(Arc<Mutex<Vec<Code>>>);

    impl Observer for Heard {
        fn ended(&mut self, code: Code) {
            self.0.lock().expect("not poisoned").push(code);
        }
    }

    #[tokio::test]
    async fn the_observer_hears_of_a_panic() {
        let codes = Arc::new(Mutex::new(Vec::new()));
        let panicking = StreamBody::new(futures::stream::poll_fn(|_| -> Polled { panic!("in a stream") }));
        let body = observed(Body::new(panicking), Heard(Arc::clone(&codes)));
        caught(body, |_| Status::internal("inside")).collect().await.expect("a body");
        assert_eq!(*codes.lock().expect("not poisoned"), [Code::Internal]);
    }

    #[tokio::test]
    async fn the_observer_hears_the_code_of_the_trailers() {
        let codes = Arc::new(Mutex::new(Vec::new()));
        let end = Frame::trailers(HeaderMap::from_iter([(Status::GRPC_STATUS, http::HeaderValue::from_static("10"))]));
        let body = Body::new(StreamBody::new(futures::stream::once(async { Ok::<_, Status>(end) })));
        observed(body, Heard(Arc::clone(&codes))).collect().await.expect("a body");
        assert_eq!(*codes.lock().expect("not poisoned"), [Code::Aborted]);
    }
}
