//! One stream of elements up and their answers down, in order, with a window in flight. A connection that breaks is
//! opened again and what was not answered is sent again: natural keys make that safe.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use guanxi_client::{Client, Error};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Response, Status, Streaming};

use super::Item;

/// Elements in flight: enough that a service always has a batch to commit.
const WINDOW: usize = 512;

/// How long a service may stay away, without a single answer, before the load gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Sends every item, in order, and hands back each with its answer.
///
/// # Errors
/// The stream's last error, where it was refused or gave no answer for [`PATIENCE`].
pub async fn send<T, E, A, F>(
    items: impl Stream<Item = Item<T, E>>,
    open: impl Fn(ReceiverStream<E>) -> F,
    mut answered: impl FnMut(T, A),
) -> Result<(), Error>
where
    E: Clone,
    F: Future<Output = Result<Response<Streaming<A>>, Status>>,
{
    let mut items = std::pin::pin!(items.fuse());
    let mut flight = Flight::<T, E> { waiting: VecDeque::with_capacity(WINDOW), ended: false };
    let mut patience = Patience::new();
    loop {
        let (sender, receiver) = mpsc::channel(WINDOW);
        for item in &flight.waiting {
            sender.try_send(item.element.clone()).expect("the channel holds a whole window");
        }
        let broken = match open(ReceiverStream::new(receiver)).await {
            Ok(answers) => {
                let answers = answers.into_inner();
                let answered = |origin, answer| {
                    patience.renew();
                    answered(origin, answer);
                };
                match flight.go_on(&mut items, sender, answers, answered).await {
                    Ok(()) => return Ok(()),
                    Err(status) => status,
                }
            }
            Err(status) => status,
        };
        patience.after(broken).await?;
    }
}

/// Makes a call that may be made twice, again while the service is not there, and where its answer came too late.
///
/// # Errors
/// The call's last error, where it was refused or gave no answer for [`PATIENCE`].
pub async fn ask<T, F>(client: &Client, mut call: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let since = Instant::now();
    loop {
        match client.retry_for(PATIENCE, &mut call).await {
            Err(error) if error.code == Code::DeadlineExceeded && since.elapsed() < PATIENCE => {}
            answer => return answer,
        }
    }
}

/// What was sent and not answered yet.
struct Flight<T, E> {
    waiting: VecDeque<Item<T, E>>,
    ended: bool,
}

impl<T, E: Clone> Flight<T, E> {
    /// Sends and receives over one connection, until all is answered or the connection breaks.
    async fn go_on<A>(
        &mut self,
        items: &mut (impl Stream<Item = Item<T, E>> + Unpin),
        sender: mpsc::Sender<E>,
        mut answers: Streaming<A>,
        mut answered: impl FnMut(T, A),
    ) -> Result<(), Status> {
        // Dropping it tells the server that nothing more comes.
        let mut sender = (!self.ended).then_some(sender);
        loop {
            tokio::select! {
                item = items.next(), if sender.is_some() && self.waiting.len() < WINDOW => match item {
                    Some(item) => {
                        let full = sender.as_ref().map(|sender| sender.try_send(item.element.clone()));
                        self.waiting.push_back(item);
                        if let Some(Err(_)) = full {
                            return Err(Status::unavailable("the stream was closed"));
                        }
                    }
                    None => {
                        self.ended = true;
                        sender = None;
                    }
                },
                answer = answers.message() => match answer? {
                    Some(answer) => {
                        let item = self.waiting.pop_front();
                        let item = item.ok_or_else(|| Status::data_loss("an answer to nothing"))?;
                        answered(item.origin, answer);
                    }
                    None if self.ended && self.waiting.is_empty() => return Ok(()),
                    None => return Err(Status::unavailable("the stream ended before its last answer")),
                },
            }
        }
    }
}

/// How long it goes on without an answer.
struct Patience {
    since: Instant,
    pause: Duration,
}

impl Patience {
    const FIRST_PAUSE: Duration = Duration::from_millis(50);

    fn new() -> Self {
        Self { since: Instant::now(), pause: Self::FIRST_PAUSE }
    }

    fn renew(&mut self) {
        *self = Self::new();
    }

    /// Waits before the next try.
    ///
    /// # Errors
    /// The error, where another try would not help or would come too late.
    async fn after(&mut self, broken: Status) -> Result<(), Error> {
        let error = Error::from(broken);
        if is_final(error.code) || self.since.elapsed() > PATIENCE {
            return Err(error);
        }
        tokio::time::sleep(self.pause.max(error.retry_after.unwrap_or_default())).await;
        self.pause = (self.pause * 2).min(Duration::from_secs(2));
        Ok(())
    }
}

/// Whether the same stream would be refused again. What a broken connection looks like depends on where it broke.
fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::Unauthenticated
            | Code::PermissionDenied
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::DataLoss
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    async fn asked(failing: Code) -> (u32, Result<u32, Code>) {
        let calls = Cell::new(0);
        let client = Client::builder().endpoint("127.0.0.1:1").build().expect("a client");
        let answer = ask(&client, || {
            calls.set(calls.get() + 1);
            let made = calls.get();
            async move { if made < 3 { Err(Status::new(failing, "no")) } else { Ok(Response::new(made)) } }
        });
        let answer = answer.await.map_err(|error| error.code);
        (calls.get(), answer)
    }

    #[tokio::test]
    async fn a_service_that_is_away_or_slow_is_asked_again() {
        for code in [Code::Unavailable, Code::DeadlineExceeded] {
            assert_eq!(asked(code).await, (3, Ok(3)));
        }
    }

    #[tokio::test]
    async fn a_refusal_is_an_answer() {
        assert_eq!(asked(Code::InvalidArgument).await, (1, Err(Code::InvalidArgument)));
    }
}
