//! A value made from files, made again when they change. The files are looked at when the value is asked for, a while
//! after the last time: a process that makes no connection needs no new certificate. Kubernetes swaps the directory under
//! mounted files, so it is their contents that are compared; a certificate whose key has not come yet is left alone until
//! the next look.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Contents, TlsError, read};

type Make<T> = dyn Fn(&Contents) -> Result<T, TlsError> + Send + Sync;

pub(super) struct Reloaded<T> {
    files: Vec<PathBuf>,
    every: Duration,
    make: Box<Make<T>>,
    state: Mutex<State<T>>,
}

struct State<T> {
    value: Arc<T>,
    /// What was read last, whether or not it could be used.
    contents: Contents,
    looked: Instant,
}

impl<T> Reloaded<T> {
    /// The value of these files as they are.
    pub fn read(
        files: Vec<PathBuf>,
        every: Duration,
        make: impl Fn(&Contents) -> Result<T, TlsError> + Send + Sync + 'static,
    ) -> Result<Self, TlsError> {
        let contents = read(&files)?;
        let value = Arc::new(make(&contents)?);
        let state = Mutex::new(State { value, contents, looked: Instant::now() });
        Ok(Self { files, every, make: Box::new(make), state })
    }

    /// The value of the files as they were lately.
    pub fn current(&self) -> Arc<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.files.is_empty() && state.looked.elapsed() >= self.every {
            state.looked = Instant::now();
            self.look(&mut state);
        }
        Arc::clone(&state.value)
    }

    fn look(&self, state: &mut State<T>) {
        let made = match read(&self.files) {
            Ok(contents) if contents == state.contents => return,
            Ok(contents) => {
                let made = (self.make)(&contents);
                state.contents = contents;
                made
            }
            Err(error) => Err(error),
        };
        match made {
            Ok(value) => {
                state.value = Arc::new(value);
                tracing::info!(files = ?self.files, "new certificates are in use");
            }
            Err(error) => tracing::warn!(%error, "new certificates are not used; the old ones stay in use"),
        }
    }
}
