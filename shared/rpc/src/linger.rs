//! A socket that a server closes gently. What a client had just sent would otherwise meet a closed socket, whose reset
//! throws away the server's last words to it: which calls it took, and that others may be made elsewhere. So the server
//! says that it is done, and reads on for a moment, until the client is done, too.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long it reads on.
const MOMENT: Duration = Duration::from_millis(200);

/// Such a socket.
pub(crate) struct Lingering<S> {
    socket: S,
    /// Since everything was said.
    until: Option<Pin<Box<Sleep>>>,
}

impl<S> Lingering<S> {
    /// `socket`, closed gently.
    pub fn new(socket: S) -> Self {
        Self { socket, until: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.until.is_none() {
            ready!(Pin::new(&mut this.socket).poll_shutdown(context))?;
        }
        let until = this.until.get_or_insert_with(|| Box::pin(sleep(MOMENT)));
        loop {
            if until.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut space = [0; 1024];
            let mut late = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut this.socket).poll_read(context, &mut late)) {
                Ok(()) if !late.filled().is_empty() => {}
                // The client is done, one way or the other.
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
